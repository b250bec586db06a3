//! Members that no field of a spec stands for and that are each record's own: a second account with the first one's
//! phone number is refused, and nothing is wrong with the API.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

use crate::wire;

/// Parts of names of members that a schema likes to keep unique.
const OWN: &[&str] = &[
    "phone",
    "mobile",
    "telephone",
    "username",
    "nickname",
    "slug",
    "sku",
    "barcode",
    "serial",
    "handle",
    "passport",
    "taxid",
    "nationalid",
    "ssn",
    "iban",
];
/// Digits that are replaced at the most; what goes before them is a country's or a network's.
const DIGITS: usize = 6;

/// The extras of a body that carries `values`: those that are a record's own differ where the values do, and are the
/// same for the same values.
pub(crate) fn for_record(extras: &Map<String, Value>, values: &Map<String, Value>) -> Map<String, Value> {
    extras.iter().map(|(name, value)| (name.clone(), own(name, value, values))).collect()
}

fn own(name: &str, value: &Value, values: &Map<String, Value>) -> Value {
    let plain = wire::plain(name);
    match value {
        Value::String(text) if !values.is_empty() && OWN.iter().any(|part| plain.contains(part)) => {
            Value::String(with_digits(text, number(name, values)))
        }
        _ => value.clone(),
    }
}

/// A number that the values decide.
fn number(name: &str, values: &Map<String, Value>) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    for (id, value) in values {
        id.hash(&mut hasher);
        value.to_string().hash(&mut hasher);
    }
    hasher.finish()
}

/// The text with its last digits replaced, as many as there are up to [`DIGITS`]; with digits behind it where it has
/// fewer than four.
fn with_digits(text: &str, mut number: u64) -> String {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if digits < 4 {
        return format!("{text}{:06}", number % 1_000_000);
    }
    let mut left = DIGITS.min(digits - 1);
    let replaced: Vec<char> = text
        .chars()
        .rev()
        .map(|c| {
            if left == 0 || !c.is_ascii_digit() {
                return c;
            }
            left -= 1;
            let digit = char::from_digit((number % 10) as u32, 10).unwrap_or(c);
            number /= 10;
            digit
        })
        .collect();
    replaced.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn what_is_a_records_own_follows_its_values() {
        let extras =
            map(json!({"phone_number": "+201121512668", "address": "a street", "userName": "ines", "age": 30}));
        let of = |email: &str| for_record(&extras, &map(json!({"email": email})));
        let (one, other) = (of("a@example.com"), of("b@example.com"));
        assert_eq!(one, of("a@example.com"));
        for name in ["phone_number", "userName"] {
            assert_ne!(one[name], other[name], "{name}");
        }
        for name in ["address", "age"] {
            assert_eq!(one[name], extras[name]);
        }
        let phone = one["phone_number"].as_str().expect("a text");
        assert_eq!((phone.len(), &phone[..7]), (13, "+201121"));
        assert!(one["userName"].as_str().is_some_and(|name| name.starts_with("ines")));
    }

    #[test]
    fn a_short_number_keeps_its_first_digit() {
        assert_eq!(with_digits("0-15-2", 987_654), "0-65-4");
    }
}
