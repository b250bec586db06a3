//! The places where `auth.injection` puts SQL, one function each, and how an effect is told from none.

use std::sync::LazyLock;

use grader_spec::{Action, FieldKind};
use harness_kit::account::find_session;
use harness_kit::bind::{is_paging, sign_in_request};
use harness_kit::{Answer, Body, BoundResource, Context, Request, Session, Stop, Values, wire};
use regex::Regex;
use serde_json::{Value, json};

use super::injection::{Effect, Seen};

/// Parameters that search or filter in the field, tried where no description names any.
const SEARCHES: &[&str] = &["q", "search", "query", "keyword", "filter", "name", "term", "s"];
const SORTS: &[&str] = &["sort", "sort_by", "sortBy", "order_by", "orderBy", "ordering"];
const DIRECTIONS: &[&str] = &["order", "direction", "sort_order", "sortOrder", "dir"];
/// Parameters that are tried at the most.
const PARAMETERS: usize = 10;

/// Pairs of a true and a false condition, each after a text that nothing matches.
const CONDITIONS: &[(&str, &str)] = &[
    ("' OR '1'='1", "' OR '1'='2"),
    ("' OR 1=1 -- ", "' OR 1=2 -- "),
    ("%' OR '1%'='1", "%' OR '1%'='2"),
    ("') OR ('1'='1", "') OR ('1'='2"),
    ("%') OR 1=1 -- ", "%') OR 1=2 -- "),
    (" OR 1=1", " OR 1=2"),
];
/// What breaks a statement that it gets into, after the same text.
const BREAKERS: &[&str] = &["'", "' UNION SELECT NULL -- "];

/// How databases and their drivers complain about a statement.
static COMPLAINT: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?i)syntax error at or near|unterminated quoted string|you have an error in your sql syntax|sqlstate|ORA-\d{5}|near \x22[^\x22]*\x22: syntax error|unrecognized token: |psycopg|asyncpg\.|sqlalche\.me|QueryFailedError|each UNION query must";
    // Proved by `complaints_are_recognized`.
    Regex::new(pattern).expect("a constant pattern compiles")
});

fn complains(answer: &Answer) -> bool {
    COMPLAINT.is_match(&answer.text())
}

/// What an answer to SQL shows by itself, given the answer to the same request without it.
fn broke(answer: &Answer, harmless: &Answer) -> Option<&'static str> {
    if answer.is_breakdown() && !harmless.is_breakdown() {
        Some("breaks the server")
    } else if complains(answer) && !complains(harmless) {
        Some("comes back as the database's complaint")
    } else {
        None
    }
}

/// Identity and password at sign-in.
pub(super) async fn login(ctx: &Context, values: &mut Values, seen: &mut Seen) -> Result<(), Stop> {
    let account = ctx.account().await?;
    let wrong = values.password();
    let harmless = ctx.send_auth(sign_in_request(ctx, &format!("x{}", account.identity), &wrong)?).await?;
    seen.tried.push("the login".to_owned());
    // The second is an address by RFC 5322 (3.2.3: quote and equals sign may stand in an atom), which validators let by.
    let tries = [
        ("a comment after the identity", format!("{}' -- ", account.identity), wrong.clone()),
        ("a true condition in the identity", "x'or'1'='1'--@example.com".to_owned(), wrong.clone()),
        ("a true condition in the password", account.identity.clone(), "' OR '1'='1".to_owned()),
    ];
    let mut requests: Vec<(&str, Request)> = Vec::new();
    for (what, identity, password) in tries {
        requests.push((what, sign_in_request(ctx, &identity, &password)?));
    }
    // A query operator in place of the password, as document databases take it.
    let mut operator = sign_in_request(ctx, &account.identity, &wrong)?;
    if let Body::Json(Value::Object(body)) = &mut operator.body {
        for value in body.values_mut().filter(|value| value.as_str() == Some(wrong.as_str())) {
            *value = json!({"$ne": ""});
        }
        requests.push(("a query operator as the password", operator));
    }
    for (what, request) in requests {
        let answer = ctx.send_auth(request).await?;
        if is_let_in(&answer) {
            // Whoever lets any password in has that finding elsewhere: the SQL did nothing.
            let plain = ctx.send_auth(sign_in_request(ctx, &account.identity, &wrong)?).await?;
            if is_let_in(&plain) {
                return Err(Stop::blocked("auth.login", "a wrong password is let in without any SQL"));
            }
            seen.effects.push(Effect::new(format!("login with {what}: let in"), [answer]));
        } else if let Some(how) = broke(&answer, &harmless) {
            let status = answer.status_line();
            seen.effects
                .push(Effect::new(format!("login with {what}: it {how} ({status})"), [harmless.clone(), answer]));
        } else {
            seen.harmless = Some(answer);
        }
    }
    Ok(())
}

fn is_let_in(answer: &Answer) -> bool {
    answer.is_success() && find_session(answer).is_some()
}

/// The parameters of the list that search or filter.
pub(super) async fn query(ctx: &Context, values: &mut Values, seen: &mut Seen) -> Result<(), Stop> {
    let main = ctx.main()?;
    let session = ctx.writer(&main)?;
    let list = main.operation(Action::List)?;
    let is_known = |names: &[&str], name: &str| names.iter().any(|known| wire::plain(known) == wire::plain(name));
    let mut names: Vec<String> = list
        .query
        .iter()
        .filter(|name| !is_paging(name) && !is_known(SORTS, name) && !is_known(DIRECTIONS, name))
        .cloned()
        .collect();
    if names.is_empty() {
        names.extend(SEARCHES.iter().map(|name| (*name).to_owned()));
        let fields = main.fields.iter().filter(|(id, _)| {
            main.spec.fields.get(*id).is_some_and(|field| matches!(field.kind, FieldKind::Text | FieldKind::Name))
        });
        names.extend(fields.map(|(_, wire)| wire.name.clone()));
    }
    let all = count(&main, &send(ctx, &main, &[], session.as_ref()).await?);
    let mut tried = Vec::new();
    for name in names.iter().take(PARAMETERS) {
        let nothing = values.tag();
        let harmless = send(ctx, &main, &[(name, nothing.clone())], session.as_ref()).await?;
        // A parameter that a text leaves cold is not read, or not as text: there is no result to change.
        let is_read = harmless.is_success() && count(&main, &harmless) == 0 && all > 0;
        if harmless.is_success() && !is_read {
            continue;
        }
        tried.push(name.clone());
        parameter(ctx, &main, name, &nothing, &harmless, session.as_ref(), seen).await?;
    }
    if !tried.is_empty() {
        seen.tried.push(format!("the list's `{}`", tried.join("`, `")));
    }
    Ok(())
}

async fn parameter(
    ctx: &Context,
    main: &BoundResource,
    name: &str,
    nothing: &str,
    harmless: &Answer,
    session: Option<&Session>,
    seen: &mut Seen,
) -> Result<(), Stop> {
    for (truth, falsehood) in CONDITIONS {
        let when_true = send(ctx, main, &[(name, format!("{nothing}{truth}"))], session).await?;
        if let Some(how) = broke(&when_true, harmless) {
            let what = format!("`{name}` with a quote: it {how} ({})", when_true.status_line());
            seen.effects.push(Effect::new(what, [harmless.clone(), when_true]));
            return Ok(());
        }
        if !when_true.is_success() || count(main, &when_true) == 0 {
            continue;
        }
        let when_false = send(ctx, main, &[(name, format!("{nothing}{falsehood}"))], session).await?;
        if when_false.is_success() && count(main, &when_false) == 0 {
            let what = format!("`{name}` with a true condition: it finds what the text alone does not");
            seen.effects.push(Effect::new(what, [when_false, when_true]));
            return Ok(());
        }
    }
    for breaker in BREAKERS {
        let answer = send(ctx, main, &[(name, format!("{nothing}{breaker}"))], session).await?;
        if let Some(how) = broke(&answer, harmless) {
            let what = format!("`{name}` with a quote: it {how} ({})", answer.status_line());
            seen.effects.push(Effect::new(what, [harmless.clone(), answer]));
            return Ok(());
        }
    }
    Ok(())
}

/// The parameters that order the list.
pub(super) async fn sort(ctx: &Context, seen: &mut Seen) -> Result<(), Stop> {
    let main = ctx.main()?;
    let session = ctx.writer(&main)?;
    let list = main.operation(Action::List)?;
    let documented = |known: &[&str]| -> Vec<String> {
        let is_known = |name: &&String| known.iter().any(|known| wire::plain(known) == wire::plain(name));
        if list.query.is_empty() {
            known.iter().map(|name| (*name).to_owned()).collect()
        } else {
            list.query.iter().filter(is_known).cloned().collect()
        }
    };
    let column = |index: usize| main.fields.values().nth(index).map(|wire| wire.name.clone());
    let (Some(first), Some(second)) = (column(0), column(1)) else { return Ok(()) };
    let case = |truth: &str| format!("(CASE WHEN ({truth}) THEN {first}::text ELSE {second}::text END)");
    let mut tried = Vec::new();
    for name in documented(SORTS).iter().chain(&documented(DIRECTIONS)) {
        let is_direction = DIRECTIONS.iter().any(|known| wire::plain(known) == wire::plain(name));
        let sound = if is_direction { "asc".to_owned() } else { first.clone() };
        let harmless = send(ctx, &main, &[(name, sound.clone())], session.as_ref()).await?;
        if !harmless.is_success() && !harmless.is_client_error() {
            continue;
        }
        tried.push(name.clone());
        let when_true = send(ctx, &main, &[(name, case("1=1"))], session.as_ref()).await?;
        let when_false = send(ctx, &main, &[(name, case("1=2"))], session.as_ref()).await?;
        let quoted = send(ctx, &main, &[(name, format!("{sound}'"))], session.as_ref()).await?;
        let is_swayed = when_true.is_success()
            && when_false.is_success()
            && main
                .keys_in(&when_true)
                .is_some_and(|keys| main.keys_in(&when_false).is_some_and(|other| keys != other));
        let broken = [&when_true, &quoted]
            .into_iter()
            .find_map(|answer| Some((broke(answer, &harmless)?, answer.status_line())));
        if is_swayed {
            let what = format!("`{name}` with a condition: it decides the order");
            seen.effects.push(Effect::new(what, [when_true, when_false]));
        } else if let Some((how, status)) = broken {
            let what = format!("`{name}` with SQL: it {how} ({status})");
            seen.effects.push(Effect::new(what, [harmless, when_true, when_false, quoted]));
        }
    }
    if !tried.is_empty() {
        seen.tried.push(format!("the list's `{}`", tried.join("`, `")));
    }
    Ok(())
}

/// The key in the path.
pub(super) async fn key(ctx: &Context, values: &mut Values, seen: &mut Seen) -> Result<(), Stop> {
    let main = ctx.main()?;
    main.operation(Action::Read)?;
    let session = ctx.writer(&main)?;
    let record = main.create(ctx, values, &[]).await?;
    // A key of no record: a lenient parser of numbers must not find one in front of the SQL.
    let numeric = record.key.bytes().all(|byte| byte.is_ascii_digit());
    let unknown = if numeric { "987654321".to_owned() } else { values.tag() };
    let harmless = main.read_request(&format!("{unknown}x-y"), session.as_ref())?.send(ctx).await;
    seen.tried.push("the key in the path".to_owned());
    for sql in ["' OR '1'='1", " OR 1=1", "'", "' UNION SELECT NULL -- "] {
        let answer = main.read_request(&format!("{unknown}{sql}"), session.as_ref())?.send(ctx).await;
        let found = answer.is_success() && main.record_in(&answer).is_some_and(|record| record.contains_key(&main.key));
        if found && !harmless.is_success() {
            seen.effects
                .push(Effect::new("a key with a true condition: it finds a record", [harmless.clone(), answer]));
            return Ok(());
        }
        if let Some(how) = broke(&answer, &harmless) {
            let what = format!("a key with SQL: it {how} ({})", answer.status_line());
            seen.effects.push(Effect::new(what, [harmless.clone(), answer]));
            return Ok(());
        }
    }
    Ok(())
}

/// A text that is stored: a quote in it must neither break the statement nor end it.
pub(super) async fn text(ctx: &Context, values: &mut Values, seen: &mut Seen) -> Result<(), Stop> {
    let main = ctx.main()?;
    let session = ctx.writer(&main)?;
    let Some((id, _)) = main.spec.fields.iter().find(|(_, field)| field.kind == FieldKind::Text) else { return Ok(()) };
    let harmless = main.create_request(&main.fresh(values), session.as_ref())?.send(ctx).await;
    let mut quoted = main.fresh(values);
    quoted.insert(id.clone(), json!(format!("O'Neil's \"{}\" -- ", values.word())));
    let answer = main.create_request(&quoted, session.as_ref())?.send(ctx).await;
    seen.tried.push("a stored text".to_owned());
    if let Some(how) = broke(&answer, &harmless) {
        let what = format!("a stored text with a quote: it {how} ({})", answer.status_line());
        seen.effects.push(Effect::new(what, [harmless, answer]));
    }
    Ok(())
}

async fn send(
    ctx: &Context,
    main: &BoundResource,
    query: &[(&str, String)],
    session: Option<&Session>,
) -> Result<Answer, Stop> {
    Ok(main.list_request(query, session)?.send(ctx).await)
}

fn count(main: &BoundResource, answer: &Answer) -> usize {
    main.records_in(answer).map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_recognized() {
        for text in [
            "syntax error at or near \"OR\"",
            "(psycopg.errors.SyntaxError) unterminated quoted string",
            "SQLSTATE[42000]: Syntax error",
            "You have an error in your SQL syntax; check the manual",
            "near \"'\": syntax error",
        ] {
            assert!(COMPLAINT.is_match(text), "{text}");
        }
        for text in ["a query must not be empty", "Unexpected token ' in JSON", "value is not a valid uuid"] {
            assert!(!COMPLAINT.is_match(text), "{text}");
        }
    }

    #[test]
    fn conditions_differ_in_their_truth_alone() {
        for (truth, falsehood) in CONDITIONS {
            assert_eq!(truth.len(), falsehood.len());
            assert_ne!(truth, falsehood);
        }
    }
}
