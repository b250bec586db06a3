//! Which attributes a compose document may have, and of which kinds: the public compose specification.
//!
//! It checks a merged document before short forms are made long, and reports every mistake, not the first.

mod attributes;
mod deploy;
mod service;
mod shape;

use std::collections::HashMap;

use crate::document::{Node, Value};
use crate::error::{ComposeError, ErrorKind};
use crate::tree_path::TreePath;
use shape::{Keys, Object, Shape};

/// Checks a document.
pub(crate) fn check(root: &Node, errors: &mut Vec<ComposeError>) {
    Checker { errors }.check(root, &attributes::DOCUMENT, &TreePath::default());
}

struct Checker<'a> {
    errors: &'a mut Vec<ComposeError>,
}

impl Checker<'_> {
    fn report(&mut self, node: &Node, path: &TreePath, kind: ErrorKind) -> &mut ComposeError {
        self.errors.push(ComposeError::new(kind).at(&node.place).on(path));
        let last = self.errors.len() - 1;
        &mut self.errors[last]
    }

    fn check(&mut self, node: &Node, shape: &Shape, path: &TreePath) {
        if let Shape::OneOf(shapes) = shape {
            match shapes.iter().find(|shape| shape.takes(node)) {
                Some(shape) => self.check(node, shape, path),
                None => self.wrong_kind(node, &Shape::OneOf(shapes), path),
            }
            return;
        }
        if !shape.takes(node) {
            self.wrong_kind(node, shape, path);
            return;
        }
        match (shape, &node.value) {
            (Shape::List { item, unique }, Value::Seq(items)) => self.list(items, item, *unique, path),
            (Shape::Map { keys, value }, Value::Map(map)) => {
                for (key, entry) in map {
                    let path = path.child(key);
                    match keys {
                        Keys::Name { extensions: true } if key.starts_with("x-") => {}
                        Keys::Name { .. } if !is_name(key) => self.unknown(entry, key, &[], &path),
                        Keys::LowerCase if !key.bytes().all(|letter| letter.is_ascii_lowercase()) => {}
                        Keys::Name { .. } | Keys::LowerCase | Keys::Any => self.check(entry, value, &path),
                    }
                }
            }
            (Shape::Object(object), Value::Map(_)) => self.object(node, object, path),
            (Shape::Enum(words), Value::String(text)) if !words.contains(&text.as_str()) => {
                let message = format!("`{text}` is none of {}", words.join(", "));
                let hint = nearest(text, words.iter().copied()).map(|word| format!("did you mean `{word}`?"));
                self.report(node, path, ErrorKind::Invalid(message)).hint = hint;
            }
            (Shape::Range { least, most, .. }, Value::Int(number)) if !(*least..=*most).contains(number) => {
                let message = format!("{number} is not between {least} and {most}");
                self.report(node, path, ErrorKind::Invalid(message));
            }
            (Shape::Text { valid, what }, Value::String(text)) if !valid(text) => {
                let message = format!("`{text}` is no {what}");
                self.report(node, path, ErrorKind::Invalid(message));
            }
            _ => {}
        }
    }

    fn list(&mut self, items: &[Node], item: &Shape, unique: bool, path: &TreePath) {
        for (index, value) in items.iter().enumerate() {
            self.check(value, item, &path.item(index));
        }
        if !unique {
            return;
        }
        // Scalars are told apart by a table: a long list compared item by item would take time.
        let mut scalars: HashMap<(&str, String), usize> = HashMap::new();
        for (index, value) in items.iter().enumerate() {
            let first = match value.scalar_text() {
                Some(text) => {
                    let known = *scalars.entry((value.value.kind(), text)).or_insert(index);
                    (known < index).then_some(known)
                }
                None => items[..index].iter().position(|other| other == value),
            };
            if let Some(first) = first {
                let message = format!("items {first} and {index} are the same");
                self.report(value, &path.item(index), ErrorKind::Invalid(message));
            }
        }
    }

    fn object(&mut self, node: &Node, object: &Object, path: &TreePath) {
        let Some(map) = node.as_map() else { return };
        for (key, value) in map {
            let path = path.child(key);
            match object.attribute(key) {
                Some(shape) => self.check(value, shape, &path),
                None if object.extensions && key.starts_with("x-") || object.open => {}
                None => self.unknown(value, key, object.attributes, &path),
            }
        }
        for &required in object.required {
            if !map.contains_key(required) {
                self.report(node, path, ErrorKind::Invalid(format!("`{required}` is missing")));
            }
        }
    }

    fn unknown(&mut self, node: &Node, key: &str, known: &[(&'static str, &Shape)], path: &TreePath) {
        let hint = nearest(key, known.iter().map(|&(name, _)| name)).map(|name| format!("did you mean `{name}`?"));
        self.report(node, path, ErrorKind::UnknownProperty(key.to_owned())).hint = hint;
    }

    fn wrong_kind(&mut self, node: &Node, shape: &Shape, path: &TreePath) {
        let message = format!("a {} cannot stand here, it must be a {}", node.value.kind(), shape.wanted());
        self.report(node, path, ErrorKind::Invalid(message));
    }
}

/// Names of services, volumes, secrets and such.
fn is_name(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'.' | b'_' | b'-'))
}

/// The known word that differs least, if it differs little.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Attributes are short; a long key is no slip of the finger, and comparing it would take time.
    if word.len() > 40 {
        return None;
    }
    known
        .map(|other| (distance(word, other), other))
        .filter(|&(distance, other)| distance <= 1 + other.len() / 5)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, other)| other)
}

/// The number of letters to insert, remove or replace.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, &counterpart) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != counterpart);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Budget;

    fn mistakes(text: &str) -> Vec<String> {
        let root = crate::yaml::parse(text, "compose.yaml", &Budget::default()).unwrap().remove(0).root;
        let mut errors = Vec::new();
        check(&root, &mut errors);
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_mistake_is_reported_with_its_place() {
        let text = "services:\n  a:\n    imag: x\n    image: [x]\n    volumes:\n      - type: bnd\n        taget: /x\n";
        assert_eq!(
            mistakes(text),
            [
                "compose.yaml:3:5: services.a.imag: additional property `imag` is not allowed",
                "compose.yaml:4:5: services.a.image: a list cannot stand here, it must be a string",
                "compose.yaml:6:9: services.a.volumes[0].type: `bnd` is none of bind, volume, tmpfs, cluster, npipe, image",
                "compose.yaml:7:9: services.a.volumes[0].taget: additional property `taget` is not allowed",
            ]
        );
    }

    #[test]
    fn a_slip_of_the_finger_gets_a_hint() {
        let root =
            crate::yaml::parse("services: {a: {enviroment: {}}}", "f", &Budget::default()).unwrap().remove(0).root;
        let mut errors = Vec::new();
        check(&root, &mut errors);
        assert_eq!(errors[0].hint.as_deref(), Some("did you mean `environment`?"));
    }

    #[test]
    fn extensions_are_allowed_where_the_specification_allows_them() {
        assert_eq!(mistakes("x-a: 1\nservices: {a: {x-b: {}, image: x, healthcheck: {x-c: 1}}}"), [""; 0]);
        assert_eq!(mistakes("services: {a: {image: x, extends: {service: b, x-c: 1}}}").len(), 1);
    }

    #[test]
    fn lists_that_must_not_repeat_do_not() {
        assert_eq!(mistakes("services: {a: {security_opt: [a, a]}}").len(), 1);
    }

    #[test]
    fn dates_are_nowhere_allowed() {
        assert_eq!(mistakes("services: {a: {environment: {D: 2024-01-31}}}").len(), 1);
    }
}
