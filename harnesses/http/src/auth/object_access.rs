//! `auth.object-access`: what belongs to one account cannot be read or changed by another (OWASP API1:2023, broken object
//! level authorization).
//!
//! 403 and 404 are both right; 404 hides more. What decides is the content: a success without the record in it is only
//! an odd status. The owner reads the record before and after.
//! Planted defects: `auth-object-access` of the FastAPI submission.

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::Action;
use harness_kit::{Account, Answer, BoundResource, Context, Probe, Record, Request, Stop, Values};
use serde_json::{Map, Value, json};

use super::support;

pub(crate) struct ObjectAccess;

/// What somebody else could do, with the answer that shows it.
struct Breach {
    what: String,
    answer: Answer,
}

#[async_trait]
impl Probe for ObjectAccess {
    fn id(&self) -> &'static str {
        "auth.object-access"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let owner = ctx.account().await?;
        let other = ctx.other_account().await?;
        let mut values = ctx.values(self.id());
        let mut breaches = Vec::new();
        let mut refusals = Vec::new();
        let mut shown = Vec::new();
        let mut looked_at = Vec::new();
        if ctx.spec().domain.transaction.is_some() {
            let transaction = ctx.transaction()?;
            let made = support::transact(ctx, &mut values, &owner.session, &Map::new()).await?;
            if transaction.spec.access.read.is_private() {
                foreign_read(ctx, &transaction, &made.key, &owner, &other, &mut breaches, &mut refusals).await?;
            }
            if transaction.spec.access.write.is_private() {
                foreign_write(ctx, &transaction, &made.key, &made.record, &owner, &other, &mut breaches).await?;
            }
            shown.push(made.answer);
            looked_at.push(transaction.id.clone());
        }
        let main = ctx.main()?;
        let access = main.spec.access;
        if !main.privileged && (access.read.is_private() || access.write.is_private()) {
            let record = main.create(ctx, &mut values, &[]).await?;
            if access.read.is_private() {
                foreign_read(ctx, &main, &record.key, &owner, &other, &mut breaches, &mut refusals).await?;
            }
            if access.write.is_private() {
                foreign_main(ctx, &main, &record, &mut values, &other, &mut breaches, &mut refusals).await?;
            }
            shown.push(record.answer);
            looked_at.push(main.id.clone());
        }
        if looked_at.is_empty() {
            return Err(Stop::not_applicable("the assessment gives no record to an account alone"));
        }
        let recorder = ctx.recorder();
        let expected = "403 Forbidden or 404 Not Found for everybody but the owner, and no trace in their lists";
        if breaches.is_empty() {
            let Some(refusal) = refusals.first() else {
                let why = format!("neither reading nor listing a {} was found", looked_at.join(" or a "));
                return Err(Stop::blocked("api.operations", why));
            };
            return Ok(Finding::pass(self.id(), "What belongs to one account is closed to another")
                .expected(expected)
                .actual(refusal.status_line())
                .evidences(refusals.iter().take(2).map(|answer| recorder.evidence(answer))));
        }
        let lines: Vec<String> = breaches.iter().map(|breach| breach.what.clone()).collect();
        let mut evidence: Vec<_> = shown.iter().map(|answer| recorder.evidence(answer)).collect();
        evidence.extend(breaches.iter().map(|breach| recorder.evidence(&breach.answer)));
        Ok(Finding::fail(self.id(), "One account reaches what belongs to another")
            .expected(expected)
            .actual(lines.join("\n"))
            .evidences(evidence))
    }
}

/// Reading and listing as another account.
async fn foreign_read(
    ctx: &Context,
    resource: &BoundResource,
    key: &str,
    owner: &Account,
    other: &Account,
    breaches: &mut Vec<Breach>,
    refusals: &mut Vec<Answer>,
) -> Result<(), Stop> {
    if resource.operations.contains_key(&Action::Read) {
        let control = resource.read_request(key, Some(&owner.session))?.send(ctx).await;
        if !control.is_success() {
            let status = control.status_line();
            return Err(Stop::blocked("api.operations", format!("the owner's own reading is answered {status}")));
        }
        let answer = resource.read_request(key, Some(&other.session))?.send(ctx).await;
        if answer.is_success() && shows(resource, &answer, &control) {
            let what = format!("reading another account's {}: {}", resource.id, answer.status_line());
            breaches.push(Breach { what, answer });
        } else {
            refusals.push(answer);
        }
    }
    if resource.operations.contains_key(&Action::List) {
        let control = resource.list_request(&[], Some(&owner.session))?.send(ctx).await;
        let own = resource.keys_in(&control).unwrap_or_default();
        let answer = resource.list_request(&[], Some(&other.session))?.send(ctx).await;
        let keys = resource.keys_in(&answer).unwrap_or_default();
        // The owner's list may be paged with the oldest first: any record in both lists belongs to somebody else.
        if answer.is_success()
            && (keys.iter().any(|found| found == key) || keys.iter().any(|found| own.contains(found)))
        {
            let what = format!("the list of another account holds this {}", resource.id);
            breaches.push(Breach { what, answer });
        } else {
            refusals.push(answer);
        }
    }
    Ok(())
}

/// Whether an answer carries the record that the owner reads.
fn shows(resource: &BoundResource, answer: &Answer, control: &Answer) -> bool {
    let key = |answer: &Answer| resource.record_in(answer).and_then(|record| record.get(&resource.key).cloned());
    match (key(answer), key(control)) {
        (Some(found), Some(own)) => found == own,
        _ => answer.body() == control.body(),
    }
}

/// Changing and deleting by the customary methods, of which a transaction need not have any.
async fn foreign_write(
    ctx: &Context,
    resource: &BoundResource,
    key: &str,
    record: &Map<String, Value>,
    owner: &Account,
    other: &Account,
    breaches: &mut Vec<Breach>,
) -> Result<(), Stop> {
    let Ok(read) = resource.operation(Action::Read) else { return Ok(()) };
    let path = read.path_for(key);
    let before = resource.read_request(key, Some(&owner.session))?.send(ctx).await;
    let status = record.keys().find(|name| harness_kit::wire::plain(name).ends_with("status")).cloned();
    let mut change = Map::new();
    change.insert(status.unwrap_or_else(|| "status".to_owned()), json!("cancelled"));
    for method in ["PATCH", "PUT", "DELETE"] {
        let mut request = Request::new(method, path.clone()).session(Some(&other.session));
        if method != "DELETE" {
            request = request.json(Value::Object(change.clone()));
        }
        let answer = request.send(ctx).await;
        if !answer.is_success() {
            continue;
        }
        let after = resource.read_request(key, Some(&owner.session))?.send(ctx).await;
        if after.status() != before.status() || resource.record_in(&after) != resource.record_in(&before) {
            let what = format!("{method} on another account's {}: {}", resource.id, answer.status_line());
            breaches.push(Breach { what, answer });
        }
    }
    Ok(())
}

/// The main resource, where the brief gives its records to those who made them or to members.
async fn foreign_main(
    ctx: &Context,
    main: &BoundResource,
    record: &Record,
    values: &mut Values,
    other: &Account,
    breaches: &mut Vec<Breach>,
    refusals: &mut Vec<Answer>,
) -> Result<(), Stop> {
    let change = main.fresh(values);
    let mut requests = Vec::new();
    if main.operations.contains_key(&Action::Update) {
        requests.push(("updating", main.update_request(&record.key, &change, &change, Some(&other.session))?));
    }
    if main.operations.contains_key(&Action::Delete) {
        requests.push(("deleting", main.delete_request(&record.key, Some(&other.session))?));
    }
    for (what, request) in requests {
        let answer = request.send(ctx).await;
        if answer.is_success() {
            let what = format!("{what} another account's {}: {}", main.id, answer.status_line());
            breaches.push(Breach { what, answer });
        } else {
            refusals.push(answer);
        }
    }
    Ok(())
}
