//! Making many records, one after the other: what a list then shows is the same in every run.

use std::time::{Duration, Instant};

use harness_kit::{Answer, BoundResource, Context, Record, Stop, Values};
use serde_json::Value;

/// Creates between two looks at what a limiter said.
const BATCH: usize = 32;
/// Longest time for one filling.
const BOUND: Duration = Duration::from_secs(40);

/// Creates `count` records, each with the values in `same` and fresh ones besides. Where a limiter refuses, the rest is
/// sent from a fresh source address.
///
/// # Errors
/// [`Stop::Blocked`] where creating was not found; [`Stop::Inconclusive`] where not all could be made.
pub(super) async fn fill(
    ctx: &Context,
    resource: &BoundResource,
    values: &mut Values,
    count: usize,
    same: &[(String, Value)],
) -> Result<Vec<Record>, Stop> {
    let session = ctx.writer(resource)?;
    let began = Instant::now();
    let mut bodies = Vec::new();
    for _ in 0..count {
        let mut sent = resource.fresh(values);
        sent.extend(same.iter().cloned());
        bodies.push(sent);
    }
    let mut made = Vec::new();
    let mut vantage = 0;
    let mut refusal: Option<Answer> = None;
    while !bodies.is_empty() && began.elapsed() < BOUND {
        let batch: Vec<_> = bodies.drain(..bodies.len().min(BATCH)).collect();
        let mut is_limited = false;
        for sent in batch {
            let answer = resource.create_request(&sent, session.as_ref())?.from_vantage(vantage).send(ctx).await;
            match resource.made(sent.clone(), &answer) {
                Some(record) => made.push(record),
                None if answer.is_limited() => {
                    is_limited = true;
                    bodies.push(sent);
                    refusal = Some(answer);
                }
                None => refusal = Some(answer),
            }
        }
        if is_limited {
            match ctx.new_vantage().await {
                Some(fresh) => vantage = fresh,
                None => break,
            }
        }
    }
    if made.len() < count {
        let why = refusal.map_or_else(|| "time ran out".to_owned(), |answer| answer.status_line());
        return Err(Stop::inconclusive(format!(
            "not all of {count} sound {} records could be created: {why}",
            resource.id
        )));
    }
    Ok(made)
}
