//! `error.shutdown`: asked to end, the API answers the requests in flight and is gone within `max_seconds`.
//!
//! The signal is the one that an engine's stop sends: SIGTERM, or the stop signal that the image or the compose file
//! declares. A request in flight is finished, or refused with 503; a broken connection or another 5xx is a cut, once seen
//! twice. A process that does not obey is killed; that a shell as the first process keeps the signal to itself is the
//! submission's doing. Which code it ends with is left to it. On a machine that others take, an end that comes too late
//! decides nothing, and one that never comes fails. Afterwards the API is started again.
//! Planted defects: `error-shutdown` and `error-shutdown-*` of both submissions.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

use crate::cycle::{Cycle, Ended, is_cut};

pub(crate) struct Shutdown(pub(crate) Arc<Cycle>);

#[async_trait]
impl Probe for Shutdown {
    fn id(&self) -> &'static str {
        "error.shutdown"
    }

    fn phase(&self) -> Phase {
        Phase::Break
    }

    fn needs_host(&self) -> bool {
        true
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let grace = grace(ctx);
        let seen = self.0.seen(ctx, grace).await?;
        let seconds = grace.as_secs();
        let expected = format!("requests in flight are answered, and the process ends within {seconds} s");
        if seen.ended == Ended::Late {
            return Err(Stop::inconclusive("The machine was too busy to tell a late end from a slow machine"));
        }
        if seen.ended == Ended::Never {
            return Ok(Finding::fail(self.id(), format!("The signal to end is not obeyed within {seconds} s"))
                .expected(expected)
                .actual(format!("the process still runs after {seconds} s"))
                .attempts(seen.attempts));
        }
        let cut: Vec<_> = seen.in_flight.iter().filter(|got| is_cut(&got.answer)).collect();
        if let Some(first) = cut.iter().min_by_key(|got| got.name.clone()) {
            let mut lines: Vec<String> =
                cut.iter().map(|got| format!("{}: {}", got.name, what_came(got.answer.status()))).collect();
            lines.sort();
            lines.dedup();
            return Ok(Finding::fail(self.id(), "The signal to end cuts requests in flight")
                .expected(expected)
                .actual(lines.join("\n"))
                .evidence(ctx.recorder().evidence(&first.answer))
                .attempts(seen.attempts));
        }
        let summary = if seen.in_flight.is_empty() {
            format!("Asked to end, the process is gone within {seconds} s; no request was in flight at that moment")
        } else {
            format!("Asked to end, the API answers the requests in flight and is gone within {seconds} s")
        };
        Ok(Finding::pass(self.id(), summary).expected(expected.clone()).actual(expected).attempts(seen.attempts))
    }
}

/// How long the process may take to end.
pub(super) fn grace(ctx: &Context) -> Duration {
    Duration::from_secs(ctx.param("error.shutdown", "max_seconds", 10).clamp(1, 30))
}

/// How it broke depends on the moment; that it broke does not.
fn what_came(status: u16) -> String {
    if status == 0 { "the connection broke".to_owned() } else { harness_kit::http::status_line(status) }
}
