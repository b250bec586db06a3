//! `auth.mass-assignment`: a role, owner, balance or key sent in a body is not taken over (OWASP API3:2023, broken object
//! property level authorization).
//!
//! Whether it was taken over is read from the state: what the API says about the account, the claims of its token, or
//! whether it may now do what an ordinary account may not. A body that is refused for its unknown members is as right as
//! one whose unknown members are ignored. An answer that only repeats the request decides nothing where the API has a
//! second word on it.
//! Planted defects: `auth-mass-assignment` of the FastAPI submission.

use async_trait::async_trait;
use grader_model::{Evidence, Finding};
use grader_spec::Action;
use harness_kit::bind::{account_record, sign_in};
use harness_kit::{Account, Answer, Context, Probe, Stop, Values, wire};
use serde_json::{Map, Value};

use super::privileges::{self, Privilege};
use super::support::{self, Registration};

pub(crate) struct MassAssignment;

/// Something that was taken over from a body.
struct Taken {
    what: String,
    evidence: Vec<Evidence>,
}

#[async_trait]
impl Probe for MassAssignment {
    fn id(&self) -> &'static str {
        "auth.mass-assignment"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let ordinary = ctx.account().await?;
        let mut values = ctx.values(self.id());
        let mut shown = Vec::new();
        let mut taken = at_registration(ctx, &ordinary, &mut values, &mut shown).await?;
        match of_owner(ctx, &ordinary, &mut values, &mut shown).await {
            Ok(found) => taken.extend(found),
            // The registration decides alone where there is no transaction to own.
            Err(Stop::NotApplicable(_) | Stop::Blocked { .. }) => {}
            Err(stop) => return Err(stop),
        }
        let expected = "members that only the server may set are ignored or refused";
        if taken.is_empty() {
            return Ok(Finding::pass(self.id(), "Roles, keys and owners sent in a body are not taken over")
                .expected(expected)
                .actual("none was taken over")
                .evidences(shown.iter().take(2).map(|answer| ctx.recorder().evidence(answer))));
        }
        let lines: Vec<String> = taken.iter().map(|taken| taken.what.clone()).collect();
        Ok(Finding::fail(self.id(), format!("A body sets what only the server may set: {}", lines[0]))
            .expected(expected)
            .actual(lines.join("\n"))
            .evidences(taken.into_iter().flat_map(|taken| taken.evidence)))
    }
}

/// Registers with every privilege at once; where that is refused, with one kind at a time, since a strict validator of
/// one member must not hide that another is taken over.
async fn at_registration(
    ctx: &Context,
    ordinary: &Account,
    values: &mut Values,
    shown: &mut Vec<Answer>,
) -> Result<Vec<Taken>, Stop> {
    let known = support::registered_record(ctx, ordinary).unwrap_or_default();
    let all = privileges::table(&known);
    let mut batches = vec![all.clone()];
    batches.extend(privileges::batches(&all));
    let mut is_first = true;
    let mut taken = Vec::new();
    for batch in batches {
        if batch.is_empty() {
            continue;
        }
        let members: Map<String, Value> = batch.iter().map(|p| (p.name.clone(), p.value.clone())).collect();
        let made = support::register_with(ctx, values, &[], &members).await?;
        shown.push(made.answer.clone());
        if made.answer.is_success() {
            taken.extend(inspect(ctx, ordinary, &known, &batch, &made, values).await?);
            if is_first {
                break;
            }
        }
        is_first = false;
    }
    Ok(taken)
}

/// Reads from the state which of the privileges the new account has.
async fn inspect(
    ctx: &Context,
    ordinary: &Account,
    known: &Map<String, Value>,
    batch: &[Privilege],
    made: &Registration,
    values: &mut Values,
) -> Result<Vec<Taken>, Stop> {
    let recorder = ctx.recorder();
    let in_answer = account_record(ctx, &made.answer, &made.sent).unwrap_or_default();
    let Ok((login, mut session)) = sign_in(ctx, &made.identity, &made.password).await else {
        // Nobody can act as the account: nothing was won by it.
        return Ok(Vec::new());
    };
    session.carrier = ordinary.session.carrier.clone();
    recorder.name(&session.token, "$TOKEN_C");
    let claims = session.jwt().map(|(_, claims)| claims);
    let ordinary_claims = ordinary.session.jwt().map(|(_, claims)| claims);
    let own = support::own_record(ctx, &session, &made.identity).await;
    let mut taken = Vec::new();
    for privilege in batch {
        let claimed = claims.as_ref().and_then(Value::as_object).is_some_and(|claims| {
            let usual = ordinary_claims.as_ref().and_then(Value::as_object);
            privilege.is_in(claims, usual.unwrap_or(&Map::new()))
        });
        if claimed {
            taken.push(Taken {
                what: format!("`{}` sent at registration stands in the account's token", privilege.name),
                evidence: vec![recorder.evidence(&made.answer), recorder.evidence(&login)],
            });
            continue;
        }
        // What the API says later goes before what registration answers, which may be the request's echo.
        let (said, answer) = match &own {
            Some(own) => (own.json().and_then(|body| privileges::holder(body, &made.identity)), own),
            None => (Some(in_answer.clone()), &made.answer),
        };
        if said.is_some_and(|record| privilege.is_in(&record, known)) {
            taken.push(Taken {
                what: format!("`{}` sent at registration stands in the account's record", privilege.name),
                evidence: vec![recorder.evidence(&made.answer), recorder.evidence(answer)],
            });
        }
    }
    // A claim or a member may go by another name: what the account may do is the last word.
    let main = ctx.main()?;
    if taken.is_empty() && main.privileged && main.operations.contains_key(&Action::Create) {
        let answer = main.create_request(&main.fresh(values), Some(&session))?.send(ctx).await;
        if answer.is_success() {
            taken.push(Taken {
                what: format!("an account that registered with a role of its choice may create a {}", main.id),
                evidence: vec![recorder.evidence(&made.answer), recorder.evidence(&answer)],
            });
        }
    }
    Ok(taken)
}

/// Makes a transaction as one account that names another as its owner.
async fn of_owner(
    ctx: &Context,
    ordinary: &Account,
    values: &mut Values,
    shown: &mut Vec<Answer>,
) -> Result<Vec<Taken>, Stop> {
    let transaction = ctx.transaction()?;
    transaction.operation(Action::Create)?;
    let other = ctx.other_account().await?;
    let Some(key) = support::account_key(ctx, &other) else { return Ok(Vec::new()) };
    let mut body = support::transaction_body(ctx, values).await?;
    body.extend(privileges::OWNERS.iter().map(|name| ((*name).to_owned(), key.clone())));
    let answer = transaction.place(ctx, body, Some(&ordinary.session)).await?;
    shown.push(answer.clone());
    // Refused for its unknown members.
    let Some(made) = transaction.made(Map::new(), &answer) else { return Ok(Vec::new()) };
    let names_other = made.body.iter().any(|(name, value)| {
        privileges::OWNERS.iter().any(|owner| wire::plain(owner) == wire::plain(name))
            && wire::text(value).is_some()
            && wire::text(value) == wire::text(&key)
    });
    let mut evidence = vec![ctx.recorder().evidence(&answer)];
    let mut is_seen = false;
    if !names_other && transaction.operations.contains_key(&Action::Read) {
        let seen = transaction.read_request(&made.key, Some(&other.session))?.send(ctx).await;
        if seen.is_success() {
            // Where anybody reads everything, that is another probe's finding.
            let plain = support::transact(ctx, values, &ordinary.session, &Map::new()).await?;
            let control = transaction.read_request(&plain.key, Some(&other.session))?.send(ctx).await;
            is_seen = !control.is_success();
            evidence.push(ctx.recorder().evidence(&seen));
        }
    }
    if !names_other && !is_seen {
        return Ok(Vec::new());
    }
    let what = format!("the owner sent with a {} is taken over: it belongs to another account", transaction.id);
    Ok(vec![Taken { what, evidence }])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_names_what_the_record_has() {
        let known = json!({"id": 7, "role": "ROLE_USER", "credits": 0, "active": true});
        let table = privileges::table(known.as_object().expect("an object"));
        let value = |name: &str| table.iter().find(|p| p.name == name).map(|p| p.value.clone());
        assert_eq!(value("role"), Some(json!("ROLE_ADMIN")));
        assert_eq!(value("credits"), Some(json!(1_000_000)));
        assert_eq!(value("active"), None, "an account may well be active");
    }
}
