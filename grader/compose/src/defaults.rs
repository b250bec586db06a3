//! Values that the specification gives to attributes left out, and the checks that need them.

use std::net::IpAddr;

use crate::document::{Mapping, Node, Value};
use crate::error::{ComposeError, ErrorKind};
use crate::tree_path::TreePath;

/// Fills in the defaults of a document in long form.
pub(crate) fn fill(root: &mut Node) {
    for (_, service) in section_mut(root, "services") {
        let Some(service) = service.as_map_mut() else { continue };
        if let Some(build) = service.get_mut("build") {
            default(build, "context", Value::String(".".to_owned()));
        }
        for grant in items_mut(service.get_mut("secrets")) {
            let source = grant.get("source").and_then(Node::scalar_text).unwrap_or_default();
            default(grant, "target", Value::String(format!("/run/secrets/{source}")));
        }
        for port in items_mut(service.get_mut("ports")) {
            default(port, "protocol", Value::String("tcp".to_owned()));
            default(port, "mode", Value::String("ingress".to_owned()));
        }
        for request in items_mut(service.get_mut("gpus")) {
            device_request(request);
        }
        let devices =
            service.get_mut("deploy").and_then(|deploy| descend(deploy, &["resources", "reservations", "devices"]));
        for request in items_mut(devices) {
            device_request(request);
        }
    }
}

/// Checks that need long forms and defaults, and that the schema cannot say.
pub(crate) fn check(root: &Node, errors: &mut Vec<ComposeError>) {
    let mut report = |node: &Node, path: TreePath, message: String| {
        errors.push(ComposeError::new(ErrorKind::Invalid(message)).at(&node.place).on(path));
    };
    for (name, volume) in section(root, "volumes") {
        if let Some((conflict, key)) = conflict_with_external(volume) {
            let message = format!("`external` excludes `{key}`");
            report(conflict, TreePath::of(&["volumes", name]), message);
        }
    }
    for (kind, sources) in [("configs", &["file", "environment", "content"][..]), ("secrets", &["file", "environment"])]
    {
        for (name, object) in section(root, kind) {
            let count = sources.iter().filter(|&source| object.get(source).is_some()).count();
            let path = TreePath::of(&[kind, name]);
            if count > 1 {
                report(object, path, format!("only one of {} may be set", sources.join(", ")));
            } else if count == 0 && object.get("driver").is_none() && object.get("external").is_none() {
                report(object, path, format!("one of {} must be set", sources.join(", ")));
            }
        }
    }
    for (name, service) in section(root, "services") {
        let path = TreePath::of(&["services", name]);
        for (index, port) in items(service.get("ports")) {
            if let Some(host) = port.get("host_ip").and_then(Node::as_str)
                && host.parse::<IpAddr>().is_err()
            {
                report(port, path.child("ports").item(index), format!("`{host}` is no IP address"));
            }
        }
        for (index, watch) in items(service.get("develop").and_then(|develop| develop.get("watch"))) {
            if watch.get("path").and_then(Node::as_str) == Some("") {
                report(watch, path.child("develop").child("watch").item(index), "`path` is empty".to_owned());
            }
        }
        let reserved = ["resources", "reservations", "devices"];
        let reserved = reserved.iter().try_fold(service.get("deploy"), |node, key| Some(node?.get(key))).flatten();
        for (index, request) in items(service.get("gpus")).chain(items(reserved)) {
            if request.get("count").is_some() && request.get("device_ids").is_some() {
                let message = format!("device request {index} has both `count` and `device_ids`");
                report(request, path.clone(), message);
            }
        }
    }
}

fn conflict_with_external(volume: &Node) -> Option<(&Node, &str)> {
    if volume.get("external")?.as_bool() != Some(true) {
        return None;
    }
    volume
        .as_map()?
        .iter()
        .find(|(key, _)| !matches!(key.as_str(), "name" | "external") && !key.starts_with("x-"))
        .map(|(key, node)| (node, key.as_str()))
}

fn device_request(request: &mut Node) {
    if request.get("device_ids").is_none() {
        default(request, "count", Value::String("all".to_owned()));
    }
}

fn default(node: &mut Node, key: &str, value: Value) {
    let place = node.place.clone();
    if let Some(map) = node.as_map_mut() {
        map.entry(key.to_owned()).or_insert_with(|| Node::new(place, value));
    }
}

fn descend<'a>(node: &'a mut Node, way: &[&str]) -> Option<&'a mut Node> {
    way.iter().try_fold(node, |node, key| node.as_map_mut()?.get_mut(*key))
}

/// The entries of a section of the document.
pub(crate) fn section<'a>(root: &'a Node, name: &str) -> impl Iterator<Item = (&'a String, &'a Node)> {
    root.get(name).and_then(Node::as_map).into_iter().flatten()
}

/// The entries of a section of the document.
pub(crate) fn section_mut<'a>(root: &'a mut Node, name: &str) -> impl Iterator<Item = (&'a String, &'a mut Node)> {
    let section: Option<&mut Mapping> = root.as_map_mut().and_then(|map| map.get_mut(name)?.as_map_mut());
    section.into_iter().flatten()
}

/// The items of a list, with their numbers; none if it is no list.
pub(crate) fn items(node: Option<&Node>) -> impl Iterator<Item = (usize, &Node)> {
    node.and_then(Node::as_seq).unwrap_or_default().iter().enumerate()
}

/// The items of a list; none if it is no list.
pub(crate) fn items_mut(node: Option<&mut Node>) -> impl Iterator<Item = &mut Node> {
    match node.map(|node| &mut node.value) {
        Some(Value::Seq(items)) => items.iter_mut(),
        _ => [].iter_mut(),
    }
}
