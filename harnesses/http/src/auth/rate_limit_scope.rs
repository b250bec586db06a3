//! `auth.rate-limit.scope`: one client's burst does not lock out another client, nor take the whole API from anybody.
//!
//! While the burst's address is refused, another account signs in from another address: refused, it is a fail. That the
//! bursting client itself loses the rest of the API as well is partial: it harms nobody else, and locks out whoever
//! shares the address from more than signing in.
//! Planted defect: `auth-rate-limit-scope` of the Express submission.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::bind::sign_in_request;
use harness_kit::{Context, Phase, Probe, Stop};

use super::limiter;

pub(crate) struct RateLimitScope;

/// How often the observation is made again because the window passed meanwhile.
const ROUNDS: u32 = 3;

#[async_trait]
impl Probe for RateLimitScope {
    fn id(&self) -> &'static str {
        "auth.rate-limit.scope"
    }

    fn phase(&self) -> Phase {
        Phase::Flood
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let limit = limiter::seen(ctx)?;
        let account = ctx.other_account().await?;
        let Some(elsewhere) = ctx.new_vantage().await.or_else(|| (limit.vantage != 0).then_some(0)) else {
            return Err(Stop::inconclusive("there is no second source address to try from"));
        };
        let recorder = ctx.recorder();
        let expected = "another client: 2xx\nthe rest of the API: not 429";
        for round in 1..=ROUNDS {
            let refusal = limiter::refused(ctx, &limit).await?;
            let other =
                sign_in_request(ctx, &account.identity, &account.password)?.from_vantage(elsewhere).send(ctx).await;
            let rest = limiter::unrelated(ctx)?.from_vantage(limit.vantage).send(ctx).await;
            let control = limiter::bad_login(ctx, &limit)?.send(ctx).await;
            if !control.is_limited() {
                continue;
            }
            limiter::remember(ctx, &control);
            // An address that other probes used may have an allowance of its own left over or not.
            if other.is_limited() && elsewhere == 0 {
                return Err(Stop::inconclusive("the only other source address had been refused before as well"));
            }
            ctx.learn(|learnt| {
                if let Some(limit) = &mut learnt.limit {
                    limit.others_let_in = Some(!other.is_limited());
                }
            });
            let actual =
                format!("another client: {}\nthe rest of the API: {}", other.status_line(), rest.status_line());
            let finding = if other.is_limited() {
                Finding::fail(self.id(), "One client's bad logins lock out another client")
                    .evidence(recorder.evidence(&refusal))
                    .evidence(recorder.evidence(&other))
            } else if rest.is_limited() {
                Finding::partial(
                    self.id(),
                    0.5,
                    "A client's bad logins take the whole API from it, not only signing in",
                )
                .evidence(recorder.evidence(&refusal))
                .evidence(recorder.evidence(&rest))
            } else if other.is_success() {
                Finding::pass(
                    self.id(),
                    "While one client is refused, another one signs in and the rest of the API answers",
                )
                .evidence(recorder.evidence(&refusal))
                .evidence(recorder.evidence(&other))
            } else {
                let status = other.status_line();
                return Err(Stop::inconclusive(format!("a sound login from another address is answered {status}")));
            };
            return Ok(finding.expected(expected).actual(actual).attempts(round));
        }
        Err(Stop::inconclusive(format!("the limiter's window passed during the observation, {ROUNDS} times")))
    }
}
