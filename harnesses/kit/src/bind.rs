//! Binding: finding the real routes, names and shapes behind an assessment's abstract operations.
//!
//! Sources, strongest first: a reviewer's bindings, the API's own description, routes read from the source, the README,
//! the spec's candidates. Whatever the source, an operation is bound only by a call that worked.

mod accounts;
mod candidates;
mod complaint;
mod creating;
mod describe;
mod draft;
mod flat;
mod lines;
mod listing;
mod locate;
mod nesting;
mod overrides;
mod paging;
mod relations;
mod resources;
mod steps;
mod transaction;

use std::sync::Arc;
use std::time::Duration;

use grader_model::{Binding, BindingSource};
use grader_spec::Action;

pub use accounts::{
    account_key, account_record, fresh_registration, register_and_sign_in, registered_record, registration_body,
    sign_in, sign_in_request,
};
pub use describe::{Described, Description, Member};
pub use flat::{Form, Reference};
pub use nesting::Ancestor;
pub(crate) use nesting::refilled;
pub use overrides::{OperationOverride, Overrides};
pub use paging::is_paging;
pub use relations::account_value;

use crate::http::JSON_ACCEPTED;
use crate::protocol::{Host, Start};
use crate::vantage::Endpoint;
use crate::{Context, Request};
use candidates::Sources;

/// Where API descriptions are served in the field, most common first.
const DESCRIPTION_PATHS: &[&str] = &[
    "/openapi.json",
    "/api/v1/openapi.json",
    "/api/openapi.json",
    "/swagger.json",
    "/api-docs.json",
    "/api-docs-json",
    "/api/docs-json",
    "/api/docs/openapi.json",
    "/docs/openapi.json",
    "/v3/api-docs",
    "/api/schema/?format=json",
    "/api/schema/",
    "/docs-json",
    "/swagger/v1/swagger.json",
    "/swagger/doc.json",
    "/apispec_1.json",
    "/docs/json",
    "/documentation/json",
    "/api-docs",
    "/openapi.yaml",
    "/swagger.yaml",
    "/api/v1/docs/openapi.json",
    "/api/v1/openapi.yaml",
];

/// Why there is nothing to bind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoApi {
    /// Nothing answered HTTP: what was tried, one line each.
    #[error("nothing answers HTTP: {}", .0.join("; "))]
    Silent(Vec<String>),
    /// The HTTP library cannot be set up here: the grader's own trouble.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// Finds the endpoint that is the API: one that serves a description, else one that knows a path of the assessment,
/// else one that answers HTTP at all.
///
/// # Errors
/// [`NoApi`].
pub async fn find_api(start: &Start, host: &Host) -> Result<Context, NoApi> {
    let spec = Arc::new(start.spec.clone());
    let facts = Arc::new(start.facts.clone());
    let mut tried = Vec::new();
    let mut best: Option<(u8, Context)> = None;
    for endpoint in &start.endpoints {
        let place = format!("{} port {}", endpoint.service, endpoint.port);
        let context = |endpoint: Endpoint| {
            Context::new(spec.clone(), facts.clone(), start.seed, endpoint, host.clone(), start.bindings.clone())
                .map_err(NoApi::Client)
        };
        let mut ctx = context(endpoint.clone())?;
        // Outside the record until it is known how the API wants to be asked.
        let mut root = quick("/").send_aside(&ctx).await;
        // Some answer to the host names of their README alone, as `ALLOWED_HOSTS` of Django does.
        if matches!(root.status(), 400 | 403 | 421) && endpoint.host.is_none() {
            let known = Endpoint { host: Some("localhost".to_owned()), ..endpoint.clone() };
            let other = context(known)?;
            let answer = quick("/").send_aside(&other).await;
            if !matches!(answer.status(), 0 | 400 | 403 | 421) {
                other.observe(format!(
                    "Requests to the host `{}` are refused; the API was asked as `localhost`.",
                    endpoint.service
                ));
                (ctx, root) = (other, answer);
            }
        }
        if root.status() == 0 {
            tried.push(format!("{place}: {}", root.failure().unwrap_or("no answer")));
            continue;
        }
        if answers_json_when_asked(&ctx).await {
            ctx.ask_for_json();
            ctx.observe(format!(
                "The API answers pages to whoever does not ask for JSON; every request asks for it by `Accept: {JSON_ACCEPTED}`."
            ));
        }
        quick("/").send(&ctx).await;
        let description = find_description(&ctx).await;
        let mut rank = 1;
        if let Some(found) = description {
            ctx.with_bound(|bound| bound.description = Some(found));
            rank = 3;
        } else if knows_a_path(&ctx).await {
            rank = 2;
        }
        if best.as_ref().is_none_or(|(known, _)| rank > *known) {
            best = Some((rank, ctx));
        }
        if rank == 3 {
            break;
        }
    }
    best.map(|(_, ctx)| ctx).ok_or(NoApi::Silent(tried))
}

/// A look that waits for no slow answer.
fn quick(path: &str) -> Request {
    Request::get(path).timeout(Duration::from_secs(4))
}

/// Whether the API answers JSON in place of a page when it is asked to. Frameworks that render pages too (Laravel, Rails,
/// Rocket) answer errors so, or by a redirect, to whoever takes anything. A client of the API would ask, so the harness does.
///
/// Looked at where nothing is routed, and outside the record: the answers say nothing of the API's own routes.
async fn answers_json_when_asked(ctx: &Context) -> bool {
    let missing = format!("{}/no-such-path", ctx.spec().domain.prefixes.first().map_or("", String::as_str));
    let anything = quick(&missing).send_aside(ctx).await;
    if !anything.is_client_error() || !accounts::is_page(&anything) {
        return false;
    }
    let asked = quick(&missing).header("accept", JSON_ACCEPTED).send_aside(ctx).await;
    asked.status() == anything.status() && asked.record().says_json() && asked.json().is_some()
}

async fn find_description(ctx: &Context) -> Option<Arc<Description>> {
    for path in DESCRIPTION_PATHS {
        let answer = quick(path).send(ctx).await;
        if answer.status() != 200 {
            continue;
        }
        if let Some(document) = describe::parse(answer.body()) {
            return Some(Arc::new(Description::new((*path).to_owned(), document)));
        }
    }
    None
}

async fn knows_a_path(ctx: &Context) -> bool {
    let domain = &ctx.spec().domain;
    let Some(main) = domain.main_resource() else { return false };
    for prefix in &domain.prefixes {
        for name in main.names.iter().take(2) {
            let answer = quick(&format!("{prefix}/{name}")).send(ctx).await;
            let is_page = answer.header("content-type").is_some_and(|value| value.contains("html"));
            if !matches!(answer.status(), 0 | 404) && !is_page {
                return true;
            }
        }
    }
    false
}

/// Binds everything that the assessment asks for, in the order in which it can be made, within half of a run's time: an
/// API that lets every trial hang must leave time for saying so.
pub async fn bind(ctx: &Context, overrides: &Overrides) {
    let bound = Duration::from_secs(ctx.spec().limits.run_seconds) / 2;
    if tokio::time::timeout(bound, bind_all(ctx, overrides)).await.is_err() {
        ctx.observe(format!("Looking for the API's operations was given up after {} s.", bound.as_secs()));
    }
    ask_for_the_unbound(ctx);
}

async fn bind_all(ctx: &Context, overrides: &Overrides) {
    let sources = Sources::gather(ctx, overrides);
    accounts::bind(ctx, &sources).await;
    let domain = ctx.spec().domain.clone();
    for (id, resource) in &domain.resources {
        // Prerequisites are bound when a resource turns out to need one.
        let is_transaction = domain.transaction.as_deref() == Some(id);
        let wanted = resource.operations.values().any(|operation| operation.weight > 0.0);
        if is_transaction {
            transaction::bind(ctx, &sources, id).await;
        } else if wanted {
            resources::bind(ctx, &sources, id).await;
        }
    }
    paging::bind(ctx, &domain.main).await;
}

/// Every operation that the assessment weighs, bound or not, for the report.
pub fn bindings(ctx: &Context) -> Vec<Binding> {
    let bound = ctx.bound();
    let mut all = Vec::new();
    let unbound = |operation: String, why: Option<&String>| Binding {
        operation,
        method: String::new(),
        path: String::new(),
        source: None,
        confidence: 0.0,
        proof: why.cloned().unwrap_or_else(|| "no candidate answered".to_owned()),
        fields: indexmap::IndexMap::new(),
    };
    for (name, operation) in [("register", &bound.register), ("login", &bound.login)] {
        all.push(match operation {
            Some(operation) => operation.binding(),
            None => unbound(format!("account.{name}"), bound.account_trouble.get(name)),
        });
    }
    for (id, resource) in &ctx.spec().domain.resources {
        let found = bound.resources.get(id);
        for (action, wanted) in &resource.operations {
            let operation = found.and_then(|found| found.operations.get(action));
            match operation {
                Some(operation) => {
                    let mut binding = operation.binding();
                    let references = found.filter(|_| *action == Action::Create).map(|found| &found.references);
                    for (name, reference) in references.into_iter().flatten().filter(|(_, to)| to.form == Form::Key) {
                        binding.fields.entry(reference.resource.clone()).or_insert_with(|| name.clone());
                    }
                    all.push(binding);
                }
                None if wanted.weight > 0.0 => {
                    let why = found.and_then(|found| found.unbound.get(action));
                    all.push(unbound(format!("{id}.{}", action.as_str()), why));
                }
                None => {}
            }
        }
    }
    all
}

fn ask_for_the_unbound(ctx: &Context) {
    for binding in bindings(ctx).into_iter().filter(|binding| binding.source.is_none()) {
        let method = match binding.operation.rsplit('.').next().and_then(action) {
            Some(Action::List | Action::Read) => "GET",
            Some(Action::Update) => "PUT",
            Some(Action::Delete) => "DELETE",
            Some(Action::Create) | None => "POST",
        };
        ctx.ask(
            format!("{} could not be bound: {}", binding.operation, binding.proof),
            format!("operations: {{ {}: {{ method: {method}, path: /PATH }} }}", binding.operation),
        );
    }
}

fn action(name: &str) -> Option<Action> {
    Action::ALL.into_iter().find(|action| action.as_str() == name)
}

/// How sure a proved binding is, by its source.
fn confidence(source: BindingSource) -> f64 {
    match source {
        BindingSource::Reviewer => 1.0,
        BindingSource::Openapi => 0.98,
        BindingSource::Source => 0.95,
        BindingSource::Readme => 0.93,
        BindingSource::Candidate => 0.9,
    }
}
