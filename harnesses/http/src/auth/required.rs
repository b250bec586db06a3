//! `auth.required`: a protected operation answers 401 (RFC 9110, 15.5.2) without credentials, with garbage for a token and
//! with credentials of another scheme, and does so before any 404 or 400 that would tell about records.
//!
//! Whatever is let in is a fail. Nothing let in but with another status is partial: 403 counts half of a 401, and an
//! answer that looked at the record or the body first counts nothing.
//! Planted defects: `auth-required` of both submissions.

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::{Action, FieldKind, ReadAccess};
use harness_kit::{Answer, BoundResource, Carrier, Context, Probe, Record, Request, Session, Stop, Values};
use serde_json::Map;

use super::support;

pub(crate) struct Required;

/// One request that must be refused.
struct Case {
    /// The operation, such as `creating a record`.
    operation: &'static str,
    how: &'static str,
    answer: Answer,
    outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Refused,
    /// Refused, with 403 or a redirect to a page for people.
    OtherStatus,
    /// Something else was looked at first, or it broke.
    TooLate,
    LetIn,
}

#[async_trait]
impl Probe for Required {
    fn id(&self) -> &'static str {
        "auth.required"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let account = ctx.account().await?;
        let mut values = ctx.values(self.id());
        let main = ctx.main()?;
        let record = main.create(ctx, &mut values, &[]).await?;
        let mut cases = Vec::new();
        let bare = bare(&account.session);
        of_main(ctx, &main, &record, &bare, &mut values, &mut cases).await?;
        match of_transaction(ctx, &account.session, &bare, &mut values, &mut cases).await {
            // The main resource decides alone where there is no transaction to look at.
            Ok(()) | Err(Stop::NotApplicable(_) | Stop::Blocked { .. }) => {}
            Err(stop) => return Err(stop),
        }
        untouched(ctx, &main, &record, &mut cases).await?;
        if let Ok(request) = main.delete_request(&record.key, ctx.writer(&main)?.as_ref()) {
            request.send(ctx).await;
        }
        if cases.is_empty() {
            return Err(Stop::blocked("api.operations", "no operation that must be protected was found"));
        }
        Ok(verdict(self.id(), ctx, &cases))
    }
}

fn verdict(id: &str, ctx: &Context, cases: &[Case]) -> Finding {
    let recorder = ctx.recorder();
    let line = |case: &Case| format!("{} {}: {}", case.operation, case.how, case.answer.status_line());
    let wrong: Vec<&Case> = cases.iter().filter(|case| case.outcome != Outcome::Refused).collect();
    if wrong.is_empty() {
        let shown = cases.iter().take(2).map(|case| recorder.evidence(&case.answer));
        return Finding::pass(id, format!("All {} requests without sound credentials are answered 401", cases.len()))
            .expected("401 Unauthorized")
            .actual("401 Unauthorized")
            .evidences(shown);
    }
    // Also those that are not shown below: one missing check is one finding.
    recorder.claim(wrong.iter().map(|case| case.answer.record().number));
    let open: Vec<&Case> = cases.iter().filter(|case| case.outcome == Outcome::LetIn).collect();
    let told = if open.is_empty() { wrong } else { open.clone() };
    let actual = told.iter().map(|case| line(case)).collect::<Vec<_>>().join("\n");
    let evidence: Vec<_> = told.iter().take(4).map(|case| recorder.evidence(&case.answer)).collect();
    let finding = if open.is_empty() {
        let credit: f64 = cases
            .iter()
            .map(|case| match case.outcome {
                Outcome::Refused => 1.0,
                Outcome::OtherStatus => 0.5,
                Outcome::TooLate | Outcome::LetIn => 0.0,
            })
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "a few dozen cases")]
        let fraction = credit / cases.len() as f64;
        let summary = "Nothing is let in without credentials, but not every such request is answered 401";
        Finding::partial(id, fraction, summary)
    } else {
        Finding::fail(id, format!("{} is possible without sound credentials", open[0].operation))
    };
    finding.expected("401 Unauthorized, before anything else is looked at").actual(actual).evidences(evidence)
}

/// What is sent in place of sound credentials, with its name.
fn bare(sound: &Session) -> Vec<(&'static str, Option<Session>)> {
    // An account that does not exist, by a scheme that nobody asked for (RFC 7617).
    let basic = Session { token: "Z3Vlc3Q6Z3Vlc3Q=".to_owned(), carrier: Carrier::Scheme("Basic".to_owned()) };
    vec![
        ("without credentials", None),
        ("with garbage for a token", Some(sound.with_token("garbage"))),
        ("with another scheme", Some(basic)),
    ]
}

fn judge(answer: &Answer) -> Outcome {
    match answer.status() {
        401 => Outcome::Refused,
        403 | 301..=303 | 307 | 308 => Outcome::OtherStatus,
        200..=299 => Outcome::LetIn,
        _ => Outcome::TooLate,
    }
}

/// Sends one operation in each way; once it is let in, the other ways say nothing more.
async fn each_way(
    ctx: &Context,
    operation: &'static str,
    bare: &[(&'static str, Option<Session>)],
    request: &Request,
    cases: &mut Vec<Case>,
) {
    for (how, session) in bare {
        let answer = request.clone().session(session.as_ref()).send(ctx).await;
        let outcome = judge(&answer);
        cases.push(Case { operation, how, answer, outcome });
        if outcome == Outcome::LetIn {
            return;
        }
    }
}

async fn of_main(
    ctx: &Context,
    main: &BoundResource,
    record: &Record,
    bare: &[(&'static str, Option<Session>)],
    values: &mut Values,
    cases: &mut Vec<Case>,
) -> Result<(), Stop> {
    let nobody = &bare[..1];
    if main.spec.access.read != ReadAccess::Public {
        if main.operations.contains_key(&Action::Read) {
            each_way(ctx, "reading a record", bare, &main.read_request(&record.key, None)?, cases).await;
        }
        if main.operations.contains_key(&Action::List) {
            each_way(ctx, "listing records", bare, &main.list_request(&[], None)?, cases).await;
        }
    }
    if let Ok(create) = main.operation(Action::Create) {
        each_way(ctx, "creating a record", bare, &main.create_request(&main.fresh(values), None)?, cases).await;
        let empty = create.request(None, Some(Map::new()), None);
        each_way(ctx, "creating a record from an empty body", nobody, &empty, cases).await;
    }
    if main.operations.contains_key(&Action::Update) {
        let mut changes = Map::new();
        if let Some((id, field)) = main.spec.fields.iter().find(|(_, field)| field.kind == FieldKind::Text) {
            changes.insert(id.clone(), values.field(field));
        }
        let request = main.update_request(&record.key, &changes, &record.sent, None)?;
        each_way(ctx, "updating a record", bare, &request, cases).await;
    }
    if main.operations.contains_key(&Action::Delete) {
        each_way(ctx, "deleting a record", bare, &main.delete_request(&record.key, None)?, cases).await;
        if let Some(gone) = gone(ctx, main, values).await? {
            let request = main.delete_request(&gone, None)?;
            each_way(ctx, "deleting an unknown record", nobody, &request, cases).await;
        }
    }
    Ok(())
}

/// The key of a record that is no more: sound in form and unknown.
async fn gone(ctx: &Context, main: &BoundResource, values: &mut Values) -> Result<Option<String>, Stop> {
    let record = main.create(ctx, values, &[]).await?;
    let deleted = main.delete_request(&record.key, ctx.writer(main)?.as_ref())?.send(ctx).await;
    Ok(deleted.is_success().then_some(record.key))
}

async fn of_transaction(
    ctx: &Context,
    session: &Session,
    bare: &[(&'static str, Option<Session>)],
    values: &mut Values,
    cases: &mut Vec<Case>,
) -> Result<(), Stop> {
    let transaction = ctx.transaction()?;
    let create = transaction.operation(Action::Create)?;
    let body = support::transaction_body(ctx, values).await?;
    each_way(ctx, "making a transaction", bare, &create.request(None, Some(body), None), cases).await;
    if transaction.spec.access.read == ReadAccess::Public {
        return Ok(());
    }
    if transaction.operations.contains_key(&Action::Read) {
        let made = support::transact(ctx, values, session, &Map::new()).await?;
        each_way(ctx, "reading a transaction", bare, &transaction.read_request(&made.key, None)?, cases).await;
    }
    if transaction.operations.contains_key(&Action::List) {
        each_way(ctx, "listing transactions", bare, &transaction.list_request(&[], None)?, cases).await;
    }
    Ok(())
}

/// Looks whether a refusal was one: the record must be as it was made.
async fn untouched(ctx: &Context, main: &BoundResource, record: &Record, cases: &mut Vec<Case>) -> Result<(), Stop> {
    if !main.operations.contains_key(&Action::Read) || cases.iter().any(|case| case.outcome == Outcome::LetIn) {
        return Ok(());
    }
    let answer = main.read_request(&record.key, ctx.writer(main)?.as_ref())?.send(ctx).await;
    let is_same = answer.is_success()
        && main
            .record_in(&answer)
            .is_some_and(|now| record.sent.iter().all(|(field, sent)| main.carries(now, field, sent).unwrap_or(true)));
    if !is_same {
        let how = "although it was refused, as the record shows afterwards";
        cases.push(Case { operation: "changing a record", how, answer, outcome: Outcome::LetIn });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_carries_the_sound_token() {
        let ways = bare(&Session::bearer("sound"));
        let tokens: Vec<_> = ways.iter().filter_map(|(_, session)| session.as_ref()).map(|s| s.header().1).collect();
        assert_eq!(tokens, ["Bearer garbage", "Basic Z3Vlc3Q6Z3Vlc3Q="]);
        assert!(ways[0].1.is_none());
    }
}
