//! Reading the structure of an error's body: where its code or type stands, and where its message for people.
//!
//! Two bodies share a structure when both stand in the same places. What else a body carries (details, a path, a time)
//! may differ from one refusal to the next.

use harness_kit::wire;
use serde_json::{Map, Value};

/// Keys under which errors say what is wrong to people, most telling first.
const MESSAGES: &[&str] =
    &["message", "detail", "errormessage", "errordescription", "description", "msg", "title", "error", "reason"];
/// Keys under which errors say what is wrong to programs. `statusCode` goes before `error`: NestJS gives the first in
/// every error and the second in some.
const CODES: &[&str] =
    &["code", "errorcode", "type", "errortype", "kind", "statuscode", "error", "name", "reason", "status", "title"];
/// Keys that hold the error inside an envelope.
const ENVELOPES: &[&str] = &["error", "errors", "detail", "details", "problem", "fault", "exception", "data", "result"];

/// Where the parts of an error stand, as JSON pointers (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    Structured {
        code: Option<String>,
        message: Option<String>,
    },
    /// No JSON object, such as a page or a bare text: what it is instead.
    Other(String),
}

impl Shape {
    /// The structure of an answer's body.
    pub(super) fn of(body: &str, content_type: Option<&str>) -> Self {
        match serde_json::from_str::<Value>(body) {
            Ok(Value::Object(root)) => {
                let (at, holder) = holder(&root);
                let message = find(holder, MESSAGES, is_text);
                let code = find(holder, CODES, is_code).filter(|code| Some(code) != message.as_ref());
                let place = |key: String| format!("{at}/{key}");
                let message = message.map(place);
                // A status or a code may stand beside the envelope.
                let beside = || find(&root, CODES, is_code).map(|key| format!("/{key}"));
                let code = code.map(place).or_else(beside).filter(|code| Some(code) != message.as_ref());
                Shape::Structured { code, message }
            }
            Ok(_) => Shape::Other("JSON, but no object".to_owned()),
            Err(_) if body.trim().is_empty() => Shape::Other("an empty body".to_owned()),
            Err(_) => {
                let essence =
                    content_type.and_then(|value| value.split(';').next()).unwrap_or("no content type").trim();
                Shape::Other(format!("no JSON ({essence})"))
            }
        }
    }

    pub(super) fn has_message(&self) -> bool {
        matches!(self, Shape::Structured { message: Some(_), .. })
    }

    pub(super) fn has_code(&self) -> bool {
        matches!(self, Shape::Structured { code: Some(_), .. })
    }

    /// As a finding shows it.
    pub(super) fn said(&self) -> String {
        match self {
            Shape::Structured { code, message } => {
                let or = |place: &Option<String>, none: &str| place.clone().unwrap_or_else(|| none.to_owned());
                format!("code {}, message {}", or(code, "nowhere"), or(message, "nowhere"))
            }
            Shape::Other(what) => what.clone(),
        }
    }
}

/// The object that holds the message, and the pointer to it: the root, or what an envelope wraps.
fn holder(root: &Map<String, Value>) -> (String, &Map<String, Value>) {
    if find(root, MESSAGES, is_text).is_some() {
        return (String::new(), root);
    }
    for (key, value) in root.iter().filter(|(key, _)| ENVELOPES.contains(&wire::plain(key).as_str())) {
        let (at, inner) = match value {
            Value::Object(inner) => (format!("/{key}"), inner),
            Value::Array(items) => match items.first().and_then(Value::as_object) {
                Some(inner) => (format!("/{key}/0"), inner),
                None => continue,
            },
            _ => continue,
        };
        if find(inner, MESSAGES, is_text).is_some() {
            return (at, inner);
        }
    }
    (String::new(), root)
}

fn find(object: &Map<String, Value>, keys: &[&str], fits: fn(&str, &Value) -> bool) -> Option<String> {
    keys.iter().find_map(|wanted| {
        object
            .iter()
            .find(|(key, value)| wire::plain(key) == *wanted && fits(wanted, value))
            .map(|(key, _)| key.clone())
    })
}

/// A text, or several as validators give them.
fn is_text(_: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_string),
        _ => false,
    }
}

fn is_code(key: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty() && key != "status",
        Value::Number(_) => true,
        _ => false,
    }
}

/// Whether an answer is a problem document (RFC 9457).
pub(super) fn is_problem(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|value| value.trim().to_ascii_lowercase().starts_with("application/problem+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(body: &str) -> (Option<String>, Option<String>) {
        match Shape::of(body, Some("application/json")) {
            Shape::Structured { code, message } => (code, message),
            Shape::Other(what) => panic!("{what}"),
        }
    }

    fn some(code: &str, message: &str) -> (Option<String>, Option<String>) {
        let place = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        (place(code), place(message))
    }

    #[test]
    fn customary_structures_are_read() {
        let problem = r#"{"type":"urn:x","title":"Not Found","status":404,"detail":"No such thing.","errors":[]}"#;
        assert_eq!(places(problem), some("/type", "/detail"));
        assert_eq!(
            places(r#"{"error":{"code":"X","message":"m","details":[]}}"#),
            some("/error/code", "/error/message")
        );
        let status = some("/statusCode", "/message");
        assert_eq!(places(r#"{"statusCode":400,"message":["a"],"error":"Bad Request"}"#), status);
        assert_eq!(places(r#"{"statusCode":400,"message":"Wrong credentials"}"#), status);
        assert_eq!(places(r#"{"success":false,"error":"No"}"#), some("", "/error"));
        assert_eq!(places(r#"{"detail":"Not authenticated"}"#), some("", "/detail"));
        assert_eq!(
            places(r#"{"detail":[{"loc":["a"],"msg":"m","type":"t"}]}"#),
            some("/detail/0/type", "/detail/0/msg")
        );
        assert_eq!(places(r#"{"status":"fail","message":"m"}"#), some("", "/message"));
        assert_eq!(places(r#"{"title":["This field is required."]}"#), some("", "/title"));
    }

    #[test]
    fn optional_members_change_nothing() {
        let bare = places(r#"{"code":"A","message":"m"}"#);
        assert_eq!(places(r#"{"code":"B","message":"n","details":[{"field":"x"}],"path":"/x"}"#), bare);
    }

    #[test]
    fn what_is_no_object_is_told() {
        assert_eq!(Shape::of("", None), Shape::Other("an empty body".into()));
        assert_eq!(Shape::of("<html>", Some("text/html; charset=utf-8")), Shape::Other("no JSON (text/html)".into()));
    }
}
