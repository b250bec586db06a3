//! `auth.injection`: SQL (or a query operator) in a login, search, sort or key does not change the result, does not break
//! the server, and does not come back as a database's complaint (OWASP Top 10 2021, A03).
//!
//! Nothing destructive is sent, and no time is measured: a true condition is compared with a false one. Only their
//! difference is a change of the result; only a breakdown that the same request without the SQL does not cause counts,
//! for a malformed key that breaks by itself is `api.status.unknown`'s finding.
//! Planted defect: `auth-injection` of the Express submission.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Answer, Context, Phase, Probe, Stop};

use super::injection_cases;

pub(crate) struct Injection;

/// A place where SQL had an effect, with the answers that show it.
pub(super) struct Effect {
    pub(super) what: String,
    pub(super) answers: Vec<Answer>,
}

impl Effect {
    pub(super) fn new(what: impl Into<String>, answers: impl IntoIterator<Item = Answer>) -> Self {
        Effect { what: what.into(), answers: answers.into_iter().collect() }
    }
}

/// What the probe saw: places that were tried, and those where SQL had an effect.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) tried: Vec<String>,
    pub(super) effects: Vec<Effect>,
    /// An answer to show where nothing happened.
    pub(super) harmless: Option<Answer>,
}

#[async_trait]
impl Probe for Injection {
    fn id(&self) -> &'static str {
        "auth.injection"
    }

    fn phase(&self) -> Phase {
        Phase::Attack
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let mut values = ctx.values(self.id());
        let mut seen = Seen::default();
        let mut stops = Vec::new();
        for outcome in [
            injection_cases::login(ctx, &mut values, &mut seen).await,
            injection_cases::query(ctx, &mut values, &mut seen).await,
            injection_cases::sort(ctx, &mut seen).await,
            injection_cases::key(ctx, &mut values, &mut seen).await,
            injection_cases::text(ctx, &mut values, &mut seen).await,
        ] {
            stops.extend(outcome.err());
        }
        let recorder = ctx.recorder();
        let expected = "the same answer as without the SQL, or a 4xx";
        if !seen.effects.is_empty() {
            let lines: Vec<String> = seen.effects.iter().map(|effect| effect.what.clone()).collect();
            // Also those that are not shown: what SQL broke is this finding's, and nobody else's.
            recorder.claim(seen.effects.iter().flat_map(|effect| &effect.answers).map(|answer| answer.record().number));
            let evidence = seen.effects.iter().flat_map(|effect| &effect.answers).take(6);
            return Ok(Finding::fail(self.id(), format!("SQL in a request has an effect: {}", lines[0]))
                .expected(expected)
                .actual(lines.join("\n"))
                .evidences(evidence.map(|answer| recorder.evidence(answer))));
        }
        // What kept every place from being tried is the cause; one place is enough for a verdict.
        if seen.tried.is_empty()
            && let Some(stop) = stops.into_iter().next()
        {
            return Err(stop);
        }
        Ok(Finding::pass(self.id(), format!("SQL has no effect in {}", seen.tried.join(", ")))
            .expected(expected)
            .actual("the same answer as without the SQL, or a 4xx")
            .evidences(seen.harmless.iter().map(|answer| recorder.evidence(answer))))
    }
}
