//! More time for the submissions' own tests than an assessment gives them. What their verdicts are must not depend on how
//! busy the machine is that measures: a budget that ends early is undecided, which a bench could not tell from a mistake.

use std::path::Path;

use serde_yaml::Value;

use super::chosen;
use crate::shell::{Failure, Result};

/// Seconds for the tests, and for a whole run.
const LIMITS: [(&str, u64); 2] = [("tests_seconds", 1_500), ("run_seconds", 2_400)];

/// A copy of an assessment with these limits and the probes that `keep` wants, in `work`; what to name it as to the
/// grader. Later calls with the same folder give the first one's.
///
/// # Errors
/// When the assessment cannot be read, or the copy not be written.
pub(super) fn spec(id: &str, keep: impl Fn(&str) -> bool, work: &Path) -> Result<String> {
    let copy = work.join(format!("{id}.yaml"));
    if !copy.exists() {
        let text = patient(&chosen::with_probes(id, keep)?).map_err(|why| Failure::new(format!("{id}.yaml: {why}")))?;
        std::fs::write(&copy, text)?;
    }
    Ok(copy.display().to_string())
}

fn patient(text: &str) -> std::result::Result<String, String> {
    let mut spec: Value = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    let limits = spec.as_mapping_mut().and_then(|spec| spec.get_mut("limits")).and_then(Value::as_mapping_mut);
    let limits = limits.ok_or("it has no limits")?;
    for (name, seconds) in LIMITS {
        limits.insert(name.into(), seconds.into());
    }
    serde_yaml::to_string(&spec).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_limits_are_others() {
        let text = chosen::with_probes("bookstore", |_| true).unwrap();
        let mut before: Value = serde_yaml::from_str(&text).unwrap();
        let after: Value = serde_yaml::from_str(&patient(&text).unwrap()).unwrap();
        assert_ne!(before, after);
        for (name, seconds) in LIMITS {
            before["limits"][name] = seconds.into();
        }
        assert_eq!(before, after);
        assert!(patient("id: a").is_err());
    }
}
