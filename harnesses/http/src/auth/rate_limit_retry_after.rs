//! `auth.rate-limit.retry-after`: a 429 says when to come back (`Retry-After`, RFC 9110, 10.2.3, or the `RateLimit` fields
//! of the IETF drafts), and who comes back then is let in.
//!
//! It runs late, so that most of the window has passed while others worked; the rest is waited out, as long as the spec's
//! bound allows. A longer window is believed by its header.
//! Planted defect: `auth-rate-limit-retry-after` of the Express submission.

use std::time::Duration;

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::context::retry_after;
use harness_kit::{Context, Phase, Probe, Stop};

use super::limiter;

pub(crate) struct RetryAfter;

/// Seconds that are waited at the most where the spec names none.
const MOST: u64 = 70;
/// Windows are counted in whole seconds on either side.
const LEEWAY: Duration = Duration::from_millis(1100);

#[async_trait]
impl Probe for RetryAfter {
    fn id(&self) -> &'static str {
        "auth.rate-limit.retry-after"
    }

    fn phase(&self) -> Phase {
        Phase::Late
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let limit = limiter::seen(ctx)?;
        let recorder = ctx.recorder();
        let expected = "`Retry-After` or `RateLimit` with the 429, and no 429 once the time that it names has passed";
        let Some(named) = retry_after(&limit.refusal) else {
            return Ok(Finding::fail(self.id(), "A 429 does not say when to come back")
                .expected(expected)
                .actual("429 Too Many Requests without such a header")
                .evidence(recorder.evidence(&limit.refusal)));
        };
        let most = Duration::from_secs(ctx.param(limiter::PROBE, "max_wait_seconds", MOST));
        let rest = (named + LEEWAY).saturating_sub(limit.refused_at.elapsed());
        if rest > most {
            return Ok(Finding::pass(self.id(), "A 429 says when to come back, later than this run waits")
                .expected(expected)
                .actual("the header is there; its time was not waited out")
                .evidence(recorder.evidence(&limit.refusal)));
        }
        tokio::time::sleep(rest).await;
        let again = limiter::bad_login(ctx, &limit)?.send(ctx).await;
        let finding = if again.is_limited() {
            Finding::fail(self.id(), "A client that comes back when the 429 said is still refused")
                .actual("429 Too Many Requests again, after the time that the first one named")
        } else {
            Finding::pass(self.id(), "A 429 says when to come back, and who does is let in")
                .actual(format!("a header with the 429, and {} after its time", again.status_line()))
        };
        Ok(finding.expected(expected).evidence(recorder.evidence(&limit.refusal)).evidence(recorder.evidence(&again)))
    }
}
