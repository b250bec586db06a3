//! Reports that are one JSON document: Jest and Vitest, Mocha, RSpec.

use serde_json::Value;

use super::{BadReport, Found, Outcome, unreadable};

/// Jest's `--json`, which Vitest's `json` reporter writes as well.
pub(super) fn jest(bytes: &[u8], found: &mut Found) -> Result<(), BadReport> {
    let report: Value = serde_json::from_slice(bytes).map_err(unreadable)?;
    for file in list(&report, "testResults")? {
        let path = text(file, "name");
        let tests = file.get("assertionResults").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for test in tests {
            let outcome = match text(test, "status") {
                "passed" => Outcome::Passed,
                "failed" => Outcome::Failed,
                _ => Outcome::Skipped,
            };
            let message = test.get("failureMessages").and_then(Value::as_array).and_then(|all| all.first()?.as_str());
            let name = [text(test, "fullName"), text(test, "title")].into_iter().find(|name| !name.is_empty());
            let millis = test.get("duration").and_then(Value::as_f64).unwrap_or(0.0);
            found.push(name.unwrap_or_default(), Some(path), outcome, millis / 1000.0, message.unwrap_or_default())?;
        }
        // A file that could not be loaded has no test to blame.
        if text(file, "status") == "failed" && !tests.iter().any(|test| text(test, "status") == "failed") {
            found.push(path, Some(path), Outcome::Failed, 0.0, text(file, "message"))?;
        }
    }
    Ok(())
}

/// Mocha's `json` reporter.
pub(super) fn mocha(bytes: &[u8], found: &mut Found) -> Result<(), BadReport> {
    let report: Value = serde_json::from_slice(bytes).map_err(unreadable)?;
    for (key, outcome) in [("passes", Outcome::Passed), ("failures", Outcome::Failed), ("pending", Outcome::Skipped)] {
        for test in list(&report, key)? {
            let millis = test.get("duration").and_then(Value::as_f64).unwrap_or(0.0);
            let message = test.get("err").map_or("", |error| text(error, "message"));
            found.push(text(test, "fullTitle"), Some(text(test, "file")), outcome, millis / 1000.0, message)?;
        }
    }
    Ok(())
}

/// RSpec's `json` formatter.
pub(super) fn rspec(bytes: &[u8], found: &mut Found) -> Result<(), BadReport> {
    let report: Value = serde_json::from_slice(bytes).map_err(unreadable)?;
    for example in list(&report, "examples")? {
        let outcome = match text(example, "status") {
            "passed" => Outcome::Passed,
            "failed" => Outcome::Failed,
            _ => Outcome::Skipped,
        };
        let seconds = example.get("run_time").and_then(Value::as_f64).unwrap_or(0.0);
        let message = example.get("exception").map_or("", |error| text(error, "message"));
        let name = text(example, "full_description");
        found.push(name, Some(text(example, "file_path")), outcome, seconds, message)?;
    }
    let summary = report.get("summary");
    let outside = summary.and_then(|summary| summary.get("errors_outside_of_examples_count")).and_then(Value::as_u64);
    if outside.is_some_and(|count| count > 0) {
        let said = report.get("messages").and_then(Value::as_array).and_then(|all| all.first()?.as_str());
        found.push("an error outside of examples", None, Outcome::Failed, 0.0, said.unwrap_or_default())?;
    }
    Ok(())
}

fn list<'a>(report: &'a Value, key: &str) -> Result<&'a [Value], BadReport> {
    let list = report.get(key).and_then(Value::as_array);
    list.map(Vec::as_slice).ok_or_else(|| BadReport::Unreadable(format!("it has no list `{key}`")))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
