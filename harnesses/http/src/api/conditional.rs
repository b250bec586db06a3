//! `api.conditional`: of two edits of the same state, the second does not silently undo the first.
//!
//! Both edits carry what the reading gave: its `ETag` as `If-Match` (RFC 9110, 13.1.1), its `Last-Modified` as
//! `If-Unmodified-Since`, or the record's version. The first has to succeed; the second, which knows nothing of the first,
//! has to be refused, and the first's change has to be there afterwards. Then several edits with the same condition leave
//! together: at most one of them may succeed. Which means a submission chose is its own; one that offers a version and
//! does not heed it has none.
//! Planted defects: `api-conditional` of both submissions.

use std::time::Duration;

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::{Action, FieldKind};
use harness_kit::volley::volley;
use harness_kit::{Answer, Body, BoundResource, Context, Phase, Probe, Request, Session, Stop, Values, wire};
use serde_json::{Map, Value};

pub(crate) struct Conditional;

/// Edits that leave together, and how often.
const EDITORS: usize = 8;
const ROUNDS: usize = 3;
/// Kinds of field that are changed, likeliest to be free of rules first.
const CHANGED: &[FieldKind] = &[FieldKind::Text, FieldKind::Name, FieldKind::Count, FieldKind::Money];
/// Names of a member that counts changes or holds the time of the last.
const VERSIONS: &[&str] = &[
    "version",
    "rev",
    "revision",
    "etag",
    "lockversion",
    "rowversion",
    "v",
    "versionnumber",
    "updatedat",
    "modifiedat",
];

/// What an edit can be made conditional on.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    /// A request header and its value.
    Header(&'static str, String),
    /// A member of the body.
    Member(String, Value),
    /// None: the edit as it is.
    Bare,
}

struct Editor<'a> {
    ctx: &'a Context,
    main: &'a BoundResource,
    session: Option<Session>,
    key: String,
    /// The field that is changed.
    field: String,
    /// The record as it was created, for a PUT.
    sent: Map<String, Value>,
}

#[async_trait]
impl Probe for Conditional {
    fn id(&self) -> &'static str {
        "api.conditional"
    }

    fn phase(&self) -> Phase {
        Phase::Load
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let main = ctx.main()?;
        main.operation(Action::Update)?;
        let mut values = ctx.values(self.id());
        let record = main.create(ctx, &mut values, &[]).await?;
        let field =
            field(&main).ok_or_else(|| Stop::blocked("api.operations", "no field of a record can be changed"))?;
        let session = ctx.writer(&main)?;
        let editor = Editor { ctx, main: &main, session, key: record.key, field, sent: record.sent };
        let recorder = ctx.recorder();
        let mut lost: Option<Finding> = None;
        let mut refused = None;
        for condition in editor.conditions().await? {
            // Each pair of edits begins from a state that was just read.
            let Some(condition) = editor.renewed(&condition).await? else { continue };
            let (first, second) = (editor.value(&mut values), editor.value(&mut values));
            let one = editor.edit(&first, &condition)?.send(ctx).await;
            if !one.is_success() {
                // Unknown members and headers may rightly be refused: then this is not the means.
                refused.get_or_insert(one);
                continue;
            }
            let two = editor.edit(&second, &condition)?.send(ctx).await;
            let after = editor.read().await?;
            let kept = editor.carries(&after, &first);
            if !two.is_success() && kept {
                return match editor.race(&condition, &mut values).await? {
                    Some(answers) => Ok(raced(self.id(), ctx, &condition, &answers)),
                    None => Ok(Finding::pass(
                        self.id(),
                        format!("An edit of a state that has changed is refused: {}", told(&condition)),
                    )
                    .expected("the second edit refused, the first one kept")
                    .actual(format!("{}, the first one kept", two.status_line()))
                    .evidence(recorder.evidence(&one))
                    .evidence(recorder.evidence(&two))
                    .evidence(recorder.evidence(&after))),
                };
            }
            let what = if two.is_success() { "is taken" } else { "is refused and yet made" };
            let finding =
                Finding::fail(self.id(), "Of two edits of the same state the second silently undoes the first")
                    .expected("the second edit refused (412 to If-Match, or 409), the first one kept")
                    .actual(format!("{}: the second {what}, {}", told(&condition), two.status_line()))
                    .evidence(recorder.evidence(&one))
                    .evidence(recorder.evidence(&two))
                    .evidence(recorder.evidence(&after));
            // The strongest condition that the submission offers says best what is missing.
            lost.get_or_insert(finding);
        }
        lost.map_or_else(
            || {
                let how = refused.map_or_else(|| "no answer".to_owned(), |answer| answer.status_line());
                Err(Stop::blocked("api.roundtrip", format!("a sound change of one field is answered {how}")))
            },
            Ok,
        )
    }
}

impl Editor<'_> {
    async fn read(&self) -> Result<Answer, Stop> {
        Ok(self.main.read_request(&self.key, self.session.as_ref())?.send(self.ctx).await)
    }

    /// What an edit can be made conditional on, by what a reading offers, strongest first.
    async fn conditions(&self) -> Result<Vec<Condition>, Stop> {
        let read = self.read().await?;
        if !read.is_success() {
            return Err(Stop::blocked("api.operations", format!("reading a record answers {}", read.status_line())));
        }
        let mut conditions: Vec<Condition> = header(&read).into_iter().collect();
        conditions.extend(self.members(&read));
        conditions.push(Condition::Bare);
        Ok(conditions)
    }

    /// The versions in a record.
    fn members(&self, read: &Answer) -> Vec<Condition> {
        let record = self.main.record_in(read).cloned().unwrap_or_default();
        let mut found: Vec<(usize, Condition)> = record
            .into_iter()
            .filter(|(_, value)| value.is_string() || value.is_number())
            .filter_map(|(name, value)| {
                let place = VERSIONS.iter().position(|known| *known == wire::plain(&name))?;
                Some((place, Condition::Member(name, value)))
            })
            .collect();
        found.sort_by_key(|(place, _)| *place);
        found.into_iter().map(|(_, condition)| condition).collect()
    }

    /// The same condition on the record as it is now; `None` where it is no longer offered.
    async fn renewed(&self, condition: &Condition) -> Result<Option<Condition>, Stop> {
        let read = self.read().await?;
        Ok(match condition {
            Condition::Header(name, _) => {
                header(&read).filter(|now| matches!(now, Condition::Header(known, _) if known == name))
            }
            Condition::Member(name, _) => {
                self.members(&read).into_iter().find(|now| matches!(now, Condition::Member(known, _) if known == name))
            }
            Condition::Bare => Some(Condition::Bare),
        })
    }

    fn value(&self, values: &mut Values) -> Value {
        self.main.spec.fields.get(&self.field).map_or(Value::Null, |field| values.field(field))
    }

    fn edit(&self, value: &Value, condition: &Condition) -> Result<Request, Stop> {
        let changes = Map::from_iter([(self.field.clone(), value.clone())]);
        let mut request = self.main.update_request(&self.key, &changes, &self.sent, self.session.as_ref())?;
        match condition {
            Condition::Header(name, value) => request = request.header(name, value),
            Condition::Member(name, value) => {
                if let Body::Json(Value::Object(body)) = &mut request.body {
                    body.insert(name.clone(), value.clone());
                }
            }
            Condition::Bare => {}
        }
        Ok(request)
    }

    fn carries(&self, answer: &Answer, value: &Value) -> bool {
        let record = self.main.record_in(answer).filter(|_| answer.is_success());
        record.is_some_and(|record| self.main.carries(record, &self.field, value) == Some(true))
    }

    /// Several edits on the same condition at once; answers those that succeeded where it was more than one.
    async fn race(&self, condition: &Condition, values: &mut Values) -> Result<Option<Vec<Answer>>, Stop> {
        for _ in 0..ROUNDS {
            let Some(condition) = self.renewed(condition).await? else { return Ok(None) };
            let mut edits = Vec::new();
            for _ in 0..EDITORS {
                let value = self.value(values);
                edits.push(self.edit(&value, &condition)?);
            }
            let answers: Vec<Answer> = volley(self.ctx, edits).await.into_iter().filter(Answer::is_success).collect();
            if answers.len() > 1 {
                return Ok(Some(answers));
            }
        }
        Ok(None)
    }
}

/// The header by which an answer lets an edit be made conditional. A weak tag compares equal to nothing in `If-Match`
/// (RFC 9110, 13.1.1), and yet many servers give no other and mean it: it is sent as it came.
fn header(read: &Answer) -> Option<Condition> {
    if let Some(tag) = read.header("etag") {
        return Some(Condition::Header("if-match", tag.to_owned()));
    }
    // Whole seconds: an edit in the second of the first cannot be told from it.
    let modified = read.header("last-modified")?;
    let at = httpdate::parse_http_date(modified).ok()?;
    let is_old = std::time::SystemTime::now().duration_since(at).is_ok_and(|age| age > Duration::from_secs(2));
    is_old.then(|| Condition::Header("if-unmodified-since", modified.to_owned()))
}

fn field(main: &BoundResource) -> Option<String> {
    let taken = &main.operations.get(&Action::Update)?.fields;
    let fits = |kind: &FieldKind| {
        main.spec
            .fields
            .iter()
            .find(|(id, field)| {
                field.kind == *kind && !field.unique && taken.contains_key(*id) && main.fields.contains_key(*id)
            })
            .map(|(id, _)| id.clone())
    };
    CHANGED.iter().find_map(fits)
}

fn told(condition: &Condition) -> String {
    match condition {
        Condition::Header("if-match", _) => "ETag and If-Match".to_owned(),
        Condition::Header(..) => "Last-Modified and If-Unmodified-Since".to_owned(),
        Condition::Member(name, _) => format!("the member {name}"),
        Condition::Bare => "neither an ETag nor a version".to_owned(),
    }
}

fn raced(id: &str, ctx: &Context, condition: &Condition, answers: &[Answer]) -> Finding {
    Finding::fail(id, "Simultaneous edits of the same state undo each other")
        .expected(format!("one of {EDITORS} simultaneous edits taken"))
        .actual(format!("{}: more than one taken", told(condition)))
        .evidences(answers.iter().take(2).map(|answer| ctx.recorder().evidence(answer)))
}
