//! Binding what ties an account to a record: taking somebody into a group, handing somebody a piece of work. There is no
//! record to find again; what proves it is an answer that names the account, or none on a path made for it.

use grader_model::BindingSource;
use grader_spec::{Action, FieldKind};
use serde_json::{Map, Value};

use super::accounts::{account_key, is_page, note_trouble};
use super::candidates::{Candidate, Sources};
use super::draft::Draft;
use super::resources::{names, operation, unanswered};
use super::{complaint, confidence};
use crate::operation::WireField;
use crate::wire::{self, Shape};
use crate::{Account, Answer, BoundResource, Context, Operation, Values};

/// Corrections of one body.
const MENDINGS: usize = 6;
/// Names of a member that are tried on the record above.
const SPELLINGS: usize = 8;

/// Binds the operation that makes the tie: of another account first, since one's own often stands already.
pub(super) async fn bind(ctx: &Context, sources: &Sources, resource: &mut BoundResource, values: &mut Values) {
    let mut accounts = Vec::new();
    accounts.extend(ctx.other_account().await.ok());
    accounts.extend(ctx.account().await.ok());
    let mut trouble = String::new();
    let candidates = sources.resource(ctx, &resource.id, &resource.spec, Action::Create, None, &resource.above);
    for candidate in &candidates {
        for account in &accounts {
            match try_candidate(ctx, resource, candidate, account, values, &mut trouble).await {
                Tried::Bound(operation) => {
                    resource.operations.insert(Action::Create, *operation);
                    return;
                }
                Tried::Absent => break,
                Tried::Refused => {}
            }
        }
    }
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
    resource: &BoundResource,
    candidate: &Candidate,
    account: &Account,
    values: &mut Values,
    trouble: &mut String,
) -> Tried {
    let names = names(ctx);
    let mut operation = operation(resource, Action::Create, candidate);
    let mut draft = Draft::begin(&candidate.members, &resource.spec.fields, &names, values);
    if let Some(given) = ctx.overrides().operations.get(&operation.id) {
        for (id, name) in &given.fields {
            draft.fields.insert(id.clone(), WireField { name: name.clone(), shape: Shape::Natural });
        }
        draft.extras.extend(given.extras.clone());
    }
    for _ in 0..=MENDINGS {
        draft.apply(&mut operation);
        draft.missing.clear();
        let Some(sent) = sent(ctx, resource, &operation, account, values) else { return Tried::Refused };
        let answer = send(ctx, resource, &operation, &sent).await;
        if matches!(answer.status(), 404 | 405 | 0) || is_page(&answer) {
            note_trouble_of_documented(trouble, &operation, &answer, candidate.source);
            return Tried::Absent;
        }
        if answer.is_success() && (answer.body().is_empty() || names_account(ctx, &answer, account)) {
            operation.confidence = confidence(candidate.source);
            operation.proof = format!("{} {} answered {}", operation.method, operation.template, answer.status_line());
            return Tried::Bound(Box::new(operation));
        }
        note_trouble(trouble, &operation, &answer, candidate.source);
        if !matches!(answer.status(), 400 | 422)
            || !draft.mend(&complaint::complaints(&answer), &resource.spec.fields, &names, values)
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
