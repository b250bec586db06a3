//! Finding the operation that lists, and where the records stand in its answer.
//!
//! What stands below another record is listed by it where the API can: a flat route is bound with the query parameter
//! for which two lists show what was made below each, and nothing of the other.

use grader_model::BindingSource;
use grader_spec::Action;
use serde_json::Value;

use super::accounts::{follow, note_trouble};
use super::candidates::{Candidate, Sources};
use super::nesting::Ancestor;
use super::resources::{collection, operation, unanswered};
use super::{complaint, confidence, flat, locate, nesting};
use crate::resource::at;
use crate::{Answer, BoundResource, Context, Operation, Record, wire};

/// Finds the operation that lists. `record` is one that was made, where creating was found.
pub(super) async fn list(ctx: &Context, sources: &Sources, resource: &mut BoundResource, record: Option<&Record>) {
    let collection = collection(resource);
    let mut trouble = String::new();
    let mut candidates =
        sources.resource(ctx, &resource.id, &resource.spec, Action::List, collection.as_ref(), &resource.above);
    if collection.is_some() && candidates.iter().all(|candidate| candidate.source == BindingSource::Candidate) {
        candidates.extend(sources.resource(ctx, &resource.id, &resource.spec, Action::List, None, &resource.above));
    }
    let mut other = Other::Unmade;
    let mut untold: Option<(Vec<String>, Operation)> = None;
    for candidate in candidates {
        let mut operation = operation(resource, Action::List, &candidate);
        let is_untold = candidate.source != BindingSource::Reviewer && flat::is_untold(resource, &operation);
        if untold.is_some() && is_untold {
            continue;
        }
        let session = ctx.writer(resource).ok().flatten();
        let answer = follow(ctx, operation.request(None, None, session.as_ref()).send(ctx).await, &mut operation).await;
        let list_at = answer.json().filter(|_| answer.is_success()).and_then(|body| locate::list(body, &resource.key));
        if is_untold && let Some(record) = record {
            let is_here = collection.as_ref().is_some_and(|collection| collection.template == operation.template);
            let may_be = !matches!(answer.status(), 401 | 404 | 405 | 0) || answer.status() == 404 && is_here;
            if may_be
                && let Some((list_at, scoped)) = by_parent(ctx, resource, record, &operation, &answer, &mut other).await
            {
                bound(resource, scoped, &candidate, list_at);
                return;
            }
        }
        match list_at {
            Some(list_at) if is_untold => {
                operation.proof = format!("GET {} gave a list of records", operation.path);
                operation.confidence = confidence(candidate.source);
                untold = Some((list_at, operation));
            }
            Some(list_at) => {
                operation.proof = format!("GET {} gave a list of records", operation.path);
                bound(resource, operation, &candidate, list_at);
                return;
            }
            None if !matches!(answer.status(), 404 | 405 | 0) => {
                note_trouble(&mut trouble, &operation, &answer, candidate.source);
            }
            None => {}
        }
    }
    match untold {
        Some((list_at, operation)) => {
            resource.list_at = list_at;
            resource.operations.insert(Action::List, operation);
        }
        None => {
            resource.unbound.insert(Action::List, if trouble.is_empty() { unanswered() } else { trouble });
        }
    }
}

fn bound(resource: &mut BoundResource, mut operation: Operation, candidate: &Candidate, list_at: Vec<String>) {
    operation.confidence = confidence(candidate.source);
    resource.list_at = list_at;
    resource.operations.insert(Action::List, operation);
}

/// A record below another one above, made when it is needed first.
enum Other {
    Unmade,
    Made {
        above: Vec<Ancestor>,
        key: String,
    },
    /// None could be made.
    Missing,
}

impl Other {
    async fn made(&mut self, ctx: &Context, resource: &BoundResource) -> Option<(&[Ancestor], &str)> {
        if matches!(self, Other::Unmade) {
            let mut values = ctx.values(&format!("listing {}", resource.id));
            *self = match nesting::above(ctx, &resource.id, &mut values).await {
                Ok(above) => match resource.under(&above).create(ctx, &mut values, &[]).await {
                    Ok(record) => Other::Made { above, key: record.key },
                    Err(_) => Other::Missing,
                },
                Err(_) => Other::Missing,
            };
        }
        match self {
            Other::Made { above, key } => Some((above, key)),
            Other::Unmade | Other::Missing => None,
        }
    }
}

/// The list with the query parameter that holds the key of the record above: it shows what was made below that one and
/// not what was made below another, and the other way round.
async fn by_parent(
    ctx: &Context,
    resource: &BoundResource,
    record: &Record,
    untold: &Operation,
    answer: &Answer,
    other: &mut Other,
) -> Option<(Vec<String>, Operation)> {
    let above = flat::above(ctx, resource);
    let nearest = above.first().filter(|nearest| resource.is_told(Action::Create, &nearest.ancestor.resource))?;
    for name in nearest.parameters(resource, &untold.query, &complaint::complaints(answer)) {
        let mut operation = untold.clone();
        operation.scope.push(nearest.scope(&name));
        let Some((list_at, own)) = keys(ctx, resource, &operation).await else { continue };
        if !own.contains(&record.key) {
            continue;
        }
        let (elsewhere, foreign) = other.made(ctx, resource).await?;
        let other_parent = elsewhere.iter().find(|other| other.resource == nearest.ancestor.resource)?;
        let mut moved = operation.clone();
        for scope in moved.scope.iter_mut().filter(|scope| scope.name == name) {
            scope.key.clone_from(&other_parent.key);
        }
        let own = keys(ctx, resource, &operation).await.map(|(_, keys)| keys).unwrap_or_default();
        let there = keys(ctx, resource, &moved).await.map(|(_, keys)| keys).unwrap_or_default();
        let has = |keys: &[String], key: &str| keys.iter().any(|known| known == key);
        let tells_apart =
            has(&own, &record.key) && !has(&own, foreign) && has(&there, foreign) && !has(&there, &record.key);
        if tells_apart {
            operation.proof = format!(
                "GET {} gave what was made below that {}, and not what was made below another",
                operation.scoped_template(),
                nearest.ancestor.resource
            );
            return Some((list_at, operation));
        }
    }
    None
}

/// Where the records stand in the answer of a list, and their keys.
async fn keys(ctx: &Context, resource: &BoundResource, list: &Operation) -> Option<(Vec<String>, Vec<String>)> {
    let session = ctx.writer(resource).ok().flatten();
    let answer = list.request(None, None, session.as_ref()).send(ctx).await;
    let body = answer.json().filter(|_| answer.is_success())?;
    let list_at = locate::list(body, &resource.key)?;
    let records = at(body, &list_at).and_then(Value::as_array)?;
    let keys = records.iter().filter_map(|record| record.get(&resource.key).and_then(wire::text)).collect();
    Some((list_at, keys))
}
