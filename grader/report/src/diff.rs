//! Expected against actual as a unified diff, for `ProbeReport.diff`.

use serde_json::Value;
use similar::TextDiff;

use crate::text::cut;

/// The most characters of either side that are compared; evidence is shorter, and a diff beyond it helps nobody.
const LIMIT: usize = 16 * 1024;
/// Unchanged lines around a change.
const CONTEXT: usize = 3;

/// The unified diff of `expected` against `actual`; empty when either is empty or both say the same.
///
/// Two JSON objects or arrays are compared as values: the order of members, white space and the spelling of a number
/// (`12.50`) make no difference, and the diff shows both laid out with their members sorted. Each side is compared up
/// to 16,384 characters.
pub fn text_diff(expected: &str, actual: &str) -> String {
    if expected.is_empty() || actual.is_empty() {
        return String::new();
    }
    match (structure(expected), structure(actual)) {
        (Some(expected), Some(actual)) => unified(&lay_out(expected), &lay_out(actual)),
        _ => unified(expected, actual),
    }
}

/// A JSON object or array; `None` for all else, scalars included: `12` is as well compared as text.
fn structure(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).ok()?;
    (value.is_object() || value.is_array()).then_some(value)
}

/// The value over lines, members sorted, whole floating-point numbers as integers.
fn lay_out(value: Value) -> String {
    // The alternate form of a JSON value is its indented one and cannot fail.
    format!("{:#}", normal(value))
}

fn normal(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.into_iter().collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(members.into_iter().map(|(name, member)| (name, normal(member))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(normal).collect()),
        Value::Number(number) => match number.as_f64() {
            // Beyond 2^53 a float no longer tells neighbouring integers apart.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => Value::from(float as i64),
            _ => Value::Number(number),
        },
        other => other,
    }
}

fn unified(expected: &str, actual: &str) -> String {
    let expected = cut(expected, LIMIT);
    let actual = cut(actual, LIMIT);
    if expected == actual {
        return String::new();
    }
    let mut diff = TextDiff::from_lines(expected.as_ref(), actual.as_ref())
        .unified_diff()
        .context_radius(CONTEXT)
        .missing_newline_hint(false)
        .header("expected", "actual")
        .to_string();
    if !diff.ends_with('\n') {
        diff.push('\n');
    }
    diff
}

#[cfg(test)]
mod tests {
    use super::text_diff;

    #[test]
    fn text_is_compared_by_lines() {
        assert_eq!(
            text_diff("status 201\nbody", "status 500\nbody"),
            "--- expected\n+++ actual\n@@ -1,2 +1,2 @@\n-status 201\n+status 500\n body\n"
        );
    }

    #[test]
    fn nothing_to_compare_gives_no_diff() {
        assert_eq!(text_diff("", "a"), "");
        assert_eq!(text_diff("a", ""), "");
        assert_eq!(text_diff("a", "a"), "");
    }

    #[test]
    fn json_is_compared_as_a_value() {
        assert_eq!(text_diff(r#"{"a":1,"b":[2.0]}"#, "{ \"b\": [2], \"a\": 1.0 }"), "");
        assert_eq!(
            text_diff(r#"{"stock":4,"id":1}"#, r#"{"id":1,"stock":5}"#),
            "--- expected\n+++ actual\n@@ -1,4 +1,4 @@\n {\n   \"id\": 1,\n-  \"stock\": 4\n+  \"stock\": 5\n }\n"
        );
    }

    #[test]
    fn large_integers_are_not_rounded_into_agreement() {
        assert_ne!(text_diff("[9007199254740993]", "[9007199254740992]"), "");
    }

    #[test]
    fn a_huge_side_is_cut() {
        let diff = text_diff("short", &"x\n".repeat(4 << 20));
        assert!(diff.len() < 64 * 1024, "{} bytes", diff.len());
    }
}
