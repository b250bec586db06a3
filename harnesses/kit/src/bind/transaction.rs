//! Binding a transaction: a record whose lines refer to another resource and take from its stock. Creating that takes the
//! lines at once is looked for first, then the other flows ([`super::steps`]).

use grader_spec::{Action, Lines};
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::accounts::{follow, is_page, note_trouble};
use super::candidates::{Candidate, Sources};
use super::draft::Draft;
use super::lines::{Spellings, is_of_lines, spellings};
use super::overrides::OperationOverride;
use super::{complaint, confidence, listing, locate, resources, steps};
use crate::operation::WireField;
use crate::wire::{self, Shape};
use crate::{Answer, BoundResource, Context, Flow, Operation, Record, Values};

/// Times that further members of one body are mended.
const MENDINGS: usize = 4;

/// What a transaction is tried with: a record of the referenced resource made for it.
pub(super) struct Trial<'a> {
    pub(super) ctx: &'a Context,
    pub(super) sources: &'a Sources,
    pub(super) lines: &'a Lines,
    pub(super) of: &'a BoundResource,
    pub(super) bought: &'a Record,
}

/// A transaction that was made: its key, and the answer that carries it.
pub(super) type Made = (String, Answer);

/// Binds the transaction `id`.
pub(super) async fn bind(ctx: &Context, sources: &Sources, id: &str) {
    let Some(spec) = ctx.spec().domain.resources.get(id).cloned() else { return };
    let Some(lines) = spec.lines.clone() else { return };
    let mut resource = BoundResource::new(id, &spec);
    let mut values = ctx.values(&format!("binding {id}"));
    let made = match ctx.resource(&lines.of) {
        Ok(of) => of.create(ctx, &mut values, &[(&lines.stock, json!(40))]).await.map(|record| (of, record)),
        Err(stop) => Err(stop),
    };
    match made {
        Ok((of, bought)) => {
            let trial = Trial { ctx, sources, lines: &lines, of: &of, bought: &bought };
            if let Some((key, answer)) = trial.create(&mut resource, &mut values).await {
                learn_total(&mut resource, &lines, &bought, &answer);
                trial.read(&mut resource, &key).await;
                listing::list(ctx, sources, &mut resource, None).await;
            }
        }
        Err(_) => {
            resource.unbound.insert(Action::Create, format!("it needs a {}, which could not be created", lines.of));
        }
    }
    ctx.with_bound(|bound| bound.resources.insert(id.to_owned(), resource));
}

impl Trial<'_> {
    /// Finds the operation that creates and the steps that it takes, and makes a transaction of one line.
    async fn create(&self, resource: &mut BoundResource, values: &mut Values) -> Option<Made> {
        let mut trouble = String::new();
        let candidates = self.sources.resource(self.ctx, &resource.id, &resource.spec, Action::Create, None, &[]);
        let mut hollow = None;
        for candidate in &candidates {
            let Some(made) = self.at_once(resource, candidate, values, &mut trouble).await else { continue };
            if !self.is_hollow(resource, &made.1) {
                return Some(made);
            }
            hollow = Some((resource.clone(), made));
            break;
        }
        if let Some(made) = steps::gathered(self, resource, &candidates, values, &mut trouble).await {
            return Some(made);
        }
        if let Some(made) = steps::filled(self, resource, &candidates, values, &mut trouble).await {
            return Some(made);
        }
        if let Some((bound, made)) = hollow {
            *resource = bound;
            return Some(made);
        }
        resource.operations.remove(&Action::Create);
        resource.lines = None;
        resource.unbound.insert(Action::Create, if trouble.is_empty() { resources::unanswered() } else { trouble });
        None
    }

    /// Creates with the lines in the body.
    async fn at_once(
        &self,
        resource: &mut BoundResource,
        candidate: &Candidate,
        values: &mut Values,
        trouble: &mut String,
    ) -> Option<Made> {
        let (mut operation, mut draft) = self.operation(resource, candidate, values);
        let mut all = Spellings::new(spellings(self.given(&format!("{}.create", resource.id)), candidate, self.lines));
        while let Some(spelling) = all.next() {
            resource.lines = Some(spelling.clone());
            let line = (self.reference(spelling.reference_field.as_deref()), json!(1));
            resource.operations.insert(Action::Create, operation.clone());
            let body = resource.transaction_body(&[line]).unwrap_or_default();
            let answer = self.send(resource, &mut operation, &mut draft, body, values).await;
            if is_taken(&answer) {
                let made = self.created(resource, operation.clone(), candidate, answer, trouble);
                if made.is_some() {
                    return made;
                }
                break;
            }
            if !matches!(answer.status(), 404 | 405 | 0) {
                note_trouble(trouble, &operation, &answer, candidate.source);
            }
            if !all.learn(&spelling, &answer, self.lines) {
                break;
            }
        }
        resource.operations.remove(&Action::Create);
        resource.lines = None;
        None
    }

    /// The operation of a candidate, with a draft of the members that it wants besides the lines.
    pub(super) fn operation(
        &self,
        resource: &BoundResource,
        candidate: &Candidate,
        values: &mut Values,
    ) -> (Operation, Draft) {
        let id = format!("{}.create", resource.id);
        let mut operation = Operation::new(&id, &candidate.method, &candidate.path, candidate.source);
        operation.encoding = candidate.encoding;
        let besides: IndexMap<_, _> = candidate
            .members
            .iter()
            .filter(|(name, _)| !is_of_lines(name, self.lines))
            .map(|(name, member)| (name.clone(), member.clone()))
            .collect();
        let mut draft = Draft::begin(&besides, &IndexMap::new(), &[], values);
        if let Some(given) = self.ctx.overrides().operations.get(&id) {
            draft.extras.extend(given.extras.clone());
        }
        operation.extras = draft.extras.clone();
        (operation, draft)
    }

    /// Sends a create, and again while a refusal names further members that it wants.
    pub(super) async fn send(
        &self,
        resource: &BoundResource,
        operation: &mut Operation,
        draft: &mut Draft,
        body: serde_json::Map<String, Value>,
        values: &mut Values,
    ) -> Answer {
        let session = self.ctx.writer(resource).ok().flatten();
        let mut mended = 0;
        loop {
            let mut whole = operation.extras.clone();
            whole.extend(body.clone());
            let request = operation.request(None, Some(whole), session.as_ref());
            let answer = follow(self.ctx, request.send(self.ctx).await, operation).await;
            let complaints: Vec<_> = complaint::complaints(&answer)
                .into_iter()
                .filter(|complaint| complaint.says_missing() && !is_of_lines(&complaint.name, self.lines))
                .collect();
            mended += 1;
            if !matches!(answer.status(), 400 | 422)
                || mended > MENDINGS
                || !draft.mend(&complaints, &IndexMap::new(), &[], values)
            {
                return answer;
            }
            operation.extras = draft.extras.clone();
        }
    }

    /// Takes over an operation that made a transaction; `None` where the answer gives no key to find it by.
    pub(super) fn created(
        &self,
        resource: &mut BoundResource,
        mut operation: Operation,
        candidate: &Candidate,
        answer: Answer,
        trouble: &mut String,
    ) -> Option<Made> {
        let key = answer.json().and_then(|body| {
            let located = locate_transaction(body, &resource.id)?;
            resource.record_at = located.0;
            resource.key = located.1;
            resource.record_in(&answer)?.get(&resource.key).and_then(wire::text)
        });
        let Some(key) = key else {
            note_trouble(trouble, &operation, &answer, candidate.source);
            trouble.push_str(", without a key to find the record by");
            return None;
        };
        operation.confidence = confidence(candidate.source);
        operation.proof = format!("{} {} answered {}", operation.method, operation.path, answer.status_line());
        resource.operations.insert(Action::Create, operation);
        Some((key, answer))
    }

    /// The reviewer's word for an operation.
    pub(super) fn given(&self, operation: &str) -> Option<&OperationOverride> {
        self.ctx.overrides().operations.get(operation)
    }

    /// What a line refers to the record by.
    pub(super) fn reference(&self, field: Option<&str>) -> Value {
        match field {
            Some(field) => self.bought.sent.get(field).cloned().unwrap_or_default(),
            None => self.bought.reference(self.of),
        }
    }

    /// Whether a transaction was made without its line: an empty array of lines, or a total of nothing.
    fn is_hollow(&self, resource: &BoundResource, answer: &Answer) -> bool {
        let Some(record) = resource.record_in(answer) else { return false };
        let lines = wire::find_key(record, &self.lines.names).and_then(|name| record.get(name));
        if let Some(lines) = lines.and_then(Value::as_array) {
            return lines.is_empty();
        }
        let total = wire::find_key(record, &self.lines.total).and_then(|name| record.get(name)).and_then(wire::number);
        total.is_some_and(|total| total.abs() < 1e-9)
    }

    async fn read(&self, resource: &mut BoundResource, key: &str) {
        let collection = resources::collection(resource);
        let of =
            |collection| self.sources.resource(self.ctx, &resource.id, &resource.spec, Action::Read, collection, &[]);
        let mut candidates = of(collection.as_ref());
        candidates.extend(of(None));
        for candidate in candidates {
            let id = format!("{}.read", resource.id);
            let mut operation = Operation::new(&id, &candidate.method, &candidate.path, candidate.source);
            let session = self.ctx.writer(resource).ok().flatten();
            let answer = operation.request(Some(key), None, session.as_ref()).send(self.ctx).await;
            let found = answer.is_success()
                && resource
                    .record_in(&answer)
                    .is_some_and(|record| record.get(&resource.key).and_then(wire::text).as_deref() == Some(key));
            if found {
                operation.confidence = confidence(candidate.source);
                operation.proof = format!("GET {} gave the record that was created", operation.path);
                resource.operations.insert(Action::Read, operation);
                let bound = resource.lines.as_ref();
                // A transaction that was begun empty has its total now.
                if bound.is_some_and(|bound| bound.total.is_none() || matches!(bound.flow, Flow::Filled(_))) {
                    learn_total(resource, self.lines, self.bought, &answer);
                }
                return;
            }
        }
        resource.unbound.insert(Action::Read, resources::unanswered());
    }
}

/// Whether an answer is a record and no page for people.
pub(super) fn is_taken(answer: &Answer) -> bool {
    answer.is_success() && !is_page(answer)
}

/// Where the transaction stands in an answer, and its key: the outermost object that has one.
fn locate_transaction(body: &Value, id: &str) -> Option<(Vec<String>, String)> {
    let mut level: Vec<(Vec<String>, &Value)> = vec![(Vec::new(), body)];
    for _ in 0..4 {
        let mut next = Vec::new();
        for (path, value) in &level {
            let Some(object) = value.as_object() else { continue };
            if let Some(key) = locate::key(object, id, &IndexMap::new(), &IndexMap::new()) {
                return Some((path.clone(), key));
            }
            for (name, value) in object {
                next.push(([path.as_slice(), std::slice::from_ref(name)].concat(), value));
            }
        }
        level = next;
    }
    None
}

/// Finds the total in a record of one line with a quantity of 1, by its name and its value.
fn learn_total(resource: &mut BoundResource, lines: &Lines, bought: &Record, answer: &Answer) {
    let Some(record) = resource.record_in(answer).cloned() else { return };
    let price = bought.sent.get(&lines.price).and_then(Value::as_f64);
    let Some(name) = wire::find_key(&record, &lines.total).map(str::to_owned) else { return };
    let got = record.get(&name).and_then(wire::number);
    let in_cents = matches!((price, got), (Some(price), Some(got)) if (price * 100.0 - got).abs() < 0.5 && price > 0.0);
    let shape = if in_cents { Shape::Cents } else { Shape::Natural };
    if let Some(bound) = &mut resource.lines {
        bound.total = Some(WireField { name, shape });
    }
}
