//! `extends`: a service over another one, of the same file or of another.

use std::rc::Rc;

use super::model::{Loader, Scope, lengthen};
use crate::document::{Mapping, Node, Value};
use crate::error::{ComposeError, ErrorKind};
use crate::files::RelPath;
use crate::merge;
use crate::tree_path::TreePath;
use crate::yaml::YamlDocument;

/// Services that extend each other, at most.
const MAX_CHAIN: usize = 64;

/// The services of an extended file, in long form with absolute paths, and its `!reset` places.
pub(super) struct Extended {
    services: Mapping,
    resets: Vec<TreePath>,
}

impl Loader<'_> {
    /// Replaces every service of a document by what it extends, overridden by itself.
    pub(super) fn apply_extends(
        &mut self,
        root: &mut Node,
        resets: &[TreePath],
        file: &RelPath,
        scope: &Scope,
    ) -> Result<(), ComposeError> {
        let Some(services) = root.as_map_mut().and_then(|map| map.get_mut("services")) else { return Ok(()) };
        let place = services.place.clone();
        let Some(services) = services.as_map_mut() else {
            let kind = ErrorKind::Invalid("services must be a mapping".to_owned());
            return Err(ComposeError::new(kind).at(&place).on("services"));
        };
        let names: Vec<String> = services.keys().cloned().collect();
        for name in names {
            self.extended_service(&name, services, file, resets, scope, &mut Vec::new())?;
        }
        Ok(())
    }

    /// Resolves one service in place. `chain` holds the files and services that extend it.
    fn extended_service(
        &mut self,
        name: &str,
        services: &mut Mapping,
        file: &RelPath,
        resets: &[TreePath],
        scope: &Scope,
        chain: &mut Vec<(RelPath, String)>,
    ) -> Result<(), ComposeError> {
        let Some(service) = services.get(name).filter(|service| !service.is_null()) else { return Ok(()) };
        let place = service.place.clone();
        let path = TreePath::of(&["services", name]);
        if service.as_map().is_none() {
            let kind = ErrorKind::Invalid(format!("services.{name} must be a mapping"));
            return Err(ComposeError::new(kind).at(&place).on(path));
        }
        let Some(extends) = service.get("extends").cloned() else { return Ok(()) };
        let (base_name, base_file) = reference(&extends).map_err(|error| error.at(&extends.place).on(&path))?;
        let fail = |error: ComposeError| error.at(&extends.place).on(path.child("extends"));

        let other = match &base_file {
            None => None,
            Some(text) => match self.extended_file(text, scope) {
                Ok(other) => Some(other),
                Err(error) if error.can_wait() => {
                    self.deferred.push(fail(error));
                    remove_extends(services, name);
                    return Ok(());
                }
                Err(error) => return Err(fail(error)),
            },
        };
        let here = other.as_ref().map_or(file, |(path, _)| path).clone();
        if chain.contains(&(here.clone(), name.to_owned())) {
            let names: Vec<&str> = chain.iter().map(|(_, name)| name.as_str()).chain([name]).collect();
            return Err(fail(ComposeError::new(ErrorKind::ExtendsCycle(names.join(" extends ")))));
        }
        if chain.len() >= MAX_CHAIN {
            return Err(fail(ComposeError::new(ErrorKind::Budget { what: "levels of extends", limit: MAX_CHAIN })));
        }
        chain.push((here.clone(), name.to_owned()));
        let undefined = || fail(ComposeError::new(ErrorKind::Undefined { kind: "service", name: base_name.clone() }));
        let base = match &other {
            None => {
                if !services.contains_key(&base_name) {
                    return Err(undefined());
                }
                self.extended_service(&base_name, services, file, resets, scope, chain)?;
                services.get(&base_name).cloned()
            }
            Some((_, extended)) => {
                let mut theirs = closure(&extended.services, &base_name);
                if !theirs.contains_key(&base_name) {
                    return Err(undefined());
                }
                self.extended_service(&base_name, &mut theirs, &here, &extended.resets, scope, chain)?;
                theirs.shift_remove(&base_name)
            }
        };
        chain.pop();

        remove_extends(services, name);
        let Some(base) = base.filter(|base| !base.is_null()) else { return Ok(()) };
        self.spend_nodes(&base)?;
        let wrapped = |node: Node| {
            let services = Mapping::from_iter([(name.to_owned(), node)]);
            let services = Node::new(place.clone(), Value::Map(services));
            Node::new(place.clone(), Value::Map(Mapping::from_iter([("services".to_owned(), services)])))
        };
        let mut base = wrapped(base);
        merge::reset(&mut base, resets);
        let base = base.as_map_mut().and_then(|map| map.get_mut("services")?.as_map_mut()?.shift_remove(name));
        let (Some(base), Some(service)) = (base, services.get_mut(name)) else { return Ok(()) };
        let own = std::mem::replace(service, Node::new(place.clone(), Value::Null));
        *service = merge::merge(base, own, &path)?;
        Ok(())
    }

    /// The services of another file, read once for each scope.
    fn extended_file(&mut self, text: &str, scope: &Scope) -> Result<(RelPath, Rc<Extended>), ComposeError> {
        let path = self.readable(scope, text)?;
        let key = (path.clone(), scope.id);
        if let Some(known) = self.extended.get(&key) {
            return Ok((path, Rc::clone(known)));
        }
        let mut merged: Option<Node> = None;
        let mut resets = Vec::new();
        for YamlDocument { mut root, resets: mut more } in self.documents(&path)? {
            if root.as_map().is_none() {
                return Err(ComposeError::new(ErrorKind::NotAMapping).at(&root.place));
            }
            self.interpolate(&mut root, &scope.env)?;
            let top = TreePath::default();
            let mut root = match merged.take() {
                None => root,
                Some(mut base) => {
                    merge::reset(&mut base, &more);
                    merge::merge(base, root, &top)?
                }
            };
            crate::unique::enforce(&mut root, &top)?;
            lengthen(&mut root, self.options.budget.nodes)?;
            resets.append(&mut more);
            merged = Some(root);
        }
        let mut root = merged.ok_or_else(|| ComposeError::new(ErrorKind::Empty))?;
        let folder = path.parent();
        scope.paths.in_tree(&folder).resolve(&mut root)?;
        let services = root.as_map_mut().and_then(|map| map.shift_remove("services"));
        let Some(Node { value: Value::Map(services), .. }) = services else {
            let kind = ErrorKind::Invalid(format!("`{path}` has no services to extend"));
            return Err(ComposeError::new(kind));
        };
        let extended = Rc::new(Extended { services, resets });
        self.extended.insert(key, Rc::clone(&extended));
        Ok((path, extended))
    }
}

/// A service and those of the same file that it extends in turn.
fn closure(services: &Mapping, name: &str) -> Mapping {
    let mut found = Mapping::new();
    let mut next = Some(name.to_owned());
    while let Some(name) = next.take().filter(|name| !found.contains_key(name)) {
        let Some(service) = services.get(&name) else { break };
        next = service.get("extends").and_then(|extends| match reference(extends) {
            Ok((service, None)) => Some(service),
            _ => None,
        });
        found.insert(name, service.clone());
    }
    found
}

fn remove_extends(services: &mut Mapping, name: &str) {
    if let Some(map) = services.get_mut(name).and_then(Node::as_map_mut) {
        map.shift_remove("extends");
    }
}

/// The service and the file that an `extends` names.
fn reference(extends: &Node) -> Result<(String, Option<String>), ComposeError> {
    let invalid = |message: &str| ComposeError::new(ErrorKind::Invalid(message.to_owned()));
    match &extends.value {
        Value::String(service) => Ok((service.clone(), None)),
        Value::Map(_) => {
            let service = extends.get("service").and_then(Node::as_str);
            let service = service.ok_or_else(|| invalid("extends.service is required"))?;
            let file = match extends.get("file").filter(|file| !file.is_null()) {
                None => None,
                Some(file) => Some(file.as_str().ok_or_else(|| invalid("extends.file must be a string"))?.to_owned()),
            };
            Ok((service.to_owned(), file))
        }
        _ => Err(invalid("extends must be a string or a mapping")),
    }
}
