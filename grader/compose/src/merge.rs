//! One document over another: override files, `extends`, several documents in one file.
//!
//! Mappings merge by key and lists append, but for the attributes that [`rule`] names.

use crate::document::{Mapping, Node, Place, Value};
use crate::error::{ComposeError, ErrorKind};
use crate::tree_path::TreePath;

/// How two values of an attribute become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Mappings by key, lists appended, the later scalar.
    General,
    /// The later value alone.
    Replace,
    /// Both as lists of `KEY=VALUE`, appended.
    Pairs,
    /// As `Pairs`, leaving out what is there already.
    NewPairs,
    /// A text is the context of a build.
    Build,
    /// A list of names is a mapping of started, required services.
    DependsOn,
    /// A list of names is a mapping to nothing.
    Names,
    /// Options merge only for the same driver.
    Logging,
    /// Pools merge by subnet.
    Ipam,
}

/// Places of the reference.
const RULES: &[(&str, Rule)] = &[
    ("networks.*.ipam.config", Rule::Ipam),
    ("networks.*.labels", Rule::Pairs),
    ("volumes.*.labels", Rule::Pairs),
    ("services.*.annotations", Rule::Pairs),
    ("services.*.build", Rule::Build),
    ("services.*.build.args", Rule::Pairs),
    ("services.*.build.additional_contexts", Rule::Pairs),
    ("services.*.build.extra_hosts", Rule::NewPairs),
    ("services.*.build.labels", Rule::Pairs),
    ("services.*.command", Rule::Replace),
    ("services.*.depends_on", Rule::DependsOn),
    ("services.*.deploy.labels", Rule::Pairs),
    ("services.*.dns", Rule::Pairs),
    ("services.*.dns_opt", Rule::Pairs),
    ("services.*.dns_search", Rule::Pairs),
    ("services.*.entrypoint", Rule::Replace),
    ("services.*.env_file", Rule::Pairs),
    ("services.*.label_file", Rule::Pairs),
    ("services.*.environment", Rule::Pairs),
    ("services.*.extra_hosts", Rule::NewPairs),
    ("services.*.healthcheck.test", Rule::Replace),
    ("services.*.labels", Rule::Pairs),
    ("services.*.volumes.*.volume.labels", Rule::Pairs),
    ("services.*.logging", Rule::Logging),
    ("services.*.models", Rule::Names),
    ("services.*.networks", Rule::Names),
    ("services.*.sysctls", Rule::Pairs),
    ("services.*.tmpfs", Rule::Pairs),
    ("services.*.ulimits.*", Rule::Replace),
];

/// `over` merged over `base`, both at `path`.
///
/// # Errors
/// The two are of kinds that cannot be merged.
pub(crate) fn merge(base: Node, over: Node, path: &TreePath) -> Result<Node, ComposeError> {
    let rule = RULES.iter().find(|(pattern, _)| path.matches(pattern)).map_or(Rule::General, |&(_, rule)| rule);
    match rule {
        Rule::Replace => Ok(over),
        Rule::General => general(base, over, path),
        Rule::Pairs => {
            let mut items = pairs(base);
            let place = over.place.clone();
            items.extend(pairs(over));
            Ok(Node::new(place, Value::Seq(items)))
        }
        Rule::NewPairs => {
            let mut items = pairs(base);
            let place = over.place.clone();
            let new: Vec<Node> = pairs(over).into_iter().filter(|item| !items.contains(item)).collect();
            items.extend(new);
            Ok(Node::new(place, Value::Seq(items)))
        }
        Rule::Build => {
            let place = over.place.clone();
            mappings(build_mapping(base), build_mapping(over), place, path)
        }
        Rule::DependsOn => {
            let place = over.place.clone();
            mappings(named(base, &started), named(over, &started), place, path)
        }
        Rule::Names => {
            let place = over.place.clone();
            mappings(named(base, &|_| Value::Null), named(over, &|_| Value::Null), place, path)
        }
        Rule::Logging => logging(base, over, path),
        Rule::Ipam => ipam(base, over, path),
    }
}

fn general(base: Node, over: Node, path: &TreePath) -> Result<Node, ComposeError> {
    if over.is_null() {
        return Ok(base);
    }
    let (from, to) = (base.value.kind(), over.value.kind());
    match (base.value, over.value) {
        (Value::Map(base), Value::Map(map)) => mappings(base, map, over.place, path),
        (Value::Seq(mut items), Value::Seq(more)) => {
            items.extend(more);
            Ok(Node::new(over.place, Value::Seq(items)))
        }
        (Value::Map(_) | Value::Seq(_), _) => {
            Err(ComposeError::new(ErrorKind::CannotMerge { from, to }).at(&over.place).on(path))
        }
        (_, value) => Ok(Node::new(over.place, value)),
    }
}

fn mappings(mut base: Mapping, over: Mapping, place: Place, path: &TreePath) -> Result<Node, ComposeError> {
    for (key, value) in over {
        let merged = match base.get_mut(&key) {
            // The place in the order is kept; `Null` stands there for the moment.
            Some(known) => {
                let known = std::mem::replace(known, Node::new(value.place.clone(), Value::Null));
                merge(known, value, &path.child(&key))?
            }
            None => value,
        };
        base.insert(key, merged);
    }
    Ok(Node::new(place, Value::Map(base)))
}

/// A mapping as sorted `KEY=VALUE` texts, a text as a list of one.
fn pairs(node: Node) -> Vec<Node> {
    let mut items = Vec::new();
    match node.value {
        Value::Seq(list) => return list,
        Value::String(text) => return vec![Node::new(node.place, Value::String(text))],
        Value::Map(map) => {
            for (key, value) in map {
                match &value.value {
                    Value::Null => items.push(Node::string(&value.place, key)),
                    Value::Seq(list) => {
                        for item in list {
                            let text = item.scalar_text().unwrap_or_default();
                            items.push(Node::string(&item.place, format!("{key}={text}")));
                        }
                    }
                    _ => {
                        let text = value.scalar_text().unwrap_or_default();
                        items.push(Node::string(&value.place, format!("{key}={text}")));
                    }
                }
            }
        }
        _ => {}
    }
    items.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
    items
}

fn build_mapping(node: Node) -> Mapping {
    match node.value {
        Value::Map(map) => map,
        Value::String(_) => Mapping::from_iter([("context".to_owned(), node)]),
        _ => Mapping::new(),
    }
}

fn started(place: &Place) -> Value {
    Value::Map(Mapping::from_iter([
        ("condition".to_owned(), Node::string(place, "service_started")),
        ("required".to_owned(), Node::new(place.clone(), Value::Bool(true))),
    ]))
}

/// A list of names as a mapping.
fn named(node: Node, value: &dyn Fn(&Place) -> Value) -> Mapping {
    match node.value {
        Value::Map(map) => map,
        Value::Seq(items) => items
            .into_iter()
            .filter_map(|item| Some((item.as_str()?.to_owned(), Node::new(item.place.clone(), value(&item.place)))))
            .collect(),
        _ => Mapping::new(),
    }
}

fn logging(base: Node, over: Node, path: &TreePath) -> Result<Node, ComposeError> {
    if over.as_map().is_none() || base.as_map().is_none() {
        return general(base, over, path);
    }
    match (base.get("driver"), over.get("driver")) {
        (Some(one), Some(other)) if one != other => Ok(over),
        _ => general(base, over, path),
    }
}

fn ipam(base: Node, over: Node, path: &TreePath) -> Result<Node, ComposeError> {
    let (Some(originals), Some(overrides)) = (base.as_seq(), over.as_seq()) else {
        return general(base, over, path);
    };
    let mut pools: Vec<Node> = Vec::new();
    for original in originals {
        for pool in overrides {
            if pool.get("subnet") != original.get("subnet") {
                if !pools.iter().any(|known| known.get("subnet") == pool.get("subnet")) {
                    pools.push(pool.clone());
                }
                continue;
            }
            let merged = general(original.clone(), pool.clone(), path)?;
            match pools.iter_mut().find(|known| known.get("subnet") == merged.get("subnet")) {
                Some(known) => *known = merged,
                None => pools.push(merged),
            }
        }
    }
    Ok(Node::new(over.place, Value::Seq(pools)))
}

/// Forgets what stands at the given places, but for items of lists.
pub(crate) fn reset(node: &mut Node, resets: &[TreePath]) {
    for path in resets {
        let Some((last, way)) = path.parts().split_last() else { continue };
        let mut here = Some(&mut *node);
        for part in way {
            here = here.and_then(|node| node.as_map_mut()?.get_mut(part));
        }
        if let Some(map) = here.and_then(Node::as_map_mut) {
            map.shift_remove(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Budget;

    fn read(text: &str) -> Node {
        crate::yaml::parse(text, "compose.yaml", &Budget::default()).unwrap().remove(0).root
    }

    fn merged(base: &str, over: &str) -> Result<Node, ComposeError> {
        let wrap = |text: &str| read(&format!("services: {{a: {{{text}}}}}"));
        let whole = merge(wrap(base), wrap(over), &TreePath::default())?;
        Ok(whole.get("services").unwrap().get("a").unwrap().clone())
    }

    #[test]
    fn each_attribute_has_its_rule() {
        for (base, over, expected) in [
            ("command: [a]", "command: [b]", "command: [b]"),
            ("environment: {A: 1, B: }", "environment: [A=2]", "environment: [A=1, B, A=2]"),
            ("expose: [1]", "expose: [2]", "expose: [1, 2]"),
            ("image: a", "image: ", "image: a"),
            ("build: x", "build: {target: t}", "build: {context: x, target: t}"),
            ("networks: [x]", "networks: {y: {aliases: [z]}}", "networks: {x: , y: {aliases: [z]}}"),
            ("logging: {driver: x, options: {a: 1}}", "logging: {driver: y}", "logging: {driver: y}"),
            ("logging: {options: {a: 1}}", "logging: {driver: y}", "logging: {options: {a: 1}, driver: y}"),
            ("extra_hosts: [a=1]", "extra_hosts: {a: 1, b: 2}", "extra_hosts: [a=1, b=2]"),
            ("ulimits: {n: {soft: 1, hard: 2}}", "ulimits: {n: 3}", "ulimits: {n: 3}"),
        ] {
            let expected = read(&format!("{{{expected}}}"));
            assert_eq!(merged(base, over).unwrap(), expected, "{base} + {over}");
        }
    }

    #[test]
    fn kinds_that_do_not_fit_are_an_error() {
        assert_eq!(merged("expose: [1]", "expose: x").unwrap_err().code(), "compose.cannot_merge");
    }

    #[test]
    fn reset_forgets_keys_of_mappings() {
        let mut node = read("a: {b: 1, c: [x]}");
        reset(&mut node, &[TreePath::of(&["a", "b"]), TreePath::of(&["a", "c", "0"]), TreePath::of(&["x", "y"])]);
        assert_eq!(node, read("a: {c: [x]}"));
    }
}
