//! An assessment with some of its probes: a bench that asks about few need not wait for the rest.

use serde_yaml::Value;

use crate::shell::{self, Failure, Result};

/// An assessment of this repository with the probes that `keep` wants, in the criteria that have any left.
///
/// # Errors
/// When it cannot be read, or is no assessment.
pub(super) fn with_probes(id: &str, keep: impl Fn(&str) -> bool) -> Result<Value> {
    let file = shell::workspace().join("specs").join(format!("{id}.yaml"));
    let wrong = |why: String| Failure::new(format!("{}: {why}", file.display()));
    let mut spec: Value =
        serde_yaml::from_str(&std::fs::read_to_string(&file)?).map_err(|error| wrong(error.to_string()))?;
    let criteria = spec.get_mut("criteria").and_then(Value::as_sequence_mut);
    let criteria = criteria.ok_or_else(|| wrong("it has no criteria".to_owned()))?;
    for criterion in criteria.iter_mut() {
        if let Some(probes) = criterion.get_mut("probes").and_then(Value::as_sequence_mut) {
            probes.retain(|probe| keep(probe.get("id").and_then(Value::as_str).unwrap_or_default()));
        }
    }
    criteria.retain(|criterion| {
        criterion.get("probes").and_then(Value::as_sequence).is_none_or(|probes| !probes.is_empty())
    });
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wanted_is_left() {
        let spec = with_probes("bookstore", |probe| probe == "db.checks").unwrap();
        let criteria = spec["criteria"].as_sequence().unwrap();
        assert_eq!(criteria.len(), 1);
        assert_eq!(criteria[0]["probes"].as_sequence().unwrap().len(), 1);
    }
}
