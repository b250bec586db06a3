//! Binding the actions on a resource, each proved by a call on a record made for it.

use grader_spec::Action;
use serde_json::{Map, Value, json};

use super::accounts::{follow, is_page, note_trouble, other_carriers, privileged};
use super::candidates::{Candidate, Sources};
use super::draft::{Draft, Missing};
use super::nesting::{self, Place};
use super::{complaint, confidence, locate, relations};
use crate::operation::WireField;
use crate::wire::{self, Shape};
use crate::{Answer, BoundResource, Context, Operation, Record, Session, Values};

/// Corrections of one body.
const MENDINGS: usize = 8;

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
    let record = create(ctx, sources, &mut resource, &mut values).await;
    if let Some(record) = &record {
        read(ctx, sources, &mut resource, record).await;
    }
    let record = record.filter(|_| is_found(&mut resource));
    list(ctx, sources, &mut resource).await;
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

/// Finds the operation that creates, and answers the record that proved it.
async fn create(ctx: &Context, sources: &Sources, resource: &mut BoundResource, values: &mut Values) -> Option<Record> {
    let names = names(ctx);
    let mut trouble = String::new();
    for candidate in sources.resource(ctx, &resource.id, &resource.spec, Action::Create, None, &resource.above) {
        let mut operation = operation(resource, Action::Create, &candidate);
        let mut draft = Draft::begin(&candidate.members, &resource.spec.fields, &names, values);
        if let Some(given) = ctx.overrides().operations.get(&operation.id) {
            for (id, name) in &given.fields {
                draft.fields.insert(id.clone(), WireField { name: name.clone(), shape: Shape::Natural });
            }
            draft.extras.extend(given.extras.clone());
        }
        for _ in 0..=MENDINGS {
            draft.apply(&mut operation);
            for missing in std::mem::take(&mut draft.missing) {
                supply(ctx, sources, resource, &missing, values).await;
            }
            resource.operations.insert(Action::Create, operation.clone());
            let sent = resource.fresh(values);
            let Ok(body) = resource.create_body(&sent) else { break };
            let answer = send(ctx, sources, resource, &mut operation, body).await;
            if answer.is_success() && !is_page(&answer) {
                if let Some(record) = locate_record(resource, &operation, sent, &answer) {
                    operation.confidence = confidence(candidate.source);
                    operation.proof =
                        format!("{} {} answered {}", operation.method, operation.path, answer.status_line());
                    resource.operations.insert(Action::Create, operation);
                    return Some(record);
                }
                note_trouble(&mut trouble, &operation, &answer, candidate.source);
                trouble.push_str(", without a key to find the record by");
                break;
            }
            if matches!(answer.status(), 404 | 405 | 0) || is_page(&answer) {
                break;
            }
            note_trouble(&mut trouble, &operation, &answer, candidate.source);
            if !matches!(answer.status(), 400 | 409 | 422)
                || !draft.mend(&complaint::complaints(&answer), &resource.spec.fields, &names, values)
            {
                break;
            }
        }
        resource.operations.remove(&Action::Create);
    }
    resource.unbound.insert(Action::Create, if trouble.is_empty() { unanswered() } else { trouble });
    None
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
    operation
}

/// Sends a create as the first account; learns from 401 how the session is read and from 403 that it takes more rights.
async fn send(
    ctx: &Context,
    sources: &Sources,
    resource: &mut BoundResource,
    operation: &mut Operation,
    body: Map<String, Value>,
) -> Answer {
    let session = ctx.writer(resource).ok().flatten();
    let request = operation.request(None, Some(body.clone()), session.as_ref());
    let answer = follow(ctx, request.send(ctx).await, operation).await;
    if answer.status() == 401
        && let Some(session) = &session
    {
        for carrier in other_carriers() {
            let tried = Session { token: session.token.clone(), carrier: carrier.clone() };
            let again = operation.request(None, Some(body.clone()), Some(&tried)).send(ctx).await;
            if again.status() != 401 {
                ctx.set_carrier(&carrier).await;
                return again;
            }
        }
    }
    if matches!(answer.status(), 401 | 403)
        && !resource.privileged
        && privileged(ctx, &sources.overrides).await.is_some()
    {
        resource.privileged = true;
        let session = ctx.writer(resource).ok().flatten();
        let again = operation.request(None, Some(body), session.as_ref()).send(ctx).await;
        if matches!(again.status(), 401 | 403) {
            resource.privileged = false;
            return answer;
        }
        return again;
    }
    answer
}

/// Finds the record in the answer and takes over how it is spelt.
///
/// An answer that says nothing of the record leaves its unique field to find it by; reading has to prove that.
fn locate_record(
    resource: &mut BoundResource,
    create: &Operation,
    sent: Map<String, Value>,
    answer: &Answer,
) -> Option<Record> {
    if let Some(body) = answer.json()
        && let Some(located) = locate::record(body, &resource.id, &resource.spec.fields, &sent, &create.fields)
    {
        resource.record_at = located.at;
        resource.fields = located.fields;
        if let Some(key) = located.key {
            resource.key = key;
        }
    }
    if let Some(record) = resource.made(sent.clone(), answer) {
        return Some(record);
    }
    let unique = resource.spec.fields.iter().find(|(_, field)| field.unique)?.0;
    resource.chosen_key = Some(unique.clone());
    resource.made(sent, answer)
}

/// Makes the record that a member refers to, or takes one that is there.
async fn supply(
    ctx: &Context,
    sources: &Sources,
    resource: &mut BoundResource,
    missing: &Missing,
    values: &mut Values,
) {
    if let Some(above) = resource.above.iter().find(|above| above.resource == missing.resource) {
        let value = if missing.list { json!([above.reference]) } else { above.reference.clone() };
        resource.prerequisites.insert(missing.name.clone(), value);
        return;
    }
    if ctx.resource(&missing.resource).is_err() && missing.resource != resource.id {
        Box::pin(bind(ctx, sources, &missing.resource)).await;
    }
    let Ok(other) = ctx.resource(&missing.resource) else { return };
    let made = match other.create(ctx, values, &[]).await {
        Ok(record) => Some(record.reference(&other)),
        Err(_) => match other.list_request(&[], ctx.writer(&other).ok().flatten().as_ref()) {
            Ok(request) => {
                let answer = request.send(ctx).await;
                other.records_in(&answer).and_then(|records| records.first()?.get(&other.key).cloned())
            }
            Err(_) => None,
        },
    };
    if let Some(reference) = made {
        let value = if missing.list { json!([reference]) } else { reference };
        resource.prerequisites.insert(missing.name.clone(), value);
    }
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
        let mut operation = operation(resource, Action::Read, &candidate);
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
        }
        operation.query.clear();
    }
    resource.unbound.insert(Action::Read, if trouble.is_empty() { unanswered() } else { trouble });
}

/// Finds the operation that lists, and where the records stand in its answer.
pub(super) async fn list(ctx: &Context, sources: &Sources, resource: &mut BoundResource) {
    let collection = collection(resource);
    let mut trouble = String::new();
    let mut candidates =
        sources.resource(ctx, &resource.id, &resource.spec, Action::List, collection.as_ref(), &resource.above);
    if collection.is_some()
        && candidates.iter().all(|candidate| candidate.source == grader_model::BindingSource::Candidate)
    {
        candidates.extend(sources.resource(ctx, &resource.id, &resource.spec, Action::List, None, &resource.above));
    }
    for candidate in candidates {
        let mut operation = operation(resource, Action::List, &candidate);
        let session = ctx.writer(resource).ok().flatten();
        let answer = follow(ctx, operation.request(None, None, session.as_ref()).send(ctx).await, &mut operation).await;
        if let Some(at) =
            answer.json().filter(|_| answer.is_success()).and_then(|body| locate::list(body, &resource.key))
        {
            resource.list_at = at;
            operation.confidence = confidence(candidate.source);
            operation.proof = format!("GET {} gave a list of records", operation.path);
            resource.operations.insert(Action::List, operation);
            return;
        }
        if !matches!(answer.status(), 404 | 405 | 0) {
            note_trouble(&mut trouble, &operation, &answer, candidate.source);
        }
    }
    resource.unbound.insert(Action::List, if trouble.is_empty() { unanswered() } else { trouble });
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
        let mut operation = operation(resource, Action::Update, candidate);
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
                operation.proof = format!("{} {} answered {}", operation.method, operation.path, answer.status_line());
                resource.operations.insert(Action::Update, operation);
                return Vec::new();
            }
            if matches!(answer.status(), 404 | 405 | 0) {
                break;
            }
            note_trouble(trouble, &operation, &answer, candidate.source);
            let complaints = complaint::complaints(&answer);
            let misses = complaints.iter().any(|complaint| {
                let is_carried = |wire: &WireField| wire::plain(&wire.name) == wire::plain(&complaint.name);
                complaint.says_missing() && draft.fields.values().any(is_carried)
            });
            if misses && candidate.method == "PATCH" && !resource.patches_whole {
                wants_whole.push(candidate.clone());
                break;
            }
            if !matches!(answer.status(), 400 | 422) || !draft.mend(&complaints, &resource.spec.fields, &names, values)
            {
                break;
            }
        }
        resource.operations.remove(&Action::Update);
    }
    wants_whole
}

async fn delete(ctx: &Context, sources: &Sources, resource: &mut BoundResource, record: &Record) {
    let collection = collection(resource);
    let mut trouble = String::new();
    for candidate in
        sources.resource(ctx, &resource.id, &resource.spec, Action::Delete, collection.as_ref(), &resource.above)
    {
        let mut operation = operation(resource, Action::Delete, &candidate);
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
    }
    resource.unbound.insert(Action::Delete, if trouble.is_empty() { unanswered() } else { trouble });
}
