//! Short forms made long, so that every later stage sees one form only.
//!
//! What has neither form is left as it is: the schema has reported it, or will.

use crate::document::{Mapping, Node, Place, Value};
use crate::error::{ComposeError, ErrorKind};
use crate::tree_path::TreePath;
use crate::{ports, volume_spec};

/// Ports that ranges may still name: `1-65535` is one line.
struct PortBudget {
    limit: usize,
    left: usize,
}

/// Makes the short forms of a document long.
///
/// # Errors
/// A short form that cannot be read, or more published ports than `limit`.
pub(crate) fn lengthen(root: &mut Node, limit: usize) -> Result<(), ComposeError> {
    let Some(document) = root.as_map_mut() else { return Ok(()) };
    let mut port_budget = PortBudget { limit, left: limit };
    if let Some(services) = document.get_mut("services").and_then(Node::as_map_mut) {
        for (name, service) in services {
            let path = TreePath::of(&["services", name]);
            if let Some(service) = service.as_map_mut() {
                self::service(service, &path, &mut port_budget)?;
            }
        }
    }
    for section in ["volumes", "networks", "secrets", "configs"] {
        for (name, resource) in document.get_mut(section).and_then(Node::as_map_mut).into_iter().flatten() {
            external(resource, &TreePath::of(&[section, name]))?;
        }
    }
    Ok(())
}

fn service(service: &mut Mapping, path: &TreePath, port_budget: &mut PortBudget) -> Result<(), ComposeError> {
    for (attribute, node) in service {
        let path = path.child(attribute);
        match attribute.as_str() {
            "build" => build(node, &path)?,
            "depends_on" => depends_on(node, &path)?,
            "env_file" => env_file(node),
            "extends" => text_to(node, |text, place| entry("service", Node::string(place, text))),
            "dns" | "label_file" => text_to_list(node),
            "networks" | "models" => names_to_mapping(node),
            "gpus" => text_to(node, |_, place| {
                let all = entry("count", Node::string(place, "all"));
                Value::Seq(vec![Node::new(place.clone(), all)])
            }),
            "secrets" | "configs" => file_grants(node),
            "devices" => each_item(node, &path, device)?,
            "volumes" => each_item(node, &path, mount)?,
            "ports" => published(node, &path, port_budget)?,
            "develop" => {
                for watch in node.as_map_mut().and_then(|map| map.get_mut("watch")).into_iter() {
                    each_item(watch, &path, |item, _| {
                        for list in ["ignore", "include"] {
                            item.as_map_mut().and_then(|map| map.get_mut(list)).into_iter().for_each(text_to_list);
                        }
                        Ok(())
                    })?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn build(node: &mut Node, path: &TreePath) -> Result<(), ComposeError> {
    text_to(node, |text, place| entry("context", Node::string(place, text)));
    for (attribute, node) in node.as_map_mut().into_iter().flatten() {
        match attribute.as_str() {
            "additional_contexts" => pairs_to_mapping(node, &path.child(attribute))?,
            "secrets" => file_grants(node),
            "provenance" | "sbom" => {
                if let Value::Bool(flag) = node.value {
                    node.value = Value::String(flag.to_string());
                }
            }
            "ssh" => ssh(node, &path.child(attribute))?,
            _ => {}
        }
    }
    Ok(())
}

fn depends_on(node: &mut Node, path: &TreePath) -> Result<(), ComposeError> {
    if let Value::Seq(items) = &mut node.value {
        let mut map = Mapping::new();
        for item in std::mem::take(items) {
            if let Some(name) = item.as_str() {
                map.insert(name.to_owned(), Node::new(item.place.clone(), Value::Map(Mapping::new())));
            }
        }
        node.value = Value::Map(map);
    }
    for (name, dependency) in node.as_map_mut().into_iter().flatten() {
        let place = dependency.place.clone();
        let Some(map) = dependency.as_map_mut() else {
            return Err(invalid(dependency, "a dependency must be a mapping").on(path.child(name)));
        };
        map.entry("condition".to_owned()).or_insert_with(|| Node::string(&place, "service_started"));
        map.entry("required".to_owned()).or_insert_with(|| Node::new(place, Value::Bool(true)));
    }
    Ok(())
}

fn env_file(node: &mut Node) {
    text_to_list(node);
    let Value::Seq(items) = &mut node.value else { return };
    for item in items {
        text_to(item, |text, place| entry("path", Node::string(place, text)));
        let place = item.place.clone();
        if let Some(map) = item.as_map_mut() {
            map.entry("required".to_owned()).or_insert_with(|| Node::new(place, Value::Bool(true)));
        }
    }
}

fn file_grants(node: &mut Node) {
    let Value::Seq(items) = &mut node.value else { return };
    for item in items {
        text_to(item, |text, place| entry("source", Node::string(place, text)));
    }
}

fn device(item: &mut Node, path: &TreePath) -> Result<(), ComposeError> {
    let Some(text) = item.as_str().map(str::to_owned) else { return Ok(()) };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match parts[..] {
        [source] => (source, "", "rwm"),
        [source, target] => (source, target, "rwm"),
        [source, target, permissions] => (source, target, permissions),
        _ => return Err(invalid(item, format!("`{text}` has too many colons, use the long form")).on(path)),
    };
    let target = if target.is_empty() { source } else { target };
    let place = &item.place;
    item.value = mapping([
        ("source", Node::string(place, source)),
        ("target", Node::string(place, target)),
        ("permissions", Node::string(place, permissions)),
    ]);
    Ok(())
}

fn mount(item: &mut Node, path: &TreePath) -> Result<(), ComposeError> {
    let Some(text) = item.as_str() else { return Ok(()) };
    let spec = volume_spec::parse(text).map_err(|message| invalid(item, message).on(path))?;
    let place = item.place.clone();
    let text = |text: &str| Node::string(&place, text);
    let flag = |flag: bool| Node::new(place.clone(), Value::Bool(flag));
    let is_bind = spec.is_bind();
    let mut map = Mapping::new();
    map.insert("type".to_owned(), text(if is_bind { "bind" } else { "volume" }));
    if let Some(source) = &spec.source {
        map.insert("source".to_owned(), text(source));
    }
    map.insert("target".to_owned(), text(&clean(&spec.target)));
    if spec.read_only {
        map.insert("read_only".to_owned(), flag(true));
    }
    let mut bind = Mapping::new();
    if let Some(propagation) = &spec.propagation {
        bind.insert("propagation".to_owned(), text(propagation));
    }
    if let Some(selinux) = &spec.selinux {
        bind.insert("selinux".to_owned(), text(selinux));
    }
    if is_bind {
        bind.insert("create_host_path".to_owned(), flag(true));
    }
    if is_bind || !bind.is_empty() {
        map.insert("bind".to_owned(), Node::new(place.clone(), Value::Map(bind)));
    }
    if spec.nocopy || !is_bind && spec.source.is_some() || !is_bind && spec.target.len() > 2 {
        let volume = if spec.nocopy { entry("nocopy", flag(true)) } else { Value::Map(Mapping::new()) };
        map.insert("volume".to_owned(), Node::new(place.clone(), volume));
    }
    item.value = Value::Map(map);
    Ok(())
}

fn published(node: &mut Node, path: &TreePath, budget: &mut PortBudget) -> Result<(), ComposeError> {
    let Value::Seq(items) = &mut node.value else { return Ok(()) };
    let mut long = Vec::with_capacity(items.len());
    for (index, item) in std::mem::take(items).into_iter().enumerate() {
        let text = match &item.value {
            Value::Int(_) | Value::String(_) => item.scalar_text().unwrap_or_default(),
            Value::Map(_) => {
                long.push(item);
                continue;
            }
            _ => return Err(invalid(&item, format!("a {} is no port", item.value.kind())).on(path.item(index))),
        };
        let parsed = ports::parse(&text).map_err(|message| invalid(&item, message).on(path.item(index)))?;
        budget.left = budget.left.checked_sub(parsed.len()).ok_or_else(|| {
            ComposeError::new(ErrorKind::Budget { what: "published ports", limit: budget.limit }).at(&item.place)
        })?;
        for port in parsed {
            let place = &item.place;
            let mut map = Mapping::from_iter([("mode".to_owned(), Node::string(place, "ingress"))]);
            if let Some(address) = port.host_ip {
                map.insert("host_ip".to_owned(), Node::string(place, address));
            }
            map.insert("target".to_owned(), Node::new(place.clone(), Value::Int(i64::from(port.target))));
            if let Some(published) = port.published {
                map.insert("published".to_owned(), Node::string(place, published));
            }
            map.insert("protocol".to_owned(), Node::string(place, port.protocol));
            long.push(Node::new(place.clone(), Value::Map(map)));
        }
    }
    *items = long;
    Ok(())
}

/// `external: {name: x}` is the old way to write a name and `external: true`.
fn external(resource: &mut Node, path: &TreePath) -> Result<(), ComposeError> {
    let Some(map) = resource.as_map_mut() else { return Ok(()) };
    let Some(external) = map.get_mut("external") else { return Ok(()) };
    let Value::Map(old) = &mut external.value else { return Ok(()) };
    let old_name = old.shift_remove("name");
    external.value = Value::Bool(true);
    let Some(old_name) = old_name else { return Ok(()) };
    match map.get("name") {
        Some(name) if *name != old_name => {
            Err(invalid(&old_name, "`name` and `external.name` differ, use `name` alone").on(path))
        }
        Some(_) => Ok(()),
        None => {
            map.insert("name".to_owned(), old_name);
            Ok(())
        }
    }
}

fn ssh(node: &mut Node, path: &TreePath) -> Result<(), ComposeError> {
    let Value::Seq(items) = &mut node.value else { return Ok(()) };
    let mut map = Mapping::new();
    for item in std::mem::take(items) {
        let text = item.as_str().unwrap_or_default();
        match text.split_once('=') {
            Some((id, file)) => map.insert(id.to_owned(), Node::string(&item.place, file)),
            None if text == "default" => map.insert(text.to_owned(), Node::new(item.place.clone(), Value::Null)),
            None => return Err(invalid(&item, format!("`{text}` is no ssh key, write ID=PATH")).on(path)),
        };
    }
    node.value = Value::Map(map);
    Ok(())
}

fn pairs_to_mapping(node: &mut Node, path: &TreePath) -> Result<(), ComposeError> {
    let Value::Seq(items) = &mut node.value else { return Ok(()) };
    let mut map = Mapping::new();
    for (index, item) in std::mem::take(items).into_iter().enumerate() {
        let Some((key, value)) = item.as_str().and_then(|text| text.split_once('=')) else {
            return Err(invalid(&item, "must be KEY=VALUE").on(path.item(index)));
        };
        map.insert(key.to_owned(), Node::string(&item.place, value));
    }
    node.value = Value::Map(map);
    Ok(())
}

fn names_to_mapping(node: &mut Node) {
    let Value::Seq(items) = &mut node.value else { return };
    let names = std::mem::take(items).into_iter().filter_map(|item| {
        let name = item.as_str()?.to_owned();
        Some((name, Node::new(item.place, Value::Null)))
    });
    node.value = Value::Map(names.collect());
}

fn text_to_list(node: &mut Node) {
    text_to(node, |text, place| Value::Seq(vec![Node::string(place, text)]));
}

fn text_to(node: &mut Node, value: impl FnOnce(String, &Place) -> Value) {
    if let Value::String(text) = &mut node.value {
        node.value = value(std::mem::take(text), &node.place);
    }
}

fn each_item(
    node: &mut Node,
    path: &TreePath,
    mut change: impl FnMut(&mut Node, &TreePath) -> Result<(), ComposeError>,
) -> Result<(), ComposeError> {
    let Value::Seq(items) = &mut node.value else { return Ok(()) };
    items.iter_mut().enumerate().try_for_each(|(index, item)| change(item, &path.item(index)))
}

fn entry(key: &str, node: Node) -> Value {
    mapping([(key, node)])
}

fn mapping<const N: usize>(entries: [(&str, Node); N]) -> Value {
    Value::Map(entries.into_iter().map(|(key, node)| (key.to_owned(), node)).collect())
}

/// A path in a container without `.`, `..` and doubled slashes; an empty one stays empty.
pub(crate) fn clean(path: &str) -> String {
    if path.is_empty() {
        return String::new();
    }
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|&last| last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    match (absolute, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

fn invalid(node: &Node, message: impl Into<String>) -> ComposeError {
    ComposeError::new(ErrorKind::Invalid(message.into())).at(&node.place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Budget;

    fn read(text: &str) -> Node {
        crate::yaml::parse(text, "f", &Budget::default()).unwrap().remove(0).root
    }

    #[test]
    fn short_forms_become_long() {
        for (short, long) in [
            ("build: x", "build: {context: x}"),
            ("depends_on: [b]", "depends_on: {b: {condition: service_started, required: true}}"),
            ("env_file: .env", "env_file: [{path: .env, required: true}]"),
            ("networks: [n]", "networks: {n: }"),
            ("ports: [80]", "ports: [{mode: ingress, target: 80, protocol: tcp}]"),
            (
                "volumes: ['./a:/b/../c:ro']",
                "volumes: [{type: bind, source: ./a, target: /c, read_only: true, bind: {create_host_path: true}}]",
            ),
            ("volumes: ['data:/b']", "volumes: [{type: volume, source: data, target: /b, volume: {}}]"),
            ("secrets: [s]", "secrets: [{source: s}]"),
            ("dns: 1.1.1.1", "dns: [1.1.1.1]"),
        ] {
            let wrap = |text: &str| read(&format!("services: {{a: {{{text}}}}}"));
            let mut node = wrap(short);
            lengthen(&mut node, 100).unwrap();
            assert_eq!(node, wrap(long), "{short}");
        }
    }

    #[test]
    fn port_ranges_have_a_budget() {
        let mut node = read("services: {a: {ports: ['1-65535']}}");
        assert_eq!(lengthen(&mut node, 1000).unwrap_err().code(), "compose.budget");
    }

    #[test]
    fn paths_are_cleaned_as_go_cleans_them() {
        for (path, expected) in
            [("", ""), ("/", "/"), ("/a/./b//../c/", "/a/c"), ("/../a", "/a"), ("../a", "../a"), ("a/..", ".")]
        {
            assert_eq!(clean(path), expected, "{path}");
        }
    }
}
