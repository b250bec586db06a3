//! `api.order.total`: the total is the sum over the lines, at the prices that the server keeps.
//!
//! Two records with prices that have cents, in quantities above 1. Then the same once more with prices and a total of the
//! client's own in the body: refusing them is fine, believing them is not.
//! Planted defect: `api-order-total` of the FastAPI submission.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Answer, Context, Placing, Probe, Record, Stop, wire};
use serde_json::{Map, Value, json};

use crate::support::said;

/// What a client would like to pay.
const FORGED: f64 = 0.01;

pub(crate) struct Total;

#[async_trait]
impl Probe for Total {
    fn id(&self) -> &'static str {
        "api.order.total"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let placing = Placing::find(ctx)?;
        let mut values = ctx.values(self.id());
        let first = placing.stocked(ctx, &mut values, 30).await?;
        let second = placing.stocked(ctx, &mut values, 30).await?;
        let lines: Vec<(&Record, u32)> =
            if placing.takes_several() { vec![(&first, 2), (&second, 3)] } else { vec![(&first, 3)] };
        let Some(sum) = sum(&placing, &lines) else {
            return Err(Stop::blocked("api.operations", "records are created without a price to sum"));
        };
        let keeps_price = |record: &Record| {
            let price = &placing.lines.price;
            record.sent.get(price).and_then(|sent| placing.of.carries(&record.body, price, sent)) != Some(false)
        };
        if !lines.iter().all(|(record, _)| keeps_price(record)) {
            return Err(Stop::blocked("api.roundtrip", "records do not keep the price that was sent"));
        }
        let recorder = ctx.recorder();
        let id = &placing.transaction.id;
        let expected = format!("{sum:.2}");
        let made = placing.send(ctx, placing.body(&lines)?).await?;
        if !made.is_success() {
            return Ok(Finding::fail(self.id(), format!("The {id} of {} is refused", spoken(&lines)))
                .expected("a success")
                .actual(said(&made))
                .evidence(recorder.evidence(&made)));
        }
        let read = placing.read(ctx, &made).await;
        let got = total(&placing, &read).or_else(|| total(&placing, &made));
        let shown = [recorder.evidence(&made), recorder.evidence(&read)];
        match got {
            None => {
                return Ok(Finding::fail(self.id(), format!("The {id} shows no total"))
                    .expected(expected)
                    .actual("no total")
                    .evidences(shown));
            }
            Some(got) if !is_same(got, sum) => {
                return Ok(Finding::fail(self.id(), format!("The total of the {id} is not the sum over its lines"))
                    .expected(expected)
                    .actual(format!("{got:.2}"))
                    .evidences(shown));
            }
            Some(_) => {}
        }
        let forged = placing.send(ctx, forged(&placing, &lines)?).await?;
        if forged.is_success() {
            let read = placing.read(ctx, &forged).await;
            let got = total(&placing, &read).or_else(|| total(&placing, &forged));
            if let Some(got) = got.filter(|got| !is_same(*got, sum)) {
                return Ok(Finding::fail(self.id(), "Prices or a total that the client sends are believed")
                    .expected(expected)
                    .actual(format!("{got:.2}"))
                    .evidence(recorder.evidence(&forged))
                    .evidence(recorder.evidence(&read)));
            }
        }
        let how = if forged.is_success() { "ignores" } else { "refuses" };
        Ok(Finding::pass(self.id(), format!("The total is the sum over the lines and {how} the client's prices"))
            .expected(expected.clone())
            .actual(expected)
            .evidences(shown)
            .evidence(recorder.evidence(&forged)))
    }
}

fn spoken(lines: &[(&Record, u32)]) -> &'static str {
    if lines.len() > 1 { "two lines" } else { "one line" }
}

/// The sum over the lines at the prices that were sent when the records were made.
fn sum(placing: &Placing, lines: &[(&Record, u32)]) -> Option<f64> {
    let parts: Option<Vec<f64>> = lines
        .iter()
        .map(|(record, quantity)| Some(record.sent.get(&placing.lines.price)?.as_f64()? * f64::from(*quantity)))
        .collect();
    parts.map(|parts| parts.iter().sum())
}

fn is_same(got: f64, sum: f64) -> bool {
    (got - sum).abs() < 0.005
}

/// The total in an answer: where binding found it, else a number beside the lines whose name speaks of one.
fn total(placing: &Placing, answer: &Answer) -> Option<f64> {
    let known = placing.transaction.record_in(answer).and_then(|record| placing.transaction.total(record));
    known.or_else(|| named_total(answer.json()?, &placing.lines.total, 0))
}

fn named_total(value: &Value, names: &[String], depth: u8) -> Option<f64> {
    let members = value.as_object().filter(|_| depth < 4)?;
    let own = wire::find_key(members, names).and_then(|name| members.get(name)).and_then(wire::number);
    let spoken = || {
        members.iter().find_map(|(name, value)| {
            let words = wire::words(name);
            let is_total = words.iter().any(|word| word == "total");
            let counts = words.iter().any(|word| matches!(word.as_str(), "items" | "quantity" | "count" | "lines"));
            (is_total && !counts).then(|| wire::number(value)).flatten()
        })
    };
    own.or_else(spoken).or_else(|| members.values().find_map(|value| named_total(value, names, depth + 1)))
}

/// The same lines, with prices and a total of the client's own.
fn forged(placing: &Placing, lines: &[(&Record, u32)]) -> Result<Map<String, Value>, Stop> {
    let mut body = placing.body(lines)?;
    let bound = placing.transaction.lines.as_ref();
    let price = placing.of.fields.get(&placing.lines.price).map(|field| field.name.clone());
    let customary =
        placing.of.spec.fields.get(&placing.lines.price).map(|field| field.names.clone()).unwrap_or_default();
    let prices: Vec<String> = price.into_iter().chain(customary.into_iter().take(2)).collect();
    let total = bound.and_then(|bound| bound.total.as_ref()).map(|total| total.name.clone());
    let totals: Vec<String> = total.into_iter().chain(placing.lines.total.iter().take(2).cloned()).collect();
    if let Some(array) = bound.and_then(|bound| bound.array.as_ref())
        && let Some(items) = body.get_mut(array).and_then(Value::as_array_mut)
    {
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            item.extend(prices.iter().map(|name| (name.clone(), json!(FORGED))));
        }
    } else {
        body.extend(prices.iter().map(|name| (name.clone(), json!(FORGED))));
    }
    body.extend(totals.into_iter().map(|name| (name, json!(FORGED))));
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_found_by_its_name_and_not_among_counts() {
        let names = ["total_cost".to_owned()];
        assert_eq!(named_total(&json!({"data": {"grandTotal": "12.50"}}), &names, 0), Some(12.5));
        assert_eq!(named_total(&json!({"totalItems": 3, "totalCost": 7}), &names, 0), Some(7.0));
        assert_eq!(named_total(&json!({"total_quantity": 3, "lines": [{"total": 4}]}), &names, 0), None);
    }
}
