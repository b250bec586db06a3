//! The words in which the specification is written down.

use crate::document::{Node, Value};

/// What a value may be.
#[derive(Debug)]
pub(super) enum Shape {
    /// Anything.
    Any,
    /// A scalar of one of the kinds in the set.
    Scalar(Kinds),
    /// One of some words.
    Enum(&'static [&'static str]),
    /// A text that a function accepts.
    Text { valid: fn(&str) -> bool, what: &'static str },
    /// An integer in a range, or a text.
    Range { least: i64, most: i64 },
    /// A list.
    List { item: &'static Shape, unique: bool },
    /// A mapping whose keys the document chooses.
    Map { keys: Keys, value: &'static Shape },
    /// A mapping whose keys the specification names.
    Object(&'static Object),
    /// The first that takes the value.
    OneOf(&'static [&'static Shape]),
}

/// What keys a mapping may have.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keys {
    /// Letters, digits, `.`, `_`, `-`; `x-` keys may be anything where `extensions` are allowed.
    Name { extensions: bool },
    /// Only values under lower-case letters are checked.
    LowerCase,
    /// Any text.
    Any,
}

/// A mapping whose keys the specification names.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) attributes: &'static [(&'static str, &'static Shape)],
    pub(super) required: &'static [&'static str],
    /// Whether keys that start with `x-` are allowed.
    pub(super) extensions: bool,
    /// Whether any other key is allowed.
    pub(super) open: bool,
}

impl Object {
    pub(super) fn attribute(&self, key: &str) -> Option<&'static Shape> {
        self.attributes.iter().find(|(name, _)| *name == key).map(|&(_, shape)| shape)
    }
}

/// A set of kinds of scalars.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kinds(u8);

impl Kinds {
    const NULL: u8 = 1;
    const BOOL: u8 = 2;
    const INT: u8 = 4;
    const FLOAT: u8 = 8;
    const STRING: u8 = 16;
}

pub(super) static ANY: Shape = Shape::Any;
pub(super) static NULL: Shape = Shape::Scalar(Kinds(Kinds::NULL));
pub(super) static STRING: Shape = Shape::Scalar(Kinds(Kinds::STRING));
pub(super) static STRING_OR_NULL: Shape = Shape::Scalar(Kinds(Kinds::STRING | Kinds::NULL));
pub(super) static BOOL: Shape = Shape::Scalar(Kinds(Kinds::BOOL));
pub(super) static BOOL_OR_STRING: Shape = Shape::Scalar(Kinds(Kinds::BOOL | Kinds::STRING));
pub(super) static INT: Shape = Shape::Scalar(Kinds(Kinds::INT));
pub(super) static INT_OR_STRING: Shape = Shape::Scalar(Kinds(Kinds::INT | Kinds::STRING));
pub(super) static NUMBER: Shape = Shape::Scalar(Kinds(Kinds::INT | Kinds::FLOAT));
pub(super) static NUMBER_OR_STRING: Shape = Shape::Scalar(Kinds(Kinds::INT | Kinds::FLOAT | Kinds::STRING));
pub(super) static OPTION: Shape = Shape::Scalar(Kinds(Kinds::INT | Kinds::FLOAT | Kinds::STRING | Kinds::NULL));
pub(super) static PLAIN: Shape = Shape::Scalar(Kinds(Kinds::INT | Kinds::FLOAT | Kinds::STRING | Kinds::BOOL));
pub(super) static SCALAR: Shape =
    Shape::Scalar(Kinds(Kinds::INT | Kinds::FLOAT | Kinds::STRING | Kinds::BOOL | Kinds::NULL));

impl Shape {
    /// Whether the kind of the value fits; what is inside is another question.
    pub(super) fn takes(&self, node: &Node) -> bool {
        match self {
            Self::Any => true,
            Self::Scalar(kinds) => {
                let kind = match &node.value {
                    Value::Null => Kinds::NULL,
                    Value::Bool(_) => Kinds::BOOL,
                    Value::Int(_) => Kinds::INT,
                    // A whole number is an integer, however it is written.
                    Value::Float(number) if number.fract() == 0.0 => Kinds::FLOAT | Kinds::INT,
                    Value::Float(_) => Kinds::FLOAT,
                    Value::String(_) => Kinds::STRING,
                    Value::Timestamp(_) | Value::Seq(_) | Value::Map(_) => 0,
                };
                kinds.0 & kind != 0
            }
            Self::Enum(_) | Self::Text { .. } => matches!(node.value, Value::String(_)),
            Self::Range { .. } => matches!(node.value, Value::Int(_) | Value::String(_)),
            Self::List { .. } => matches!(node.value, Value::Seq(_)),
            Self::Map { .. } | Self::Object(_) => matches!(node.value, Value::Map(_)),
            Self::OneOf(shapes) => shapes.iter().any(|shape| shape.takes(node)),
        }
    }

    /// What is wanted, in words.
    pub(super) fn wanted(&self) -> String {
        match self {
            Self::Any => "value".to_owned(),
            Self::Scalar(kinds) => {
                let names = [
                    (Kinds::BOOL, "boolean"),
                    (Kinds::FLOAT, "number"),
                    (Kinds::INT, "integer"),
                    (Kinds::STRING, "string"),
                    (Kinds::NULL, "null"),
                ];
                let integer_is_said = kinds.0 & Kinds::FLOAT != 0;
                let names: Vec<&str> = names
                    .into_iter()
                    .filter(|&(kind, _)| kinds.0 & kind != 0 && !(integer_is_said && kind == Kinds::INT))
                    .map(|(_, name)| name)
                    .collect();
                names.join(" or ")
            }
            Self::Enum(_) | Self::Text { .. } => "string".to_owned(),
            Self::Range { .. } => "integer".to_owned(),
            Self::List { .. } => "list".to_owned(),
            Self::Map { .. } | Self::Object(_) => "mapping".to_owned(),
            Self::OneOf(shapes) => {
                let mut words: Vec<String> = shapes.iter().map(|shape| shape.wanted()).collect();
                words.dedup();
                words.join(" or ")
            }
        }
    }
}
