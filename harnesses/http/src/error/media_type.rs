//! `error.media-type`: a body of another media type than JSON is refused with 415 (RFC 9110, 15.5.16) or as a bad body,
//! and never breaks the server.
//!
//! A form and a text are sent to the create that takes JSON, each with sound values. An API that reads them all the same
//! and stores what was sent is generous, not wrong; one that answers with success and stores something else is. Another
//! 4xx than 400, 406, 415 and 422 does not say what the matter is and costs its share; any 5xx is a fail.
//! Planted defect: `error-media-type` of the Express submission.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Answer, Context, Phase, Probe, Stop, wire};
use serde_json::{Map, Value};

use super::support::{Sound, capital, evidence, send, share};

pub(crate) struct MediaType;

struct Outcome {
    what: &'static str,
    answer: Answer,
    /// Whether a success stored what was sent.
    kept: bool,
}

impl Outcome {
    fn is_sound(&self) -> bool {
        matches!(self.answer.status(), 400 | 406 | 415 | 422) || (self.answer.is_success() && self.kept)
    }

    fn line(&self) -> String {
        let status = self.answer.status_line();
        match (self.answer.is_success(), self.kept) {
            (true, true) => format!("{}: {status}, stored as sent", self.what),
            (true, false) => format!("{}: {status}, but what was sent is not stored", self.what),
            (false, _) => format!("{}: {status}", self.what),
        }
    }
}

#[async_trait]
impl Probe for MediaType {
    fn id(&self) -> &'static str {
        "error.media-type"
    }

    fn phase(&self) -> Phase {
        Phase::Attack
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let mut values = ctx.values(self.id());
        let sound = Sound::begin_json(ctx, &mut values).await?;
        let mut outcomes = Vec::new();
        for what in ["a form", "plain text"] {
            let sent = sound.main.fresh(&mut values);
            let body = sound.main.create_body(&sent)?;
            let request = if what == "a form" {
                let fields = body.iter().filter_map(|(name, value)| Some((name.clone(), wire::text(value)?)));
                let mut request = sound.request(Map::new())?;
                request.body = harness_kit::Body::Form(fields.collect());
                request
            } else {
                sound.raw("text/plain; charset=utf-8", Value::Object(body).to_string())?
            };
            let answer = send(ctx, request).await?;
            let kept = keeps(ctx, &sound, &sent, &answer).await;
            sound.discard(ctx, &answer).await;
            outcomes.push(Outcome { what, answer, kept });
        }
        Ok(verdict(self.id(), ctx, &outcomes))
    }
}

/// Whether a record that was made carries what was sent.
async fn keeps(ctx: &Context, sound: &Sound, sent: &Map<String, Value>, answer: &Answer) -> bool {
    let Some(made) = sound.main.made(sent.clone(), answer) else { return false };
    let read = match sound.main.read_request(&made.key, sound.session.as_ref()) {
        Ok(request) => request.send(ctx).await,
        Err(_) => answer.clone(),
    };
    let record = sound.main.record_in(&read).cloned().unwrap_or(made.body);
    sent.iter().all(|(field, value)| sound.main.carries(&record, field, value).unwrap_or(true))
}

fn verdict(id: &str, ctx: &Context, outcomes: &[Outcome]) -> Finding {
    let expected = "415 Unsupported Media Type (400 or 422 is accepted)";
    let lines: Vec<String> = outcomes.iter().map(Outcome::line).collect();
    let wrong: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.is_sound()).collect();
    let Some(first) = wrong.first() else {
        return Finding::pass(id, "A form and a text where JSON is needed do no harm")
            .expected(expected)
            .actual(lines.join("\n"))
            .evidences(evidence(ctx, outcomes.iter().map(|outcome| &outcome.answer), 1));
    };
    let finding = match wrong.iter().find(|outcome| outcome.answer.is_breakdown()) {
        Some(broken) => {
            let status = broken.answer.status_line();
            Finding::fail(id, format!("{} where JSON is needed is answered {status}", capital(broken.what)))
        }
        None => Finding::partial(
            id,
            share(outcomes.len() - wrong.len(), outcomes.len()),
            format!("{} where JSON is needed is answered {}", capital(first.what), first.answer.status_line()),
        ),
    };
    finding.expected(expected).actual(lines.join("\n")).evidences(evidence(
        ctx,
        wrong.iter().map(|outcome| &outcome.answer),
        2,
    ))
}
