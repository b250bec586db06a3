//! Finding what was sent in what came back: the record, its key, and the array of a list.

use grader_spec::{Field, FieldKind};
use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::operation::WireField;
use crate::wire::{self, Shape};

/// Where a record stands in an answer and how it spells what was sent.
#[derive(Debug, Clone)]
pub(super) struct Located {
    pub(super) at: Vec<String>,
    pub(super) fields: IndexMap<String, WireField>,
    pub(super) key: Option<String>,
}

/// The object in `body` that carries most of the values that were sent.
pub(super) fn record(
    body: &Value,
    resource: &str,
    spec: &IndexMap<String, Field>,
    sent: &Map<String, Value>,
    spelled: &IndexMap<String, WireField>,
) -> Option<Located> {
    let mut best: Option<(usize, Located)> = None;
    objects(body, &mut Vec::new(), &mut |path, object| {
        let fields = spelling(object, spec, sent, spelled);
        let key = key(object, resource, spec, &fields);
        let score = fields.len() * 2 + usize::from(key.is_some());
        if score > 0 && best.as_ref().is_none_or(|(known, _)| score > *known) {
            best = Some((score, Located { at: path.to_vec(), fields, key }));
        }
    });
    best.map(|(_, located)| located)
}

/// How an object spells the fields that were sent, by their values.
fn spelling(
    object: &Map<String, Value>,
    spec: &IndexMap<String, Field>,
    sent: &Map<String, Value>,
    spelled: &IndexMap<String, WireField>,
) -> IndexMap<String, WireField> {
    let mut found = IndexMap::new();
    for (id, value) in sent {
        let Some(field) = spec.get(id).filter(|field| field.kind != FieldKind::Password) else { continue };
        // The name in the request first, then the customary ones.
        let names = spelled.get(id).map(|wire| wire.name.clone()).into_iter().chain(field.names.iter().cloned());
        for name in names {
            let Some((key, got)) = object.iter().find(|(key, _)| wire::plain(key) == wire::plain(&name)) else {
                continue;
            };
            let cents = field.kind == FieldKind::Money && wire::same(field, value, got, Shape::Cents);
            if wire::same(field, value, got, Shape::Natural) {
                found.insert(id.clone(), WireField { name: key.clone(), shape: Shape::Natural });
                break;
            }
            if cents {
                found.insert(id.clone(), WireField { name: key.clone(), shape: Shape::Cents });
                break;
            }
        }
    }
    found
}

/// The member of a record that names it.
pub(super) fn key(
    object: &Map<String, Value>,
    resource: &str,
    spec: &IndexMap<String, Field>,
    fields: &IndexMap<String, WireField>,
) -> Option<String> {
    let scalar = |name: &String| object.get(name).is_some_and(|value| value.is_string() || value.is_number());
    let wanted =
        ["id".to_owned(), "uuid".to_owned(), format!("{resource}id"), format!("{resource}uuid"), "publicid".to_owned()];
    wanted
        .iter()
        .find_map(|wanted| object.keys().find(|name| wire::plain(name) == *wanted && scalar(name)))
        .or_else(|| {
            // A unique field can be the key, as a product code is in some.
            let unique = spec.iter().find(|(_, field)| field.unique)?.0;
            object.keys().find(|name| fields.get(unique).is_some_and(|wire| wire.name == **name))
        })
        .cloned()
}

/// Where the array of records stands in a list: the first array of objects that carry `key`.
pub(super) fn list(body: &Value, key: &str) -> Option<Vec<String>> {
    fn search(value: &Value, key: &str, path: &mut Vec<String>, depth: u8) -> Option<Vec<String>> {
        match value {
            Value::Array(items) => {
                let fits = !items.is_empty() && items.iter().all(|item| item.get(key).is_some());
                fits.then(|| path.clone())
            }
            Value::Object(fields) if depth < 4 => fields.iter().find_map(|(name, value)| {
                path.push(name.clone());
                let found = search(value, key, path, depth + 1);
                path.pop();
                found
            }),
            _ => None,
        }
    }
    search(body, key, &mut Vec::new(), 0)
}

/// Calls `visit` for each object on the way down through objects, outermost first, and for the first item of arrays.
fn objects(value: &Value, path: &mut Vec<String>, visit: &mut impl FnMut(&[String], &Map<String, Value>)) {
    if path.len() > 4 {
        return;
    }
    if let Value::Object(fields) = value {
        visit(path, fields);
        for (name, value) in fields.iter().take(60) {
            path.push(name.clone());
            objects(value, path, visit);
            path.pop();
        }
    }
}
