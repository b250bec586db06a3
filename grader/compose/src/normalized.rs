//! A merged document as the reference prints it (`config --format json`).
//!
//! Attributes are those of the reference's model: empty ones are left out, sizes are texts, durations are in Go's form,
//! extensions stay only at the top. Making it also finds values that no earlier check looks into.

mod model;
mod write;

pub(crate) use write::{host_pairs, integer, mode};

use serde_json::{Map, Value as Json};

use crate::document::{Document, Node, Value};
use crate::error::ComposeError;

/// The model of a document; keys of mappings sorted.
///
/// # Errors
/// Every value that cannot be read as what its attribute needs.
pub fn render(document: &Document) -> Result<Json, Vec<ComposeError>> {
    let mut errors = Vec::new();
    let mut model = write::object(&document.root, model::PROJECT, &crate::tree_path::TreePath::default(), &mut errors);
    for (key, node) in document.root.as_map().into_iter().flatten() {
        if key.starts_with("x-") {
            model.insert(key.clone(), plain(node));
        }
    }
    model.sort_keys();
    if errors.is_empty() { Ok(escaped(Json::Object(model))) } else { Err(errors) }
}

/// A printed model can be read again: what was completed is not completed twice.
fn escaped(value: Json) -> Json {
    let text = |text: String| if text.contains('$') { text.replace('$', "$$") } else { text };
    match value {
        Json::String(value) => Json::String(text(value)),
        Json::Array(items) => items.into_iter().map(escaped).collect(),
        Json::Object(entries) => {
            Json::Object(entries.into_iter().map(|(key, value)| (text(key), escaped(value))).collect())
        }
        other => other,
    }
}

/// A value as it stands.
pub(crate) fn plain(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => write::number(*number),
        Value::String(text) | Value::Timestamp(text) => Json::String(text.clone()),
        Value::Seq(items) => Json::Array(items.iter().map(plain).collect()),
        Value::Map(map) => {
            let mut entries: Map<String, Json> = map.iter().map(|(key, node)| (key.clone(), plain(node))).collect();
            entries.sort_keys();
            Json::Object(entries)
        }
    }
}
