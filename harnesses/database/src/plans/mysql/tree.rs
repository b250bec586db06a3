//! A plan as MySQL and MariaDB print it, with every key that stands in it.
//!
//! MariaDB before 10.9 says `"table"` several times in one object for the tables of a join, which a map would lose.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A part of a plan.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    /// Keys in the order in which they were printed, repeated ones as well.
    Object(Vec<(String, Tree)>),
    List(Vec<Tree>),
    Text(String),
    Number(f64),
    Bool(bool),
    Null,
}

impl Tree {
    /// Reads a plan; what is none is [`Tree::Null`]. Depth is bounded by the reader, size by what a result may have.
    pub(super) fn read(text: &str) -> Tree {
        serde_json::from_str(text).unwrap_or(Tree::Null)
    }

    /// The first value of a key.
    pub(super) fn get(&self, name: &str) -> Option<&Tree> {
        let Tree::Object(pairs) = self else { return None };
        pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A key's text; empty where there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Tree::Text(text)) => text,
            _ => "",
        }
    }

    /// A key's number, which MySQL prints as text here and there.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        match self.get(name)? {
            Tree::Number(number) => Some(*number),
            Tree::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some(&Tree::Bool(true))
    }

    /// The texts of a key's list.
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        let Some(Tree::List(items)) = self.get(name) else { return Vec::new() };
        items.iter().filter_map(|item| if let Tree::Text(text) = item { Some(text.as_str()) } else { None }).collect()
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part of a plan")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "estimates of rows")]
    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "estimates of rows")]
    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            // Costs and statistics are volatile, and nobody reads them.
            if key == "cost_info" {
                map.next_value::<IgnoredAny>()?;
            } else {
                pairs.push((key, map.next_value()?));
            }
        }
        Ok(Tree::Object(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_are_kept() {
        let tree = Tree::read(r#"{"query_block": {"table": {"table_name": "a"}, "table": {"table_name": "b"}}}"#);
        let Some(Tree::Object(pairs)) = tree.get("query_block") else { panic!("{tree:?}") };
        let names: Vec<&str> = pairs.iter().map(|(_, table)| table.text("table_name")).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn numbers_are_read_as_either_server_prints_them() {
        let tree = Tree::read(r#"{"rows": 20, "filtered": "10.00", "cost_info": {"x": [1]}, "on": true}"#);
        assert_eq!((tree.number("rows"), tree.number("filtered")), (Some(20.0), Some(10.0)));
        assert!(tree.is_true("on") && tree.get("cost_info").is_none());
    }

    #[test]
    fn nonsense_is_nothing() {
        for text in ["", "no plan", "[", "{\"a\"", &"[".repeat(100_000)] {
            assert_eq!(Tree::read(text), Tree::Null);
        }
    }
}
