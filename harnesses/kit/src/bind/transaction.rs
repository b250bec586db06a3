//! Binding a transaction: a record whose lines refer to another resource and take from its stock.

use grader_spec::{Action, Lines};
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::accounts::{follow, is_page, note_trouble};
use super::candidates::{Candidate, Sources};
use super::describe::Member;
use super::{complaint, confidence, locate};
use crate::operation::WireField;
use crate::resource::BoundLines;
use crate::wire::{self, Shape};
use crate::{Answer, BoundResource, Context, Operation, Record};

/// Spellings of a line that are tried where no description names them.
const SPELLINGS: usize = 24;

/// Binds the transaction `id`, with a record of the referenced resource made for it.
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
            let created = create(ctx, sources, &mut resource, &lines, &of, &bought).await;
            if let Some((key, answer)) = created {
                learn_total(&mut resource, &lines, &bought, &answer);
                read(ctx, sources, &mut resource, &lines, &bought, &key).await;
                list(ctx, sources, &mut resource).await;
            }
        }
        Err(_) => {
            resource.unbound.insert(Action::Create, format!("it needs a {}, which could not be created", lines.of));
        }
    }
    ctx.with_bound(|bound| bound.resources.insert(id.to_owned(), resource));
}

async fn create(
    ctx: &Context,
    sources: &Sources,
    resource: &mut BoundResource,
    lines: &Lines,
    of: &BoundResource,
    bought: &Record,
) -> Option<(String, Answer)> {
    let mut trouble = String::new();
    for candidate in sources.resource(ctx, &resource.id, &resource.spec, Action::Create, None) {
        let id = format!("{}.create", resource.id);
        let mut operation = Operation::new(&id, &candidate.method, &candidate.path, candidate.source);
        operation.encoding = candidate.encoding;
        if let Some(given) = ctx.overrides().operations.get(&id) {
            operation.extras.extend(given.extras.clone());
        }
        let mut spellings = spellings(&candidate, lines);
        let mut next = 0;
        while next < spellings.len().min(SPELLINGS) {
            resource.lines = Some(spellings[next].clone());
            next += 1;
            resource.operations.insert(Action::Create, operation.clone());
            let reference = match &resource.lines.as_ref()?.reference_field {
                Some(field) => bought.sent.get(field).cloned().unwrap_or_default(),
                None => bought.reference(of),
            };
            let Ok(body) = resource.transaction_body(&[(reference, json!(1))]) else { break };
            let session = ctx.writer(resource).ok().flatten();
            let request = operation.request(None, Some(body), session.as_ref());
            let answer = follow(ctx, request.send(ctx).await, &mut operation).await;
            if answer.is_success() && !is_page(&answer) {
                let key = answer.json().and_then(|body| {
                    let located = locate_transaction(body, &resource.id)?;
                    resource.record_at = located.0;
                    resource.key = located.1;
                    resource.record_in(&answer)?.get(&resource.key).and_then(wire::text)
                });
                if let Some(key) = key {
                    operation.confidence = confidence(candidate.source);
                    operation.proof =
                        format!("{} {} answered {}", operation.method, operation.path, answer.status_line());
                    resource.operations.insert(Action::Create, operation);
                    return Some((key, answer));
                }
                note_trouble(&mut trouble, &operation, &answer, candidate.source);
                trouble.push_str(", without a key to find the record by");
                break;
            }
            if matches!(answer.status(), 404 | 405 | 0) && next == 1 || is_page(&answer) {
                break;
            }
            note_trouble(&mut trouble, &operation, &answer, candidate.source);
            if !matches!(answer.status(), 400 | 404 | 422) {
                break;
            }
            // A refusal that names members goes before guessing.
            if let Some(better) = respelt(resource.lines.as_ref()?, &complaint::complaints(&answer), lines)
                && !spellings.contains(&better)
            {
                spellings.insert(next, better);
            }
        }
        resource.operations.remove(&Action::Create);
        resource.lines = None;
    }
    let why = "no path that is customary, documented or in the source answers";
    resource.unbound.insert(Action::Create, if trouble.is_empty() { why.to_owned() } else { trouble });
    None
}

impl PartialEq for BoundLines {
    fn eq(&self, other: &Self) -> bool {
        self.array == other.array && self.reference == other.reference && self.quantity == other.quantity
    }
}

/// Spellings of a line: the described one alone, else the customary ones, likeliest first.
fn spellings(candidate: &Candidate, lines: &Lines) -> Vec<BoundLines> {
    let plain = |array: Option<String>, reference: &str, quantity: &str| BoundLines {
        array,
        reference: reference.to_owned(),
        quantity: quantity.to_owned(),
        total: None,
        reference_field: None,
    };
    let named = |members: &IndexMap<String, Member>, names: &[String]| {
        names.iter().find_map(|name| members.keys().find(|key| wire::plain(key) == wire::plain(name)).cloned())
    };
    for (name, member) in &candidate.members {
        if let (Some(reference), Some(quantity)) =
            (named(&member.items, &lines.reference), named(&member.items, &lines.quantity))
        {
            return vec![plain(Some(name.clone()), &reference, &quantity)];
        }
    }
    if let (Some(reference), Some(quantity)) =
        (named(&candidate.members, &lines.reference), named(&candidate.members, &lines.quantity))
    {
        return vec![plain(None, &reference, &quantity)];
    }
    let mut all = Vec::new();
    for array in lines.names.iter().take(3).map(|name| Some(name.clone())).chain([None]) {
        for reference in lines.reference.iter().take(3) {
            for reference in [reference.clone(), camel(reference)] {
                let spelling =
                    plain(array.clone(), &reference, lines.quantity.first().map_or("quantity", String::as_str));
                if !all.contains(&spelling) {
                    all.push(spelling);
                }
            }
        }
    }
    all
}

/// The spelling that a refusal asks for, where it names a member that fits.
fn respelt(now: &BoundLines, complaints: &[complaint::Complaint], lines: &Lines) -> Option<BoundLines> {
    let mut better = now.clone();
    for complaint in complaints.iter().filter(|complaint| complaint.says_missing()) {
        if wire::is_named(&complaint.name, &lines.quantity) {
            better.quantity.clone_from(&complaint.name);
        } else if wire::is_named(&complaint.name, &lines.reference) && wire::plain(&complaint.name) != "id" {
            better.reference.clone_from(&complaint.name);
        } else if wire::is_named(&complaint.name, &lines.names) {
            better.array = Some(complaint.name.clone());
        }
    }
    (better != *now).then_some(better)
}

fn camel(name: &str) -> String {
    let mut words = wire::words(name).into_iter();
    let mut out = words.next().unwrap_or_default();
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        out.extend(letters);
    }
    out
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

async fn read(
    ctx: &Context,
    sources: &Sources,
    resource: &mut BoundResource,
    lines: &Lines,
    bought: &Record,
    key: &str,
) {
    let collection = resource.operations.get(&Action::Create).map(|create| create.path.clone());
    let mut candidates = sources.resource(ctx, &resource.id, &resource.spec, Action::Read, collection.as_deref());
    candidates.extend(sources.resource(ctx, &resource.id, &resource.spec, Action::Read, None));
    for candidate in candidates {
        let id = format!("{}.read", resource.id);
        let mut operation = Operation::new(&id, &candidate.method, &candidate.path, candidate.source);
        let session = ctx.writer(resource).ok().flatten();
        let answer = operation.request(Some(key), None, session.as_ref()).send(ctx).await;
        let found = answer.is_success()
            && resource
                .record_in(&answer)
                .is_some_and(|record| record.get(&resource.key).and_then(wire::text).as_deref() == Some(key));
        if found {
            operation.confidence = confidence(candidate.source);
            operation.proof = format!("GET {} gave the record that was created", operation.path);
            resource.operations.insert(Action::Read, operation);
            if resource.lines.as_ref().is_some_and(|bound| bound.total.is_none()) {
                learn_total(resource, lines, bought, &answer);
            }
            return;
        }
    }
    resource.unbound.insert(Action::Read, "no path that is customary, documented or in the source answers".to_owned());
}

async fn list(ctx: &Context, sources: &Sources, resource: &mut BoundResource) {
    let collection = resource.operations.get(&Action::Create).map(|create| create.path.clone());
    let mut candidates = sources.resource(ctx, &resource.id, &resource.spec, Action::List, collection.as_deref());
    candidates.extend(sources.resource(ctx, &resource.id, &resource.spec, Action::List, None));
    for candidate in candidates {
        let id = format!("{}.list", resource.id);
        let mut operation = Operation::new(&id, &candidate.method, &candidate.path, candidate.source);
        let session = ctx.writer(resource).ok().flatten();
        let answer = follow(ctx, operation.request(None, None, session.as_ref()).send(ctx).await, &mut operation).await;
        if let Some(at) =
            answer.json().filter(|_| answer.is_success()).and_then(|body| locate::list(body, &resource.key))
        {
            resource.list_at = at;
            operation.confidence = confidence(candidate.source);
            operation.proof = format!("GET {} gave a list of records", operation.path);
            resource.operations.insert(Action::List, operation);
            return;
        }
    }
    resource.unbound.insert(Action::List, "no path that is customary, documented or in the source answers".to_owned());
}
