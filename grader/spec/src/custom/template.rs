//! Texts with `{{ name }}` in them. The syntax has names and nothing else: no expressions, no filters, no loops, so that a
//! template ends in time and every name can be checked before a run.

use serde_json::Value;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'t> {
    Text(&'t str),
    Name(&'t str),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Template {
    #[error("`{{{{` without `}}}}`")]
    Open,
    #[error("`{0}` is no name")]
    NoName(String),
}

/// The pieces of a text, in order.
///
/// # Errors
/// [`Template`] for a brace that is not closed and for anything but a name inside.
pub fn parts(text: &str) -> Result<Vec<Part<'_>>, Template> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        if !before.is_empty() {
            found.push(Part::Text(before));
        }
        let (name, after) = after.split_once("}}").ok_or(Template::Open)?;
        let name = name.trim();
        let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || !name.chars().all(sound) {
            return Err(Template::NoName(name.to_owned()));
        }
        found.push(Part::Name(name));
        rest = after;
    }
    if !rest.is_empty() {
        found.push(Part::Text(rest));
    }
    Ok(found)
}

/// The name of a text that is nothing but one reference.
pub fn reference(text: &str) -> Option<&str> {
    match parts(text.trim()).ok()?.as_slice() {
        [Part::Name(name)] => Some(name),
        _ => None,
    }
}

/// Every text of a document, through arrays and objects.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_text() {
        assert_eq!(parts("/a/{{ b }}/c"), Ok(vec![Part::Text("/a/"), Part::Name("b"), Part::Text("/c")]));
        assert_eq!(parts("plain"), Ok(vec![Part::Text("plain")]));
        assert_eq!(parts("{{a"), Err(Template::Open));
        assert_eq!(parts("{{ a + b }}"), Err(Template::NoName("a + b".to_owned())));
        assert_eq!(reference(" {{a}} "), Some("a"));
        assert_eq!(reference("x{{a}}"), None);
    }
}
