//! Binding transactions that are made in steps: lines gathered in a collection of the account's own before, as shops do,
//! or added to a transaction that was begun empty.

use grader_model::BindingSource;
use serde_json::{Map, Value, json};

use super::accounts::{follow, note_trouble};
use super::candidates::Candidate;
use super::confidence;
use super::lines::{Spellings, spellings};
use super::transaction::{Made, Trial, is_taken};
use crate::flow::{Filling, Gathering};
use crate::resource::BoundLines;
use crate::{BoundResource, Flow, Operation, Values};

/// Words at the end of a path that empties a collection.
const CLEARING: &[&str] = &["clear", "empty", "reset"];

/// Finds where lines are gathered, makes a transaction of them, and finds how the collection is emptied.
pub(super) async fn gathered(
    trial: &Trial<'_>,
    resource: &mut BoundResource,
    creates: &[Candidate],
    values: &mut Values,
    trouble: &mut String,
) -> Option<Made> {
    for candidate in trial.sources.at_paths(trial.ctx, &format!("{}.gather", resource.id), &trial.lines.gather) {
        let Some((put, spelling)) = put(trial, resource, &candidate, None, trouble).await else { continue };
        let gathering = Gathering { put, array: spelling.array.clone(), clear: None };
        let flow = Flow::Gathered(Box::new(gathering.clone()));
        let canonical = Some(trial.lines.names.first().cloned().unwrap_or_default());
        resource.lines = Some(BoundLines { array: canonical, flow, ..spelling });
        for create in creates {
            let Some(made) = bare(trial, resource, create, values, trouble).await else { continue };
            let clear = clear(trial, resource, &gathering).await;
            if let Some(BoundLines { flow: Flow::Gathered(gathering), .. }) = &mut resource.lines {
                gathering.clear = clear;
            }
            if let Some(create) = resource.operations.get_mut(&grader_spec::Action::Create) {
                create.proof.push_str(&format!(
                    ", after {} {} put a line beforehand",
                    gathering.put.method, gathering.put.path
                ));
            }
            return Some(made);
        }
        resource.lines = None;
    }
    None
}

/// Begins an empty transaction and finds where a line is added to it.
pub(super) async fn filled(
    trial: &Trial<'_>,
    resource: &mut BoundResource,
    creates: &[Candidate],
    values: &mut Values,
    trouble: &mut String,
) -> Option<Made> {
    let fills = trial.sources.at_paths(trial.ctx, &format!("{}.fill", resource.id), &trial.lines.fill);
    for create in creates {
        let Some(made) = bare(trial, resource, create, values, &mut String::new()).await else { continue };
        for candidate in &fills {
            let parent = (!candidate.path.contains("{id}")).then(|| parent_name(candidate, &resource.id));
            let begun = Begun { key: made.0.clone(), parent };
            let Some((add, spelling)) = put(trial, resource, candidate, Some(&begun), trouble).await else { continue };
            let line = format!(", then {} {} added a line", add.method, add.path);
            let canonical = Some(trial.lines.names.first().cloned().unwrap_or_default());
            let flow = Flow::Filled(Box::new(Filling { add, parent: begun.parent }));
            resource.lines = Some(BoundLines { array: canonical, flow, ..spelling });
            if let Some(create) = resource.operations.get_mut(&grader_spec::Action::Create) {
                create.proof.push_str(&line);
            }
            return Some(made);
        }
        resource.operations.remove(&grader_spec::Action::Create);
        return None;
    }
    None
}

/// A transaction that was begun, and the member that names it where the path does not.
struct Begun {
    key: String,
    parent: Option<String>,
}

fn parent_name(candidate: &Candidate, resource: &str) -> String {
    let wanted = crate::wire::plain(&format!("{resource}id"));
    let described = candidate.members.keys().find(|name| crate::wire::plain(name) == wanted).cloned();
    described.unwrap_or_else(|| format!("{resource}_id"))
}

/// Puts one line at a candidate's path.
async fn put(
    trial: &Trial<'_>,
    resource: &BoundResource,
    candidate: &Candidate,
    begun: Option<&Begun>,
    trouble: &mut String,
) -> Option<(Operation, BoundLines)> {
    let what = if begun.is_some() { "fill" } else { "gather" };
    let id = format!("{}.{what}", resource.id);
    let mut operation = Operation::new(&id, &candidate.method, &candidate.path, candidate.source);
    operation.encoding = candidate.encoding;
    if let Some(given) = trial.ctx.overrides().operations.get(&id) {
        operation.extras.extend(given.extras.clone());
    }
    let mut all = spellings(trial.given(&id), candidate, trial.lines);
    // One line is put at a time, nearly everywhere.
    all.sort_by_key(|spelling| spelling.array.is_some());
    let session = trial.ctx.writer(resource).ok().flatten();
    let in_path = begun.is_none() && operation.path.contains("{id}");
    let mut all = Spellings::new(all);
    while let Some(spelling) = all.next() {
        let reference = trial.reference(None);
        let key = match begun {
            Some(begun) => Some(begun.key.clone()),
            None => crate::wire::text(&reference).filter(|_| in_path),
        };
        let mut line = Map::new();
        if !in_path {
            line.insert(spelling.reference.clone(), reference);
        }
        line.insert(spelling.quantity.clone(), json!(1));
        let mut body = operation.extras.clone();
        match &spelling.array {
            Some(array) => {
                body.insert(array.clone(), Value::Array(vec![Value::Object(line)]));
            }
            None => body.extend(line),
        }
        if let Some(Begun { key, parent: Some(parent) }) = begun {
            let number = key.parse::<u64>().ok().map(Value::from);
            body.insert(parent.clone(), number.unwrap_or_else(|| json!(key)));
        }
        let request = operation.request(key.as_deref(), Some(body), session.as_ref());
        let answer = follow(trial.ctx, request.send(trial.ctx).await, &mut operation).await;
        if is_taken(&answer) {
            operation.confidence = confidence(candidate.source);
            operation.proof = format!("{} {} answered {}", operation.method, operation.path, answer.status_line());
            return Some((operation, spelling));
        }
        if !matches!(answer.status(), 404 | 405 | 0) {
            note_trouble(trouble, &operation, &answer, candidate.source);
        }
        if !all.learn(&spelling, &answer, trial.lines) {
            break;
        }
    }
    None
}

/// Creates without lines in the body.
async fn bare(
    trial: &Trial<'_>,
    resource: &mut BoundResource,
    candidate: &Candidate,
    values: &mut Values,
    trouble: &mut String,
) -> Option<Made> {
    let (mut operation, mut draft) = trial.operation(resource, candidate, values);
    let answer = trial.send(resource, &mut operation, &mut draft, Map::new(), values).await;
    if is_taken(&answer) {
        return trial.created(resource, operation, candidate, answer, trouble);
    }
    if !matches!(answer.status(), 404 | 405 | 0) {
        note_trouble(trouble, &operation, &answer, candidate.source);
    }
    None
}

/// Finds what empties the collection: afterwards nothing is left to make a transaction of.
async fn clear(trial: &Trial<'_>, resource: &BoundResource, gathering: &Gathering) -> Option<Operation> {
    let session = trial.ctx.writer(resource).ok().flatten();
    let line = [(trial.reference(None), json!(1))];
    let mut is_filled = false;
    for (method, path) in emptying(trial, &gathering.put.path) {
        let body = resource.transaction_body(&line).ok()?;
        if !is_filled {
            // Puts the line and leaves the rest undone.
            resource.prepare(trial.ctx, body.clone(), session.as_ref()).await.ok()?;
            is_filled = true;
        }
        let mut operation = Operation::new(&format!("{}.clear", resource.id), &method, &path, BindingSource::Candidate);
        let answer = operation.request(None, None, session.as_ref()).send(trial.ctx).await;
        if !is_taken(&answer) {
            continue;
        }
        let mut rest = body;
        if let Some(array) = resource.lines.as_ref().and_then(|bound| bound.array.as_ref()) {
            rest.shift_remove(array);
        }
        let create = resource.operation(grader_spec::Action::Create).ok()?;
        let after = create.request(None, Some(rest), session.as_ref()).send(trial.ctx).await;
        if !after.is_success() {
            operation.proof = format!("{method} {path} answered {}", answer.status_line());
            return Some(operation);
        }
        is_filled = false;
    }
    None
}

/// Routes that may empty the collection into which `put` puts lines: known ones below it, then the customary ones.
fn emptying(trial: &Trial<'_>, put: &str) -> Vec<(String, String)> {
    let roots: Vec<&str> =
        trial.lines.gather.iter().filter_map(|path| path.split('/').find(|s| !s.is_empty())).collect();
    let segments: Vec<&str> = put.split('/').filter(|segment| !segment.is_empty()).collect();
    let at = segments.iter().position(|segment| roots.contains(segment)).unwrap_or(segments.len().saturating_sub(1));
    let root = format!("/{}", segments[..=at.min(segments.len().saturating_sub(1))].join("/"));
    let slash = if put.ends_with('/') { "/" } else { "" };
    let mut all: Vec<(String, String)> = trial
        .sources
        .known()
        .filter(|candidate| candidate.path.starts_with(&root) && !candidate.path.contains('{'))
        .filter(|candidate| {
            let last = candidate.path.trim_end_matches('/').rsplit('/').next().unwrap_or("");
            candidate.method == "DELETE"
                || matches!(candidate.method.as_str(), "POST" | "PUT" | "PATCH")
                    && crate::wire::words(last).iter().any(|word| CLEARING.contains(&word.as_str()))
        })
        .map(|candidate| (candidate.method.clone(), candidate.path.clone()))
        .take(6)
        .collect();
    let customary =
        [("DELETE", ""), ("DELETE", "/clear"), ("POST", "/clear"), ("DELETE", "/items"), ("DELETE", "/empty")];
    for (method, below) in customary {
        let route = (method.to_owned(), format!("{root}{below}{slash}"));
        if !all.contains(&route) {
            all.push(route);
        }
    }
    all
}
