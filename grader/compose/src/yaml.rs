//! YAML text to documents with places: anchors, merge keys and the tags `!reset` and `!override` resolved, budgets held.
//!
//! The grammar is `saphyr-parser`'s. It knows nothing of compose but those two tags.

mod expand;
mod raw;

use std::sync::Arc;

use crate::document::{Node, Place};
use crate::error::ComposeError;
use crate::load::Budget;
use crate::tree_path::TreePath;

/// One document of a file (a file may hold several, merged in turn).
#[derive(Debug)]
pub(crate) struct YamlDocument {
    /// Its content; `Null` for an empty document.
    pub(crate) root: Node,
    /// Where `!reset` and `!override` stood: what earlier documents say there is forgotten.
    pub(crate) resets: Vec<TreePath>,
}

/// Reads all documents of a text.
///
/// # Errors
/// No YAML, a duplicate or non-string key, an alias into itself, or more nodes or levels than the budget allows.
pub(crate) fn parse(text: &str, file: &str, budget: &Budget) -> Result<Vec<YamlDocument>, ComposeError> {
    let file: Arc<str> = Arc::from(file);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let stream = raw::read(text, &file, budget)?;
    expand::expand(&stream, budget)
}

fn place(file: &Arc<str>, marker: &saphyr_parser::Marker) -> Place {
    Place {
        file: Arc::clone(file),
        line: u32::try_from(marker.line()).unwrap_or(u32::MAX),
        column: u32::try_from(marker.col() + 1).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Value;

    fn one(text: &str) -> Node {
        parse(text, "compose.yaml", &Budget::default()).unwrap().remove(0).root
    }

    fn code(text: &str) -> &'static str {
        parse(text, "compose.yaml", &Budget::default()).unwrap_err().code()
    }

    #[test]
    fn a_value_knows_the_line_of_its_key() {
        let root = one("a:\n  b:\n    - 1\n");
        let b = root.get("a").unwrap().get("b").unwrap();
        assert_eq!((b.place.line, b.place.column), (2, 3));
        assert_eq!(b.as_seq().unwrap()[0].place.to_string(), "compose.yaml:3:7");
    }

    #[test]
    fn own_keys_go_before_merged_ones_and_earlier_before_later() {
        let root = one("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 0\n");
        let c = root.get("c").unwrap();
        let values: Vec<_> = ["x", "y", "z"].iter().map(|key| c.get(key).unwrap().as_int().unwrap()).collect();
        assert_eq!(values, [0, 1, 2]);
    }

    #[test]
    fn a_quoted_merge_key_is_a_key() {
        assert!(one("\"<<\": 1").get("<<").is_some());
    }

    #[test]
    fn tags_are_recorded_with_their_path() {
        let documents =
            parse("a: 1\n---\nb:\n  c: !reset null\n  d: !override [1]\n", "f", &Budget::default()).unwrap();
        let paths: Vec<String> = documents[1].resets.iter().map(ToString::to_string).collect();
        assert_eq!(paths, ["b.c", "b.d"]);
        assert!(documents[1].root.get("b").unwrap().get("c").is_none());
        assert!(matches!(documents[1].root.get("b").unwrap().get("d").unwrap().value, Value::Seq(_)));
    }

    #[test]
    fn explicit_tags_are_heeded() {
        let root = one("a: !!str 1\nb: !!int \"2\"\nc: !custom 3\n");
        assert_eq!(root.get("a").unwrap().as_str(), Some("1"));
        assert_eq!(root.get("b").unwrap().as_int(), Some(2));
        assert_eq!(root.get("c").unwrap().as_str(), Some("3"));
    }

    #[test]
    fn what_is_wrong_has_a_code() {
        assert_eq!(code("a: 1\na: 2\n"), "compose.duplicate_key");
        assert_eq!(code("1: a\n"), "compose.non_string_key");
        assert_eq!(code("a: &a [*a]\n"), "compose.yaml");
        assert_eq!(code("a: [1\n"), "compose.yaml");
        assert_eq!(code("a: &s x\nb:\n  <<: *s\n"), "compose.yaml");
        assert_eq!(code(&format!("{}{}", "[".repeat(100), "]".repeat(100))), "compose.budget");
        assert_eq!(code(&format!("a: [{}]", "1,".repeat(20_000))), "compose.budget");
    }
}
