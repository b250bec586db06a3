//! `auth.forbidden`: a signed-in account without the right gets 403 (RFC 9110, 15.5.4) and changes nothing.
//!
//! Where writing the main resource takes more rights, the first account has to be refused; where the brief leaves it to
//! members, an account that is none. Where it takes none there is nothing to forbid, unless the API's own description
//! promises a 403 that nobody gets. 404 is accepted for a record that
//! is hidden, 401 counts half: the account did say who it is.
//! Planted defect: `auth-forbidden` of the Express submission.

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::{Action, FieldKind, WriteAccess};
use harness_kit::{Answer, BoundResource, Context, Probe, Record, Request, Session, Stop, Values};
use serde_json::{Map, Value};

pub(crate) struct Forbidden;

struct Case {
    operation: &'static str,
    answer: Answer,
    credit: f64,
}

#[async_trait]
impl Probe for Forbidden {
    fn id(&self) -> &'static str {
        "auth.forbidden"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let main = ctx.main()?;
        let mut values = ctx.values(self.id());
        let members_only = main.spec.access.write == WriteAccess::Member;
        let promised: Vec<Action> = [Action::Create, Action::Update, Action::Delete]
            .into_iter()
            .filter(|action| {
                main.operations.contains_key(action)
                    && (main.privileged || members_only || promises(ctx, &main, *action))
            })
            .collect();
        if promised.is_empty() {
            return Err(Stop::not_applicable(format!("any account may write a {}, as the brief allows", main.id)));
        }
        // Somebody else than the account that makes the record: where nobody is privileged, its maker may change it.
        let ordinary = if main.privileged { ctx.account().await? } else { ctx.other_account().await? };
        let record = main.create(ctx, &mut values, &[]).await?;
        let mut cases = Vec::new();
        for action in promised {
            let (operation, request) = request(&main, action, &record, &ordinary.session, &mut values)?;
            let answer = request.send(ctx).await;
            let credit = match answer.status() {
                403 => 1.0,
                404 if action != Action::Create => 1.0,
                401 => 0.5,
                _ => 0.0,
            };
            cases.push(Case { operation, answer, credit });
        }
        let touched = !is_untouched(ctx, &main, &record).await?;
        Ok(verdict(self.id(), ctx, &cases, touched))
    }
}

fn verdict(id: &str, ctx: &Context, cases: &[Case], touched: bool) -> Finding {
    let recorder = ctx.recorder();
    let wrong: Vec<&Case> = cases.iter().filter(|case| case.credit < 1.0).collect();
    let let_in: Vec<&Case> = cases.iter().filter(|case| case.answer.is_success()).collect();
    let lines = |cases: &[&Case]| {
        cases
            .iter()
            .map(|case| format!("{}: {}", case.operation, case.answer.status_line()))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let all: Vec<&Case> = cases.iter().collect();
    let shown = |cases: &[&Case]| cases.iter().map(|case| recorder.evidence(&case.answer)).collect::<Vec<_>>();
    let expected = "403 Forbidden";
    if let Some(first) = let_in.first() {
        return Finding::fail(id, format!("An account without the right may do it: {}", first.operation))
            .expected(expected)
            .actual(lines(&let_in))
            .evidences(shown(&let_in));
    }
    if touched {
        return Finding::fail(id, "An account without the right is refused, and the record changes all the same")
            .expected(expected)
            .actual(lines(&all))
            .evidences(shown(&all));
    }
    if wrong.is_empty() {
        return Finding::pass(id, "An account without the right is refused with 403")
            .expected(expected)
            .actual(lines(&all))
            .evidences(shown(&all[..1]));
    }
    #[expect(clippy::cast_precision_loss, reason = "at most three cases")]
    let fraction = cases.iter().map(|case| case.credit).sum::<f64>() / cases.len() as f64;
    Finding::partial(id, fraction, "An account without the right is kept out, with another status than 403")
        .expected(expected)
        .actual(lines(&wrong))
        .evidences(shown(&wrong))
}

fn request(
    main: &BoundResource,
    action: Action,
    record: &Record,
    session: &Session,
    values: &mut Values,
) -> Result<(&'static str, Request), Stop> {
    Ok(match action {
        Action::Update => {
            let mut changes = Map::new();
            if let Some((id, field)) = main.spec.fields.iter().find(|(_, field)| field.kind == FieldKind::Text) {
                changes.insert(id.clone(), values.field(field));
            }
            ("updating a record", main.update_request(&record.key, &changes, &record.sent, Some(session))?)
        }
        Action::Delete => ("deleting a record", main.delete_request(&record.key, Some(session))?),
        Action::Create | Action::List | Action::Read => {
            ("creating a record", main.create_request(&main.fresh(values), Some(session))?)
        }
    })
}

/// Whether the record still says what it was made with.
async fn is_untouched(ctx: &Context, main: &BoundResource, record: &Record) -> Result<bool, Stop> {
    let Ok(request) = main.read_request(&record.key, ctx.writer(main)?.as_ref()) else { return Ok(true) };
    let answer = request.send(ctx).await;
    Ok(answer.is_success()
        && main
            .record_in(&answer)
            .is_none_or(|now| record.sent.iter().all(|(field, sent)| main.carries(now, field, sent).unwrap_or(true))))
}

/// Whether the API's description documents a 403 for an operation.
fn promises(ctx: &Context, resource: &BoundResource, action: Action) -> bool {
    let Some(description) = ctx.bound().description else { return false };
    let Some(operation) = resource.operations.get(&action) else { return false };
    documents_forbidden(&description.document, &operation.method, &operation.template)
}

/// Looks the operation up by its path without the names of parameters; a description may leave a base path out.
fn documents_forbidden(description: &Value, method: &str, path: &str) -> bool {
    let path = nameless(path);
    let Some(paths) = description.get("paths").and_then(Value::as_object) else { return false };
    paths
        .iter()
        .filter(|(documented, _)| {
            let documented = nameless(documented);
            !documented.is_empty() && path.ends_with(&documented)
        })
        .max_by_key(|(documented, _)| documented.len())
        .and_then(|(_, item)| item.get(method.to_lowercase())?.get("responses")?.get("403"))
        .is_some()
}

/// A path template with `{}` for each parameter and no slash at its end.
fn nameless(path: &str) -> String {
    let segments = path.trim_end_matches('/').split('/');
    segments.map(|segment| if segment.starts_with('{') { "{}" } else { segment }).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_promise_is_found_whatever_the_parameter_is_called() {
        let description = json!({"paths": {
            "/": {"delete": {"responses": {"403": {}}}},
            "/things": {"post": {"responses": {"201": {}, "403": {}}}},
            "/things/{thingId}": {"delete": {"responses": {"204": {}}}, "patch": {"responses": {"403": {}}}},
        }});
        assert!(documents_forbidden(&description, "POST", "/api/v1/things/"));
        assert!(documents_forbidden(&description, "PATCH", "/api/v1/things/{id}"));
        assert!(!documents_forbidden(&description, "DELETE", "/api/v1/things/{id}"));
        assert!(!documents_forbidden(&description, "POST", "/other"));
    }
}
