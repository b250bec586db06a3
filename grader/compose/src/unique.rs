//! Lists whose items have a key: a later item takes the place of an earlier one with the same key.

use crate::document::{Node, Value};
use crate::error::{ComposeError, ErrorKind};
use crate::tree_path::TreePath;
use crate::volume_spec;

/// What the key of an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// What stands before `=`.
    Name,
    /// The path in the container.
    Mount,
    /// The second part of `SOURCE:TARGET`, or `target`.
    Device,
    /// `target`, or the source below this folder.
    File(&'static str),
    /// Address, published and target port, protocol.
    Port,
    /// `path`, or the text.
    EnvFile,
    /// The number or text.
    Text,
}

/// Places of the reference.
const KEYS: &[(&str, Key)] = &[
    ("networks.*.labels", Key::Name),
    ("networks.*.ipam.options", Key::Name),
    ("services.*.annotations", Key::Name),
    ("services.*.build.args", Key::Name),
    ("services.*.build.additional_contexts", Key::Name),
    ("services.*.build.platform", Key::Name),
    ("services.*.build.tags", Key::Name),
    ("services.*.build.labels", Key::Name),
    ("services.*.cap_add", Key::Name),
    ("services.*.cap_drop", Key::Name),
    ("services.*.configs", Key::File("")),
    ("services.*.deploy.labels", Key::Name),
    ("services.*.devices", Key::Device),
    ("services.*.dns", Key::Name),
    ("services.*.dns_opt", Key::Name),
    ("services.*.dns_search", Key::Name),
    ("services.*.environment", Key::Name),
    ("services.*.env_file", Key::EnvFile),
    ("services.*.expose", Key::Text),
    ("services.*.labels", Key::Name),
    ("services.*.links", Key::Name),
    ("services.*.networks.*.aliases", Key::Name),
    ("services.*.networks.*.link_local_ips", Key::Name),
    ("services.*.ports", Key::Port),
    ("services.*.profiles", Key::Name),
    ("services.*.secrets", Key::File("/run/secrets")),
    ("services.*.sysctls", Key::Name),
    ("services.*.tmpfs", Key::Name),
    ("services.*.volumes", Key::Mount),
];

/// Leaves one item for each key, in every list that has one.
///
/// # Errors
/// An item whose key cannot be told.
pub(crate) fn enforce(node: &mut Node, path: &TreePath) -> Result<(), ComposeError> {
    match &mut node.value {
        Value::Map(map) => {
            for (name, value) in map {
                enforce(value, &path.child(name))?;
            }
        }
        Value::Seq(items) => {
            let Some(&(_, kind)) = KEYS.iter().find(|(pattern, _)| path.matches(pattern)) else { return Ok(()) };
            let mut kept: indexmap::IndexMap<String, Node> = indexmap::IndexMap::with_capacity(items.len());
            for (index, item) in std::mem::take(items).into_iter().enumerate() {
                let key = key_of(kind, &item).map_err(|message| invalid(&item, message).on(path.item(index)))?;
                kept.insert(key, item);
            }
            *items = kept.into_values().collect();
        }
        _ => {}
    }
    Ok(())
}

fn key_of(kind: Key, item: &Node) -> Result<String, String> {
    let text = item.as_str();
    let field = |name: &str| item.get(name).and_then(Node::scalar_text);
    let wrong = || format!("a {} cannot stand here", item.value.kind());
    match kind {
        Key::Name => text.map(|text| text.split('=').next().unwrap_or(text).to_owned()).ok_or_else(wrong),
        Key::Text => match item.value {
            Value::Int(_) | Value::String(_) => item.scalar_text().ok_or_else(wrong),
            _ => Err(wrong()),
        },
        Key::Mount => match &item.value {
            Value::Map(_) => field("target").ok_or_else(|| "the volume has no `target`".to_owned()),
            Value::String(text) => volume_spec::parse(text).map(|volume| volume.target),
            _ => Ok(String::new()),
        },
        Key::Device => match &item.value {
            Value::Map(_) => field("target").ok_or_else(|| "the device has no `target`".to_owned()),
            Value::String(text) => Ok(text.split(':').nth(1).unwrap_or(text).to_owned()),
            _ => Ok(String::new()),
        },
        Key::File(folder) => match &item.value {
            Value::String(source) => Ok(format!("{folder}/{source}")),
            Value::Map(_) => {
                Ok(field("target").unwrap_or_else(|| format!("{folder}/{}", field("source").unwrap_or_default())))
            }
            _ => Err(wrong()),
        },
        Key::Port => match &item.value {
            Value::Map(_) => {
                let target = field("target").ok_or_else(|| "the port has no `target`".to_owned())?;
                let host = field("host_ip").unwrap_or_else(|| "0.0.0.0".to_owned());
                let protocol = field("protocol").unwrap_or_else(|| "tcp".to_owned());
                // A port without a published one is told from one published as the empty text.
                Ok(format!("{host}:{:?}:{target}/{protocol}", field("published")))
            }
            _ => Ok(item.scalar_text().unwrap_or_default()),
        },
        Key::EnvFile => match &item.value {
            Value::Map(_) => field("path").ok_or_else(|| "the environment file has no `path`".to_owned()),
            _ => Ok(text.unwrap_or_default().to_owned()),
        },
    }
}

fn invalid(item: &Node, message: String) -> ComposeError {
    ComposeError::new(ErrorKind::Invalid(message)).at(&item.place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Budget;

    #[test]
    fn the_later_item_stands_where_the_earlier_stood() {
        let read = |text: &str| crate::yaml::parse(text, "f", &Budget::default()).unwrap().remove(0).root;
        let mut node = read(
            "services: {a: {environment: [A=1, B=1, A=2], volumes: [./x:/y, zz:/y], ports: ['1:1', '2:2', '1:1'], \
             security_opt: [a, a]}}",
        );
        enforce(&mut node, &TreePath::default()).unwrap();
        let expected = "services: {a: {environment: [A=2, B=1], volumes: [zz:/y], ports: ['1:1', '2:2'], \
                        security_opt: [a, a]}}";
        assert_eq!(node, read(expected));
    }
}
