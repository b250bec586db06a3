//! Reading a refusal: which members of a body a validation error names, and what it says of them.
//!
//! Errors in the field come as lists of `{field, message}`, as objects of field to messages, as `loc` paths, or as plain
//! sentences. Nothing here decides a verdict: what is learnt is tried by a call.

use serde_json::Value;

use super::accounts::is_page;
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
    "query",
    "string",
    "number",
    "key",
    "input",
    "this",
    "that",
    "it",
    "empty",
    "exist",
    "valid",
    "more",
    "errors",
    "blank",
    "null",
    "undefined",
    "with",
    "your",
    "data",
    "payload",
];

/// Everything that the refusal says of members, without repetition.
pub(super) fn complaints(answer: &Answer) -> Vec<Complaint> {
    match answer.json() {
        Some(body) => of_body(body),
        // The words of a page are the framework's.
        None if is_page(answer) => Vec::new(),
        None => {
            let mut found = Found::default();
            sentence(&answer.text(), &mut found.guessed);
            found.unique()
        }
    }
}

fn of_body(body: &Value) -> Vec<Complaint> {
    let mut found = Found::default();
    walk(body, 0, &mut found);
    found.unique()
}

/// What was found, by how sure it is.
#[derive(Default)]
struct Found {
    /// Said of a member by its name.
    named: Vec<Complaint>,
    /// Words of sentences that may be members.
    guessed: Vec<Complaint>,
}

impl Found {
    /// The named ones; the guessed ones as well where none of the named says what to do: a summary such as
    /// `The phone field is required. (and 1 more error)` beside them would only make up members.
    fn unique(self) -> Vec<Complaint> {
        let telling = self.named.iter().any(|complaint| complaint.says_missing() || complaint.says_unknown());
        let guessed = if telling { Vec::new() } else { self.guessed };
        first_forty(self.named.into_iter().chain(guessed))
    }
}

fn first_forty(found: impl Iterator<Item = Complaint>) -> Vec<Complaint> {
    let mut unique: Vec<Complaint> = Vec::new();
    for complaint in found {
        if !unique.contains(&complaint) && unique.len() < 40 {
            unique.push(complaint);
        }
    }
    unique
}

fn walk(value: &Value, depth: u8, found: &mut Found) {
    if depth > 6 || found.named.len() + found.guessed.len() > 200 {
        return;
    }
    match value {
        Value::Array(items) => items.iter().take(50).for_each(|item| walk(item, depth + 1, found)),
        Value::String(text) => sentence(text, &mut found.guessed),
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
                    found.named.push(Complaint { name, message: message.join("; ").to_lowercase() });
                    return;
                }
            }
            for (key, value) in fields.iter().take(60) {
                // A list under `title` or `description` is of a member that is called so: messages of a whole come as `message`.
                let is_member =
                    matches!(wire::plain(key).as_str(), "title" | "description" | "type" | "code") && value.is_array();
                let is_wrapper = !is_member && MESSAGE_KEYS.contains(&wire::plain(key).as_str())
                    || ["errors", "details", "fields", "fielderrors", "issues", "violations", "data", "invalidparams"]
                        .contains(&wire::plain(key).as_str());
                match value {
                    Value::Array(items) if !is_wrapper && items.iter().all(Value::is_string) && !items.is_empty() => {
                        let message = items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ");
                        found.named.push(Complaint { name: key.clone(), message: message.to_lowercase() });
                    }
                    Value::String(text) if !is_wrapper && depth > 0 => {
                        found.named.push(Complaint { name: key.clone(), message: text.to_lowercase() });
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
    if let Some(name) = subject(text) {
        found.push(Complaint { name, message: lower });
        return;
    }
    for word in text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').filter(|word| word.len() > 1) {
        let is_name = word.chars().next().is_some_and(char::is_alphabetic);
        if is_name && !NO_NAMES.contains(&word.to_lowercase().as_str()) {
            found.push(Complaint { name: word.to_owned(), message: lower.clone() });
        }
    }
}

/// The member that a sentence of one of the usual validators is about: `phone should not be empty`, `"phone" is
/// required`, `property phone should not exist`, `The first name field is required.`.
fn subject(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let bare = |word: &str| word.trim_matches(['"', '\'', '`', '.', ':', ',']).to_owned();
    if words.first()?.eq_ignore_ascii_case("the")
        && let Some(at) = words.iter().position(|word| *word == "field").filter(|at| (2..=4).contains(at))
    {
        return Some(words[1..at].join("_"));
    }
    let words = words.strip_prefix(&["property"]).unwrap_or(&words);
    let [first, verb, ..] = words else { return None };
    let name = bare(first);
    let is_name = name.len() > 1
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
        && !NO_NAMES.contains(&name.to_lowercase().as_str());
    (is_name && matches!(*verb, "is" | "must" | "should" | "cannot" | "can't" | "has" | "may" | "needs"))
        .then_some(name)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn missing(body: &Value) -> Vec<String> {
        of_body(body).into_iter().filter(Complaint::says_missing).map(|complaint| complaint.name).collect()
    }

    #[test]
    fn only_members_are_made_out() {
        let cases = [
            (json!({"message": "phone should not be empty"}), vec!["phone"]),
            (
                json!({"message": ["phone should not be empty", "full_name should not be empty"]}),
                vec!["phone", "full_name"],
            ),
            (json!({"error": "\"phone\" is required"}), vec!["phone"]),
            (json!({"error": "The first name field is required."}), vec!["first_name"]),
            (json!({"title": ["This field is required."], "name": ["This field is required."]}), vec!["title", "name"]),
            (
                json!({"message": "The phone field is required. (and 1 more error)",
                    "errors": {"phone": ["The phone field is required."], "city": ["The city field is required."]}}),
                vec!["phone", "city"],
            ),
            (json!({"error": "Missing fields: phone, city"}), vec!["phone", "city"]),
        ];
        for (body, names) in cases {
            assert_eq!(missing(&body), names, "{body}");
        }
    }
}
