//! Binding the actions on a resource, each proved by a call on a record made for it.

use grader_spec::Action;
use serde_json::{Map, Value};

use super::accounts::{is_page, note_trouble};
use super::candidates::{Candidate, Sources};
use super::complaint::Complaint;
use super::draft::Draft;
use super::nesting::{self, Place};
use super::{complaint, confidence, creating, flat, listing, locate, relations};
use crate::wire;
use crate::{Answer, BoundResource, Context, Operation, Record, Values};

/// Binds what can be found of a resource.
pub(super) async fn bind(ctx: &Context, sources: &Sources, id: &str) {
    let Some(spec) = ctx.spec().domain.resources.get(id).cloned() else { return };
    let mut resource = BoundResource::new(id, &spec);
    let mut values = ctx.values(&format!("binding {id}"));
    if let Err(why) = place(ctx, sources, &mut resource, &mut values).await {
        resource.unbound = spec.operations.keys().map(|action| (*action, why.clone())).collect();
        ctx.with_bound(|bound| bound.resources.insert(id.to_owned(), resource));
        return;
    }
    if spec.is_tie() {
        relations::bind(ctx, sources, &mut resource, &mut values).await;
        ctx.with_bound(|bound| bound.resources.insert(id.to_owned(), resource));
        return;
    }
    let record = creating::create(ctx, sources, &mut resource, &mut values).await;
    if let Some(record) = &record {
        read(ctx, sources, &mut resource, record).await;
    }
    let record = record.filter(|_| is_found(&mut resource));
    listing::list(ctx, sources, &mut resource, record.as_ref()).await;
    if let Some(record) = &record {
        update(ctx, sources, &mut resource, record, &mut values).await;
        delete(ctx, sources, &mut resource, record).await;
    }
    ctx.with_bound(|bound| bound.resources.insert(id.to_owned(), resource));
}

/// Whether what was created can be found again. A key that only we chose is none until reading takes it.
fn is_found(resource: &mut BoundResource) -> bool {
    if resource.chosen_key.is_none() || resource.operations.contains_key(&Action::Read) {
        return true;
    }
    resource.chosen_key = None;
    if let Some(create) = resource.operations.remove(&Action::Create) {
        let why = format!("{}, without a key to find the record by", create.proof);
        resource.unbound.insert(Action::Create, why);
    }
    false
}

/// Makes the record under which the resource stands, where it stands under one.
async fn place(
    ctx: &Context,
    sources: &Sources,
    resource: &mut BoundResource,
    values: &mut Values,
) -> Result<(), String> {
    let Some(parent) = resource.spec.parent.clone() else { return Ok(()) };
    if !ctx.bound().resources.contains_key(&parent) {
        Box::pin(bind(ctx, sources, &parent)).await;
    }
    match nesting::above(ctx, &resource.id, values).await {
        Ok(above) => {
            resource.above = above;
            Ok(())
        }
        Err(_) => Err(format!("it needs a {parent}, which could not be created")),
    }
}

/// Where creating takes records to.
pub(super) fn collection(resource: &BoundResource) -> Option<Place> {
    let create = resource.operations.get(&Action::Create)?;
    Some(Place { path: create.path.clone(), template: create.template.clone() })
}

/// The resources of the spec with their names, which references go by.
pub(super) fn names(ctx: &Context) -> Vec<(String, Vec<String>)> {
    ctx.spec().domain.resources.iter().map(|(id, resource)| (id.clone(), resource.names.clone())).collect()
}

pub(super) fn unanswered() -> String {
    "no path that is customary, documented or in the source answers".to_owned()
}

pub(super) fn operation(resource: &BoundResource, action: Action, candidate: &Candidate) -> Operation {
    let id = format!("{}.{}", resource.id, action.as_str());
    let mut operation = Operation::new(&id, &candidate.method, &candidate.path, candidate.source);
    operation.template.clone_from(&candidate.template);
    operation.encoding = candidate.encoding;
    operation.query = candidate.query.clone();
    flat::split(&mut operation, &resource.above);
    operation
}

/// The operation again, once for each name of a query parameter that may hold the key of the record above, where a flat
/// route refuses to go without.
fn scoped(ctx: &Context, resource: &BoundResource, refused: &Operation, answer: &Answer) -> Vec<Operation> {
    let above = flat::above(ctx, resource);
    let Some(nearest) = above.first().filter(|_| flat::is_untold(resource, refused)) else { return Vec::new() };
    let mut names = nearest.parameters(resource, &refused.query, &complaint::complaints(answer));
    if !matches!(answer.status(), 400 | 422) {
        names.retain(|name| refused.query.contains(name));
    }
    let with = |name: &String| {
        let mut operation = refused.clone();
        operation.scope.push(nearest.scope(name));
        operation
    };
    names.iter().map(with).collect()
}

/// Finds the operation that reads the record, and learns how records are spelt where creating did not say.
async fn read(ctx: &Context, sources: &Sources, resource: &mut BoundResource, record: &Record) {
    let collection = collection(resource);
    let unique = resource.spec.fields.iter().find(|(_, field)| field.unique).map(|(id, _)| id.clone());
    let other_key = unique.and_then(|id| record.sent.get(&id).and_then(wire::text));
    let mut trouble = String::new();
    for candidate in
        sources.resource(ctx, &resource.id, &resource.spec, Action::Read, collection.as_ref(), &resource.above)
    {
        let mut attempts = vec![operation(resource, Action::Read, &candidate)];
        while let Some(mut operation) = attempts.pop() {
            for key in std::iter::once(&record.key).chain(&other_key) {
                let session = ctx.writer(resource).ok().flatten();
                let request = operation.request(Some(key), None, session.as_ref());
                let answer = request.send(ctx).await;
                let create = resource.operations.get(&Action::Create).cloned();
                let spelled = create.map(|create| create.fields).unwrap_or_default();
                let located = answer
                    .json()
                    .filter(|_| answer.is_success())
                    .and_then(|body| locate::record(body, &resource.id, &resource.spec.fields, &record.sent, &spelled));
                if let Some(located) = located {
                    let keyless = resource.fields.is_empty();
                    if keyless || located.fields.len() > resource.fields.len() {
                        resource.fields = located.fields;
                        if keyless && let Some(key) = located.key {
                            resource.key = key;
                        }
                    }
                    operation.confidence = confidence(candidate.source);
                    operation.proof = format!("GET {} gave the record that was created", operation.path);
                    resource.operations.insert(Action::Read, operation);
                    return;
                }
                if !matches!(answer.status(), 404 | 405 | 0) {
                    note_trouble(&mut trouble, &operation, &answer, candidate.source);
                }
                attempts.extend(scoped(ctx, resource, &operation, &answer).into_iter().rev());
            }
        }
    }
    resource.unbound.insert(Action::Read, if trouble.is_empty() { unanswered() } else { trouble });
}

/// Finds the operation that changes a record; once more with whole bodies where only a PATCH is there that wants them.
async fn update(ctx: &Context, sources: &Sources, resource: &mut BoundResource, record: &Record, values: &mut Values) {
    let collection = collection(resource);
    let candidates =
        sources.resource(ctx, &resource.id, &resource.spec, Action::Update, collection.as_ref(), &resource.above);
    let mut trouble = String::new();
    let wants_whole = update_by(ctx, &candidates, resource, record, values, &mut trouble).await;
    if !wants_whole.is_empty() {
        resource.patches_whole = true;
        update_by(ctx, &wants_whole, resource, record, values, &mut trouble).await;
        resource.patches_whole = resource.operations.contains_key(&Action::Update);
    }
    if !resource.operations.contains_key(&Action::Update) {
        resource.unbound.insert(Action::Update, if trouble.is_empty() { unanswered() } else { trouble });
    }
}

/// Tries candidates until one changes the record; else gives those that refused a partial body for what it left out.
async fn update_by(
    ctx: &Context,
    candidates: &[Candidate],
    resource: &mut BoundResource,
    record: &Record,
    values: &mut Values,
    trouble: &mut String,
) -> Vec<Candidate> {
    let names = names(ctx);
    let mut wants_whole = Vec::new();
    for candidate in candidates {
        let mut attempts = vec![operation(resource, Action::Update, candidate)];
        let mut draft = Draft::default();
        if let Some(create) = resource.operations.get(&Action::Create) {
            draft.fields = create.fields.clone();
            if candidate.method != "PATCH" || resource.patches_whole {
                draft.extras = create.extras.clone();
            }
        }
        if !candidate.members.is_empty() {
            let described = Draft::begin(&candidate.members, &resource.spec.fields, &names, values);
            draft.extras.extend(described.extras);
            let known: Vec<String> = candidate.members.keys().map(|name| wire::plain(name)).collect();
            draft.fields.retain(|_, field| known.contains(&wire::plain(&field.name)));
            draft.extras.retain(|name, _| known.contains(&wire::plain(name)));
        }
        while let Some(mut operation) = attempts.pop() {
            for _ in 0..3 {
                draft.apply(&mut operation);
                resource.operations.insert(Action::Update, operation.clone());
                // The record keeps what it has: proving the route must not need a second truth about its values.
                let change: Map<String, Value> =
                    record.sent.iter().take(1).map(|(id, value)| (id.clone(), value.clone())).collect();
                let session = ctx.writer(resource).ok().flatten();
                let Ok(request) = resource.update_request(&record.key, &change, &record.sent, session.as_ref()) else {
                    break;
                };
                let answer = request.send(ctx).await;
                if answer.is_success() && !is_page(&answer) {
                    operation.confidence = confidence(candidate.source);
                    operation.proof =
                        format!("{} {} answered {}", operation.method, operation.path, answer.status_line());
                    resource.operations.insert(Action::Update, operation);
                    return Vec::new();
                }
                if !matches!(answer.status(), 404 | 405 | 0) {
                    note_trouble(trouble, &operation, &answer, candidate.source);
                    let complaints = complaint::complaints(&answer);
                    if candidate.method == "PATCH" && !resource.patches_whole && misses(resource, &draft, &complaints) {
                        wants_whole.push(candidate.clone());
                        break;
                    }
                    let is_without = leave_out(resource, &mut operation, &complaints);
                    if matches!(answer.status(), 400 | 422)
                        && (draft.mend(&complaints, &resource.spec.fields, &names, values) || is_without)
                    {
                        continue;
                    }
                }
                attempts.extend(scoped(ctx, resource, &operation, &answer).into_iter().rev());
                break;
            }
        }
        resource.operations.remove(&Action::Update);
    }
    wants_whole
}

/// Whether a refusal misses what the record has and a partial body leaves out.
fn misses(resource: &BoundResource, draft: &Draft, complaints: &[Complaint]) -> bool {
    let carried = draft.fields.values().map(|field| &field.name).chain(resource.references.keys());
    let carried: Vec<String> = carried.map(|name| wire::plain(name)).collect();
    complaints.iter().any(|complaint| complaint.says_missing() && carried.contains(&wire::plain(&complaint.name)))
}

/// Leaves out what creating takes and this operation refuses by name. Answers whether anything is left out newly.
fn leave_out(resource: &BoundResource, operation: &mut Operation, complaints: &[Complaint]) -> bool {
    let before = operation.without.len();
    for complaint in complaints.iter().filter(|complaint| complaint.says_unknown()) {
        if resource.references.contains_key(&complaint.name) && !operation.without.contains(&complaint.name) {
            operation.without.push(complaint.name.clone());
        }
    }
    operation.without.len() != before
}

async fn delete(ctx: &Context, sources: &Sources, resource: &mut BoundResource, record: &Record) {
    let collection = collection(resource);
    let mut trouble = String::new();
    for candidate in
        sources.resource(ctx, &resource.id, &resource.spec, Action::Delete, collection.as_ref(), &resource.above)
    {
        let mut attempts = vec![operation(resource, Action::Delete, &candidate)];
        while let Some(mut operation) = attempts.pop() {
            let session = ctx.writer(resource).ok().flatten();
            let answer = operation.request(Some(&record.key), None, session.as_ref()).send(ctx).await;
            if answer.is_success() && !is_page(&answer) {
                operation.confidence = confidence(candidate.source);
                operation.proof = format!("{} {} answered {}", operation.method, operation.path, answer.status_line());
                resource.operations.insert(Action::Delete, operation);
                return;
            }
            if !matches!(answer.status(), 404 | 405 | 0) {
                note_trouble(&mut trouble, &operation, &answer, candidate.source);
            }
            attempts.extend(scoped(ctx, resource, &operation, &answer).into_iter().rev());
        }
    }
    resource.unbound.insert(Action::Delete, if trouble.is_empty() { unanswered() } else { trouble });
}
