//! `error.shape`: refusals of every kind share one structure, with a code or type for programs and a message for people.
//!
//! Looks at all refusals of the run but for those that another finding already speaks for. A kind of refusal is a status;
//! paths (or methods on them) that the API does not have are a kind of their own, for there the framework answers before
//! the application: when only those differ, they cost their share. Any other kind that differs is a fail, since a client then needs two readers.
//! One structure without a code counts half. Optional members such as details may come and go.
//! Planted defect: `error-shape` of the Express submission.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::Action;
use harness_kit::placing::unknown_reference;
use harness_kit::record::Recorded;
use harness_kit::{Context, Phase, Probe, Request, Stop, wire};
use serde_json::Map;

use super::routes::Routes;
use super::shapes::{Shape, is_problem};
use super::support::share;

pub(crate) struct ErrorShape;

/// The statuses that the catalogue names.
const STATUSES: &[u16] = &[400, 401, 403, 404, 409, 422, 429];
/// Longer targets are answered by servers before any application sees them.
const LONGEST_TARGET: usize = 2000;

/// A kind of refusal: its status, and whether the path and the method on it are a route of the API.
type Kind = (u16, bool);

#[async_trait]
impl Probe for ErrorShape {
    fn id(&self) -> &'static str {
        "error.shape"
    }

    fn phase(&self) -> Phase {
        Phase::Observe
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        provoke(ctx).await;
        let routes = Routes::of(ctx);
        let kinds = kinds(ctx, &routes);
        if kinds.keys().filter(|(_, routed)| *routed).count() == 0 {
            return Err(Stop::blocked("api.operations", "no operation refused anything"));
        }
        let common = most_common(&kinds);
        Ok(verdict(self.id(), ctx, &kinds, &common))
    }
}

/// Makes sure that there are refusals to look at, also where few probes ran before.
async fn provoke(ctx: &Context) {
    Request::get("/no-such-path").send(ctx).await;
    let Ok(main) = ctx.main() else { return };
    if let Ok(record) = main.create(ctx, &mut ctx.values("error.shape"), &[]).await
        && let Some(unknown) = wire::text(&unknown_reference(&record.reference(&main)))
        && let Ok(request) = main.read_request(&unknown, None)
    {
        request.send(ctx).await;
    }
    let Some(create) = main.operations.get(&Action::Create) else { return };
    create.request(None, Some(Map::new()), None).send(ctx).await;
    if let Ok(session) = ctx.writer(&main) {
        create.request(None, Some(Map::new()), session.as_ref()).send(ctx).await;
    }
}

/// Every kind of refusal, with each of its structures and the first exchange that has it.
fn kinds(ctx: &Context, routes: &Routes) -> BTreeMap<Kind, BTreeMap<Shape, Arc<Recorded>>> {
    let mut kinds: BTreeMap<Kind, BTreeMap<Shape, Arc<Recorded>>> = BTreeMap::new();
    for exchange in ctx.recorder().exchanges() {
        let counts = STATUSES.contains(&exchange.status)
            && exchange.method != "HEAD"
            && exchange.target.len() <= LONGEST_TARGET
            && exchange.sender != "error.extremes"
            && !ctx.recorder().is_claimed(exchange.number);
        if counts {
            let kind = (exchange.status, routes.has(&exchange.method, &exchange.target));
            let shape = Shape::of(&exchange.body, exchange.header("content-type"));
            kinds.entry(kind).or_default().entry(shape).or_insert(exchange);
        }
    }
    // Elsewhere than on a route only "not found" is of interest: the rest guards what does not exist.
    kinds.retain(|(status, routed), _| *routed || *status == 404);
    kinds
}

/// The structure that most kinds have; among equals the one with more to say.
fn most_common(kinds: &BTreeMap<Kind, BTreeMap<Shape, Arc<Recorded>>>) -> Shape {
    let mut counts: BTreeMap<&Shape, usize> = BTreeMap::new();
    for shape in kinds.iter().filter(|((_, routed), _)| *routed).flat_map(|(_, shapes)| shapes.keys()) {
        *counts.entry(shape).or_default() += 1;
    }
    let best = counts.into_iter().max_by_key(|(shape, count)| (*count, shape.has_code(), shape.has_message()));
    best.map_or_else(|| Shape::Other("nothing".to_owned()), |(shape, _)| shape.clone())
}

fn name((status, routed): Kind) -> String {
    if routed { status.to_string() } else { format!("{status} for a path that does not exist") }
}

fn verdict(id: &str, ctx: &Context, kinds: &BTreeMap<Kind, BTreeMap<Shape, Arc<Recorded>>>, common: &Shape) -> Finding {
    let expected = format!("one structure with a code or type and a message: {}", common.said());
    let others: Vec<(Kind, &Shape, &Arc<Recorded>)> = kinds
        .iter()
        .flat_map(|(kind, shapes)| shapes.iter().map(move |(shape, exchange)| (*kind, shape, exchange)))
        .filter(|(_, shape, _)| *shape != common)
        .collect();
    let lines: Vec<String> =
        others.iter().map(|(kind, shape, _)| format!("{}: {}", name(*kind), shape.said())).collect();
    let odd = others.iter().find(|((_, routed), _, _)| *routed);
    let samples: Vec<&Arc<Recorded>> = kinds.values().filter_map(|shapes| shapes.get(common)).take(1).collect();
    let problems =
        kinds.values().flat_map(BTreeMap::values).all(|exchange| is_problem(exchange.header("content-type")));
    let finding = if !common.has_message() {
        Finding::fail(id, "Refusals carry no message for people").actual(common.said())
    } else if let Some((kind, shape, _)) = odd {
        let summary = format!("Refusals do not share one structure: {} has {}", name(*kind), shape.said());
        Finding::fail(id, summary).actual(lines.join("\n"))
    } else if !common.has_code() {
        Finding::partial(id, 0.5, "Refusals share one structure, but nothing in it tells programs what is wrong")
            .actual(common.said())
    } else if !others.is_empty() {
        let summary = "Refusals share one structure, but for paths that do not exist";
        Finding::partial(id, share(kinds.len() - 1, kinds.len()), summary).actual(lines.join("\n"))
    } else {
        let known = if problems { " (problem details, RFC 9457)" } else { "" };
        let all: Vec<String> = kinds.keys().map(|kind| name(*kind)).collect();
        Finding::pass(id, format!("Refusals of every kind share one structure{known}")).actual(format!(
            "{}: {}",
            all.join(", "),
            common.said()
        ))
    };
    let shown = samples.into_iter().chain(others.iter().map(|(_, _, exchange)| *exchange)).take(5);
    finding.expected(expected).evidences(shown.map(|exchange| ctx.recorder().evidence_of(exchange)))
}
