//! Placing transactions on records that a probe made.
//!
//! It knows how a transaction is sent and what it did to the stock, not what a probe concludes from that.

use std::sync::Arc;

use grader_spec::{Action, Lines};
use serde_json::{Map, Value, json};

use crate::{Answer, BoundResource, Context, Record, Request, Session, Stop, Values, wire};

/// The transaction with the resource that its lines refer to.
#[derive(Debug, Clone)]
pub struct Placing {
    pub transaction: Arc<BoundResource>,
    pub of: Arc<BoundResource>,
    pub lines: Lines,
}

impl Placing {
    /// The assessment's transaction.
    ///
    /// # Errors
    /// [`Stop::NotApplicable`] where the assessment has no transaction, [`Stop::Blocked`] where it was not found.
    pub fn find(ctx: &Context) -> Result<Self, Stop> {
        let transaction = ctx.transaction()?;
        let lines = transaction.spec.lines.clone();
        let lines = lines.ok_or_else(|| Stop::not_applicable("the assessment's transaction has no lines"))?;
        Ok(Placing { of: ctx.resource(&lines.of)?, transaction, lines })
    }

    /// A record to refer to, with that stock.
    ///
    /// # Errors
    /// As [`BoundResource::create`].
    pub async fn stocked(&self, ctx: &Context, values: &mut Values, stock: u32) -> Result<Record, Stop> {
        self.of.create(ctx, values, &[(&self.lines.stock, json!(stock))]).await
    }

    /// Whether one transaction can hold several lines.
    pub fn takes_several(&self) -> bool {
        self.transaction.lines.as_ref().is_some_and(|bound| bound.array.is_some())
    }

    /// What a line refers to a record by.
    pub fn reference(&self, record: &Record) -> Value {
        match self.transaction.lines.as_ref().and_then(|bound| bound.reference_field.as_ref()) {
            Some(field) => record.sent.get(field).cloned().unwrap_or_default(),
            None => record.reference(&self.of),
        }
    }

    /// The body of a transaction over these records in these quantities.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where creating was not found.
    pub fn body(&self, lines: &[(&Record, u32)]) -> Result<Map<String, Value>, Stop> {
        let lines: Vec<(Value, Value)> =
            lines.iter().map(|(record, quantity)| (self.reference(record), json!(quantity))).collect();
        self.transaction.transaction_body(&lines)
    }

    /// The request that places a transaction as the holder of `session`, where the submission takes it at once; where it
    /// does not ([`crate::Flow`]), [`BoundResource::prepare`] sends the steps before.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where creating was not found.
    pub fn request(&self, body: Map<String, Value>, session: Option<&Session>) -> Result<Request, Stop> {
        Ok(self.transaction.operation(Action::Create)?.request(None, Some(body), session))
    }

    /// Sends a transaction as the account that may, in the steps that the submission takes.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where creating was not found.
    pub async fn send(&self, ctx: &Context, body: Map<String, Value>) -> Result<Answer, Stop> {
        let session = ctx.writer(&self.transaction)?;
        self.transaction.place(ctx, body, session.as_ref()).await
    }

    /// The key of the transaction in an answer.
    pub fn key(&self, answer: &Answer) -> Option<String> {
        self.transaction.record_in(answer)?.get(&self.transaction.key).and_then(wire::text)
    }

    /// The answer that shows a transaction's record best: the one to reading it, else the one that made it.
    pub async fn read(&self, ctx: &Context, made: &Answer) -> Answer {
        let session = ctx.writer(&self.transaction).ok().flatten();
        let request = self.key(made).and_then(|key| self.transaction.read_request(&key, session.as_ref()).ok());
        match request {
            Some(request) => Some(request.send(ctx).await).filter(Answer::is_success).unwrap_or_else(|| made.clone()),
            None => made.clone(),
        }
    }

    /// Reads a record that lines refer to.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where reading was not found.
    pub async fn read_record(&self, ctx: &Context, record: &Record) -> Result<Answer, Stop> {
        let session = ctx.writer(&self.of)?;
        Ok(self.of.read_request(&record.key, session.as_ref())?.send(ctx).await)
    }

    /// The stock that an answer to reading a record shows.
    pub fn stock(&self, answer: &Answer) -> Option<f64> {
        let record = self.of.record_in(answer).filter(|_| answer.is_success())?;
        self.of.value(record, &self.lines.stock).and_then(wire::number)
    }
}

/// A reference of the same form as `known` that no record has.
pub fn unknown_reference(known: &Value) -> Value {
    match known {
        Value::Number(_) => json!(987_654_321),
        _ => json!(unlike(&wire::text(known).unwrap_or_default())),
    }
}

/// Turns the last letters and digits within their class: UUIDs, object ids and codes stay well formed.
fn unlike(key: &str) -> String {
    if !key.is_empty() && key.len() < 10 && key.chars().all(|c| c.is_ascii_digit()) {
        return "987654321".to_owned();
    }
    let from = key.chars().count().saturating_sub(8);
    let turned: String = key
        .chars()
        .enumerate()
        .map(|(at, c)| match c {
            _ if at < from => c,
            '0'..='9' => char::from(b'0' + (c as u8 - b'0' + 5) % 10),
            'a'..='f' => char::from(b'a' + (c as u8 - b'a' + 3) % 6),
            _ => c,
        })
        .collect();
    if turned == key { format!("{key}-unknown") } else { turned }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_reference_keeps_its_form() {
        assert_eq!(unknown_reference(&json!(7)), json!(987_654_321));
        assert_eq!(unknown_reference(&json!("7")), json!("987654321"));
        let uuid = "8e1b3c52-6f1a-4a52-9d7e-0d3b2f6a7c11";
        assert_eq!(unknown_reference(&json!(uuid)), json!("8e1b3c52-6f1a-4a52-9d7e-0d3b7c1d2f66"));
        assert_eq!(unknown_reference(&json!("xyz")), json!("xyz-unknown"));
    }
}
