//! `error.extremes`: huge numbers, NUL bytes, emoji, deep nesting, a body of 5 MB and a very long query neither break nor
//! stop the server, and an emoji that is taken is kept.
//!
//! Whether such a value is refused is left to the API: only a 5xx, no answer within the spec's limit, or a dead process
//! fails. A connection that is closed while 5 MB are still on their way is a refusal (RFC 9112, 9.5), as long as the next
//! request is answered. A sound create succeeds before and after.
//! Planted defect: `error-extremes` of the Express submission.

use std::time::Duration;

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::{Action, FieldKind};
use harness_kit::wire::Shape;
use harness_kit::{Answer, Context, Phase, Probe, Request, Stop, Values, wire};
use serde_json::{Map, Value, json};

use super::support::{Sound, evidence, send};

pub(crate) struct Extremes;

/// Stands in a body for text that JSON values cannot hold.
const PLACE: &str = "@@extreme@@";
/// Bytes of the large body.
const LARGE: usize = 5 * 1024 * 1024;
/// Levels of the nested value.
const LEVELS: usize = 10_000;
/// Characters of the long query; below what HTTP clients and servers can frame at all.
const LONG_QUERY: usize = 20_000;
/// How long a process that died may take to be started again.
const RESTART: Duration = Duration::from_secs(20);

struct Case {
    what: String,
    request: Request,
    /// A field whose value must be read back as it was sent, if the create is taken.
    kept: Option<(String, Value)>,
    /// Whether a connection that is closed early is a refusal.
    may_close: bool,
}

#[async_trait]
impl Probe for Extremes {
    fn id(&self) -> &'static str {
        "error.extremes"
    }

    fn phase(&self) -> Phase {
        Phase::Attack
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let mut values = ctx.values(self.id());
        let sound = Sound::begin_json(ctx, &mut values).await?;
        let mut cases = bodies(&sound, &mut values)?;
        cases.extend(targets(&sound)?);
        let of = cases.len();
        let mut wrong: Vec<(String, Answer)> = Vec::new();
        let mut last = None;
        for case in cases {
            let answer = send(ctx, case.request).await?;
            let cut_off = answer.status() == 0;
            let alive = !cut_off || is_alive(ctx, &sound).await;
            if answer.is_breakdown() && !(cut_off && case.may_close && alive && !is_late(&answer)) {
                let died = if alive { "" } else { ", and the server is gone" };
                wrong.push((format!("{}: {}{died}", case.what, answer.status_line()), answer.clone()));
            } else if let Some((field, value)) = &case.kept
                && answer.is_success()
                && !keeps(ctx, &sound, &answer, field, value).await
            {
                wrong.push((format!("{}: taken, but not stored as sent", case.what), answer.clone()));
            }
            if !alive && !comes_back(ctx, &sound).await {
                break;
            }
            sound.discard(ctx, &answer).await;
            last = Some(answer);
        }
        let after = send(ctx, sound.request(sound.body(&mut values)?)?).await?;
        if !after.is_success() {
            wrong.push((format!("a sound request afterwards: {}", after.status_line()), after));
        }
        let expected = "no 5xx, an answer in time, and a server that goes on";
        if wrong.is_empty() {
            return Ok(Finding::pass(self.id(), format!("{of} extreme requests neither break nor stop the server"))
                .expected(expected)
                .actual(expected)
                .evidences(evidence(ctx, &last, 1)));
        }
        let lines: Vec<String> = wrong.iter().map(|(line, _)| line.clone()).collect();
        Ok(Finding::fail(self.id(), format!("An extreme request is not borne: {}", lines[0]))
            .expected(expected)
            .actual(lines.join("\n"))
            .evidences(evidence(ctx, wrong.iter().map(|(_, answer)| answer), 8)))
    }
}

/// Creates with one extreme value each.
fn bodies(sound: &Sound, values: &mut Values) -> Result<Vec<Case>, Stop> {
    let mut cases = Vec::new();
    let texts = sound.fields(&[FieldKind::Text, FieldKind::Name])?;
    let numbers = sound.fields(&[FieldKind::Count, FieldKind::Money])?;
    let huge = format!("1{}", "0".repeat(30));
    for (id, spelt) in &numbers {
        let is_count = sound.main.spec.fields.get(id).is_some_and(|field| field.kind == FieldKind::Count);
        let mut digits = vec![("10^30", huge.clone())];
        if is_count {
            // One more than 32 bits hold, which most databases' integers are.
            digits.push(("2^31", "2147483648".to_owned()));
        }
        for (what, digits) in digits {
            let written = if spelt.shape == Shape::Text { format!("\"{digits}\"") } else { digits };
            cases.push(body(sound, values, format!("{} of {what}", spelt.name), &spelt.name, &written)?);
        }
    }
    for (_, spelt) in &texts {
        let text = format!("\"{}\\u0000{}\"", values.word(), values.word());
        cases.push(body(sound, values, format!("a NUL byte in {}", spelt.name), &spelt.name, &text)?);
    }
    let Some((id, spelt)) = texts.first() else { return Ok(cases) };
    let cheerful = json!(format!("{} \u{1F98A}\u{1F4DA} {}", values.word(), values.tag()));
    let mut sent = sound.main.fresh(values);
    sent.insert(id.clone(), cheerful.clone());
    cases.push(Case {
        what: format!("emoji in {}", spelt.name),
        request: sound.request(sound.main.create_body(&sent)?)?,
        kept: Some((id.clone(), cheerful)),
        may_close: false,
    });
    let nested = format!("{}{}", "[".repeat(LEVELS), "]".repeat(LEVELS));
    cases.push(body(sound, values, format!("{LEVELS} levels of nesting"), &spelt.name, &nested)?);
    let large = format!("\"{}\"", "x".repeat(LARGE));
    let mut large = body(sound, values, "a body of 5 MB".to_owned(), &spelt.name, &large)?;
    large.may_close = true;
    cases.push(large);
    Ok(cases)
}

/// A sound create but for one member, which is given as JSON text.
fn body(sound: &Sound, values: &mut Values, what: String, name: &str, json: &str) -> Result<Case, Stop> {
    let mut members = sound.body(values)?;
    members.insert(name.to_owned(), json!(PLACE));
    let text = Value::Object(members).to_string().replacen(&format!("\"{PLACE}\""), json, 1);
    Ok(Case { what, request: sound.raw("application/json", text)?, kept: None, may_close: false })
}

/// Reads and lists with extreme targets.
fn targets(sound: &Sound) -> Result<Vec<Case>, Stop> {
    let mut cases = Vec::new();
    let mut add = |what: String, request: Request| cases.push(Case { what, request, kept: None, may_close: false });
    if sound.main.operations.contains_key(&Action::Read) {
        let request = sound.main.read_request("\0", sound.session.as_ref())?;
        add("a NUL byte in the path".to_owned(), request);
    }
    if let Some(list) = sound.main.operations.get(&Action::List) {
        let documented = list.query.iter().find(|name| !harness_kit::bind::is_paging(name)).map_or("q", String::as_str);
        let long = sound.main.list_request(&[(documented, "x".repeat(LONG_QUERY))], sound.session.as_ref())?;
        add(format!("a query of {LONG_QUERY} characters"), long);
        let nul = sound.main.list_request(&[(documented, "x\0y".to_owned())], sound.session.as_ref())?;
        add("a NUL byte in the query".to_owned(), nul);
    }
    Ok(cases)
}

/// Whether no answer came in time, as opposed to a connection that was closed.
fn is_late(answer: &Answer) -> bool {
    answer
        .failure()
        .is_some_and(|failure| failure.starts_with("no complete answer") || failure.starts_with("timed out"))
}

async fn keeps(ctx: &Context, sound: &Sound, answer: &Answer, field: &str, value: &Value) -> bool {
    let Some(made) = sound.main.made(Map::new(), answer) else { return true };
    let read = match sound.main.read_request(&made.key, sound.session.as_ref()) {
        Ok(request) => request.send(ctx).await,
        Err(_) => answer.clone(),
    };
    let Some(record) = sound.main.record_in(&read) else { return false };
    // What records do not carry cannot be compared.
    sound.main.value(record, field).and_then(wire::text).is_none()
        || sound.main.carries(record, field, value).unwrap_or(true)
}

async fn is_alive(ctx: &Context, sound: &Sound) -> bool {
    let request = match sound.main.read_request(&sound.control.key, sound.session.as_ref()) {
        Ok(request) => request,
        Err(_) => Request::get("/"),
    };
    request.timeout(Duration::from_secs(5)).send(ctx).await.status() != 0
}

/// Waits for a process that died: what comes after this probe must not pay for it.
async fn comes_back(ctx: &Context, sound: &Sound) -> bool {
    let began = std::time::Instant::now();
    while began.elapsed() < RESTART {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if is_alive(ctx, sound).await {
            return true;
        }
    }
    false
}
