//! `error.conflict`: what may exist only once is refused the second time with 409 (RFC 9110, 15.5.10). 400 and 422 count
//! half: nothing is stored twice, but a client cannot tell a conflict from a bad body.
//!
//! Two conflicts are tried, as far as they can be: registering with an identity that is taken, and a second record with
//! the same unique field; both after the first one succeeded, and with everything else fresh.
//! Planted defect: `error-conflict` of the FastAPI submission.

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::Action;
use harness_kit::bind::{fresh_registration, registration_body};
use harness_kit::{Answer, Context, Phase, Probe, Stop, Values};
use serde_json::json;

use super::support::{Sound, capital, evidence, send};

pub(crate) struct Conflict;

struct Twice {
    what: String,
    answer: Answer,
}

impl Twice {
    fn credit(&self) -> f64 {
        match self.answer.status() {
            409 => 1.0,
            400 | 422 => 0.5,
            _ => 0.0,
        }
    }
}

#[async_trait]
impl Probe for Conflict {
    fn id(&self) -> &'static str {
        "error.conflict"
    }

    fn phase(&self) -> Phase {
        Phase::Attack
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let mut values = ctx.values(self.id());
        let mut seen = Vec::new();
        let mut stops = Vec::new();
        stops.extend(register_again(ctx, &mut values, &mut seen).await.err());
        stops.extend(create_again(ctx, &mut values, &mut seen).await.err());
        // What is missing has a finding of its own; what could not be told leaves this one open.
        if let Some(at) = stops.iter().position(|stop| matches!(stop, Stop::Inconclusive(_)) || seen.is_empty()) {
            return Err(stops.swap_remove(at));
        }
        if seen.is_empty() {
            return Err(Stop::not_applicable("nothing here may exist only once"));
        }
        #[expect(clippy::cast_precision_loss, reason = "a handful of conflicts")]
        let fraction = seen.iter().map(Twice::credit).sum::<f64>() / seen.len() as f64;
        let lines: Vec<String> =
            seen.iter().map(|twice| format!("{}: {}", twice.what, twice.answer.status_line())).collect();
        let wrong: Vec<&Twice> = seen.iter().filter(|twice| twice.credit() < 1.0).collect();
        let summary = match wrong.first() {
            None => "What may exist only once is refused the second time with 409".to_owned(),
            Some(twice) => format!("{} is answered {}", capital(&twice.what), twice.answer.status_line()),
        };
        let shown: Vec<&Answer> = if wrong.is_empty() {
            seen.iter().take(1).map(|twice| &twice.answer).collect()
        } else {
            wrong.iter().map(|twice| &twice.answer).collect()
        };
        Ok(Finding::partial(self.id(), fraction, summary)
            .expected("409 Conflict")
            .actual(lines.join("\n"))
            .evidences(evidence(ctx, shown, 4)))
    }
}

async fn register_again(ctx: &Context, values: &mut Values, seen: &mut Vec<Twice>) -> Result<(), Stop> {
    let account = ctx.account().await?;
    let register = ctx.register()?;
    let identity = ctx.spec().domain.accounts.identity.clone();
    let mut sent = fresh_registration(ctx, values);
    sent.insert(identity.clone(), json!(account.identity));
    let body = registration_body(ctx, &register, &sent);
    let answer = ctx.send_auth(register.request(None, Some(body), None)).await?;
    let name = register.wire_name(&identity).unwrap_or(&identity);
    seen.push(Twice { what: format!("a second registration with the same {name}"), answer });
    Ok(())
}

async fn create_again(ctx: &Context, values: &mut Values, seen: &mut Vec<Twice>) -> Result<(), Stop> {
    let sound = Sound::begin(ctx, values).await?;
    let create = sound.main.operation(Action::Create)?;
    for (id, field) in &sound.main.spec.fields {
        let (true, Some(name), Some(taken)) = (field.unique, create.wire_name(id), sound.control.sent.get(id)) else {
            continue;
        };
        let mut sent = sound.main.fresh(values);
        sent.insert(id.clone(), taken.clone());
        let answer = send(ctx, sound.request(sound.main.create_body(&sent)?)?).await?;
        // Where the answer is the first record itself, deleting it is no loss either: the probe made it.
        sound.discard(ctx, &answer).await;
        seen.push(Twice { what: format!("a second {} with the same {name}", sound.main.id), answer });
    }
    Ok(())
}
