//! Binding what ties an account to a record: taking somebody into a group, handing somebody a piece of work. There is no
//! record to find again; what proves it is an answer that names the account, or none on a path made for it.

use grader_model::BindingSource;
use grader_spec::{Action, FieldKind};
use serde_json::{Map, Value};

use super::accounts::{account_key, is_page, note_trouble};
use super::candidates::{Candidate, Sources};
use super::creating::{self, Begun};
use super::flat::{self, Way};
use super::resources::{operation, unanswered};
use super::{complaint, confidence};
use crate::operation::WireField;
use crate::wire::{self, Shape};
use crate::{Account, Answer, BoundResource, Context, Operation, Values};

/// Corrections of one body.
const MENDINGS: usize = 6;
/// Refusals of flat routes after which ways to name the record above are tried.
const GUESSED: usize = 3;
/// Names of a member that are tried on the record above.
const SPELLINGS: usize = 8;

/// Binds the operation that makes the tie: of another account first, since one's own often stands already.
pub(super) async fn bind(ctx: &Context, sources: &Sources, resource: &mut BoundResource, values: &mut Values) {
    let mut accounts = Vec::new();
    accounts.extend(ctx.other_account().await.ok());
    accounts.extend(ctx.account().await.ok());
    let mut trouble = String::new();
    let candidates = sources.resource(ctx, &resource.id, &resource.spec, Action::Create, None, &resource.above);
    let mut guessed = 0;
    'candidates: for candidate in &candidates {
        for account in &accounts {
            let mut ways = vec![None];
            while let Some(way) = ways.pop() {
                match try_candidate(ctx, resource, candidate, account, way.as_ref(), values, &mut trouble).await {
                    Tried::Bound(operation) => {
                        resource.operations.insert(Action::Create, *operation);
                        return;
                    }
                    Tried::Absent => continue 'candidates,
                    Tried::Refused if way.is_none() && guessed < GUESSED => {
                        let flat = flat::is_untold(resource, &operation(resource, Action::Create, candidate));
                        let above = flat::above(ctx, resource);
                        let nearest = above.first().filter(|_| flat && candidate.source != BindingSource::Reviewer);
                        guessed += usize::from(nearest.is_some());
                        ways.extend(nearest.into_iter().flat_map(|nearest| nearest.ways().into_iter().rev()).map(Some));
                    }
                    Tried::Refused => {}
                }
            }
        }
    }
    flat::forget(resource);
    if let Some(operation) = as_member_of_parent(ctx, resource, &accounts).await {
        resource.operations.insert(Action::Create, operation);
        return;
    }
    resource.unbound.insert(Action::Create, if trouble.is_empty() { unanswered() } else { trouble });
}

enum Tried {
    Bound(Box<Operation>),
    /// There is no such route.
    Absent,
    Refused,
}

async fn try_candidate(
    ctx: &Context,
    resource: &mut BoundResource,
    candidate: &Candidate,
    account: &Account,
    way: Option<&Way>,
    values: &mut Values,
    trouble: &mut String,
) -> Tried {
    let Begun { mut operation, mut draft, names, above } = creating::begin(ctx, resource, candidate, way, values);
    for _ in 0..=MENDINGS {
        flat::adopt(&mut draft, &above, candidate.source, resource);
        draft.apply(&mut operation);
        for missing in std::mem::take(&mut draft.missing) {
            // Another record than one above is none of a tie's.
            flat::supply(resource, &missing);
        }
        let Some(sent) = sent(ctx, resource, &operation, account, values) else { return Tried::Refused };
        let answer = send(ctx, resource, &operation, &sent).await;
        let is_about_above = flat::is_about_above(resource, &operation, &above, &answer);
        if is_page(&answer) || matches!(answer.status(), 404 | 405 | 0) && !is_about_above {
            note_trouble_of_documented(trouble, &operation, &answer, candidate.source);
            return Tried::Absent;
        }
        // A tie that does not say to which record it is none: registering answers with an account as well.
        let is_tied = candidate.source == BindingSource::Reviewer || flat::is_told(resource, &operation);
        if answer.is_success() && is_tied && (answer.body().is_empty() || names_account(ctx, &answer, account)) {
            operation.confidence = confidence(candidate.source);
            operation.proof = format!("{} {} answered {}", operation.method, operation.template, answer.status_line());
            return Tried::Bound(Box::new(operation));
        }
        note_trouble(trouble, &operation, &answer, candidate.source);
        let mut complaints = complaint::complaints(&answer);
        let has_moved = flat::move_to_query(&mut complaints, resource, &mut operation);
        if !matches!(answer.status(), 400 | 422)
            || !draft.mend(&complaints, &resource.spec.fields, &names, values) && !has_moved
        {
            break;
        }
    }
    Tried::Refused
}

/// A documented route that answers as missing is worth telling; a guess is not.
fn note_trouble_of_documented(trouble: &mut String, operation: &Operation, answer: &Answer, source: BindingSource) {
    if source <= BindingSource::Source {
        note_trouble(trouble, operation, answer, source);
    }
}

/// A member of the record above that names the account, changed as the record itself is.
async fn as_member_of_parent(ctx: &Context, resource: &BoundResource, accounts: &[Account]) -> Option<Operation> {
    let nearest = resource.above.first()?;
    let parent = ctx.resource(&nearest.resource).ok()?;
    let update = parent.operations.get(&Action::Update)?;
    let (id, field) = resource.spec.fields.iter().find(|(_, field)| field.kind == FieldKind::Account)?;
    for account in accounts {
        for name in field.names.iter().take(SPELLINGS) {
            let mut operation = Operation::new(
                &format!("{}.create", resource.id),
                &update.method,
                &super::refilled(&update.template, &parent.above)
                    .replace("{id}", &crate::operation::encode_segment(&nearest.key)),
                update.source,
            );
            operation.template = update.template.replace("{id}", &format!("{{{}}}", nearest.resource));
            operation.fields.insert(id.clone(), WireField { name: name.clone(), shape: Shape::Natural });
            let mut values = ctx.values("ties");
            let Some(sent) = sent(ctx, resource, &operation, account, &mut values) else { continue };
            let answer = send(ctx, resource, &operation, &sent).await;
            if answer.is_success() && !is_page(&answer) && names_account(ctx, &answer, account) {
                operation.confidence = confidence(update.source);
                operation.proof =
                    format!("{} {} answered {}", operation.method, operation.template, answer.status_line());
                return Some(operation);
            }
        }
    }
    None
}

/// Values for what the operation takes: the account by the name of the member, the rest fresh. `None` where the account
/// has no key to be named by.
fn sent(
    ctx: &Context,
    resource: &BoundResource,
    operation: &Operation,
    account: &Account,
    values: &mut Values,
) -> Option<Map<String, Value>> {
    let mut sent = Map::new();
    for (id, wire_field) in &operation.fields {
        let field = resource.spec.fields.get(id)?;
        let value = match field.kind {
            FieldKind::Account => account_value(ctx, &wire_field.name, account)?,
            _ => values.field(field),
        };
        sent.insert(id.clone(), value);
    }
    Some(sent)
}

/// What a member of that name holds of an account: what it signs in with, or its key.
pub fn account_value(ctx: &Context, member: &str, account: &Account) -> Option<Value> {
    let accounts = &ctx.spec().domain.accounts;
    let plain = wire::plain(member);
    let is_identity = accounts
        .fields
        .get(&accounts.identity)
        .is_some_and(|identity| identity.names.iter().any(|name| plain.ends_with(&wire::plain(name))));
    if is_identity { Some(Value::String(account.identity.clone())) } else { account_key(ctx, account) }
}

async fn send(ctx: &Context, resource: &BoundResource, operation: &Operation, sent: &Map<String, Value>) -> Answer {
    let session = ctx.writer(resource).ok().flatten();
    let mut body = operation.body(&resource.spec.fields, sent);
    for (name, value) in &resource.prerequisites {
        body.insert(name.clone(), value.clone());
    }
    operation.request(None, Some(body), session.as_ref()).send(ctx).await
}

/// Whether an answer says the account's key or what it signs in with.
fn names_account(ctx: &Context, answer: &Answer, account: &Account) -> bool {
    let text = answer.text();
    let quoted = |value: &Value| {
        wire::text(value).is_some_and(|value| {
            answer.json().is_some_and(|body| holds(body, &value, 0)) || (value.len() > 6 && text.contains(&value))
        })
    };
    text.to_lowercase().contains(&account.identity.to_lowercase())
        || account_key(ctx, account).is_some_and(|key| quoted(&key))
}

/// Whether a scalar in a document is that text.
fn holds(body: &Value, text: &str, depth: u8) -> bool {
    match body {
        Value::String(_) | Value::Number(_) => wire::text(body).as_deref() == Some(text),
        Value::Array(items) if depth < 6 => items.iter().take(500).any(|item| holds(item, text, depth + 1)),
        Value::Object(members) if depth < 6 => members.values().any(|member| holds(member, text, depth + 1)),
        _ => false,
    }
}
