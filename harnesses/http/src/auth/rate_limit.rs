//! `auth.rate-limit`: a burst of bad logins is answered 429 (RFC 6585, 4) within the number that the spec allows.
//!
//! The burst is about one existing account of its own and comes from a source address that nothing came from before: so
//! a limiter by address, by account, by failures, or for everybody is met alike. It stops at the first refusal. Being
//! kept out by another status (403, 423, 503) is partial: it slows guessing, and no client can tell why.
//! Planted defect: `auth-rate-limit` of the FastAPI submission.

use std::time::Instant;

use async_trait::async_trait;
use futures_util::future::join_all;
use grader_model::Finding;
use harness_kit::account::find_session;
use harness_kit::context::LimitSeen;
use harness_kit::{Answer, Context, Phase, Probe, Stop};
use serde_json::Map;

use super::{limiter, support};

pub(crate) struct RateLimit;

#[async_trait]
impl Probe for RateLimit {
    fn id(&self) -> &'static str {
        "auth.rate-limit"
    }

    fn phase(&self) -> Phase {
        Phase::Flood
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        ctx.login()?;
        let mut values = ctx.values(self.id());
        let victim = support::register_with(ctx, &mut values, &[], &Map::new()).await?;
        let allowed = limiter::allowed(ctx);
        let vantage = ctx.new_vantage().await.unwrap_or(0);
        let wrong = values.password();
        let request = limiter::first_bad_login(ctx, &victim.identity, &wrong, vantage)?;

        let mut answers: Vec<Answer> = Vec::new();
        while answers.len() < allowed as usize && !answers.iter().any(Answer::is_limited) {
            // The first one alone: it is the control, and a cold start must not decide anything.
            let wave = if answers.is_empty() { 1 } else { limiter::AT_ONCE.min(allowed as usize - answers.len()) };
            answers.extend(join_all((0..wave).map(|_| request.clone().send(ctx))).await);
        }
        let first = &answers[0];
        if first.is_success() && find_session(first).is_some() {
            return Err(Stop::blocked("auth.login", format!("a wrong password is answered {}", first.status_line())));
        }
        if first.is_breakdown() {
            return Err(Stop::inconclusive(format!("a bad login is answered {}", first.status_line())));
        }
        if let Some(refusal) = first_refusal(&answers).cloned() {
            let taken = u32::try_from(answers.iter().filter(|answer| !answer.is_limited()).count()).unwrap_or(u32::MAX);
            ctx.learn(|learnt| {
                learnt.limit = Some(LimitSeen {
                    refusal: refusal.clone(),
                    refused_at: Instant::now(),
                    taken,
                    vantage,
                    others_let_in: None,
                });
            });
        }
        Ok(verdict(self.id(), ctx, &answers, allowed))
    }
}

/// The refusal that came first: which request of a wave gets it is the network's whim.
fn first_refusal(answers: &[Answer]) -> Option<&Answer> {
    answers.iter().filter(|answer| answer.is_limited()).min_by_key(|answer| answer.record().number)
}

fn verdict(id: &str, ctx: &Context, answers: &[Answer], allowed: u32) -> Finding {
    let recorder = ctx.recorder();
    let (first, last) = (&answers[0], &answers[answers.len() - 1]);
    let expected = format!("429 Too Many Requests within {allowed} bad logins");
    let evidence = recorder.evidence(first);
    if let Some(refusal) = first_refusal(answers) {
        return Finding::pass(id, format!("A burst of bad logins is answered 429 within {allowed} attempts"))
            .expected(expected)
            .actual(format!("429 Too Many Requests within {allowed} bad logins"))
            .evidence(evidence)
            .evidence(recorder.evidence(refusal));
    }
    let kept_out = answers
        .iter()
        .rev()
        .take(limiter::AT_ONCE)
        .all(|answer| answer.status() != first.status() && matches!(answer.status(), 403 | 423 | 503));
    if kept_out {
        let summary = format!("A burst of bad logins is refused with {} instead of 429", last.status_line());
        return Finding::partial(id, 0.5, summary)
            .expected(expected)
            .actual(last.status_line())
            .evidence(evidence)
            .evidence(recorder.evidence(last));
    }
    Finding::fail(id, format!("{allowed} bad logins in a row are never answered 429"))
        .expected(expected)
        .actual(format!("{allowed} bad logins, the last one answered {}", last.status_line()))
        .evidence(evidence)
        .evidence(recorder.evidence(last))
}
