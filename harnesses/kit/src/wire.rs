//! How a submission spells names and writes values: comparing as values what is written in different ways.

use grader_spec::{Field, FieldKind};
use serde_json::{Map, Value, json};

/// The form in which a submission takes or gives a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// JSON as the kind suggests: text as text, numbers as numbers.
    #[default]
    Natural,
    /// A number as text, such as `"12.50"`.
    Text,
    /// Money in whole cents.
    Cents,
    /// One value as a list of one.
    List,
    /// One value as a list of one object, as related records are given.
    Object,
}

/// A name without case, `_`, `-` and spaces.
pub fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether `name` is one of `names` but for case and separators.
pub fn is_named(name: &str, names: &[String]) -> bool {
    let name = plain(name);
    names.iter().any(|known| plain(known) == name)
}

/// The words of an identifier: `addNew_books-v2` gives `add`, `new`, `books`, `v2`.
pub fn words(identifier: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut current = String::new();
    let mut previous_lower = false;
    for c in identifier.chars() {
        if !c.is_alphanumeric() {
            words.extend((!current.is_empty()).then(|| std::mem::take(&mut current)));
            previous_lower = false;
            continue;
        }
        if c.is_uppercase() && previous_lower {
            words.extend((!current.is_empty()).then(|| std::mem::take(&mut current)));
        }
        previous_lower = c.is_lowercase() || c.is_ascii_digit();
        current.extend(c.to_lowercase());
    }
    words.extend((!current.is_empty()).then_some(current));
    words
}

/// The key of an object that goes by one of `names`, most common name first.
pub fn find_key<'a>(object: &'a Map<String, Value>, names: &[String]) -> Option<&'a str> {
    names.iter().find_map(|name| {
        let name = plain(name);
        object.keys().find(|key| plain(key) == name).map(String::as_str)
    })
}

/// Writes a sound value in the submission's form.
pub fn encode(kind: FieldKind, value: &Value, shape: Shape) -> Value {
    match shape {
        Shape::Natural => value.clone(),
        Shape::Text => match (kind, value) {
            (FieldKind::Money, Value::Number(number)) => {
                json!(number.as_f64().map_or_else(|| number.to_string(), |amount| format!("{amount:.2}")))
            }
            (_, Value::Number(number)) => json!(number.to_string()),
            _ => value.clone(),
        },
        Shape::Cents => match value.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "amounts that probes make are far below 2^53")]
            Some(amount) => json!((amount * 100.0).round() as i64),
            None => value.clone(),
        },
        Shape::List => json!([value]),
        Shape::Object => json!([{ "name": value }]),
    }
}

/// Whether `got`, as the submission wrote it, is the value `sent`: 12.5 is "12.50", a code is the same without its
/// hyphens, a title trimmed is the same title.
pub fn same(field: &Field, sent: &Value, got: &Value, shape: Shape) -> bool {
    match field.kind {
        FieldKind::Money => match (sent.as_f64(), number(got)) {
            (Some(sent), Some(got)) => {
                (sent - got).abs() < 0.005 || (shape == Shape::Cents && (sent * 100.0 - got).abs() < 0.5)
            }
            _ => false,
        },
        FieldKind::Count | FieldKind::Integer => match (sent.as_f64(), number(got)) {
            (Some(sent), Some(got)) => (sent - got).abs() < 1e-9,
            _ => false,
        },
        FieldKind::Gtin13 => match (sent.as_str(), text(got)) {
            (Some(sent), Some(got)) => {
                plain(sent) == plain(&got)
                    // ISBN-10 is the same code without prefix and with another check digit (ISO 2108).
                    || (plain(&got).len() == 10 && plain(sent).get(3..12) == plain(&got).get(..9))
            }
            _ => false,
        },
        FieldKind::Email | FieldKind::Username => match (sent.as_str(), text(got)) {
            (Some(sent), Some(got)) => sent.trim().eq_ignore_ascii_case(got.trim()),
            _ => false,
        },
        FieldKind::Boolean => sent == got,
        FieldKind::Date => match (sent.as_str(), text(got)) {
            (Some(sent), Some(got)) => got.starts_with(sent),
            _ => false,
        },
        FieldKind::Text
        | FieldKind::Name
        | FieldKind::Password
        | FieldKind::Choice
        | FieldKind::Reference
        | FieldKind::Account => match text(sent) {
            Some(sent) => texts_in(got, 0).iter().any(|got| got.trim() == sent.trim()),
            None => sent == got,
        },
    }
}

/// A JSON number, or text that is one.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().trim_start_matches(['$', '€', '£']).parse().ok(),
        _ => None,
    }
}

/// A JSON string, or a number as text.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The texts of a value and of the records inside it: a name may come back as `{"id": 3, "name": "…"}` or in a list.
fn texts_in(value: &Value, depth: u8) -> Vec<String> {
    match value {
        Value::String(_) | Value::Number(_) => text(value).into_iter().collect(),
        Value::Array(items) if depth < 3 => items.iter().take(8).flat_map(|item| texts_in(item, depth + 1)).collect(),
        Value::Object(fields) if depth < 3 => {
            fields.values().take(16).flat_map(|item| texts_in(item, depth + 1)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: &str) -> Field {
        serde_json::from_value(json!({"kind": kind, "names": ["x"]})).expect("a field")
    }

    #[test]
    fn values_are_compared_as_values() {
        assert!(same(&field("money"), &json!(12.5), &json!("12.50"), Shape::Natural));
        assert!(same(&field("money"), &json!(12.5), &json!(1250), Shape::Cents));
        assert!(!same(&field("money"), &json!(12.5), &json!(1250), Shape::Natural));
        assert!(same(&field("gtin13"), &json!("9780306406157"), &json!("978-0-306-40615-7"), Shape::Natural));
        assert!(same(&field("gtin13"), &json!("9780306406157"), &json!("0306406152"), Shape::Natural));
        assert!(!same(&field("gtin13"), &json!("9780306406157"), &json!("9780306406158"), Shape::Natural));
        assert!(same(&field("text"), &json!("A title"), &json!(" A title "), Shape::Natural));
        assert!(same(&field("name"), &json!("Ada"), &json!({"id": 3, "name": "Ada"}), Shape::Natural));
        assert!(!same(&field("count"), &json!(3), &json!(4), Shape::Natural));
    }

    #[test]
    fn identifiers_fall_into_words() {
        assert_eq!(words("addNew_books-v2"), ["add", "new", "books", "v2"]);
        assert_eq!(words("sign-up"), ["sign", "up"]);
    }
}
