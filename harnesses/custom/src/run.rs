//! One run of a custom probe: its steps in order, controls first in meaning, the verdict from what was expected.

use futures_util::future::join_all;
use grader_model::{Evidence, Finding};
use grader_spec::custom::{Actor, CustomProbe, CustomRequest, Expect, Miss, Seen, Step, first};
use grader_spec::{Action, FieldKind};
use harness_kit::bind::{Ancestor, account_value};
use harness_kit::{Answer, Body, BoundResource, Context, Request, Session, Stop, wire};
use serde_json::{Map, Value};

use crate::values::Names;

/// Pieces of evidence that one finding shows.
const SHOWN: usize = 6;

/// Decides a probe's verdict.
pub(crate) async fn run(ctx: &Context, id: &'static str, probe: &CustomProbe) -> Result<Finding, Stop> {
    let mut run = Run {
        ctx,
        names: Names::new(ctx.values(id)),
        misses: Vec::new(),
        held: 0,
        evidence: Vec::new(),
        unasked: Vec::new(),
    };
    for (name, text) in &probe.let_ {
        let value = run.names.text(ctx, text).await?;
        run.names.set(name, Value::String(value));
    }
    for (index, step) in probe.steps.iter().enumerate() {
        run.step(index + 1, step).await?;
    }
    let recorder = ctx.recorder();
    let lines = |pick: fn(&Miss) -> &String| {
        run.misses.iter().map(|miss| recorder.named(pick(miss))).collect::<Vec<_>>().join("\n")
    };
    if run.misses.is_empty() {
        if let Some(unasked) = run.unasked.first() {
            return Err(Stop::inconclusive(unasked.clone()));
        }
        let what = if run.held == 1 { "it was".to_owned() } else { format!("all {} were", run.held) };
        return Ok(Finding::pass(id, probe.title.clone())
            .expected("what the steps expect")
            .actual(format!("{what} so"))
            .evidences(run.evidence.into_iter().take(2)));
    }
    Ok(Finding::fail(id, format!("Does not hold: {}", probe.title))
        .expected(lines(|miss| &miss.expected))
        .actual(lines(|miss| &miss.actual))
        .evidences(run.evidence.into_iter().take(SHOWN)))
}

struct Run<'c> {
    ctx: &'c Context,
    names: Names,
    misses: Vec<Miss>,
    /// Steps whose expectations held.
    held: usize,
    /// Of the steps that failed first, else of those that held.
    evidence: Vec<Evidence>,
    /// Why a step was left out: what it asks for cannot be asked of this API. The others may still not hold.
    unasked: Vec<String>,
}

/// A request that is ready, and the resource whose record it makes.
struct Ready {
    request: Request,
    what: String,
    makes: Option<BoundResource>,
    sent: Map<String, Value>,
}

impl Run<'_> {
    async fn step(&mut self, number: usize, step: &Step) -> Result<(), Stop> {
        if let Some(sql) = &step.sql {
            return self.statement(number, sql, step.expect.as_ref()).await;
        }
        let ready = match (&step.operation, &step.request) {
            (Some(operation), _) => self.operation(operation, step).await?,
            (None, Some(request)) => Some(self.request(request, step).await?),
            (None, None) => return Err(Stop::inconclusive(format!("step {number} sends nothing"))),
        };
        let Some(ready) = ready else { return Ok(()) };
        let answers = self.send(&ready.request, step).await;
        match &step.expect {
            Some(expect) => self.judge(number, &ready.what, &answers, expect).await?,
            None => control(&ready.what, &answers)?,
        }
        // Checked specs send at least once.
        let Some(answer) = answers.first() else { return Ok(()) };
        self.keep(step, &ready, answer)
    }

    async fn send(&self, request: &Request, step: &Step) -> Vec<Answer> {
        let times = step.times.unwrap_or(1).min(grader_spec::custom::MOST_TIMES);
        if step.at_once {
            return join_all((0..times).map(|_| request.clone().send(self.ctx))).await;
        }
        let mut answers = Vec::new();
        for _ in 0..times {
            answers.push(request.clone().send(self.ctx).await);
        }
        answers
    }

    /// What later steps know of an answer.
    fn keep(&mut self, step: &Step, ready: &Ready, answer: &Answer) -> Result<(), Stop> {
        if let (Some(name), Some(resource)) = (&step.save, &ready.makes) {
            match resource.made(ready.sent.clone(), answer) {
                Some(record) => self.names.set(name, record.reference(resource)),
                None if step.expect.is_some() => {}
                None => return Err(blocked(&ready.what, "answers without the key of what it made")),
            }
        }
        for (name, path) in &step.capture {
            match answer.json().and_then(|body| first(path, body)) {
                Some(value) => self.names.set(name, value.clone()),
                None if !self.misses.is_empty() => self.names.set(name, Value::Null),
                None => return Err(blocked(&ready.what, &format!("answers without {path}"))),
            }
        }
        Ok(())
    }

    async fn judge(&mut self, number: usize, what: &str, answers: &[Answer], expect: &Expect) -> Result<(), Stop> {
        let expect = self.filled(expect).await?;
        let recorder = self.ctx.recorder();
        let mut told: Vec<Miss> = Vec::new();
        let mut shown = None;
        for answer in answers {
            let misses = expect.misses(&Seen {
                status: answer.status(),
                status_line: answer.status_line(),
                headers: &answer.record().headers,
                body: answer.json(),
                millis: u64::try_from(answer.elapsed().as_millis()).unwrap_or(u64::MAX),
            });
            if !misses.is_empty() && shown.is_none() {
                shown = Some(recorder.evidence(answer));
            }
            for miss in misses.into_iter().filter(|miss| !told.contains(miss)).collect::<Vec<_>>() {
                told.push(miss);
            }
        }
        let statuses: Vec<u16> = answers.iter().map(Answer::status).collect();
        told.extend(expect.count_misses(&statuses));
        if told.is_empty() {
            self.held += 1;
        }
        if self.misses.is_empty() && !told.is_empty() {
            // What held before says less than what did not.
            self.evidence.clear();
        }
        if told.is_empty() == self.misses.is_empty() {
            let first = answers.first().map(|answer| recorder.evidence(answer));
            self.evidence.extend(shown.or(first));
        } else {
            self.evidence.extend(shown);
        }
        self.misses.extend(told.into_iter().map(|miss| named(number, what, &miss)));
        Ok(())
    }

    async fn statement(&mut self, number: usize, sql: &str, expect: Option<&Expect>) -> Result<(), Stop> {
        let database = self.ctx.learn(|learnt| learnt.database.clone());
        let Some(database) = database else {
            return Err(Stop::blocked("db.reachable", "the database that the API writes to is not known"));
        };
        let statement = self.literal(sql).await?;
        let table = database
            .read(self.ctx, &statement)
            .await
            .map_err(|why| Stop::inconclusive(format!("step {number}: the statement could not be run: {why}")))?;
        let Some(expect) = expect else { return Ok(()) };
        let expect = self.filled(expect).await?;
        let recorder = self.ctx.recorder();
        let cell = |value: &Option<String>| recorder.named(value.as_deref().unwrap_or("NULL"));
        let evidence = Evidence::Sql {
            query: recorder.named(&statement),
            columns: table.columns.clone(),
            rows: table.rows.iter().take(20).map(|row| row.iter().map(cell).collect()).collect(),
            truncated: table.rows.len() > 20,
        };
        let misses = expect.row_misses(&table.columns, &table.rows);
        if misses.is_empty() {
            self.held += 1;
        } else if self.misses.is_empty() {
            self.evidence.clear();
        }
        self.evidence.push(evidence);
        self.misses.extend(misses.into_iter().map(|miss| named(number, "the statement", &miss)));
        Ok(())
    }

    /// A statement with its names as literals: a quote in a value ends nothing, since values stand between quotes of ours
    /// or of the spec's.
    async fn literal(&mut self, sql: &str) -> Result<String, Stop> {
        let mut filled = String::new();
        for part in grader_spec::custom::parts(sql)
            .map_err(|why| Stop::inconclusive(format!("a statement cannot be read: {why}")))?
        {
            match part {
                grader_spec::custom::Part::Text(text) => filled.push_str(text),
                grader_spec::custom::Part::Name(name) => {
                    let value = self.names.text(self.ctx, &format!("{{{{{name}}}}}")).await?;
                    filled.push_str(&value.replace('\\', "").replace('\'', "''").replace(';', ""));
                }
            }
        }
        Ok(filled)
    }

    async fn filled(&mut self, expect: &Expect) -> Result<Expect, Stop> {
        let mut expect = expect.clone();
        for body in &mut expect.body {
            for value in body.equals.iter_mut().chain(&mut body.not) {
                *value = self.names.fill(self.ctx, value).await?;
            }
        }
        for row in expect.rows.iter_mut().flatten() {
            for value in row.values_mut() {
                *value = self.names.text(self.ctx, value).await?;
            }
        }
        Ok(expect)
    }

    async fn session(&self, step: &Step, resource: Option<&BoundResource>) -> Result<Option<Session>, Stop> {
        Ok(match step.as_ {
            Actor::Anonymous => None,
            // A control has to succeed: it goes as whoever may write the resource.
            Actor::User if step.expect.is_none() && resource.is_some_and(|resource| resource.privileged) => {
                match resource {
                    Some(resource) => self.ctx.writer(resource)?,
                    None => None,
                }
            }
            Actor::User => Some(self.ctx.account().await?.session),
            Actor::Other => Some(self.ctx.other_account().await?.session),
            Actor::Privileged => match self.ctx.bound().privileged {
                Some(account) => Some(account.session),
                None => return Err(Stop::not_applicable("no account with more rights is known")),
            },
        })
    }

    async fn request(&mut self, request: &CustomRequest, step: &Step) -> Result<Ready, Stop> {
        let path = self.names.text(self.ctx, &request.path).await?;
        let session = self.session(step, None).await?;
        let mut ready = Request::new(&request.method, path).session(session.as_ref());
        for (name, value) in &request.headers {
            let value = self.names.text(self.ctx, value).await?;
            ready = ready.header(name, value);
        }
        if let Some(body) = &request.body {
            ready = ready.json(self.names.fill(self.ctx, body).await?);
        }
        let what = format!("{} {}", request.method, request.path);
        Ok(Ready { request: ready, what, makes: None, sent: Map::new() })
    }

    /// The request of an operation; `None` where it would not say below which record the step means it: what is answered
    /// then says nothing of that record.
    async fn operation(&mut self, operation: &str, step: &Step) -> Result<Option<Ready>, Stop> {
        let (id, action) = operation.split_once('.').unwrap_or((operation, ""));
        let action = Action::ALL.into_iter().find(|known| known.as_str() == action);
        let Some(action) = action else { return Err(Stop::inconclusive(format!("there is no operation {operation}"))) };
        let bound = self.ctx.resource(id)?;
        let mut above = Vec::new();
        for (resource, key) in &step.under {
            let reference = self.names.fill(self.ctx, &Value::String(key.clone())).await?;
            let key = wire::text(&reference).unwrap_or_default();
            above.push(Ancestor { resource: resource.clone(), key, reference });
        }
        let resource = bound.under(&above);
        resource.operation(action)?;
        let nearest = above.iter().find(|other| resource.spec.parent.as_ref() == Some(&other.resource));
        if let Some(nearest) = nearest
            && matches!(action, Action::List | Action::Create)
            && !resource.is_told(action, &nearest.resource)
        {
            let above = &nearest.resource;
            let why = format!("no way was found to tell {operation} below which {above} it is meant");
            if step.expect.is_none() && action == Action::Create {
                return Err(Stop::inconclusive(why));
            }
            self.unasked.push(why);
            return Ok(None);
        }
        let session = self.session(step, Some(&resource)).await?;
        let key = match &step.record {
            Some(record) => self.names.text(self.ctx, record).await?,
            None => String::new(),
        };
        let given = self.given(&resource, action, step).await?;
        let mut extra = Map::new();
        for (name, value) in &step.extra {
            extra.insert(name.clone(), self.names.fill(self.ctx, value).await?);
        }
        let mut sent = Map::new();
        let mut request = match action {
            Action::Create => {
                sent = resource.fresh(&mut self.names.fresh);
                sent.extend(given);
                resource.create_request(&sent, session.as_ref())?
            }
            Action::Update => {
                let mut full = resource.fresh(&mut self.names.fresh);
                let changes = if given.is_empty() { full.clone() } else { given };
                full.extend(changes.clone());
                resource.update_request(&key, &changes, &full, session.as_ref())?
            }
            Action::Read => resource.read_request(&key, session.as_ref())?,
            Action::Delete => resource.delete_request(&key, session.as_ref())?,
            Action::List => resource.list_request(&[], session.as_ref())?,
        };
        match &mut request.body {
            Body::Json(Value::Object(body)) => body.extend(extra),
            Body::Empty => {
                let pairs: Vec<(String, String)> =
                    extra.iter().filter_map(|(name, value)| Some((name.clone(), wire::text(value)?))).collect();
                request = request.query(pairs.iter().map(|(name, value)| (name.as_str(), value.clone())));
            }
            _ => {}
        }
        let what = format!("{operation} as {}", step.as_.as_str());
        let makes = (action == Action::Create).then_some(resource);
        Ok(Some(Ready { request, what, makes, sent }))
    }

    /// The values that a step gives for fields; an account that a field needs and the step does not name is the other one.
    async fn given(
        &mut self,
        resource: &BoundResource,
        action: Action,
        step: &Step,
    ) -> Result<Map<String, Value>, Stop> {
        let mut given = Map::new();
        let taken = resource.operation(action)?.fields.clone();
        for (id, field) in &resource.spec.fields {
            let value = step.with.get(id);
            if field.kind == FieldKind::Account {
                let Some(wire_field) = taken.get(id) else { continue };
                let account = match value.and_then(Value::as_str) {
                    Some("user") => self.ctx.account().await?,
                    _ => self.ctx.other_account().await?,
                };
                let value = account_value(self.ctx, &wire_field.name, &account)
                    .ok_or_else(|| Stop::inconclusive("the key of an account is not known"))?;
                given.insert(id.clone(), value);
            } else if let Some(value) = value {
                given.insert(id.clone(), self.names.fill(self.ctx, value).await?);
            }
        }
        Ok(given)
    }
}

/// A control has to succeed before anything is concluded.
fn control(what: &str, answers: &[Answer]) -> Result<(), Stop> {
    match answers.iter().find(|answer| !answer.is_success()) {
        None => Ok(()),
        Some(answer) if answer.is_limited() => {
            Err(Stop::inconclusive(format!("{what} was refused by the API's own limiter")))
        }
        Some(answer) => Err(blocked(what, &format!("is answered {}", answer.status_line()))),
    }
}

fn blocked(what: &str, how: &str) -> Stop {
    Stop::blocked("api.operations", format!("{what} {how}, and nothing can be concluded without it"))
}

fn named(number: usize, what: &str, miss: &Miss) -> Miss {
    Miss {
        expected: format!("step {number}, {what}: {}", miss.expected),
        actual: format!("step {number}, {what}: {}", miss.actual),
    }
}
