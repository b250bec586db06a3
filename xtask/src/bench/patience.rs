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
        let mut spec = chosen::with_probes(id, keep)?;
        be_patient(&mut spec).ok_or_else(|| Failure::new(format!("{id}.yaml: it has no limits")))?;
        let text = serde_yaml::to_string(&spec).map_err(|error| Failure::new(format!("{id}.yaml: {error}")))?;
        std::fs::write(&copy, text)?;
    }
    Ok(copy.display().to_string())
}

/// `None` where the assessment has no limits.
fn be_patient(spec: &mut Value) -> Option<()> {
    let limits = spec.get_mut("limits").and_then(Value::as_mapping_mut)?;
    for (name, seconds) in LIMITS {
        limits.insert(name.into(), seconds.into());
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_limits_are_others() {
        let mut before = chosen::with_probes("bookstore", |_| true).unwrap();
        let mut after = before.clone();
        be_patient(&mut after).unwrap();
        assert_ne!(before, after);
        for (name, seconds) in LIMITS {
            before["limits"][name] = seconds.into();
        }
        assert_eq!(before, after);
        assert!(be_patient(&mut serde_yaml::from_str("id: a").unwrap()).is_none());
    }
}
