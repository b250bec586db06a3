//! `error.stock`: a transaction over more than the stock, over none, over a negative quantity or over an unknown record is
//! refused with a clear 4xx, and the stock stays as it was.
//!
//! A sound transaction over one piece comes first. Afterwards the state decides: one that is taken, or refused and yet
//! moves the stock, is a fail, since goods or money are lost; one that is refused in the wrong words costs its share.
//! 400, 404, 409, 410 and 422 are all right: which one fits is a matter of taste that the brief leaves open.
//! Planted defect: `error-stock` of the FastAPI submission.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::{Action, Lines};
use harness_kit::placing::unknown_reference;
use harness_kit::{Answer, BoundResource, Context, Phase, Probe, Record, Session, Stop, wire};
use serde_json::{Map, Value, json};

use super::support::{evidence, share, unlimited};

pub(crate) struct Stock;

/// Pieces that the record has before the control takes one.
const PIECES: u32 = 6;

/// What one odd transaction came to.
struct Outcome {
    what: String,
    answer: Answer,
    /// The stock before and after, where both could be read and differ.
    moved: Option<(f64, f64)>,
    /// Whether the answer holds a transaction's record.
    taken: bool,
}

impl Outcome {
    fn is_lost(&self) -> bool {
        self.moved.is_some() || self.taken
    }

    fn is_clear(&self) -> bool {
        matches!(self.answer.status(), 400 | 404 | 409 | 410 | 422)
    }

    fn line(&self) -> String {
        let status = self.answer.status_line();
        match self.moved {
            Some((before, after)) => format!("{}: {status}, and the stock goes from {before} to {after}", self.what),
            None if self.taken => format!("{}: taken, {status}", self.what),
            None => format!("{}: {status}", self.what),
        }
    }
}

struct Shop {
    transaction: Arc<BoundResource>,
    of: Arc<BoundResource>,
    lines: Lines,
    record: Record,
    reference: Value,
    session: Option<Session>,
}

impl Shop {
    async fn order(&self, ctx: &Context, reference: &Value, quantity: &Value) -> Result<Answer, Stop> {
        let body = self.transaction.transaction_body(&[(reference.clone(), quantity.clone())])?;
        let answer = self.transaction.place(ctx, body, self.session.as_ref()).await?;
        unlimited(answer)
    }

    async fn stock(&self, ctx: &Context) -> Option<f64> {
        let session = ctx.writer(&self.of).ok().flatten();
        let answer = self.of.read_request(&self.record.key, session.as_ref()).ok()?.send(ctx).await;
        let record = self.of.record_in(&answer).filter(|_| answer.is_success())?;
        self.of.value(record, &self.lines.stock).and_then(wire::number)
    }
}

#[async_trait]
impl Probe for Stock {
    fn id(&self) -> &'static str {
        "error.stock"
    }

    fn phase(&self) -> Phase {
        Phase::Attack
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let shop = open(ctx, self.id()).await?;
        let control = shop.order(ctx, &shop.reference, &json!(1)).await?;
        if !control.is_success() {
            let status = control.status_line();
            let id = &shop.transaction.id;
            return Err(Stop::inconclusive(format!("a sound {id} that was taken before is now answered {status}")));
        }
        // What the control left, whether or not it lowers the stock: that is another probe's question.
        let left = shop.stock(ctx).await.unwrap_or_else(|| f64::from(PIECES));
        let too_many = json!(whole(left) + 1);
        let unknown = unknown_reference(&shop.reference);
        let known = &shop.reference;
        let cases = [
            (format!("one {} more than there is", shop.of.id), known, too_many),
            ("a quantity of 0".to_owned(), known, json!(0)),
            ("a quantity of -1".to_owned(), known, json!(-1)),
            (format!("an unknown {}", shop.of.id), &unknown, json!(1)),
        ];
        let mut outcomes = Vec::new();
        for (what, reference, quantity) in cases {
            let before = shop.stock(ctx).await;
            let answer = shop.order(ctx, reference, &quantity).await?;
            let after = shop.stock(ctx).await;
            let moved = before.zip(after).filter(|(before, after)| (before - after).abs() > 1e-9);
            let taken = shop.transaction.made(Map::new(), &answer).is_some();
            outcomes.push(Outcome { what, answer, moved, taken });
        }
        Ok(verdict(self.id(), ctx, &shop.transaction.id, &outcomes))
    }
}

async fn open(ctx: &Context, id: &str) -> Result<Shop, Stop> {
    let transaction = ctx.transaction()?;
    transaction.operation(Action::Create)?;
    let Some((_, _, lines)) = ctx.spec().domain.transaction() else {
        return Err(Stop::not_applicable("the assessment asks for no such operation"));
    };
    let lines = lines.clone();
    let of = ctx.resource(&lines.of)?;
    let mut values = ctx.values(id);
    let record = of.create(ctx, &mut values, &[(&lines.stock, json!(PIECES))]).await?;
    let by_field = transaction.lines.as_ref().and_then(|lines| lines.reference_field.clone());
    let reference = match by_field {
        Some(field) => record.sent.get(&field).cloned().unwrap_or_default(),
        None => record.reference(&of),
    };
    let session = ctx.writer(&transaction)?;
    Ok(Shop { transaction, of, lines, record, reference, session })
}

fn verdict(id: &str, ctx: &Context, transaction: &str, outcomes: &[Outcome]) -> Finding {
    let expected = "400, 404, 409 or 422 for each, and the stock as before";
    let wrong: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.is_lost() || !outcome.is_clear()).collect();
    if wrong.is_empty() {
        let lines: Vec<String> = outcomes.iter().map(Outcome::line).collect();
        return Finding::pass(id, format!("Every {transaction} that cannot be filled is refused, and the stock stays"))
            .expected(expected)
            .actual(lines.join("\n"))
            .evidences(evidence(ctx, outcomes.iter().map(|outcome| &outcome.answer), 1));
    }
    let lines: Vec<String> = wrong.iter().map(|outcome| outcome.line()).collect();
    let finding = match wrong.iter().find(|outcome| outcome.is_lost()) {
        Some(lost) => Finding::fail(id, format!("What cannot be filled takes effect: {}", lost.line())),
        None => {
            let summary = format!("{} of {} that cannot be filled get no clear 4xx", wrong.len(), outcomes.len());
            Finding::partial(id, share(outcomes.len() - wrong.len(), outcomes.len()), summary)
        }
    };
    finding.expected(expected).actual(lines.join("\n")).evidences(evidence(
        ctx,
        wrong.iter().map(|outcome| &outcome.answer),
        4,
    ))
}

/// A stock as a whole number.
fn whole(stock: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a stock that the probe set to a handful of pieces")]
    let whole = stock.max(0.0) as i64;
    whole
}
