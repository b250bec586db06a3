//! Routes of the submission as probes compare them: the shape of a path, what is known to be served at it, and which
//! bound operation an exchange belongs to.

use std::collections::BTreeSet;

use grader_model::Evidence;
use harness_kit::{Context, Operation};

/// A path with its parameters unnamed and without a slash at its end.
pub(crate) fn shape(path: &str) -> String {
    let path = path.split('?').next().unwrap_or("");
    let segments: Vec<&str> = path
        .trim_end_matches('/')
        .split('/')
        .map(|segment| if segment.starts_with('{') || segment.starts_with(':') { "{}" } else { segment })
        .collect();
    segments.join("/")
}

/// Every operation that was bound.
pub(crate) fn bound(ctx: &Context) -> Vec<Operation> {
    let bound = ctx.bound();
    let accounts = [bound.register, bound.login, bound.me].into_iter().flatten();
    let ids: Vec<&String> = ctx.spec().domain.resources.keys().collect();
    let resources = ids.into_iter().filter_map(|id| bound.resources.get(id)).flat_map(|resource| {
        grader_spec::Action::ALL.into_iter().filter_map(|action| resource.operations.get(&action).cloned())
    });
    accounts.chain(resources).collect()
}

/// The methods that are bound, described or written in the source for a path.
pub(crate) fn methods_of(ctx: &Context, path: &str) -> BTreeSet<String> {
    let wanted = shape(path);
    let description = ctx.bound().description;
    let described = description.iter().flat_map(|description| &description.operations);
    let described = described.map(|operation| (operation.method.clone(), operation.path.clone()));
    let hinted = ctx.facts().routes.iter().map(|route| (route.method.clone(), route.path.clone()));
    let bound = bound(ctx).into_iter().map(|operation| (operation.method, operation.template));
    described
        .chain(hinted)
        .chain(bound)
        .filter(|(method, path)| !method.is_empty() && shape(path) == wanted)
        .map(|(method, _)| method)
        .collect()
}

/// The route that a request went to: the bound operation's template, else the path itself.
pub(crate) fn of_request(operations: &[Operation], method: &str, target: &str) -> String {
    let path = target.split('?').next().unwrap_or("");
    let fitting = operations.iter().find(|operation| operation.method == method && fits(&operation.template, path));
    format!("{method} {}", fitting.map_or(path, |operation| operation.template.as_str()))
}

/// Whether a path is one of a template's.
pub(crate) fn fits(template: &str, path: &str) -> bool {
    let mut wanted = template.trim_end_matches('/').split('/');
    let mut given = path.trim_end_matches('/').split('/');
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given || (wanted.starts_with('{') && !given.is_empty()) => {}
            _ => return false,
        }
    }
}

/// The first successful exchange of an operation.
pub(crate) fn evidence(ctx: &Context, operation: &Operation) -> Option<Evidence> {
    let recorder = ctx.recorder();
    let exchange = recorder.exchanges().into_iter().find(|exchange| {
        let path = exchange.target.split('?').next().unwrap_or("");
        exchange.method == operation.method && (200..300).contains(&exchange.status) && fits(&operation.template, path)
    })?;
    Some(recorder.evidence_of(&exchange))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_by_shape() {
        assert_eq!(shape("/v1/things/{thing_id}/"), shape("/v1/things/:id"));
        assert_ne!(shape("/v1/things"), shape("/v1/thing"));
        assert!(fits("/things/{id}", "/things/7"));
        assert!(fits("/things/", "/things"));
        assert!(!fits("/things/{id}", "/things"));
        assert!(!fits("/things/{id}", "/things/7/parts"));
    }
}
