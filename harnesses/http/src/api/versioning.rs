//! `api.versioning`: a client can tell which version of the API it talks to: by the path, by a header that is sent or
//! asked for, or by the media type. Which one is the submission's choice.
//!
//! Planted defect: `api-versioning` of the Express submission.

use std::sync::LazyLock;

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Probe, Stop, wire};
use regex::Regex;
use serde_json::Value;

use super::routes;

static SEGMENT: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)^v\d+(\.\d+)*$|^20\d\d-\d\d(-\d\d)?$"));
static MEDIA_TYPE: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)^application/vnd\.[a-z0-9.+-]*[.-]v\d+|;\s*(version|v)\s*=\s*.?v?\d"));

fn regex(pattern: &str) -> Regex {
    // Proved by `patterns_compile`: the patterns are constants of this file.
    Regex::new(pattern).expect("a constant pattern compiles")
}

pub(crate) struct Versioning;

#[async_trait]
impl Probe for Versioning {
    fn id(&self) -> &'static str {
        "api.versioning"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let bound = ctx.bound();
        let resources = ctx.spec().domain.resources.keys().filter_map(|id| bound.resources.get(id));
        let mut paths: Vec<String> = resources
            .flat_map(|resource| resource.operations.values().map(|operation| operation.template.clone()))
            .collect();
        paths.sort();
        paths.dedup();
        if paths.is_empty() {
            return Err(Stop::blocked("api.operations", "no operation on a resource was found"));
        }
        let (versioned, plain): (Vec<&String>, Vec<&String>) = paths.iter().partition(|path| has_version(path));
        let expected = "a version in the path, a header or the media type";
        if plain.is_empty() {
            return Ok(Finding::pass(self.id(), "The paths carry a version")
                .expected(expected)
                .actual(join(&versioned)));
        }
        if let Some(header) = header(ctx).or_else(|| described(ctx)) {
            return Ok(Finding::pass(self.id(), format!("{header} carries a version"))
                .expected(expected)
                .actual(header));
        }
        let operations = routes::bound(ctx);
        let evidence = operations
            .iter()
            .find(|operation| plain.contains(&&operation.template))
            .and_then(|operation| routes::evidence(ctx, operation));
        let finding = if versioned.is_empty() {
            Finding::fail(self.id(), "Neither the paths nor a header carry a version").actual(join(&plain))
        } else {
            Finding::partial(self.id(), 0.5, "Some paths carry a version and others do not").actual(format!(
                "{}\nwithout: {}",
                join(&versioned),
                plain.iter().map(|p| p.as_str()).collect::<Vec<_>>().join(", ")
            ))
        };
        Ok(finding.expected(expected).evidences(evidence))
    }
}

fn join(paths: &[&String]) -> String {
    paths.iter().map(|path| path.as_str()).collect::<Vec<_>>().join("\n")
}

fn has_version(path: &str) -> bool {
    path.split('/').any(|segment| SEGMENT.is_match(segment))
}

/// A header of some successful answer that says the API's version.
fn header(ctx: &Context) -> Option<String> {
    ctx.recorder().exchanges().iter().filter(|exchange| (200..300).contains(&exchange.status)).find_map(|exchange| {
        exchange.headers.iter().find_map(|(name, value)| {
            let plain = wire::plain(name);
            if matches!(plain.as_str(), "apiversion" | "xapiversion" | "apisupportedversions") {
                return Some(format!("the header {name}"));
            }
            (plain == "contenttype" && MEDIA_TYPE.is_match(value)).then(|| format!("the media type {value}"))
        })
    })
}

/// A parameter that the description documents for choosing a version, or a versioned media type in it.
fn described(ctx: &Context) -> Option<String> {
    search(&ctx.bound().description?.document, 0)
}

fn search(value: &Value, depth: u8) -> Option<String> {
    if depth > 14 {
        return None;
    }
    match value {
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            if let (Some(place @ ("header" | "query")), Some(name)) = (text("in"), text("name"))
                && matches!(wire::plain(name).as_str(), "apiversion" | "xapiversion" | "acceptversion" | "version")
            {
                return Some(format!("the {place} parameter {name}"));
            }
            members.iter().find_map(|(name, value)| {
                if MEDIA_TYPE.is_match(name) {
                    return Some(format!("the media type {name}"));
                }
                search(value, depth + 1)
            })
        }
        Value::Array(items) => items.iter().find_map(|item| search(item, depth + 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        LazyLock::force(&SEGMENT);
        LazyLock::force(&MEDIA_TYPE);
    }

    #[test]
    fn versions_are_told_from_other_words() {
        assert!(has_version("/api/v1/things") && has_version("/V2.1/things") && has_version("/2024-06-01/things"));
        assert!(!has_version("/api/things") && !has_version("/api/vendors") && !has_version("/video/{id}"));
        assert!(
            MEDIA_TYPE.is_match("application/vnd.shop.v2+json") && MEDIA_TYPE.is_match("application/json; version=1")
        );
        assert!(!MEDIA_TYPE.is_match("application/json; charset=utf-8"));
    }

    #[test]
    fn a_described_header_is_found() {
        let document = serde_json::json!({"paths": {"/things": {"get": {"parameters": [
            {"in": "query", "name": "page"}, {"in": "header", "name": "X-API-Version"}]}}}});
        assert_eq!(search(&document, 0).as_deref(), Some("the header parameter X-API-Version"));
    }
}
