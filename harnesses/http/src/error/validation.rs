//! `error.validation`: a body that cannot be right is refused with 400 or 422, and nothing is stored.
//!
//! The flaws come from the kinds of the fields: left out, of another type, empty, below zero, broken, absurdly long, no
//! address, no code. Each flaw weighs the same. A count that may be left out and is then zero is a default, not a flaw; a
//! code whose check digit alone is wrong is only noted, for not every API promises to reckon it. 413 is right for what is
//! too long. The same create and registration without a flaw succeeded before.
//! Planted defect: `error-validation` of the Express submission.

use std::collections::BTreeMap;

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::FieldKind;
use harness_kit::bind::{fresh_registration, registration_body};
use harness_kit::{Answer, Context, Phase, Probe, Stop, Values, wire};
use serde_json::{Value, json};

use super::cases::{self, Flaw};
use super::support::{Sound, evidence, send, share};

pub(crate) struct Validation;

/// Exchanges that a finding shows.
const SHOWN: usize = 12;

struct Tried {
    flaw: Flaw,
    what: String,
    answer: Answer,
}

impl Tried {
    fn is_refused(&self) -> bool {
        matches!(self.answer.status(), 400 | 422)
            || (self.flaw == Flaw::Long && matches!(self.answer.status(), 413 | 414))
    }

    fn line(&self) -> String {
        let how = if self.answer.is_success() { "accepted, " } else { "" };
        format!("{}: {how}{}", self.what, self.answer.status_line())
    }
}

#[async_trait]
impl Probe for Validation {
    fn id(&self) -> &'static str {
        "error.validation"
    }

    fn phase(&self) -> Phase {
        Phase::Attack
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let mut values = ctx.values(self.id());
        let mut tried = Vec::new();
        creates(ctx, &mut values, &mut tried).await?;
        match registrations(ctx, &mut values, &mut tried).await {
            // That nobody can register has a finding of its own; most of what is to be seen was seen.
            Ok(()) | Err(Stop::Blocked { .. } | Stop::NotApplicable(_)) => {}
            Err(stop @ Stop::Inconclusive(_)) => return Err(stop),
        }
        Ok(verdict(self.id(), ctx, &tried))
    }
}

async fn creates(ctx: &Context, values: &mut Values, tried: &mut Vec<Tried>) -> Result<(), Stop> {
    let sound = Sound::begin(ctx, values).await?;
    for case in cases::creates(&sound, values)? {
        let answer = send(ctx, case.request).await?;
        let kind = sound.main.spec.fields.get(&case.field).map(|field| field.kind);
        let is_default = case.flaw == Flaw::Missing
            && kind == Some(FieldKind::Count)
            && sound
                .main
                .record_in(&answer)
                .and_then(|record| sound.main.value(record, &case.field))
                .and_then(wire::number)
                .is_some_and(|count| count == 0.0);
        sound.discard(ctx, &answer).await;
        if !(answer.is_success() && is_default) {
            tried.push(Tried { flaw: case.flaw, what: case.what, answer });
        }
    }
    if tried.iter().any(|tried| tried.flaw == Flaw::BadCode && tried.is_refused()) {
        note_check_digit(ctx, &sound, values).await?;
    }
    Ok(())
}

/// Says in the report where a code with a wrong check digit is taken.
async fn note_check_digit(ctx: &Context, sound: &Sound, values: &mut Values) -> Result<(), Stop> {
    for (id, spelt) in sound.fields(&[FieldKind::Gtin13])? {
        let mut fresh = sound.main.fresh(values);
        let Some(code) = fresh.get(&id).and_then(Value::as_str).map(wrong_check_digit) else { continue };
        fresh.insert(id, json!(code));
        let answer = send(ctx, sound.request(sound.main.create_body(&fresh)?)?).await?;
        if answer.is_success() {
            ctx.observe(format!("A {} whose {} has a wrong check digit is accepted", sound.main.id, spelt.name));
        }
        sound.discard(ctx, &answer).await;
    }
    Ok(())
}

fn wrong_check_digit(code: &str) -> String {
    let (start, last) = code.split_at(code.len().saturating_sub(1));
    let digit = last.chars().next().and_then(|c| c.to_digit(10)).unwrap_or(0);
    format!("{start}{}", (digit + 1) % 10)
}

/// Registrations without a password and with something that is no address. Few, since a limiter counts them.
async fn registrations(ctx: &Context, values: &mut Values, tried: &mut Vec<Tried>) -> Result<(), Stop> {
    // The control: somebody could register with this very operation.
    ctx.account().await?;
    let register = ctx.register()?;
    let accounts = ctx.spec().domain.accounts.clone();
    if let Some(name) = register.wire_name(&accounts.secret) {
        let mut body = registration_body(ctx, &register, &fresh_registration(ctx, values));
        cases::put(&mut body, name, None);
        let answer = ctx.send_auth(register.request(None, Some(body), None)).await?;
        tried.push(Tried { flaw: Flaw::Missing, what: format!("{name} missing at registration"), answer });
    }
    let addressed = accounts.fields.iter().find(|(id, field)| {
        // A login name may be called anything, and anything is a login name.
        let name = register.wire_name(id).map(wire::plain).unwrap_or_default();
        field.kind == FieldKind::Email && name.contains("mail")
    });
    if let Some((id, _)) = addressed {
        let mut sent = fresh_registration(ctx, values);
        sent.insert(id.clone(), json!(format!("no-address-{}", values.tag())));
        let body = registration_body(ctx, &register, &sent);
        let answer = ctx.send_auth(register.request(None, Some(body), None)).await?;
        let name = register.wire_name(id).unwrap_or(id);
        tried.push(Tried { flaw: Flaw::BadAddress, what: format!("{name} without an @ at registration"), answer });
    }
    Ok(())
}

fn verdict(id: &str, ctx: &Context, tried: &[Tried]) -> Finding {
    let mut by_flaw: BTreeMap<Flaw, (usize, usize)> = BTreeMap::new();
    for case in tried {
        let (refused, all) = by_flaw.entry(case.flaw).or_default();
        *refused += usize::from(case.is_refused());
        *all += 1;
    }
    let earned: f64 = by_flaw.values().map(|(refused, all)| share(*refused, *all)).sum();
    #[expect(clippy::cast_precision_loss, reason = "at most eight flaws")]
    let fraction = earned / by_flaw.len() as f64;
    let wrong: Vec<&Tried> = tried.iter().filter(|case| !case.is_refused()).collect();
    let expected = "400 or 422 for each";
    if wrong.is_empty() {
        return Finding::pass(id, format!("All {} bodies that cannot be right are refused", tried.len()))
            .expected(expected)
            .actual(expected)
            .evidences(evidence(ctx, tried.iter().map(|case| &case.answer), 1));
    }
    let lines: Vec<String> = wrong.iter().map(|case| case.line()).collect();
    let summary = format!("{} of {} bodies that cannot be right are not refused as such", wrong.len(), tried.len());
    Finding::partial(id, fraction, summary).expected(expected).actual(lines.join("\n")).evidences(evidence(
        ctx,
        wrong.iter().map(|case| &case.answer),
        SHOWN,
    ))
}

#[cfg(test)]
mod tests {
    use super::wrong_check_digit;

    #[test]
    fn only_the_check_digit_is_wrong() {
        assert_eq!(wrong_check_digit("9780306406157"), "9780306406158");
        assert_eq!(wrong_check_digit("9780306406159"), "9780306406150");
    }
}
