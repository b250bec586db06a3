//! `error.no-5xx`: no request of the whole run is answered 5xx, whatever it asked.
//!
//! Runs last of all. First it sends what nobody else does: paths that do not exist, parameters that nobody documented,
//! odd values of those that somebody did. Then it looks back: each method, path and status is one line. One cause is one
//! finding: what a negative finding already shows is left out, and so are requests of the same kind (method, path,
//! parameters, sort of body). 501 for a method that HTTP does not know is right (RFC 9110, 15.6.2), and 503 with
//! `Retry-After` is the honest answer to a flood.
//! Planted defect: `error-no-5xx` of the FastAPI submission.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::Action;
use harness_kit::bind::is_paging;
use harness_kit::record::Recorded;
use harness_kit::{Context, Phase, Probe, Request, Stop, http};
use serde_json::Value;

use super::routes::{Routes, parameters};

pub(crate) struct NoServerErrors;

/// Probes whose requests are meant as trouble: there, 503 with `Retry-After` is an answer like any other.
const TROUBLE: &[&str] = &["auth.rate-limit", "db.oversell", "db.connections", "error.load", "error.dependency-down"];
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// Parameters of which an odd value is tried.
const PARAMETERS: usize = 8;
/// Lines and exchanges of a finding.
const SHOWN: usize = 8;

#[async_trait]
impl Probe for NoServerErrors {
    fn id(&self) -> &'static str {
        "error.no-5xx"
    }

    fn phase(&self) -> Phase {
        Phase::Observe
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        for request in odd(ctx) {
            request.send(ctx).await;
        }
        let routes = Routes::of(ctx);
        let exchanges = ctx.recorder().exchanges();
        if exchanges.iter().all(|exchange| exchange.status == 0) {
            return Err(Stop::inconclusive("no request was answered"));
        }
        let broken: Vec<&Arc<Recorded>> = exchanges.iter().filter(|exchange| is_breakdown(exchange)).collect();
        let spoken_for: HashSet<Kind> = broken
            .iter()
            .filter(|exchange| ctx.recorder().is_claimed(exchange.number))
            .map(|exchange| kind(&routes, exchange))
            .collect();
        let mut seen = HashSet::new();
        let mut lines = Vec::new();
        let mut evidence = Vec::new();
        for exchange in broken.into_iter().filter(|exchange| !spoken_for.contains(&kind(&routes, exchange))) {
            let path = routes.name(&exchange.target);
            if seen.insert((exchange.method.clone(), path.to_owned(), exchange.status)) {
                let status = http::status_line(exchange.status);
                // Before binding began, nobody had a name yet.
                let sender = if exchange.sender.is_empty() { "binding" } else { &exchange.sender };
                lines.push(format!("{} {path}: {status} (seen by {sender})", exchange.method));
                evidence.push(ctx.recorder().evidence_of(exchange));
            }
        }
        let expected = "no 5xx";
        if lines.is_empty() {
            let summary = if spoken_for.is_empty() {
                "No request of the run was answered 5xx"
            } else {
                "No request of the run was answered 5xx but for those that other findings show"
            };
            return Ok(Finding::pass(self.id(), summary).expected(expected).actual("none"));
        }
        let more = if lines.len() > 1 { format!(", and {} more", lines.len() - 1) } else { String::new() };
        let summary = format!("Requests are answered 5xx: {}{more}", lines[0]);
        lines.truncate(SHOWN);
        evidence.truncate(SHOWN);
        Ok(Finding::fail(self.id(), summary).expected(expected).actual(lines.join("\n")).evidences(evidence))
    }
}

/// Harmless requests that a curious client sends.
fn odd(ctx: &Context) -> Vec<Request> {
    let mut requests = vec![Request::get("/"), Request::get("/no-such-path"), Request::get("/favicon.ico")];
    let Ok(main) = ctx.main() else { return requests };
    let session = ctx.writer(&main).ok().flatten();
    if let Some(collection) = main.collection() {
        let parent = collection.trim_end_matches('/').rsplit_once('/').map_or("", |(parent, _)| parent);
        requests.push(Request::get(format!("{parent}/no-such-path")));
        requests.push(Request::post(format!("{parent}/no-such-path")).session(session.as_ref()));
    }
    let Some(list) = main.operations.get(&Action::List) else { return requests };
    let mut queries: Vec<(String, &str)> = vec![("no_such_parameter".to_owned(), "1")];
    let documented = list.query.iter().filter(|name| !is_paging(name)).take(PARAMETERS);
    for name in documented {
        queries.push((name.clone(), "no-such-value"));
        queries.push((name.clone(), ""));
    }
    if list.query.is_empty() {
        queries.push(("sort".to_owned(), "no-such-value"));
    }
    requests.extend(
        queries.iter().filter_map(|(name, value)| {
            main.list_request(&[(name.as_str(), (*value).to_owned())], session.as_ref()).ok()
        }),
    );
    requests
}

fn is_breakdown(exchange: &Recorded) -> bool {
    let is_honest = exchange.status == 503
        && exchange.header("retry-after").is_some()
        && TROUBLE.iter().any(|probe| exchange.sender.starts_with(probe));
    let is_unknown_method = exchange.status == 501 && !METHODS.contains(&exchange.method.as_str());
    exchange.status >= 500 && !is_honest && !is_unknown_method
}

/// What makes two requests the same but for their values.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Kind {
    method: String,
    path: String,
    parameters: Vec<String>,
    body: Body,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Body {
    None,
    Json,
    /// Meant as JSON and none.
    Broken,
    Other,
}

fn kind(routes: &Routes, exchange: &Recorded) -> Kind {
    let body = match exchange.request_body.as_str() {
        "" => Body::None,
        text => {
            let content_type =
                exchange.request_headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
            match content_type {
                Some((_, value)) if !value.contains("json") => Body::Other,
                _ if serde_json::from_str::<Value>(text).is_ok() => Body::Json,
                _ => Body::Broken,
            }
        }
    };
    Kind {
        method: exchange.method.clone(),
        path: routes.template(&exchange.target).unwrap_or_default().to_owned(),
        parameters: parameters(&exchange.target).into_iter().map(str::to_owned).collect(),
        body,
    }
}
