//! Runs the probes in their order, each within a bound, and turns whatever happens into exactly one finding each.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use grader_model::{Evidence, Finding, Visibility};
use grader_spec::ProbeState;

use crate::bind::NoApi;
use crate::protocol::{FromHarness, Host, Start};
use crate::{Context, Phase, Probe, bind};

/// Longest time for one probe; a probe that needs a limiter's window gets that on top.
const PROBE_BOUND: Duration = Duration::from_secs(120);

/// Everything between the start and the last finding: find the API, bind it, run the probes.
pub async fn run(start: Start, host: Host, probes: Vec<Box<dyn Probe>>) {
    let began = Instant::now();
    let budget = Duration::from_secs(start.budget_seconds);
    let chosen = chosen(&start, probes, host.is_attended());
    let ctx = match bind::find_api(&start, &host).await {
        Ok(ctx) => ctx,
        Err(NoApi::Silent(tried)) => {
            host.say(FromHarness::Silent { tried });
            host.say(FromHarness::Done { requests: 0 });
            return;
        }
        Err(error @ NoApi::Client(_)) => {
            // Without a last word the host knows that this is the grader's trouble.
            tracing::error!(error = &error as &dyn std::error::Error, "the harness cannot work here");
            return;
        }
    };
    ctx.recorder().begin("binding");
    bind::bind(&ctx, &start.bindings).await;
    ctx.keep_logs().await;
    host.say(FromHarness::Bound { api: Some(ctx.endpoint().service.clone()), bindings: bind::bindings(&ctx) });

    let of = chosen.len();
    for (index, probe) in chosen.into_iter().enumerate() {
        let id = probe.id();
        host.say(FromHarness::Probing { probe: id.to_owned(), number: index + 1, of });
        let finding = if began.elapsed() >= budget {
            Finding::inconclusive(id, "the run's budget of time was used up before this probe could start")
        } else {
            ctx.renew_ending().await;
            let remaining = budget.saturating_sub(began.elapsed());
            let finding = one(&ctx, probe.as_ref(), PROBE_BOUND.min(remaining)).await;
            if probe.phase() == Phase::Break {
                // Secrets that are made at every start end the sessions with the process, whoever restarted that.
                ctx.sign_in_again().await;
            }
            finding
        };
        if finding.verdict.is_negative() {
            ctx.recorder().claim(finding.evidence.iter().filter_map(|evidence| match evidence {
                Evidence::Exchange(exchange) => Some(exchange.number),
                _ => None,
            }));
        }
        ctx.learn(|learnt| learnt.findings.push(finding.clone()));
        host.say(FromHarness::Finding { finding: Box::new(finding) });
    }
    for note in ctx.learn(|learnt| std::mem::take(&mut learnt.notes)) {
        host.say(FromHarness::Note { note });
    }
    host.say(FromHarness::Done { requests: ctx.recorder().sent() });
}

/// The probes that the spec asks for, in the order of their phases and, within one, of the list.
fn chosen(start: &Start, probes: Vec<Box<dyn Probe>>, is_attended: bool) -> Vec<Box<dyn Probe>> {
    let mut chosen: Vec<Box<dyn Probe>> = probes
        .into_iter()
        .filter(|probe| is_attended || !probe.needs_host())
        .filter(|probe| {
            start.spec.probe(probe.id()).is_some_and(|wanted| {
                wanted.state == ProbeState::Built && (!start.public_only || wanted.visibility == Visibility::Public)
            })
        })
        .collect();
    chosen.sort_by_key(|probe| probe.phase());
    chosen
}

/// Runs one probe within `bound`. A probe that panics or does not end is the grader's own trouble.
async fn one(ctx: &Context, probe: &dyn Probe, bound: Duration) -> Finding {
    let id = probe.id();
    ctx.recorder().begin(id);
    let began = Instant::now();
    let guarded = std::panic::AssertUnwindSafe(probe.run(ctx)).catch_unwind();
    let mut finding = match tokio::time::timeout(bound, guarded).await {
        Ok(Ok(Ok(finding))) => finding,
        Ok(Ok(Err(stop))) => stop.into_finding(id),
        Ok(Err(_panic)) => Finding::inconclusive(id, "the probe itself broke; this is a defect of the grader"),
        Err(_) => Finding::inconclusive(id, format!("not decided within {} s", bound.as_secs())),
    };
    finding.summary = ctx.recorder().named(&finding.summary);
    finding.actual = ctx.recorder().named(&finding.actual);
    for evidence in &mut finding.evidence {
        name_in(ctx, evidence);
    }
    finding.millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    debug_assert!(finding.probe == id, "{id} answered for {}", finding.probe);
    finding
}

/// Names volatile values in what a database said; exchanges have theirs, and a log is shown as it is.
fn name_in(ctx: &Context, evidence: &mut Evidence) {
    if let Evidence::Sql { query, rows, .. } = evidence {
        for text in std::iter::once(query).chain(rows.iter_mut().flatten()) {
            *text = ctx.recorder().named(text);
        }
    }
}
