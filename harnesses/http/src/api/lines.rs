//! Placing transactions on records that a probe made.

use std::sync::Arc;

use grader_spec::Lines;
use harness_kit::{Answer, BoundResource, Context, Record, Stop, Values, wire};
use serde_json::{Map, Value, json};

/// The transaction with the resource that its lines refer to.
pub(super) struct Placing {
    pub(super) transaction: Arc<BoundResource>,
    pub(super) of: Arc<BoundResource>,
    pub(super) lines: Lines,
}

impl Placing {
    /// # Errors
    /// [`Stop::NotApplicable`] where the assessment has no transaction, [`Stop::Blocked`] where it was not found.
    pub(super) fn find(ctx: &Context) -> Result<Self, Stop> {
        let transaction = ctx.transaction()?;
        let lines = transaction.spec.lines.clone();
        let lines = lines.ok_or_else(|| Stop::not_applicable("the assessment's transaction has no lines"))?;
        Ok(Placing { of: ctx.resource(&lines.of)?, transaction, lines })
    }

    /// A record to refer to, with plenty of stock.
    pub(super) async fn stocked(&self, ctx: &Context, values: &mut Values, stock: u32) -> Result<Record, Stop> {
        self.of.create(ctx, values, &[(&self.lines.stock, json!(stock))]).await
    }

    /// Whether one transaction can hold several lines.
    pub(super) fn takes_several(&self) -> bool {
        self.transaction.lines.as_ref().is_some_and(|bound| bound.array.is_some())
    }

    pub(super) fn body(&self, lines: &[(&Record, u32)]) -> Result<Map<String, Value>, Stop> {
        let field = self.transaction.lines.as_ref().and_then(|bound| bound.reference_field.clone());
        let reference = |record: &Record| match &field {
            Some(field) => record.sent.get(field).cloned().unwrap_or_default(),
            None => record.reference(&self.of),
        };
        let lines: Vec<(Value, Value)> =
            lines.iter().map(|(record, quantity)| (reference(record), json!(quantity))).collect();
        self.transaction.transaction_body(&lines)
    }

    /// Sends a transaction as the account that may.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where creating was not found.
    pub(super) async fn send(&self, ctx: &Context, body: Map<String, Value>) -> Result<Answer, Stop> {
        let session = ctx.writer(&self.transaction)?;
        let create = self.transaction.operation(grader_spec::Action::Create)?;
        Ok(create.request(None, Some(body), session.as_ref()).send(ctx).await)
    }

    /// The answer that shows a transaction's record best: the one to reading it, else the one that made it.
    pub(super) async fn read(&self, ctx: &Context, made: &Answer) -> Answer {
        let key =
            self.transaction.record_in(made).and_then(|record| record.get(&self.transaction.key)).and_then(wire::text);
        let session = ctx.writer(&self.transaction).ok().flatten();
        let request = key.and_then(|key| self.transaction.read_request(&key, session.as_ref()).ok());
        match request {
            Some(request) => Some(request.send(ctx).await).filter(Answer::is_success).unwrap_or_else(|| made.clone()),
            None => made.clone(),
        }
    }
}
