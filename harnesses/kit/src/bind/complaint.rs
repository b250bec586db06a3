//! Reading a refusal: which members of a body a validation error names, and what it says of them.
//!
//! Errors in the field come as lists of `{field, message}`, as objects of field to messages, as `loc` paths, or as plain
//! sentences. Nothing here decides a verdict: what is learnt is tried by a call.

use serde_json::Value;

use crate::Answer;
use crate::wire;

/// What a refusal says of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    /// The member's name; the last part of a path such as `body.items.0.name`.
    pub(super) name: String,
    /// Lower case.
    pub(super) message: String,
}

/// Keys under which errors name a member.
const NAME_KEYS: &[&str] = &[
    "field",
    "path",
    "param",
    "loc",
    "property",
    "pointer",
    "attribute",
    "name",
    "key",
    "instancepath",
    "source",
    "location",
];
/// Keys under which errors say what is wrong.
const MESSAGE_KEYS: &[&str] =
    &["message", "msg", "detail", "reason", "description", "error", "constraints", "title", "code", "type"];
/// Words of a sentence that are no member's name.
const NO_NAMES: &[&str] = &[
    "is",
    "are",
    "the",
    "and",
    "or",
    "a",
    "an",
    "field",
    "fields",
    "required",
    "missing",
    "must",
    "be",
    "not",
    "should",
    "please",
    "provide",
    "provided",
    "all",
    "invalid",
    "validation",
    "error",
    "failed",
    "bad",
    "request",
    "body",
    "for",
    "of",
    "in",
    "to",
    "value",
    "values",
    "property",
    "properties",
    "parameter",
    "string",
    "number",
    "key",
    "input",
];

/// Everything that the refusal says of members, without repetition.
pub(super) fn complaints(answer: &Answer) -> Vec<Complaint> {
    let mut found = Vec::new();
    match answer.json() {
        Some(body) => walk(body, 0, &mut found),
        None => sentence(&answer.text(), &mut found),
    }
    let mut unique: Vec<Complaint> = Vec::new();
    for complaint in found {
        if !unique.contains(&complaint) && unique.len() < 40 {
            unique.push(complaint);
        }
    }
    unique
}

fn walk(value: &Value, depth: u8, found: &mut Vec<Complaint>) {
    if depth > 6 || found.len() > 100 {
        return;
    }
    match value {
        Value::Array(items) => items.iter().take(50).for_each(|item| walk(item, depth + 1, found)),
        Value::String(text) => sentence(text, found),
        Value::Object(fields) => {
            let named = fields.iter().find_map(|(key, value)| {
                NAME_KEYS.contains(&wire::plain(key).as_str()).then(|| last_part(value)).flatten()
            });
            let message: Vec<String> = fields
                .iter()
                .filter(|(key, _)| MESSAGE_KEYS.contains(&wire::plain(key).as_str()))
                .flat_map(|(_, value)| texts(value))
                .collect();
            if let (Some(name), false) = (named, message.is_empty()) {
                // A whole problem document also has a `title` and no member's name: its `type` is a URL.
                if !name.contains('/') && !name.contains(' ') {
                    found.push(Complaint { name, message: message.join("; ").to_lowercase() });
                    return;
                }
            }
            for (key, value) in fields.iter().take(60) {
                let is_wrapper = MESSAGE_KEYS.contains(&wire::plain(key).as_str())
                    || ["errors", "details", "fields", "fielderrors", "issues", "violations", "data", "invalidparams"]
                        .contains(&wire::plain(key).as_str());
                match value {
                    Value::Array(items) if !is_wrapper && items.iter().all(Value::is_string) && !items.is_empty() => {
                        let message = items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ");
                        found.push(Complaint { name: key.clone(), message: message.to_lowercase() });
                    }
                    Value::String(text) if !is_wrapper && depth > 0 => {
                        found.push(Complaint { name: key.clone(), message: text.to_lowercase() });
                    }
                    _ => walk(value, depth + 1, found),
                }
            }
        }
        _ => {}
    }
}

/// The last named part of a path: `["body", "price"]`, `"/price"`, `"items.0.quantity"`.
fn last_part(value: &Value) -> Option<String> {
    let last_name = |parts: Vec<String>| {
        parts.into_iter().rev().find(|part| !part.is_empty() && part.parse::<u32>().is_err() && part != "body")
    };
    match value {
        Value::String(text) => last_name(
            text.split(['.', '/', '[', ']', '#']).map(|part| part.trim_matches(['"', '\'', '$']).to_owned()).collect(),
        ),
        Value::Array(parts) => last_name(parts.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        Value::Object(fields) => fields.get("pointer").and_then(last_part),
        _ => None,
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Names in a sentence such as `"title" is required` or `Missing fields: title, price`.
fn sentence(text: &str, found: &mut Vec<Complaint>) {
    let lower = text.to_lowercase();
    if lower.len() > 2000 || lower.trim_start().starts_with('<') {
        return;
    }
    for word in text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').filter(|word| word.len() > 1) {
        let is_name = word.chars().next().is_some_and(char::is_alphabetic);
        if is_name && !NO_NAMES.contains(&word.to_lowercase().as_str()) {
            found.push(Complaint { name: word.to_owned(), message: lower.clone() });
        }
    }
}

impl Complaint {
    pub(super) fn says_missing(&self) -> bool {
        [
            "required",
            "missing",
            "must be provided",
            "may not be blank",
            "cannot be null",
            "undefined",
            "can't be blank",
            "not be empty",
        ]
        .iter()
        .any(|hint| self.message.contains(hint))
    }

    pub(super) fn says_unknown(&self) -> bool {
        [
            "not allowed",
            "unknown",
            "unexpected",
            "extra",
            "unrecognized",
            "should not exist",
            "additional propert",
            "not permitted",
        ]
        .iter()
        .any(|hint| self.message.contains(hint))
    }

    /// Whether the name is certain, not just a word of a sentence.
    pub(super) fn wants(&self, what: &[&str]) -> bool {
        what.iter().any(|hint| self.message.contains(hint))
    }
}
