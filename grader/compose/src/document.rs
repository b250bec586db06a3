//! A document as a tree of values, each of which knows where it was written.
//!
//! It knows YAML's kinds and nothing of compose.

use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::Serialize;

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file, relative to the root of the tree.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Place {
    /// The place of what stands in no file.
    pub(crate) fn nowhere() -> Self {
        Self { file: Arc::from(""), line: 0, column: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A mapping in the order of the text.
pub type Mapping = IndexMap<String, Node>;

/// A value and its place: for a mapping's value that of its key, so that a place names the line a person looks for.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it was written.
    pub place: Place,
    /// What was written.
    pub value: Value,
}

/// Places do not count: the same text in two files is the same value.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A YAML value with string keys.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number that is not an integer, or too large for one.
    Float(f64),
    /// Text.
    String(String),
    /// An unquoted date, as written. No attribute of compose accepts one.
    Timestamp(String),
    /// A list.
    Seq(Vec<Node>),
    /// A mapping.
    Map(Mapping),
}

/// A project as one merged document, in long form, with places: what the policy reads and what
/// [`normalized`](crate::normalized) prints.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The mapping at the top.
    pub root: Node,
}

impl Value {
    /// What kind of value it is, in words of YAML.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) => "integer",
            Self::Float(_) => "number",
            Self::String(_) => "string",
            Self::Timestamp(_) => "timestamp",
            Self::Seq(_) => "list",
            Self::Map(_) => "mapping",
        }
    }
}

impl Node {
    /// A node.
    #[must_use]
    pub fn new(place: Place, value: Value) -> Self {
        Self { place, value }
    }

    /// A text node.
    #[must_use]
    pub fn string(place: &Place, text: impl Into<String>) -> Self {
        Self::new(place.clone(), Value::String(text.into()))
    }

    /// The value under `key`, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }

    /// The mapping, if it is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The mapping, if it is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Mapping> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list, if it is one.
    #[must_use]
    pub fn as_seq(&self) -> Option<&[Self]> {
        match &self.value {
            Value::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match &self.value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The integer, if it is one.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match &self.value {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// A scalar as the text that a process would get: `null` is empty, numbers in decimal. `None` for lists and mappings.
    #[must_use]
    pub fn scalar_text(&self) -> Option<String> {
        Some(match &self.value {
            Value::Null => String::new(),
            Value::Bool(flag) => flag.to_string(),
            Value::Int(number) => number.to_string(),
            Value::Float(number) => crate::scalar::float_text(*number),
            Value::String(text) | Value::Timestamp(text) => text.clone(),
            Value::Seq(_) | Value::Map(_) => return None,
        })
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }
}
