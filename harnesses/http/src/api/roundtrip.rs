//! `api.roundtrip`: what is created reads back equal, a change is there when read again, and what a change did not name
//! stays. Values are compared as values (12.5 is "12.50"); each kind of field is changed once.
//!
//! A change that is refused proves no loss: only what was answered as a success is held against the state.
//! Planted defect: `api-roundtrip` of the Express submission.

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::{Action, FieldKind};
use harness_kit::{Answer, BoundResource, Context, Probe, Session, Stop, Values, wire};
use serde_json::{Map, Value};

/// The kinds of field that are changed; codes and references may rightly be fixed.
const CHANGED: &[FieldKind] = &[FieldKind::Text, FieldKind::Money, FieldKind::Count, FieldKind::Name];

pub(crate) struct Roundtrip;

#[async_trait]
impl Probe for Roundtrip {
    fn id(&self) -> &'static str {
        "api.roundtrip"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let main = ctx.main()?;
        let mut values = ctx.values(self.id());
        let record = main.create(ctx, &mut values, &[]).await?;
        let session = ctx.writer(&main)?;
        let read = main.read_request(&record.key, session.as_ref())?.send(ctx).await;
        if !read.is_success() {
            return Err(Stop::blocked("api.operations", format!("reading a record answers {}", read.status_line())));
        }
        let recorder = ctx.recorder();
        let expected = "what was sent";
        let lost = differences(&main, &record.sent, &read);
        if !lost.is_empty() {
            return Ok(Finding::fail(self.id(), format!("A {} that was created does not read back equal", main.id))
                .expected(lines(&lost, |lost| &lost.sent))
                .actual(lines(&lost, |lost| &lost.got))
                .evidence(recorder.evidence(&record.answer))
                .evidence(recorder.evidence(&read)));
        }
        let mut state = record.sent.clone();
        let mut changed = 0;
        let mut refused = None;
        if main.operations.contains_key(&Action::Update) {
            for (field, value) in changes(&main, &state, &mut values) {
                let step = change(ctx, &main, &record.key, (&field, &value), &state, session.as_ref()).await?;
                if !step.update.is_success() {
                    refused.get_or_insert(step.update);
                    continue;
                }
                changed += 1;
                state.insert(field.clone(), value);
                let Some(read) = step.read else { continue };
                let lost = differences(&main, &state, &read);
                if lost.is_empty() {
                    continue;
                }
                let is_lost = lost.iter().any(|lost| lost.field == field);
                let method = &step.update.record().method;
                let summary = if is_lost {
                    format!("{method} answers {} and loses the change", step.update.status_line())
                } else {
                    format!("{method} changes fields that it did not name")
                };
                return Ok(Finding::fail(self.id(), summary)
                    .expected(lines(&lost, |lost| &lost.sent))
                    .actual(lines(&lost, |lost| &lost.got))
                    .evidence(recorder.evidence(&step.update))
                    .evidence(recorder.evidence(&read)));
            }
        }
        if changed == 0 {
            let why = match refused {
                Some(answer) => format!("every change of a single field was answered {}", answer.status_line()),
                None => "no operation that changes a record was found".to_owned(),
            };
            return Err(Stop::blocked("api.operations", why));
        }
        Ok(Finding::pass(self.id(), format!("A {} reads back as it was created and changed", main.id))
            .expected(expected)
            .actual(expected)
            .evidence(recorder.evidence(&record.answer))
            .evidence(recorder.evidence(&read)))
    }
}

struct Step {
    update: Answer,
    read: Option<Answer>,
}

/// Changes one field and reads the record again.
async fn change(
    ctx: &Context,
    main: &BoundResource,
    key: &str,
    (field, value): (&str, &Value),
    state: &Map<String, Value>,
    session: Option<&Session>,
) -> Result<Step, Stop> {
    let changes = Map::from_iter([(field.to_owned(), value.clone())]);
    let update = main.update_request(key, &changes, state, session)?.send(ctx).await;
    let read = match update.is_success() {
        true => Some(main.read_request(key, session)?.send(ctx).await),
        false => None,
    };
    Ok(Step { update, read })
}

/// One field of each kind with another value, as far as updating takes it.
fn changes(main: &BoundResource, state: &Map<String, Value>, values: &mut Values) -> Vec<(String, Value)> {
    let taken = main.operations.get(&Action::Update).map(|update| &update.fields);
    let mut changes = Vec::new();
    for kind in CHANGED {
        let field = main.spec.fields.iter().find(|(id, field)| {
            field.kind == *kind && state.contains_key(*id) && taken.is_some_and(|taken| taken.contains_key(*id))
        });
        let Some((id, field)) = field else { continue };
        // A small range may give the same value again.
        let other = (0..8).map(|_| values.field(field)).find(|value| state.get(id) != Some(value));
        changes.extend(other.map(|value| (id.clone(), value)));
    }
    changes
}

struct Lost {
    field: String,
    sent: String,
    got: String,
}

/// The fields whose values an answer does not show as they were sent.
fn differences(main: &BoundResource, sent: &Map<String, Value>, answer: &Answer) -> Vec<Lost> {
    let empty = Map::new();
    let record = if answer.is_success() { main.record_in(answer).unwrap_or(&empty) } else { &empty };
    sent.iter().filter_map(|(id, value)| difference(main, id, value, record, answer)).collect()
}

fn difference(
    main: &BoundResource,
    id: &str,
    value: &Value,
    record: &Map<String, Value>,
    answer: &Answer,
) -> Option<Lost> {
    let field = main.spec.fields.get(id)?;
    if main.carries(record, id, value) == Some(true) {
        return None;
    }
    // Where binding did not see the field, its name may be another than the request's: any member with the value will do.
    let is_known = main.fields.contains_key(id);
    if !is_known && record.values().any(|got| wire::same(field, value, got, wire::Shape::Natural)) {
        return None;
    }
    let requested = main.operations.get(&Action::Create).and_then(|create| create.wire_name(id));
    let named = main.fields.get(id).map(|wire| wire.name.as_str()).or(requested);
    let name = named
        .filter(|name| record.contains_key(*name))
        .or_else(|| wire::find_key(record, &field.names))
        .unwrap_or(named.unwrap_or(id));
    let got = match record.get(name) {
        Some(got) => got.to_string(),
        None if answer.is_success() => "not in the record".to_owned(),
        None => answer.status_line(),
    };
    Some(Lost { field: id.to_owned(), sent: format!("{name}: {value}"), got: format!("{name}: {got}") })
}

fn lines(lost: &[Lost], side: impl Fn(&Lost) -> &String) -> String {
    lost.iter().map(|lost| side(lost).as_str()).collect::<Vec<_>>().join("\n")
}
