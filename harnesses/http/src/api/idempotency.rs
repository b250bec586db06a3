//! `api.idempotency`: a change that is sent twice comes to the same as once, and a transaction that is repeated with the
//! same `Idempotency-Key` is made once.
//!
//! The change is the bound update and, where the description has a PUT on the same path, that too (RFC 9110, 9.2.2). What
//! counts is the record afterwards, but for its version and times. The key
//! (draft-ietf-httpapi-idempotency-key-header) is a promise of the API's own: where its description or its answers mention
//! it, it has to hold, one after the other and at once. Where nothing does, a repeated transaction is noted; from senior on it
//! costs half.
//! Planted defects: `api-idempotency` of both submissions.

use async_trait::async_trait;
use grader_model::{Finding, Level};
use grader_spec::Action;
use harness_kit::volley::volley;
use harness_kit::{
    Answer, BoundResource, Context, Flow, Phase, Placing, Probe, Record, Request, Session, Step, Stop, wire,
};
use serde_json::{Map, Value};

pub(crate) struct Idempotency;

const HEADER: &str = "idempotency-key";
const STOCK: u32 = 40;
/// Repeats that leave together.
const AT_ONCE: usize = 4;
/// Members that may rightly change with every change.
const VOLATILE: &[&str] = &["version", "revision", "rev", "etag", "lockversion", "rowversion", "v"];

/// How repeating a transaction came out.
enum Repeat {
    /// Made once.
    Once(Vec<Answer>),
    /// Made again, with how it was sent.
    Again(&'static str, Vec<Answer>),
}

#[async_trait]
impl Probe for Idempotency {
    fn id(&self) -> &'static str {
        "api.idempotency"
    }

    fn phase(&self) -> Phase {
        Phase::Load
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let main = ctx.main()?;
        let mut values = ctx.values(self.id());
        let session = ctx.writer(&main)?;
        let record = main.create(ctx, &mut values, &[]).await?;
        let mut shown = Vec::new();
        let mut seen = 0;
        for method in methods(ctx, &main)? {
            let Some(steps) = twice(ctx, &main, &record, &method, session.as_ref(), &mut values).await? else {
                continue;
            };
            seen += 1;
            if let Some((once, again)) = steps.differs(&main) {
                return Ok(Finding::fail(
                    self.id(),
                    format!("Sending the same {method} twice changes the record twice"),
                )
                .expected(format!("after both: {once}"))
                .actual(format!("after the second: {again}"))
                .evidence(ctx.recorder().evidence(&steps.second))
                .evidence(ctx.recorder().evidence(&steps.before))
                .evidence(ctx.recorder().evidence(&steps.after)));
            }
            shown.push(ctx.recorder().evidence(&steps.second));
        }
        if seen == 0 {
            return Err(Stop::blocked("api.operations", "no change of a record was taken"));
        }
        let pass = Finding::pass(self.id(), "Repeating a change comes to the same as making it once").evidences(shown);
        let placing = match Placing::find(ctx) {
            Ok(placing) => placing,
            // The assessment asks for no transaction, or it has a finding of its own.
            Err(_) => return Ok(pass),
        };
        let id = placing.transaction.id.clone();
        let claimed = claims(ctx, &placing);
        let expected = format!("one {id} however often it is sent with the same key");
        let Some((repeat, mentioned)) = repeated(ctx, &placing, &mut values, claimed).await? else { return Ok(pass) };
        match repeat {
            Repeat::Once(answers) => Ok(Finding::pass(
                self.id(),
                format!("Repeating a change or, with its Idempotency-Key, the {id} changes nothing more"),
            )
            .expected(expected.clone())
            .actual(expected)
            .evidences(answers.iter().take(2).map(|answer| ctx.recorder().evidence(answer)))),
            Repeat::Again(how, answers) if claimed || mentioned => {
                Ok(Finding::fail(self.id(), format!("The API takes an Idempotency-Key and makes the {id} again"))
                    .expected(expected)
                    .actual(format!("made again when repeated {how}"))
                    .evidences(answers.iter().take(2).map(|answer| ctx.recorder().evidence(answer))))
            }
            Repeat::Again(how, answers) if ctx.spec().level >= Level::Senior => {
                Ok(Finding::partial(self.id(), 0.5, format!("The {id} heeds no Idempotency-Key"))
                    .expected(expected)
                    .actual(format!("made again when repeated {how}"))
                    .evidences(answers.iter().take(2).map(|answer| ctx.recorder().evidence(answer))))
            }
            Repeat::Again(..) => {
                ctx.observe(format!("A {id} that is repeated with the same Idempotency-Key is made again; nothing says that it would not be."));
                Ok(pass)
            }
        }
    }
}

/// The methods by which a record can be changed: the bound one, and PUT where the description has it on the same path.
fn methods(ctx: &Context, main: &BoundResource) -> Result<Vec<String>, Stop> {
    let update = main.operation(Action::Update)?;
    let mut methods = vec![update.method.clone()];
    if let Some(description) = &ctx.bound().description {
        let has_put = description
            .operations
            .iter()
            .any(|described| described.method == "PUT" && template(&described.path) == template(&update.path));
        if has_put && update.method != "PUT" {
            methods.push("PUT".to_owned());
        }
    }
    Ok(methods)
}

/// A path with every parameter spelt alike.
fn template(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
    parts.join("/")
}

/// The record after the same change was made once and twice.
struct Steps {
    second: Answer,
    before: Answer,
    after: Answer,
}

/// Makes a change twice; `None` where it is refused the first time.
async fn twice(
    ctx: &Context,
    main: &BoundResource,
    record: &Record,
    method: &str,
    session: Option<&Session>,
    values: &mut harness_kit::Values,
) -> Result<Option<Steps>, Stop> {
    let mut fresh = main.fresh(values);
    // What may not repeat stays as it is: a code may rightly be fixed.
    fresh.retain(|id, _| main.spec.fields.get(id).is_some_and(|field| !field.unique));
    let mut full = record.sent.clone();
    full.extend(fresh.clone());
    let mut request = main.update_request(&record.key, &fresh, &full, session)?;
    if method != request.method {
        let body = main.create_body(&full)?;
        request = Request::new(method, request.target).json(Value::Object(body)).session(session);
    }
    if !request.clone().send(ctx).await.is_success() {
        return Ok(None);
    }
    let read = || main.read_request(&record.key, session);
    let before = read()?.send(ctx).await;
    let second = request.send(ctx).await;
    let after = read()?.send(ctx).await;
    Ok(Some(Steps { second, before, after }))
}

impl Steps {
    /// The members that differ, before and after the repetition.
    fn differs(&self, main: &BoundResource) -> Option<(String, String)> {
        let members = |answer: &Answer| main.record_in(answer).filter(|_| answer.is_success()).cloned();
        let before = members(&self.before)?;
        let Some(after) = members(&self.after) else {
            return Some(("the record can be read".to_owned(), self.after.status_line()));
        };
        let changed: Vec<&String> = before
            .iter()
            .filter(|(name, value)| !is_volatile(name, value) && after.get(*name) != Some(*value))
            .map(|(name, _)| name)
            .collect();
        let told = |record: &Map<String, Value>| {
            let lines: Vec<String> =
                changed.iter().map(|name| format!("{name}: {}", record.get(*name).unwrap_or(&Value::Null))).collect();
            lines.join("\n")
        };
        (!changed.is_empty()).then(|| (told(&before), told(&after)))
    }
}

/// Whether a member may change with every change: a version, or the time of the last.
fn is_volatile(name: &str, value: &Value) -> bool {
    let plain = wire::plain(name);
    let is_time =
        value.as_str().is_some_and(|text| text.len() >= 19 && text.as_bytes()[4] == b'-' && text.contains(':'));
    is_time
        || VOLATILE.contains(&plain.as_str())
        || ["updated", "modified", "changed"].iter().any(|word| plain.contains(word))
}

/// Whether the API's own description of the transaction mentions the key.
fn claims(ctx: &Context, placing: &Placing) -> bool {
    let Some(description) = ctx.bound().description else { return false };
    let description = &description.document;
    let Some(create) = placing.transaction.operations.get(&Action::Create) else { return false };
    let paths = description.get("paths").and_then(Value::as_object);
    let wanted = template(&create.path);
    // A base path of a server may stand before what the document lists.
    let operation = paths.into_iter().flatten().find(|(path, _)| {
        let path = template(path);
        wanted == path || (path.len() > 1 && wanted.ends_with(&path))
    });
    let post = operation.map(|(_, item)| {
        item.get("parameters").into_iter().chain(item.get(create.method.to_lowercase())).map(Value::to_string)
    });
    let mut mentions = post.into_iter().flatten();
    let components = || description.pointer("/components/parameters").map(Value::to_string).unwrap_or_default();
    mentions.any(|text| {
        let text = text.to_lowercase();
        text.contains(HEADER) || (text.contains("idempotency") && components().to_lowercase().contains(HEADER))
    })
}

/// Sends the same transaction with the same key again; and, where the API claims to heed it, several at once with another.
/// With it: whether the answers mention the repetition. `None` where none is taken.
async fn repeated(
    ctx: &Context,
    placing: &Placing,
    values: &mut harness_kit::Values,
    claimed: bool,
) -> Result<Option<(Repeat, bool)>, Stop> {
    if placing.transaction.lines.as_ref().is_some_and(|bound| matches!(bound.flow, Flow::Filled(_))) {
        // A transaction that is filled line by line is no single request to repeat.
        return Ok(None);
    }
    let record = placing.stocked(ctx, values, STOCK).await?;
    let session = ctx.writer(&placing.transaction)?;
    // Where lines are gathered beforehand, they are gathered again: an empty collection would refuse any repetition.
    let keyed = async |key: &str| {
        let step = placing.transaction.prepare(ctx, placing.body(&[(&record, 1)])?, session.as_ref()).await?;
        Ok::<_, Stop>(match step {
            Step::Last { request, .. } => Some(request.header(HEADER, key)),
            Step::Refused(_) => None,
        })
    };
    let key = uuid(values);
    let Some(request) = keyed(&key).await? else { return Ok(None) };
    let first = request.send(ctx).await;
    if !first.is_success() {
        return Ok(None);
    }
    let Some(request) = keyed(&key).await? else { return Ok(None) };
    let second = request.send(ctx).await;
    let answers = vec![first, second];
    let mentioned = answers.iter().any(|answer| {
        let names = answer.record().headers.iter().map(|(name, _)| name.to_ascii_lowercase());
        names.into_iter().any(|name| name.contains("idempoten"))
    });
    let left = stock(ctx, placing, &record).await?;
    if is_again(placing, &answers, left, 1) {
        return Ok(Some((Repeat::Again("one after the other", answers), mentioned)));
    }
    if claimed || mentioned {
        let before = left;
        let another = uuid(values);
        let Some(request) = keyed(&another).await? else { return Ok(Some((Repeat::Once(answers), mentioned))) };
        let at_once = volley(ctx, vec![request; AT_ONCE]).await;
        let after = stock(ctx, placing, &record).await?;
        let taken = before.zip(after).map(|(before, after)| f64::from(STOCK) - (before - after));
        if is_again(placing, &at_once, taken, 1) {
            let made: Vec<Answer> = at_once.into_iter().filter(Answer::is_success).collect();
            return Ok(Some((Repeat::Again("at once", made), mentioned)));
        }
    }
    Ok(Some((Repeat::Once(answers), mentioned)))
}

async fn stock(ctx: &Context, placing: &Placing, record: &Record) -> Result<Option<f64>, Stop> {
    Ok(placing.stock(&placing.read_record(ctx, record).await?))
}

/// Whether more than `once` were made: by the stock that is left of [`STOCK`], and by the keys in the answers.
fn is_again(placing: &Placing, answers: &[Answer], left: Option<f64>, once: u32) -> bool {
    let mut keys: Vec<String> =
        answers.iter().filter(|answer| answer.is_success()).filter_map(|answer| placing.key(answer)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.len() > once as usize || left.is_some_and(|left| left < f64::from(STOCK - once))
}

/// A key in the form that is customary, the same for the same seed.
fn uuid(values: &mut harness_kit::Values) -> String {
    let tag: String = values.tag().bytes().map(|byte| format!("{byte:02x}")).collect();
    let digits: String = format!("{tag:0<32}").chars().take(32).collect();
    format!("{}-{}-4{}-8{}-{}", &digits[..8], &digits[8..12], &digits[13..16], &digits[17..20], &digits[20..32])
}
