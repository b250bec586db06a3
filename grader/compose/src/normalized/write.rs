//! Values to JSON, each in the way its attribute asks for.

use serde_json::{Map, Number, Value as Json};

use super::model::{Field, Out};
use crate::document::{Node, Value};
use crate::error::{ComposeError, ErrorKind};
use crate::interpolate::parse_bool;
use crate::quantity;
use crate::tree_path::TreePath;

/// The object that a node is, with the attributes of a model, in its order.
pub(super) fn object(
    node: &Node,
    fields: &[Field],
    path: &TreePath,
    errors: &mut Vec<ComposeError>,
) -> Map<String, Json> {
    let mut made = Map::new();
    for &(name, out) in fields {
        let path = path.child(name);
        let field = node.get(name);
        match write(field, out, &path, errors) {
            Ok(Some(value)) => {
                made.insert(name.to_owned(), value);
            }
            Ok(None) => {}
            Err(message) => {
                let place = field.map_or(&node.place, |field| &field.place);
                errors.push(ComposeError::new(ErrorKind::Invalid(message)).at(place).on(path));
            }
        }
    }
    // The reference hides the content of a config that comes from the environment.
    if made.contains_key("environment") && made.get("content").is_some_and(Json::is_string) {
        made.remove("content");
    }
    made
}

/// The value of an attribute; `None` to leave it out.
fn write(
    node: Option<&Node>,
    out: Out,
    path: &TreePath,
    errors: &mut Vec<ComposeError>,
) -> Result<Option<Json>, String> {
    let Some(node) = node.filter(|node| !node.is_null()) else {
        return Ok(match out {
            Out::Command => Some(Json::Null),
            Out::KeptObject(fields) => {
                // Nothing stands there, so nothing can be wrong with it.
                let nothing = Node::new(crate::document::Place::nowhere(), Value::Null);
                Some(Json::Object(object(&nothing, fields, path, &mut Vec::new())))
            }
            Out::Section(_) if path.parts().len() == 1 => Some(Json::Object(Map::new())),
            _ => None,
        });
    };
    Ok(match out {
        Out::Text => Some(text(node)?).filter(|text| !text.is_empty()).map(Json::String),
        Out::Flag => Some(flag(node)?).filter(|&flag| flag).map(Json::Bool),
        Out::KeptFlag => Some(Json::Bool(flag(node)?)),
        Out::Integer => Some(integer(node)?).filter(|&number| number != 0).map(Json::from),
        Out::KeptInteger => Some(Json::from(integer(node)?)),
        Out::Number => Some(single(node)?).filter(|&number| number != 0.0).map(number),
        Out::Count => Some(count(node)?).filter(|&number| number != 0).map(Json::from),
        Out::Bytes => Some(bytes(node)?).filter(|&size| size != 0).map(|size| Json::String(size.to_string())),
        Out::Duration | Out::KeptDuration => {
            let duration = quantity::duration(&text(node)?)?;
            let kept = matches!(out, Out::KeptDuration) || !duration.is_zero();
            kept.then(|| Json::String(quantity::duration_text(duration)))
        }
        Out::Command => Some(command(node)?),
        Out::HealthTest => match node.as_str() {
            Some(line) => Some(Json::from(vec!["CMD-SHELL", line])),
            None => filled(texts(node)?),
        },
        Out::Texts => filled(match node.as_str() {
            Some(text) => vec![Json::from(text)],
            None => texts(node)?,
        }),
        Out::Variables => filled_map(pairs(node, Json::Null)?),
        Out::Labels => filled_map(pairs(node, Json::from(""))?),
        Out::Hosts => filled(hosts(node)?),
        Out::Mode => Some(Json::String(format!("0{:o}", mode(node)?))),
        Out::Ulimits => filled_map(each(node, path, errors, ulimit)),
        Out::SshKeys => filled(ssh_keys(node)?),
        Out::MultiOptions => filled_map(each(node, path, errors, |option, _, _| {
            let values = match option.as_seq() {
                Some(items) => items.iter().map(shown).map(Json::String).collect(),
                None => vec![Json::String(shown(option))],
            };
            Json::Array(values)
        })),
        Out::Object(fields) | Out::KeptObject(fields) => Some(Json::Object(object(node, fields, path, errors))),
        Out::Objects(fields) => {
            let items = node.as_seq().unwrap_or_default().iter().enumerate();
            filled(items.map(|(index, item)| Json::Object(object(item, fields, &path.item(index), errors))).collect())
        }
        Out::Mapping(fields) | Out::Section(fields) | Out::OptionalSection(fields) => {
            let keeps_null = matches!(out, Out::Mapping(_));
            let made = each(node, path, errors, |entry, path, errors| {
                if keeps_null && entry.is_null() {
                    return Json::Null;
                }
                Json::Object(object(entry, fields, path, errors))
            });
            if matches!(out, Out::Section(_)) && path.parts().len() == 1 {
                Some(Json::Object(made))
            } else {
                filled_map(made)
            }
        }
    })
}

fn each(
    node: &Node,
    path: &TreePath,
    errors: &mut Vec<ComposeError>,
    mut value: impl FnMut(&Node, &TreePath, &mut Vec<ComposeError>) -> Json,
) -> Map<String, Json> {
    let mut made = Map::new();
    for (key, entry) in node.as_map().into_iter().flatten() {
        made.insert(key.clone(), value(entry, &path.child(key), errors));
    }
    made.sort_keys();
    made
}

fn filled(items: Vec<Json>) -> Option<Json> {
    (!items.is_empty()).then_some(Json::Array(items))
}

fn filled_map(map: Map<String, Json>) -> Option<Json> {
    (!map.is_empty()).then_some(Json::Object(map))
}

fn wrong(node: &Node, wanted: &str) -> String {
    match node.scalar_text() {
        Some(text) => format!("`{text}` is no {wanted}"),
        None => format!("a {} is no {wanted}", node.value.kind()),
    }
}

fn text(node: &Node) -> Result<String, String> {
    match node.value {
        Value::String(_) | Value::Int(_) => Ok(shown(node)),
        _ => Err(wrong(node, "text")),
    }
}

/// Any scalar as text, `null` as Go prints it in a list.
fn shown(node: &Node) -> String {
    if node.is_null() { "<nil>".to_owned() } else { node.scalar_text().unwrap_or_default() }
}

fn flag(node: &Node) -> Result<bool, String> {
    match &node.value {
        Value::Bool(flag) => Ok(*flag),
        Value::String(text) => parse_bool(text).ok_or_else(|| wrong(node, "boolean")),
        _ => Err(wrong(node, "boolean")),
    }
}

/// An integer, from a number or a text in decimal.
pub(crate) fn integer(node: &Node) -> Result<i64, String> {
    match &node.value {
        Value::Int(number) => Ok(*number),
        #[expect(clippy::cast_possible_truncation, reason = "as in the reference, what stands after the point is cut")]
        Value::Float(number) if number.is_finite() => Ok(*number as i64),
        Value::String(text) => text.parse().map_err(|_| wrong(node, "integer")),
        _ => Err(wrong(node, "integer")),
    }
}

fn single(node: &Node) -> Result<f64, String> {
    match &node.value {
        #[expect(clippy::cast_precision_loss, reason = "the reference keeps single precision")]
        Value::Int(number) => Ok(*number as f64),
        Value::Float(number) => Ok(*number),
        Value::String(text) => text.parse().map_err(|_| wrong(node, "number")),
        _ => Err(wrong(node, "number")),
    }
    .and_then(|number| {
        // The shortest text of the single-precision number is what the reference prints.
        #[expect(clippy::cast_possible_truncation, reason = "the reference keeps single precision")]
        let single = number as f32;
        single.to_string().parse().map_err(|_| wrong(node, "number"))
    })
}

/// A number in JSON: without a point if it is whole; what JSON cannot say is `null`.
pub(super) fn number(number: f64) -> Json {
    #[expect(clippy::cast_possible_truncation, reason = "checked: whole and small enough to be exact")]
    if number.fract() == 0.0 && number.abs() < 9e15 {
        return Json::from(number as i64);
    }
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}

fn count(node: &Node) -> Result<i64, String> {
    match node.as_str() {
        Some(text) if text.eq_ignore_ascii_case("all") => Ok(-1),
        _ => integer(node).map_err(|_| wrong(node, "number of devices, write a number or `all`")),
    }
}

fn bytes(node: &Node) -> Result<i128, String> {
    match &node.value {
        Value::Int(number) => Ok(i128::from(*number)),
        Value::String(text) => quantity::bytes(text).map(i128::from),
        // The reference takes no notice of a size that is neither.
        _ => Ok(0),
    }
}

fn command(node: &Node) -> Result<Json, String> {
    match &node.value {
        Value::String(line) => quantity::shell_words(line).map(Json::from),
        Value::Seq(_) => texts(node).map(Json::Array),
        _ => Err(wrong(node, "command")),
    }
}

fn texts(node: &Node) -> Result<Vec<Json>, String> {
    let items = node.as_seq().ok_or_else(|| wrong(node, "list of texts"))?;
    Ok(items.iter().map(|item| Json::String(shown(item))).collect())
}

fn pairs(node: &Node, missing: Json) -> Result<Map<String, Json>, String> {
    let mut made = Map::new();
    match &node.value {
        Value::Map(map) => {
            for (key, value) in map {
                let value = if value.is_null() { missing.clone() } else { Json::String(shown(value)) };
                made.insert(key.clone(), value);
            }
        }
        Value::Seq(items) => {
            for item in items {
                let text = shown(item);
                let (key, value) = match text.split_once('=') {
                    Some((key, value)) => (key, Json::from(value)),
                    None => (text.as_str(), missing.clone()),
                };
                if missing.is_null() && key.ends_with(char::is_whitespace) {
                    return Err(format!("the variable `{key}` ends in a space"));
                }
                made.insert(key.to_owned(), value);
            }
        }
        _ => return Err(wrong(node, "mapping or list")),
    }
    made.sort_keys();
    Ok(made)
}

fn hosts(node: &Node) -> Result<Vec<Json>, String> {
    let mut made: Vec<String> =
        host_pairs(node)?.into_iter().map(|(host, address)| format!("{host}={address}")).collect();
    made.sort();
    Ok(made.into_iter().map(Json::String).collect())
}

/// `extra_hosts` as pairs of host and address, in the order of the document.
pub(crate) fn host_pairs(node: &Node) -> Result<Vec<(String, String)>, String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    match &node.value {
        Value::Map(map) => {
            for (host, addresses) in map {
                match addresses.as_seq() {
                    Some(items) => pairs.extend(items.iter().map(|address| (host.clone(), shown(address)))),
                    None => pairs.push((host.clone(), addresses.scalar_text().unwrap_or_default())),
                }
            }
        }
        Value::Seq(items) => {
            for item in items {
                let text = shown(item);
                let (host, addresses) = text
                    .split_once('=')
                    .or_else(|| text.split_once(':'))
                    .ok_or_else(|| format!("`{text}` names no address, write HOST=ADDRESS"))?;
                pairs.extend(addresses.split(',').map(|address| (host.to_owned(), address.to_owned())));
            }
        }
        _ => return Err(wrong(node, "mapping or list")),
    }
    for (host, address) in &mut pairs {
        if host.is_empty() || host.contains([':', '=']) {
            return Err(format!("`{host}` is no host name"));
        }
        if let Some(bare) = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
            && !bare.is_empty()
        {
            *address = bare.to_owned();
        }
    }
    Ok(pairs)
}

/// Permission bits: a number, or an octal text.
pub(crate) fn mode(node: &Node) -> Result<i64, String> {
    match &node.value {
        Value::String(text) => i64::from_str_radix(text, 8).map_err(|_| wrong(node, "octal number")),
        Value::Int(number) => Ok(*number),
        _ => Err(wrong(node, "octal number")),
    }
}

fn ulimit(node: &Node, path: &TreePath, errors: &mut Vec<ComposeError>) -> Json {
    let written = match node.as_map() {
        None => integer(node).map(Json::from),
        Some(_) => {
            let mut limits = Map::new();
            for name in ["hard", "soft"] {
                match node.get(name).map(integer) {
                    Some(Ok(0)) | None => {}
                    Some(Ok(number)) => {
                        limits.insert(name.to_owned(), Json::from(number));
                    }
                    Some(Err(message)) => errors.push(ComposeError::new(ErrorKind::Invalid(message)).at(&node.place)),
                }
            }
            Ok(Json::Object(limits))
        }
    };
    written.unwrap_or_else(|message| {
        errors.push(ComposeError::new(ErrorKind::Invalid(message)).at(&node.place).on(path));
        Json::Null
    })
}

/// The reference cannot print a key with a path: its own output would be no JSON.
fn ssh_keys(node: &Node) -> Result<Vec<Json>, String> {
    let map = node.as_map().ok_or_else(|| wrong(node, "mapping"))?;
    map.iter()
        .map(|(id, path)| match path.scalar_text() {
            Some(path) if !path.is_empty() => Err(format!("the ssh key `{id}` has a path, which cannot be printed")),
            _ => Ok(Json::from(id.as_str())),
        })
        .collect()
}
