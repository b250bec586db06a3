//! `api.openapi`: a machine-readable description is served or kept in the tree, and the run's answers keep to it.
//!
//! Looked at is what the other probes got anyway. An operation contradicts the description where it is not in it, where a
//! success has a status that is not described, or where a body is not as its schema says. Refusals that are not described
//! are nobody's contradiction: a description need not list every way in which a request can fail. A refusal whose body is
//! not as described counts half, since clients read successes first. What another finding speaks for is left out.
//! Planted defects: `api-openapi` of the Django and of the Express submission.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::bind::Described;
use harness_kit::record::Recorded;
use harness_kit::{Context, Phase, Probe, Stop};
use jsonschema::Validator;
use serde_json::Value;

use super::contract::{Contract, Promise, breach};
use super::routes;

/// Bodies of one status of one operation that are held to their schema.
const BODIES: u32 = 12;
/// Exchanges that a finding shows.
const SHOWN: usize = 4;

pub(crate) struct Openapi;

/// How an operation contradicts the description.
struct Contradiction {
    what: String,
    /// Whether a success does; else only a refusal.
    in_success: bool,
    exchange: Option<Arc<Recorded>>,
}

#[async_trait]
impl Probe for Openapi {
    fn id(&self) -> &'static str {
        "api.openapi"
    }

    fn phase(&self) -> Phase {
        Phase::Observe
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let Some(description) = ctx.bound().description else {
            return Ok(Finding::fail(self.id(), "No machine-readable description of the API is served or kept")
                .expected("an OpenAPI document, served by the API or in its repository")
                .actual("none at any customary path, and none in the repository"));
        };
        let contract = Contract::of(&description);
        let (used, found) = compare(ctx, &contract);
        if used.is_empty() {
            return Err(Stop::blocked("api.operations", "no operation was found to compare with the description"));
        }
        let expected = format!("answers as {} describes them", description.place);
        let of = used.len();
        if found.is_empty() {
            return Ok(Finding::pass(self.id(), format!("The answers of {of} operations are as described"))
                .expected(expected.clone())
                .actual(expected));
        }
        let lost: f64 = found.values().map(|contradiction| if contradiction.in_success { 1.0 } else { 0.5 }).sum();
        #[expect(clippy::cast_precision_loss, reason = "a few operations")]
        let kept = 1.0 - lost / of as f64;
        let lines: Vec<String> = found.iter().map(|(name, found)| format!("{name}: {}", found.what)).collect();
        let summary = format!("{} of {of} operations are not as described: {}", found.len(), lines[0]);
        let finding =
            if kept <= 0.5 { Finding::fail(self.id(), summary) } else { Finding::partial(self.id(), kept, summary) };
        let shown = found.values().filter_map(|contradiction| contradiction.exchange.as_ref()).take(SHOWN);
        Ok(finding
            .expected(expected)
            .actual(lines.join("\n"))
            .evidences(shown.map(|exchange| ctx.recorder().evidence_of(exchange))))
    }
}

/// The operations that were used, and the gravest contradiction of each that has one, by name.
fn compare(ctx: &Context, contract: &Contract<'_>) -> (BTreeSet<String>, BTreeMap<String, Contradiction>) {
    let (mut used, mut found) = (BTreeSet::new(), BTreeMap::<String, Contradiction>::new());
    for operation in routes::bound(ctx) {
        if contract.operation(&operation.method, &operation.path).is_none() {
            let name = format!("{} {}", operation.method, operation.template);
            let what = "not in the description".to_owned();
            used.insert(name.clone());
            found.insert(name, Contradiction { what, in_success: true, exchange: None });
        }
    }
    let mut judge = Judge { contract, checks: HashMap::new(), seen: HashMap::new() };
    for exchange in ctx.recorder().exchanges() {
        // What is broken, redirected or spoken for elsewhere proves nothing here.
        let counts = matches!(exchange.status, 200..=299 | 400..=499)
            && !exchange.cut
            && !ctx.recorder().is_claimed(exchange.number);
        let Some(operation) = contract.operation(&exchange.method, &exchange.target).filter(|_| counts) else {
            continue;
        };
        let name = format!("{} {}", operation.method, operation.path);
        let in_success = exchange.status < 300;
        if in_success {
            used.insert(name.clone());
        }
        if found.get(&name).is_some_and(|known| known.in_success || !in_success) {
            continue;
        }
        if let Some(what) = judge.contradiction(operation, &exchange) {
            found.insert(name, Contradiction { what, in_success, exchange: Some(exchange) });
        }
    }
    // An operation that only ever refused was not used.
    found.retain(|name, _| used.contains(name));
    (used, found)
}

/// Holds answers to a contract; each schema is made ready once.
struct Judge<'a> {
    contract: &'a Contract<'a>,
    checks: HashMap<(String, u16), Option<Validator>>,
    seen: HashMap<(String, u16), u32>,
}

impl Judge<'_> {
    fn contradiction(&mut self, operation: &Described, exchange: &Recorded) -> Option<String> {
        let status = exchange.status;
        let schema = match self.contract.promise(operation, status) {
            Promise::Unknown => {
                let is_told = status < 300 && self.contract.promises_success(operation);
                return is_told.then(|| format!("{status} is not described"));
            }
            Promise::Status => return None,
            Promise::Body(schema) => schema,
        };
        let key = (operation.pointer.clone(), status);
        let seen = self.seen.entry(key.clone()).or_default();
        *seen += 1;
        if *seen > BODIES {
            return None;
        }
        let Ok(body) = serde_json::from_str::<Value>(&exchange.body) else {
            let is_missing = status < 300 && status != 204;
            return is_missing.then(|| format!("{status} without the JSON body that is described"));
        };
        let contract = self.contract;
        let check = self.checks.entry(key).or_insert_with(|| contract.check(schema));
        breach(check.as_ref()?, &body).map(|how| format!("{status}: {how}"))
    }
}
