//! What the document implies, written out: the default network, names of resources, dependencies that follow from links
//! and shared namespaces, values taken from the environment.

use crate::defaults::{items, section_mut};
use crate::document::{Mapping, Node, Place, Value};
use crate::long_form::clean;
use crate::template::Variables;

/// Takes values of environment variables into the document: `environment: [NAME]`, and the content of secrets and
/// configs that name one.
pub(crate) fn take_environment(root: &mut Node, environment: &dyn Variables) {
    for (_, service) in section_mut(root, "services") {
        if let Some(Node { value: Value::Seq(items), .. }) =
            service.as_map_mut().and_then(|map| map.get_mut("environment"))
        {
            for item in items {
                if let Some(value) = item.as_str().and_then(|name| environment.get(name)) {
                    let name = item.as_str().unwrap_or_default();
                    item.value = Value::String(format!("{name}={value}"));
                }
            }
        }
    }
    for (_, config) in section_mut(root, "configs") {
        let value = config.get("environment").and_then(Node::as_str).and_then(|name| environment.get(name));
        if let (Some(value), place, Some(map)) = (value, config.place.clone(), config.as_map_mut()) {
            map.insert("content".to_owned(), Node::string(&place, value));
        }
    }
}

/// Writes out what a merged document implies.
pub(crate) fn normalize(root: &mut Node, project: &str, environment: &dyn Variables) {
    let place = root.place.clone();
    networks(root, &place);
    for (_, service) in section_mut(root, "services") {
        let place = service.place.clone();
        if let Some(service) = service.as_map_mut() {
            self::service(service, &place, environment);
        }
    }
    for section in ["networks", "volumes", "configs", "secrets"] {
        for (key, resource) in section_mut(root, section) {
            if resource.is_null() {
                resource.value = Value::Map(Mapping::new());
            }
            let place = resource.place.clone();
            let external = resource.get("external").and_then(Node::as_bool) == Some(true);
            let Some(map) = resource.as_map_mut() else { continue };
            if map.get("name").is_none_or(Node::is_null) {
                let name = if external { key.clone() } else { format!("{project}_{key}") };
                map.insert("name".to_owned(), Node::string(&place, name));
            }
        }
    }
    if let Some(document) = root.as_map_mut() {
        document.insert("name".to_owned(), Node::string(&place, project));
    }
}

/// Connects services that say nothing else to the default network, and declares it if one uses it.
fn networks(root: &mut Node, place: &Place) {
    let mut default_is_used = false;
    for (_, service) in section_mut(root, "services") {
        let here = service.place.clone();
        let Some(service) = service.as_map_mut() else { continue };
        if service.contains_key("provider") || service.contains_key("network_mode") {
            continue;
        }
        let named = service.get("networks").and_then(Node::as_map);
        match named {
            Some(networks) if !networks.is_empty() => default_is_used |= networks.contains_key("default"),
            _ => {
                default_is_used = true;
                let default = Mapping::from_iter([("default".to_owned(), Node::new(here.clone(), Value::Null))]);
                service.insert("networks".to_owned(), Node::new(here, Value::Map(default)));
            }
        }
    }
    let Some(document) = root.as_map_mut() else { return };
    if default_is_used {
        let networks = document
            .entry("networks".to_owned())
            .or_insert_with(|| Node::new(place.clone(), Value::Map(Mapping::new())));
        if networks.is_null() {
            networks.value = Value::Map(Mapping::new());
        }
        if let Some(networks) = networks.as_map_mut() {
            networks.entry("default".to_owned()).or_insert_with(|| Node::new(place.clone(), Value::Null));
        }
    }
}

fn service(service: &mut Mapping, place: &Place, environment: &dyn Variables) {
    if let Some(policy) = service.get_mut("pull_policy")
        && policy.as_str() == Some("if_not_present")
    {
        policy.value = Value::String("missing".to_owned());
    }
    if let Some(build) = service.get_mut("build").and_then(Node::as_map_mut) {
        let text = |text: &str| Node::string(place, text);
        if build.get("context").is_none_or(Node::is_null) {
            build.insert("context".to_owned(), text("."));
        }
        if build.get("dockerfile").is_none_or(Node::is_null) && build.get("dockerfile_inline").is_none_or(Node::is_null)
        {
            build.insert("dockerfile".to_owned(), text("Dockerfile"));
        }
        if let Some(args) = build.get_mut("args") {
            resolve(args, environment, false);
        }
    }
    if let Some(variables) = service.get_mut("environment") {
        resolve(variables, environment, true);
    }
    for volume in crate::defaults::items_mut(service.get_mut("volumes")) {
        if let Some(Node { value: Value::String(target), .. }) =
            volume.as_map_mut().and_then(|volume| volume.get_mut("target"))
        {
            *target = clean(target);
        }
    }
    dependencies(service, place);
}

/// Adds the dependencies that links, shared namespaces and `volumes_from` imply.
fn dependencies(service: &mut Mapping, place: &Place) {
    let mut implied: Vec<(String, bool)> = Vec::new();
    for (_, link) in items(service.get("links")) {
        let link = link.as_str().unwrap_or_default();
        let name = match link.split_once(':') {
            Some((name, alias)) if !alias.contains(':') => name,
            _ => link,
        };
        implied.push((name.to_owned(), true));
    }
    for namespace in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        let shared = service.get(namespace).and_then(Node::as_str).and_then(|mode| mode.strip_prefix("service:"));
        implied.extend(shared.map(|shared| (shared.to_owned(), true)));
    }
    for (_, volume) in items(service.get("volumes_from")) {
        let text = volume.as_str().unwrap_or_default();
        if !text.starts_with("container:") {
            implied.push((text.split(':').next().unwrap_or(text).to_owned(), false));
        }
    }
    if implied.is_empty() {
        return;
    }
    let depends_on =
        service.entry("depends_on".to_owned()).or_insert_with(|| Node::new(place.clone(), Value::Map(Mapping::new())));
    let Some(depends_on) = depends_on.as_map_mut() else { return };
    for (name, restart) in implied {
        depends_on.entry(name).or_insert_with(|| {
            let flag = |flag| Node::new(place.clone(), Value::Bool(flag));
            let map = Mapping::from_iter([
                ("condition".to_owned(), Node::string(place, "service_started")),
                ("restart".to_owned(), flag(restart)),
                ("required".to_owned(), flag(true)),
            ]);
            Node::new(place.clone(), Value::Map(map))
        });
    }
}

/// Gives variables without a value the one of the environment; those that it does not know are left out unless kept.
fn resolve(node: &mut Node, environment: &dyn Variables, keep_unset: bool) {
    match &mut node.value {
        Value::Seq(items) => items.retain_mut(|item| {
            let Some(name) = item.as_str() else { return false };
            if name.contains('=') {
                return true;
            }
            let Some(value) = environment.get(name) else { return keep_unset };
            item.value = Value::String(format!("{name}={value}"));
            true
        }),
        Value::Map(map) => map.retain(|name, value| {
            if !value.is_null() {
                return true;
            }
            let Some(known) = environment.get(name) else { return keep_unset };
            value.value = Value::String(known);
            true
        }),
        _ => {}
    }
}
