//! The endpoints that an API is known to have: bound by a call, described by the server, or written in the source.

use std::collections::BTreeSet;

use grader_model::BindingSource;
use harness_kit::{Context, Operation};

use crate::api::routes::{bound, shape};

/// An endpoint and where it is known from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) method: String,
    pub(super) path: String,
    /// File and line in the source, where they are known.
    pub(super) place: Option<String>,
}

impl Endpoint {
    /// Of a bound operation: by its template, since its path holds the keys of the records above it.
    fn of(operation: Operation) -> Self {
        Endpoint { method: operation.method, path: operation.template, place: None }
    }
}

/// Every endpoint that is served: bound ones, and those of the source once the source is seen to be read rightly (it has
/// half of what was bound). What serves the operator and not the client is left out.
pub(super) fn served(ctx: &Context) -> Vec<Endpoint> {
    let bound: Vec<Endpoint> = bound(ctx).into_iter().map(Endpoint::of).collect();
    let source: Vec<Endpoint> = ctx
        .facts()
        .routes
        .iter()
        .filter(|route| route.source == BindingSource::Source && !route.method.is_empty())
        .map(|route| Endpoint {
            method: route.method.clone(),
            path: route.path.clone(),
            place: Some(route.place.clone()),
        })
        .collect();
    let confirmed = bound.iter().filter(|one| source.iter().any(|other| same(one, other))).count();
    let mut all: Vec<Endpoint> = Vec::new();
    if confirmed * 2 >= bound.len() {
        all.extend(source);
    }
    for endpoint in bound {
        if !all.iter().any(|known| same(known, &endpoint)) {
            all.push(endpoint);
        }
    }
    all.retain(|endpoint| {
        matches!(endpoint.method.as_str(), "GET" | "POST" | "PUT" | "PATCH" | "DELETE") && !is_aside(&endpoint.path)
    });
    let mut seen = BTreeSet::new();
    all.retain(|endpoint| seen.insert((endpoint.method.clone(), shape(&endpoint.path))));
    all
}

/// Every method and path that speaks for an endpoint's existence.
pub(super) fn witnesses(ctx: &Context) -> Vec<(String, String)> {
    let described = ctx.bound().description.map(|description| description.operations.clone()).unwrap_or_default();
    let described = described.into_iter().map(|operation| (operation.method, operation.path));
    let hinted = ctx.facts().routes.iter().filter(|route| route.source == BindingSource::Source);
    let hinted = hinted.map(|route| (route.method.clone(), route.path.clone()));
    let bound = bound(ctx).into_iter().map(|operation| (operation.method, operation.template));
    bound.chain(described).chain(hinted).collect()
}

fn same(one: &Endpoint, other: &Endpoint) -> bool {
    one.method == other.method && fit(&one.path, &other.path)
}

/// Whether two paths are of one endpoint: equal in shape, or one of them without the prefix that the other has.
pub(super) fn fit(one: &str, other: &str) -> bool {
    let (one, other) = (shape(one), shape(other));
    let end = |long: &str, short: &str| short.len() > 1 && long.ends_with(short) && short.starts_with('/');
    one == other || end(&one, &other) || end(&other, &one)
}

/// Health checks, metrics, descriptions, static files: nothing that a client of the API is told about.
fn is_aside(path: &str) -> bool {
    let plain = path.to_ascii_lowercase();
    let first = plain.split('/').any(|segment| {
        matches!(
            segment,
            "health"
                | "healthz"
                | "healthcheck"
                | "live"
                | "livez"
                | "ready"
                | "readyz"
                | "metrics"
                | "status"
                | "ping"
                | "docs"
                | "redoc"
                | "swagger"
                | "swagger-ui"
                | "api-docs"
                | "openapi"
                | "static"
                | "favicon.ico"
                | "public"
        ) || segment.starts_with("openapi.")
            || segment.starts_with("swagger.")
    });
    first || plain.trim_matches('/').is_empty() || plain.contains('*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_may_be_left_out() {
        assert!(fit("/api/v1/things/{id}", "/things/{thing_id}"));
        assert!(fit("/things", "/api/things/"));
        assert!(!fit("/api/v1/things", "/things/{id}"));
        assert!(!fit("/other-things", "/things"));
        assert!(!fit("/", "/things"));
    }

    #[test]
    fn an_endpoint_below_a_record_is_the_one_that_documents_name() {
        let mut operation = Operation::new("part.read", "GET", "/api/v1/things/0b4c/parts/{id}", BindingSource::Source);
        "/api/v1/things/{thing}/parts/{id}".clone_into(&mut operation.template);
        let endpoint = Endpoint::of(operation);
        assert!(fit(&endpoint.path, "/api/v1/things/:thingId/parts/:partId"), "{}", endpoint.path);
        assert!(!fit(&endpoint.path, "/api/v1/things/:thingId"));
    }

    #[test]
    fn what_serves_the_operator_is_aside() {
        for path in ["/health/live", "/api/docs/openapi.json", "/metrics", "/", "/static/*"] {
            assert!(is_aside(path), "{path}");
        }
        assert!(!is_aside("/api/v1/things/{id}"));
    }
}
