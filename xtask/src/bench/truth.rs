//! What a submission is known to deserve: its `truth.yaml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::shell::{Failure, Result};

/// Stands for every probe that is not named.
pub(crate) const OTHERS: &str = "*";

const VERDICTS: [&str; 7] = ["pass", "partial", "fail", "not_applicable", "not_measured", "inconclusive", "blocked"];

/// Probe id to verdict. `*` gives the verdict of every probe that is not named.
pub(crate) type Expected = BTreeMap<String, String>;

/// The truth about one submission and its planted defects.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Truth {
    /// The assessment that the submission was made for.
    #[serde(default = "first_assessment")]
    pub(crate) spec: String,
    /// The verdicts of the good submission.
    pub(crate) expect: Expected,
    /// For each defect, the verdicts that differ from the good submission's.
    #[serde(default)]
    pub(crate) defects: BTreeMap<String, Expected>,
    /// Defects that show only where the submission's own tests and its linter are run, beside those whose probes say so.
    #[serde(default)]
    pub(crate) run: BTreeSet<String>,
}

fn first_assessment() -> String {
    "bookstore".to_owned()
}

/// How the names of patches begin that are another good way to do it: they change no verdict.
const VARIANT: &str = "variant-";

impl Truth {
    /// Reads `truth.yaml` of a submission's folder.
    ///
    /// # Errors
    /// When it cannot be read, names an unknown verdict, or has a defect that changes nothing and is no variant.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let file = folder.join("truth.yaml");
        let text =
            std::fs::read_to_string(&file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        Self::parse(&text).map_err(|why| Failure::new(format!("{}: {why}", file.display())))
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let truth: Self = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        for (name, changes) in &truth.defects {
            if changes.is_empty() && !name.starts_with(VARIANT) {
                return Err(format!("the defect {name} changes nothing"));
            }
            for (probe, verdict) in changes {
                if probe == OTHERS {
                    return Err(format!("the defect {name} has to name each probe it changes"));
                }
                if truth.of_good(probe) == Some(verdict) {
                    return Err(format!("the defect {name} leaves {probe} as it is"));
                }
            }
        }
        if let Some(name) = truth.run.iter().find(|name| !truth.defects.contains_key(*name)) {
            return Err(format!("`run` names {name}, which is no defect"));
        }
        let all = truth.defects.values().chain([&truth.expect]).flatten();
        for (probe, verdict) in all {
            if !VERDICTS.contains(&verdict.as_str()) {
                return Err(format!("{probe}: no verdict is called {verdict}"));
            }
        }
        Ok(truth)
    }

    /// What the good submission gets for a probe; `None` when the truth does not say.
    pub(crate) fn of_good(&self, probe: &str) -> Option<&String> {
        self.expect.get(probe).or_else(|| self.expect.get(OTHERS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unnamed_probes_take_the_common_verdict() {
        let truth = Truth::parse("expect: { '*': pass, a.b: not_applicable }").unwrap();
        assert_eq!(truth.of_good("a.b").unwrap(), "not_applicable");
        assert_eq!(truth.of_good("c").unwrap(), "pass");
        assert_eq!(truth.spec, "bookstore");
        assert_eq!(Truth::parse("spec: other\nexpect: {}").unwrap().spec, "other");
    }

    #[test]
    fn a_truth_that_says_nothing_is_refused() {
        for (text, why) in [
            ("expect: { a: good }", "no verdict is called good"),
            ("expect: { a: pass }\ndefects: { x: {}, variant-y: {} }", "x changes nothing"),
            ("expect: { '*': pass }\ndefects: { x: { a: pass } }", "leaves a as it is"),
            ("expect: { a: pass }\ndefects: { x: { '*': fail } }", "has to name each"),
            ("expect: { a: pass }\ndefects: { x: { a: fail } }\nrun: [y]", "is no defect"),
        ] {
            let error = Truth::parse(text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
