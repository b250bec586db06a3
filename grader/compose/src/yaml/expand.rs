//! Aliases, merge keys and tags resolved: a raw stream to documents, counting what it makes.

use super::YamlDocument;
use super::raw::{Id, RawTag, RawValue, Stream, over};
use crate::document::{Mapping, Node, Place, Value};
use crate::error::{ComposeError, ErrorKind};
use crate::load::Budget;
use crate::scalar;
use crate::tree_path::TreePath;

/// Expands every document of a stream.
pub(super) fn expand(stream: &Stream, budget: &Budget) -> Result<Vec<YamlDocument>, ComposeError> {
    let mut expander = Expander { stream, budget, made: 0, inside: Vec::new(), resets: Vec::new() };
    let mut documents = Vec::with_capacity(stream.roots.len());
    for &root in &stream.roots {
        let node = expander.node(root, &TreePath::default(), 0)?;
        let root = node.unwrap_or_else(|| Node::new(stream.nodes[root].place.clone(), Value::Null));
        documents.push(YamlDocument { root, resets: std::mem::take(&mut expander.resets) });
    }
    Ok(documents)
}

struct Expander<'a> {
    stream: &'a Stream,
    budget: &'a Budget,
    made: usize,
    /// The collections that are being expanded: an alias to one of them would never end.
    inside: Vec<Id>,
    resets: Vec<TreePath>,
}

impl Expander<'_> {
    /// The node at `path`; `None` if it is tagged `!reset`.
    fn node(&mut self, id: Id, path: &TreePath, depth: usize) -> Result<Option<Node>, ComposeError> {
        let raw = &self.stream.nodes[id];
        self.made += 1;
        if self.made > self.budget.nodes {
            return Err(over(self.budget.nodes, "nodes after expansion", &raw.place));
        }
        if depth > self.budget.depth {
            return Err(over(self.budget.depth, "levels", &raw.place));
        }
        match raw.tag {
            RawTag::Reset => {
                self.resets.push(path.clone());
                return Ok(None);
            }
            RawTag::Override => self.resets.push(path.clone()),
            RawTag::None | RawTag::Core(_) | RawTag::Foreign => {}
        }
        let value = match &raw.value {
            RawValue::Alias(target) => {
                if self.inside.contains(target) {
                    return Err(yaml("an alias stands inside its own anchor", &raw.place));
                }
                // The place of an alias is where it is used; what is inside keeps the places of the anchor.
                let node = self.node(*target, path, depth)?;
                return Ok(node.map(|node| Node::new(raw.place.clone(), node.value)));
            }
            RawValue::Scalar { text, plain } => scalar_value(text, *plain, &raw.tag, &raw.place)?,
            RawValue::Seq(items) => {
                self.inside.push(id);
                let mut values = Vec::with_capacity(items.len());
                for (index, &item) in items.iter().enumerate() {
                    values.extend(self.node(item, &path.child(&index.to_string()), depth + 1)?);
                }
                self.inside.pop();
                Value::Seq(values)
            }
            RawValue::Map(entries) => {
                self.inside.push(id);
                let map = self.mapping(entries, path, depth)?;
                self.inside.pop();
                Value::Map(map)
            }
        };
        Ok(Some(Node::new(raw.place.clone(), value)))
    }

    fn mapping(&mut self, entries: &[(Id, Id)], path: &TreePath, depth: usize) -> Result<Mapping, ComposeError> {
        let mut map = Mapping::with_capacity(entries.len());
        let mut merged = Vec::new();
        for &(key, value) in entries {
            let key_place = &self.stream.nodes[key].place;
            let (key, is_merge) = self.key(key)?;
            if is_merge {
                if !merged.is_empty() {
                    return Err(ComposeError::new(ErrorKind::DuplicateKey(key)).at(key_place));
                }
                merged = self.merge_sources(value, path, depth)?;
                continue;
            }
            if map.contains_key(&key) {
                return Err(ComposeError::new(ErrorKind::DuplicateKey(key)).at(key_place).on(path));
            }
            if let Some(mut node) = self.node(value, &path.child(&key), depth + 1)? {
                node.place = key_place.clone();
                map.insert(key, node);
            }
        }
        for source in merged {
            for (key, node) in source {
                map.entry(key).or_insert(node);
            }
        }
        Ok(map)
    }

    /// The mappings that a merge key names, strongest first.
    fn merge_sources(&mut self, id: Id, path: &TreePath, depth: usize) -> Result<Vec<Mapping>, ComposeError> {
        let wanted = "a merge key needs a mapping or a list of mappings";
        let node = self.node(id, path, depth + 1)?;
        let Some(Node { place, value }) = node else { return Ok(Vec::new()) };
        match value {
            Value::Map(map) => Ok(vec![map]),
            Value::Seq(items) => items
                .into_iter()
                .map(|item| match item.value {
                    Value::Map(map) => Ok(map),
                    _ => Err(yaml(wanted, &item.place)),
                })
                .collect(),
            _ => Err(yaml(wanted, &place)),
        }
    }

    /// A key's text, and whether it is the merge key.
    fn key(&self, id: Id) -> Result<(String, bool), ComposeError> {
        let raw = &self.stream.nodes[id];
        let (text, plain, tag) = match &raw.value {
            RawValue::Scalar { text, plain } => (text, *plain, &raw.tag),
            RawValue::Alias(target) => match &self.stream.nodes[*target].value {
                RawValue::Scalar { text, plain } => (text, *plain, &self.stream.nodes[*target].tag),
                _ => return Err(non_string("…", &raw.place)),
            },
            RawValue::Seq(_) | RawValue::Map(_) => return Err(non_string("…", &raw.place)),
        };
        if plain && text == "<<" && matches!(tag, RawTag::None) || *tag == RawTag::Core("merge".to_owned()) {
            return Ok((text.clone(), true));
        }
        match scalar_value(text, plain, tag, &raw.place)? {
            Value::String(key) => Ok((key, false)),
            _ => Err(non_string(text, &raw.place)),
        }
    }
}

fn scalar_value(text: &str, plain: bool, tag: &RawTag, place: &Place) -> Result<Value, ComposeError> {
    let wrong = |kind: &str| yaml(&format!("`{text}` is no {kind}"), place);
    Ok(match tag {
        RawTag::None if plain => scalar::resolve_plain(text),
        RawTag::None | RawTag::Foreign | RawTag::Reset | RawTag::Override => Value::String(text.to_owned()),
        RawTag::Core(name) => match name.as_str() {
            "str" => Value::String(text.to_owned()),
            "null" => Value::Null,
            "bool" => match scalar::resolve_plain(text) {
                Value::Bool(flag) => Value::Bool(flag),
                _ => return Err(wrong("boolean")),
            },
            "int" => scalar::parse_int(text).ok_or_else(|| wrong("integer"))?,
            "float" => match scalar::resolve_plain(text) {
                #[expect(clippy::cast_precision_loss, reason = "the tag asks for the nearest float")]
                Value::Int(number) => Value::Float(number as f64),
                Value::Float(number) => Value::Float(number),
                _ => return Err(wrong("number")),
            },
            "timestamp" => Value::Timestamp(text.to_owned()),
            other => return Err(yaml(&format!("the tag `!!{other}` is not supported"), place)),
        },
    })
}

fn yaml(message: &str, place: &Place) -> ComposeError {
    ComposeError::new(ErrorKind::Yaml(message.to_owned())).at(place)
}

fn non_string(text: &str, place: &Place) -> ComposeError {
    ComposeError::new(ErrorKind::NonStringKey(text.to_owned())).at(place)
}
