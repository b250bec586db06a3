//! `api.resource-naming`: paths name things, alike and in one way: no verbs, no singular beside a plural, one way to
//! write several words, and a record lives under the collection that names it.
//!
//! Looked at are the paths of the resources that the brief asks for; those of accounts (`/login`) are customary verbs, and
//! what ties an account to a record has no collection of its own.
//! Kebab, snake and camel case are all fine, a mixture is not. An operation whose method is wrong needs a verb in its
//! path and is `api.methods`' finding. The verdict goes by the share of operations: from a half on it is a fail.
//! Planted defect: `api-resource-naming` of the Express submission.

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::Action;
use harness_kit::{Context, Operation, Probe, Stop, wire};

use super::{methods, routes};

/// Words that say what is done; the method says that already. Words that are nouns as well (`store`, `list`, `order`)
/// are not among them.
const VERBS: &[&str] = &[
    "create", "add", "insert", "save", "make", "get", "fetch", "retrieve", "read", "show", "update", "edit", "modify",
    "change", "delete", "remove", "destroy",
];

pub(crate) struct ResourceNaming;

/// An operation with the names of the resource that it belongs to.
struct Named {
    operation: Operation,
    names: Vec<String>,
    method_fits: bool,
}

#[async_trait]
impl Probe for ResourceNaming {
    fn id(&self) -> &'static str {
        "api.resource-naming"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let bound = ctx.bound();
        let mut operations = Vec::new();
        for (id, resource) in &ctx.spec().domain.resources {
            let Some(found) = bound.resources.get(id).filter(|_| !resource.is_tie()) else { continue };
            for action in Action::ALL {
                let asked_for = resource.operations.contains_key(&action);
                let Some(operation) = found.operations.get(&action).filter(|_| asked_for) else { continue };
                operations.push(Named {
                    method_fits: methods::is_fitting(action, operation),
                    operation: operation.clone(),
                    names: resource.names.clone(),
                });
            }
        }
        if operations.is_empty() {
            return Err(Stop::blocked("api.operations", "no operation on a resource was found"));
        }
        let faults = faults(&operations);
        let expected = "nouns, all plural or all singular, in one case style, each record under its collection";
        if faults.is_empty() {
            let mut paths: Vec<&str> = operations.iter().map(|named| named.operation.template.as_str()).collect();
            paths.dedup();
            return Ok(Finding::pass(self.id(), "Paths name resources, all in one way")
                .expected(expected)
                .actual(paths.join("\n")));
        }
        let of = operations.len();
        let lines: Vec<String> = faults
            .iter()
            .map(|(at, why)| {
                let operation = &operations[*at].operation;
                format!("{} {}: {why}", operation.method, operation.template)
            })
            .collect();
        let evidence = faults.iter().take(3).filter_map(|(at, _)| routes::evidence(ctx, &operations[*at].operation));
        let summary = format!("{} of {of} operations have a path that does not name its resource well", faults.len());
        let finding = if faults.len() * 2 >= of {
            Finding::fail(self.id(), summary)
        } else {
            #[expect(clippy::cast_precision_loss, reason = "a few operations")]
            let fraction = 1.0 - faults.len() as f64 / of as f64;
            Finding::partial(self.id(), fraction, summary)
        };
        Ok(finding.expected(expected).actual(lines.join("\n")).evidences(evidence))
    }
}

/// The operations whose paths are ill named, by position, with the first reason.
fn faults(operations: &[Named]) -> Vec<(usize, String)> {
    let numbers = minority(operations.iter().map(|named| number(named)).collect());
    let styles = minority(operations.iter().map(|named| style(&named.operation.template)).collect());
    let mut faults = Vec::new();
    for (at, named) in operations.iter().enumerate() {
        let why = if let Some(verb) = verb(named).filter(|_| named.method_fits) {
            Some(format!("the verb `{verb}` in the path"))
        } else if let Some((is, others)) = numbers[at] {
            Some(format!("{is} where other paths are {others}"))
        } else if let Some((is, others)) = styles[at] {
            Some(format!("{is} where other paths are in {others}"))
        } else if named.method_fits && hides_parent(named) {
            Some("the path of a record does not name its collection".to_owned())
        } else {
            None
        };
        faults.extend(why.map(|why| (at, why)));
    }
    faults
}

/// For each value that is not the commonest one, the value and the commonest one. On a tie the first one counts as it.
fn minority(values: Vec<Option<&'static str>>) -> Vec<Option<(&'static str, &'static str)>> {
    let count = |value: &str| values.iter().flatten().filter(|other| **other == value).count();
    let commonest = values.iter().flatten().copied().rev().max_by_key(|value| count(value));
    values.iter().map(|value| value.zip(commonest).filter(|(value, commonest)| value != commonest)).collect()
}

fn statics(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty() && !segment.starts_with('{'))
}

fn names_it(segment: &str, names: &[String]) -> bool {
    wire::is_named(segment, names) || wire::words(segment).iter().any(|word| wire::is_named(word, names))
}

/// A verb in the segment that names the resource or behind it. What stands before it is a prefix of the whole API.
fn verb(named: &Named) -> Option<&'static str> {
    let mut segments: Vec<&str> = statics(&named.operation.template).collect();
    let from = segments.iter().position(|segment| names_it(segment, &named.names)).unwrap_or(0);
    let words = segments.drain(from..).flat_map(wire::words).collect::<Vec<_>>();
    VERBS.iter().find(|verb| words.iter().any(|word| word == *verb)).copied()
}

/// Whether the resource goes by a plural or a singular; `None` for a name that has no other number among the known
/// ones, such as `catalog`.
fn number(named: &Named) -> Option<&'static str> {
    let plain: Vec<String> = named.names.iter().map(|name| wire::plain(name)).collect();
    let is_plural_of = |many: &str, one: &str| {
        many == format!("{one}s")
            || many == format!("{one}es")
            || one.strip_suffix('y').is_some_and(|stem| many == format!("{stem}ies"))
    };
    statics(&named.operation.template).rev().flat_map(wire::words).find_map(|word| {
        if !plain.contains(&word) {
            None
        } else if plain.iter().any(|one| is_plural_of(&word, one)) {
            Some("plural")
        } else if plain.iter().any(|many| is_plural_of(many, &word)) {
            Some("singular")
        } else {
            None
        }
    })
}

/// How a path writes several words, or capitals; `None` where it needs neither.
fn style(path: &str) -> Option<&'static str> {
    statics(path).find_map(|segment| {
        if segment.contains('_') {
            Some("snake_case")
        } else if segment.starts_with(|c: char| c.is_uppercase()) {
            Some("capitals")
        } else if segment.contains('-') {
            Some("kebab-case")
        } else if segment.contains(|c: char| c.is_uppercase()) {
            Some("camelCase")
        } else {
            None
        }
    })
}

/// Whether a record's path leads past its collection: `/{id}` or `/detail/{id}` says nothing of what it is.
fn hides_parent(named: &Named) -> bool {
    let Some((before, _)) = named.operation.template.split_once("{id}") else { return false };
    let parent = statics(before).next_back();
    verb(named).is_none() && !parent.is_some_and(|parent| names_it(parent, &named.names))
}

#[cfg(test)]
mod tests {
    use grader_model::BindingSource;

    use super::*;

    fn operations(paths: &[(&str, &str)]) -> Vec<Named> {
        let names = |one: &str, many: &str| vec![many.to_owned(), one.to_owned(), "catalog".to_owned()];
        paths
            .iter()
            .map(|(method, path)| Named {
                operation: Operation::new("thing.x", method, path, BindingSource::Openapi),
                names: if path.to_lowercase().contains("part") {
                    names("part", "parts")
                } else {
                    names("thing", "things")
                },
                method_fits: true,
            })
            .collect()
    }

    fn ill_named(paths: &[(&str, &str)]) -> Vec<usize> {
        faults(&operations(paths)).into_iter().map(|(at, _)| at).collect()
    }

    #[test]
    fn consistent_names_are_fine() {
        for paths in [
            ["/api/v1/things", "/api/v1/things/{id}", "/api/v1/parts"],
            ["/thing", "/thing/{id}", "/part"],
            ["/store/thing-catalog", "/store/thing-catalog/{id}", "/store/part-catalog"],
            ["/shop_things", "/shop_things/{id}", "/shop_parts"],
            ["/catalog", "/catalog/{id}", "/parts"],
        ] {
            let paths: Vec<(&str, &str)> = paths.iter().map(|path| ("GET", *path)).collect();
            assert_eq!(ill_named(&paths), [] as [usize; 0], "{paths:?}");
        }
    }

    #[test]
    fn verbs_and_mixtures_are_found() {
        let verbs =
            [("GET", "/things/getAll"), ("POST", "/addThing"), ("GET", "/things/{id}"), ("POST", "/create/parts")];
        assert_eq!(ill_named(&verbs), [0, 1]);
        let numbers = [("GET", "/things"), ("GET", "/thing/{id}"), ("POST", "/things")];
        assert_eq!(ill_named(&numbers), [1]);
        let styles = [("GET", "/my-things"), ("GET", "/my-things/{id}"), ("GET", "/my_parts")];
        assert_eq!(ill_named(&styles), [2]);
        let hidden = [("GET", "/things"), ("GET", "/detail/{id}"), ("DELETE", "/{id}")];
        assert_eq!(ill_named(&hidden), [1, 2]);
    }
}
