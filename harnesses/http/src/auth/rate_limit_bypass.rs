//! `auth.rate-limit.bypass`: while a client is refused, a made-up `X-Forwarded-For` or one of its kin does not start a
//! fresh allowance. Whoever writes such a header is the client; only a proxy of the deployment's own may be believed.
//!
//! The same request without the header is refused before and after each one that gets through.
//! Planted defect: `auth-rate-limit-bypass` of the Express submission.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Answer, Context, Phase, Probe, Stop};

use super::limiter;

pub(crate) struct RateLimitBypass;

/// Headers that carry a client's address, with an address of the documentation range (RFC 5737).
const HEADERS: &[(&str, &str)] = &[
    ("x-forwarded-for", "203.0.113.77"),
    ("x-forwarded-for", "203.0.113.78, 203.0.113.79"),
    ("x-real-ip", "203.0.113.80"),
    ("forwarded", "for=203.0.113.81"),
    ("true-client-ip", "203.0.113.82"),
    ("cf-connecting-ip", "203.0.113.83"),
    ("x-client-ip", "203.0.113.84"),
    ("x-originating-ip", "203.0.113.85"),
    ("x-remote-ip", "203.0.113.86"),
    ("x-cluster-client-ip", "203.0.113.87"),
];
/// How often one header is tried again because the window passed meanwhile.
const ROUNDS: u32 = 3;

#[async_trait]
impl Probe for RateLimitBypass {
    fn id(&self) -> &'static str {
        "auth.rate-limit.bypass"
    }

    fn phase(&self) -> Phase {
        Phase::Flood
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let limit = limiter::seen(ctx)?;
        let mut control = limiter::refused(ctx, &limit).await?;
        let mut through: Vec<(&str, Answer)> = Vec::new();
        for (name, value) in HEADERS {
            if through.iter().any(|(known, _)| known == name) {
                continue;
            }
            for round in 1..=ROUNDS {
                let answer = limiter::bad_login(ctx, &limit)?.header(name, *value).send(ctx).await;
                if answer.is_limited() {
                    break;
                }
                let again = limiter::bad_login(ctx, &limit)?.send(ctx).await;
                if again.is_limited() {
                    limiter::remember(ctx, &again);
                    // A header that a server finds odd may be refused for itself.
                    if answer.status() == 401 || !matches!(answer.status(), 400 | 403 | 431 | 500..) {
                        through.push((name, answer));
                    }
                    break;
                }
                if round == ROUNDS {
                    let why = format!("the limiter's window passed during the observation, {ROUNDS} times");
                    return Err(Stop::inconclusive(why));
                }
                control = limiter::refused(ctx, &limit).await?;
            }
        }
        let recorder = ctx.recorder();
        let expected = "429 Too Many Requests, whatever address a header claims";
        if through.is_empty() {
            return Ok(Finding::pass(self.id(), "A made-up client address starts no fresh allowance")
                .expected(expected)
                .actual(expected)
                .evidence(recorder.evidence(&control)));
        }
        let names: Vec<&str> = through.iter().map(|(name, _)| *name).collect();
        let lines: Vec<String> =
            through.iter().map(|(name, answer)| format!("{name}: {}", answer.status_line())).collect();
        Ok(Finding::fail(self.id(), format!("A made-up `{}` starts a fresh allowance", names.join("`, `")))
            .expected(expected)
            .actual(lines.join("\n"))
            .evidence(recorder.evidence(&control))
            .evidences(through.iter().take(2).map(|(_, answer)| recorder.evidence(answer))))
    }
}
