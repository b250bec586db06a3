//! Finding the operation that creates, and the record that proves it.

use grader_model::BindingSource;
use grader_spec::Action;
use serde_json::{Map, Value};

use super::accounts::{follow, is_absent, is_page, note_trouble, other_carriers, privileged};
use super::candidates::{Candidate, Sources};
use super::draft::{Draft, Missing};
use super::flat::{self, Above, Form, Way};
use super::resources::{bind, names, operation, unanswered};
use super::{complaint, confidence, locate};
use crate::operation::WireField;
use crate::wire::Shape;
use crate::{Answer, BoundResource, Context, Operation, Record, Session, Values};

/// Corrections of one body.
const MENDINGS: usize = 8;
/// Flat routes on which ways to name the record above are tried.
const GUESSED: usize = 3;

/// Finds the operation that creates, and answers the record that proved it.
pub(super) async fn create(
    ctx: &Context,
    sources: &Sources,
    resource: &mut BoundResource,
    values: &mut Values,
) -> Option<Record> {
    let mut trouble = String::new();
    let mut guessed = 0;
    for candidate in sources.resource(ctx, &resource.id, &resource.spec, Action::Create, None, &resource.above) {
        let tried = create_at(ctx, sources, resource, &candidate, None, values, &mut trouble).await;
        let is_flat = candidate.source != BindingSource::Reviewer
            && flat::is_untold(resource, &operation(resource, Action::Create, &candidate));
        match tried {
            Tried::Made(record) => {
                if !is_flat || is_told(resource) {
                    return Some(record);
                }
                return Some(below(ctx, sources, resource, &candidate, values, record).await);
            }
            Tried::Unclear if is_flat && guessed < GUESSED => {
                guessed += 1;
                for way in flat::above(ctx, resource).first().map(flat::Above::ways).unwrap_or_default() {
                    let tried = create_at(ctx, sources, resource, &candidate, Some(&way), values, &mut trouble).await;
                    if let Tried::Made(record) = tried {
                        return Some(record);
                    }
                }
            }
            Tried::Unclear | Tried::Refused => {}
        }
    }
    flat::forget(resource);
    resource.unbound.insert(Action::Create, if trouble.is_empty() { unanswered() } else { trouble });
    None
}

/// What came of a candidate.
enum Tried {
    Made(Record),
    /// There is a route, and nothing that it says leads on.
    Unclear,
    Refused,
}

/// Whether creating names the nearest record above.
fn is_told(resource: &BoundResource) -> bool {
    resource.above.first().is_none_or(|nearest| resource.is_told(Action::Create, &nearest.resource))
}

/// A flat route took a record without a word of the one above: finds how it is named, by an answer that shows it. The
/// record that was made stays the proof where none does.
async fn below(
    ctx: &Context,
    sources: &Sources,
    resource: &mut BoundResource,
    candidate: &Candidate,
    values: &mut Values,
    record: Record,
) -> Record {
    let above = flat::above(ctx, resource);
    let Some(nearest) = above.first() else { return record };
    let untold = resource.clone();
    // What the record itself calls it goes first.
    let shown: Vec<&String> = record.body.keys().filter(|name| nearest.is_meant(name)).collect();
    let mut ways: Vec<Way> = shown.iter().map(|name| Way::Body((*name).clone(), Form::Key)).collect();
    ways.extend(nearest.ways().into_iter().filter(|way| !shown.iter().any(|name| way.is_member(name, Form::Key))));
    for way in ways {
        let tried = create_at(ctx, sources, resource, candidate, Some(&way), values, &mut String::new()).await;
        if let Tried::Made(placed) = tried
            && nearest.is_shown_by(&placed)
        {
            return placed;
        }
        resource.clone_from(&untold);
    }
    record
}

/// A create as a candidate's route and a reviewer say it, before anything was asked.
pub(super) struct Begun {
    pub(super) operation: Operation,
    pub(super) draft: Draft,
    /// Names of the assessment's resources, by id.
    pub(super) names: Vec<(String, Vec<String>)>,
    /// The records above, nearest first.
    pub(super) above: Vec<Above>,
}

/// Begins a create at a candidate's route. What another route said of the records above is forgotten.
pub(super) fn begin(
    ctx: &Context,
    resource: &mut BoundResource,
    candidate: &Candidate,
    way: Option<&Way>,
    values: &mut Values,
) -> Begun {
    let names = names(ctx);
    let above = flat::above(ctx, resource);
    flat::forget(resource);
    let mut operation = operation(resource, Action::Create, candidate);
    let mut draft = candidate.draft(&resource.spec.fields, &names, values);
    if let Some(given) = ctx.overrides().operations.get(&operation.id) {
        for (id, name) in &given.fields {
            match above.iter().find(|above| above.ancestor.resource == *id) {
                Some(above) => flat::refer(resource, name, &above.ancestor, Form::Key),
                None => {
                    draft.fields.insert(id.clone(), WireField { name: name.clone(), shape: Shape::Natural });
                }
            }
        }
        draft.extras.extend(given.extras.clone());
    }
    match (way, above.first()) {
        (Some(way), Some(nearest)) => way.apply(nearest, resource, &mut operation),
        _ if flat::is_untold(resource, &operation) => flat::described(candidate, &above, resource, &mut operation),
        _ => {}
    }
    Begun { operation, draft, names, above }
}

/// Creates at a candidate's route, mending the body by what refusals say.
async fn create_at(
    ctx: &Context,
    sources: &Sources,
    resource: &mut BoundResource,
    candidate: &Candidate,
    way: Option<&Way>,
    values: &mut Values,
    trouble: &mut String,
) -> Tried {
    let Begun { mut operation, mut draft, names, above } = begin(ctx, resource, candidate, way, values);
    let mut tried = Tried::Unclear;
    for _ in 0..=MENDINGS {
        flat::adopt(&mut draft, &above, candidate.source, resource);
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
                operation.proof = format!("{} {} answered {}", operation.method, operation.path, answer.status_line());
                resource.operations.insert(Action::Create, operation);
                return Tried::Made(record);
            }
            note_trouble(trouble, &operation, &answer, candidate.source);
            trouble.push_str(", without a key to find the record by");
            tried = Tried::Refused;
            break;
        }
        let is_about_above = flat::is_about_above(resource, &operation, &above, &answer);
        if is_absent(&answer) && !is_about_above {
            tried = Tried::Refused;
            break;
        }
        note_trouble(trouble, &operation, &answer, candidate.source);
        if !matches!(answer.status(), 400 | 409 | 422) {
            tried = if matches!(answer.status(), 404 | 500) { Tried::Unclear } else { Tried::Refused };
            break;
        }
        let mut complaints = complaint::complaints(&answer);
        let has_moved = flat::move_to_query(&mut complaints, resource, &mut operation);
        if !draft.mend(&complaints, &resource.spec.fields, &names, values)
            && !has_moved
            && !draft.fill(&candidate.members, &resource.spec.fields, &names, values)
        {
            break;
        }
    }
    resource.operations.remove(&Action::Create);
    tried
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
    if flat::supply(resource, missing) {
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
        let value = if missing.list { Value::Array(vec![reference]) } else { reference };
        resource.prerequisites.insert(missing.name.clone(), value);
    }
}
