//! `api.operations`: every operation that the brief asks for is there and works, weighted as the spec says.
//!
//! Binding has tried them; this tells what it found. An account operation that is missing is left out of the sum: it has
//! a finding of its own (`auth.register`, `auth.login`), and one cause is charged once; so is what nobody could try for
//! want of an account. Planted defect: `api-operations` of the FastAPI submission.

use async_trait::async_trait;
use grader_model::{Evidence, Finding};
use grader_spec::Action;
use harness_kit::{Context, Probe, Stop, wire};

/// Exchanges that a finding shows.
const SHOWN: usize = 4;

pub(crate) struct Operations;

/// An operation that the brief asks for.
struct Wanted {
    id: String,
    weight: f64,
    found: bool,
    why: String,
    /// Exchanges that may show what was answered where it was looked for.
    looked_for: Option<(Action, Vec<String>)>,
}

#[async_trait]
impl Probe for Operations {
    fn id(&self) -> &'static str {
        "api.operations"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let wanted = wanted(ctx);
        let charged: Vec<&Wanted> =
            wanted.iter().filter(|operation| operation.found || operation.looked_for.is_some()).collect();
        let total: f64 = charged.iter().map(|operation| operation.weight).sum();
        if total <= 0.0 {
            return Err(Stop::not_applicable("the assessment asks for no operation besides signing in"));
        }
        let missing: Vec<&&Wanted> = charged.iter().filter(|operation| !operation.found).collect();
        let of = charged.len();
        // Each is proved by a record, and where nobody can sign in nobody could make one.
        let bound = ctx.bound();
        if !missing.is_empty() && (bound.register.is_none() || bound.login.is_none()) {
            let cause = if bound.register.is_none() { "auth.register" } else { "auth.login" };
            let why = format!("{} of {of} operations could not be tried without an account", missing.len());
            return Err(Stop::blocked(cause, why));
        }
        let expected = format!("all {of} operations that the brief asks for");
        if missing.is_empty() {
            return Ok(Finding::pass(self.id(), format!("All {of} operations that the brief asks for work"))
                .expected(expected)
                .actual(format!("all {of} work")));
        }
        let lost: f64 = missing.iter().map(|operation| operation.weight).sum();
        let names: Vec<&str> = missing.iter().map(|operation| operation.id.as_str()).collect();
        let lines: Vec<String> =
            missing.iter().map(|operation| format!("{}: {}", operation.id, operation.why)).collect();
        Ok(Finding::partial(self.id(), 1.0 - lost / total, format!("Missing: {}", names.join(", ")))
            .expected(expected)
            .actual(lines.join("\n"))
            .evidences(attempts(ctx, &missing)))
    }
}

fn wanted(ctx: &Context) -> Vec<Wanted> {
    let bound = ctx.bound();
    let domain = &ctx.spec().domain;
    let mut wanted = Vec::new();
    let accounts = [
        ("account.register", domain.accounts.register.weight, bound.register.is_some()),
        ("account.login", domain.accounts.login.weight, bound.login.is_some()),
    ];
    for (id, weight, found) in accounts {
        wanted.push(Wanted { id: id.to_owned(), weight, found, why: String::new(), looked_for: None });
    }
    for (id, resource) in &domain.resources {
        let found = bound.resources.get(id);
        let has_create = found.is_some_and(|found| found.operations.contains_key(&Action::Create));
        for (action, operation) in &resource.operations {
            let reason = found.and_then(|found| found.unbound.get(action)).cloned();
            let why = reason.unwrap_or_else(|| {
                let needs_record = !has_create && !matches!(action, Action::Create | Action::List);
                let why =
                    if needs_record { "it needs a record, and none could be created" } else { "it was not found" };
                why.to_owned()
            });
            wanted.push(Wanted {
                id: format!("{id}.{}", action.as_str()),
                weight: operation.weight,
                found: found.is_some_and(|found| found.operations.contains_key(action)),
                why,
                looked_for: Some((*action, resource.names.clone())),
            });
        }
    }
    wanted.retain(|operation| operation.weight > 0.0);
    wanted
}

/// For each missing operation the most telling answer of those that binding got where it looked for it.
fn attempts(ctx: &Context, missing: &[&&Wanted]) -> Vec<Evidence> {
    let recorder = ctx.recorder();
    let exchanges = recorder.exchanges();
    let mut numbers = Vec::new();
    for (action, names) in missing.iter().filter_map(|operation| operation.looked_for.as_ref()) {
        let methods: &[&str] = match action {
            Action::Create => &["POST"],
            Action::List | Action::Read => &["GET"],
            Action::Update => &["PATCH", "PUT"],
            Action::Delete => &["DELETE"],
        };
        let on_record = matches!(action, Action::Read | Action::Update | Action::Delete);
        let tried = exchanges.iter().filter(|exchange| {
            let path = exchange.target.split('?').next().unwrap_or("");
            let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
            let at = segments.iter().position(|segment| wire::is_named(segment, names));
            methods.contains(&exchange.method.as_str()) && at.is_some_and(|at| (segments.len() > at + 1) == on_record)
        });
        let best = tried.min_by_key(|exchange| (matches!(exchange.status, 0 | 404 | 405), exchange.number));
        if let Some(exchange) = best
            && !numbers.contains(&exchange.number)
            && numbers.len() < SHOWN
        {
            numbers.push(exchange.number);
        }
    }
    exchanges
        .iter()
        .filter(|exchange| numbers.contains(&exchange.number))
        .map(|exchange| recorder.evidence_of(exchange))
        .collect()
}
