//! Parser events to a tree that still has its anchors, aliases and tags.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::place;
use crate::document::Place;
use crate::error::{ComposeError, ErrorKind};
use crate::load::Budget;

/// Index of a node in its stream.
pub(super) type Id = usize;

/// All documents of a text before expansion.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) nodes: Vec<RawNode>,
    pub(super) roots: Vec<Id>,
}

#[derive(Debug)]
pub(super) struct RawNode {
    pub(super) place: Place,
    pub(super) tag: RawTag,
    pub(super) value: RawValue,
}

#[derive(Debug)]
pub(super) enum RawValue {
    Scalar { text: String, plain: bool },
    Seq(Vec<Id>),
    Map(Vec<(Id, Id)>),
    Alias(Id),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RawTag {
    None,
    /// `!!name`
    Core(String),
    Reset,
    Override,
    /// Any other, or the non-specific `!`.
    Foreign,
}

/// A collection that is not complete yet.
struct Open {
    id: Id,
    /// The key that waits for its value.
    key: Option<Id>,
}

/// Reads a text into a stream, without recursion.
pub(super) fn read(text: &str, file: &Arc<str>, budget: &Budget) -> Result<Stream, ComposeError> {
    let mut stream = Stream::default();
    let mut anchors: HashMap<usize, Id> = HashMap::new();
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let kind = match error.info() {
                // The scanner reads ahead, and has a limit of its own.
                "recursion limit exceeded" => ErrorKind::Budget { what: "levels", limit: budget.depth },
                info => ErrorKind::Yaml(info.to_owned()),
            };
            ComposeError::new(kind).at(&place(file, error.marker()))
        })?;
        let here = place(file, &span.start);
        let (anchor, tag, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                (anchor, tag_of(tag.as_deref()), RawValue::Scalar { text: text.into_owned(), plain })
            }
            Event::SequenceStart(anchor, tag) => (anchor, tag_of(tag.as_deref()), RawValue::Seq(Vec::new())),
            Event::MappingStart(anchor, tag) => (anchor, tag_of(tag.as_deref()), RawValue::Map(Vec::new())),
            Event::Alias(anchor) => {
                let target = *anchors
                    .get(&anchor)
                    .ok_or_else(|| ComposeError::new(ErrorKind::Yaml("unknown anchor".to_owned())).at(&here))?;
                (0, RawTag::None, RawValue::Alias(target))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                open.pop();
                continue;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                continue;
            }
        };
        if stream.nodes.len() >= budget.nodes.saturating_mul(2) {
            return Err(over(budget.nodes, "nodes after expansion", &here));
        }
        let id = stream.nodes.len();
        let opens = matches!(value, RawValue::Seq(_) | RawValue::Map(_));
        stream.nodes.push(RawNode { place: here, tag, value });
        if anchor > 0 {
            anchors.insert(anchor, id);
        }
        attach(&mut stream, &mut open, id);
        if opens {
            open.push(Open { id, key: None });
            if open.len() > budget.depth {
                return Err(over(budget.depth, "levels", &stream.nodes[id].place));
            }
        }
    }
    Ok(stream)
}

/// Hangs a node into the innermost open collection, or makes it the root of a document.
fn attach(stream: &mut Stream, open: &mut [Open], id: Id) {
    let Some(parent) = open.last_mut() else {
        stream.roots.push(id);
        return;
    };
    match &mut stream.nodes[parent.id].value {
        RawValue::Seq(items) => items.push(id),
        RawValue::Map(entries) => match parent.key.take() {
            None => parent.key = Some(id),
            Some(key) => entries.push((key, id)),
        },
        RawValue::Scalar { .. } | RawValue::Alias(_) => {}
    }
}

fn tag_of(tag: Option<&Tag>) -> RawTag {
    match tag {
        None => RawTag::None,
        Some(tag) if tag.is_yaml_core_schema() => RawTag::Core(tag.suffix.clone()),
        Some(tag) if tag.handle == "!" && tag.suffix == "reset" => RawTag::Reset,
        Some(tag) if tag.handle == "!" && tag.suffix == "override" => RawTag::Override,
        Some(_) => RawTag::Foreign,
    }
}

pub(super) fn over(limit: usize, what: &'static str, place: &Place) -> ComposeError {
    ComposeError::new(ErrorKind::Budget { what, limit }).at(place)
}
