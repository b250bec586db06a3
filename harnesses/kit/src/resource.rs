//! A bound resource: its operations, where a record stands in an answer, and how its lists are paged.

use std::collections::HashMap;

use grader_spec::{Action, Resource};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::bind::{Ancestor, Reference, refilled};
use crate::operation::WireField;
use crate::wire;
use crate::{Answer, Context, Flow, Operation, Request, Session, Stop, Values};

/// A resource of the assessment as the submission offers it.
#[derive(Debug, Clone)]
pub struct BoundResource {
    /// The resource's id in the spec.
    pub id: String,
    pub spec: Resource,
    pub operations: HashMap<Action, Operation>,
    /// Why an operation could not be bound.
    pub unbound: HashMap<Action, String>,
    /// The member of a record that names it in paths.
    pub key: String,
    /// The unique field, by its id in the spec, whose sent value is the key where creating answers none at all.
    pub chosen_key: Option<String>,
    /// Spec fields as records carry them.
    pub fields: IndexMap<String, WireField>,
    /// Keys that lead from an answer's root to the record; empty where the answer is the record.
    pub record_at: Vec<String>,
    /// Keys that lead from a list's root to the array.
    pub list_at: Vec<String>,
    pub pagination: Option<Pagination>,
    /// Whether a PATCH is refused that does not carry the whole record, as a PUT would.
    pub patches_whole: bool,
    /// Whether writing needs the privileged account.
    pub privileged: bool,
    /// Whether a line of a transaction sits in an array, and how it is spelt.
    pub lines: Option<BoundLines>,
    /// Values that a create needs for records it refers to, by wire name.
    pub prerequisites: Map<String, Value>,
    /// Which of them name records above, and in which form.
    pub references: IndexMap<String, Reference>,
    /// The records under which it stands, nearest first; made when it was bound.
    pub above: Vec<Ancestor>,
}

/// How a transaction spells its lines.
#[derive(Debug, Clone)]
pub struct BoundLines {
    /// The array's name; `None` where one line's members stand in the body itself.
    pub array: Option<String>,
    pub reference: String,
    pub quantity: String,
    /// Where the total stands in a record; `None` where a record has none.
    pub total: Option<WireField>,
    /// The spec field of the referenced record that the reference holds; `None` for its key.
    pub reference_field: Option<String>,
    /// In which steps the submission takes them.
    pub flow: Flow,
}

/// How a list is paged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pagination {
    /// The parameter that sets how many records a page holds.
    pub size: Option<String>,
    pub style: PageStyle,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageStyle {
    /// A page's number, counted from `base`.
    Page { param: String, base: u32 },
    /// How many records to skip.
    Offset { param: String },
    /// An opaque position, found in the answer at `next`.
    Cursor { param: String, next: Vec<String> },
    /// `Link: <…>; rel="next"` (RFC 8288), or a whole URL in the body at `next`.
    Link { next: Vec<String> },
}

/// A record that a probe made.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its key as text.
    pub key: String,
    /// What was sent, by spec field id.
    pub sent: Map<String, Value>,
    /// The record as the answer gave it; empty where it came without a body.
    pub body: Map<String, Value>,
    pub answer: Answer,
}

impl BoundResource {
    pub fn new(id: &str, spec: &Resource) -> Self {
        BoundResource {
            id: id.to_owned(),
            spec: spec.clone(),
            operations: HashMap::new(),
            unbound: HashMap::new(),
            key: "id".to_owned(),
            chosen_key: None,
            fields: IndexMap::new(),
            record_at: Vec::new(),
            list_at: Vec::new(),
            pagination: None,
            patches_whole: false,
            privileged: false,
            lines: None,
            prerequisites: Map::new(),
            references: IndexMap::new(),
            above: Vec::new(),
        }
    }

    /// The same resource under other records, nearest first. Those that are not named stay.
    #[must_use]
    pub fn under(&self, above: &[Ancestor]) -> Self {
        let mut moved = self.clone();
        for ancestor in &mut moved.above {
            let Some(other) = above.iter().find(|other| other.resource == ancestor.resource) else { continue };
            ancestor.clone_from(other);
        }
        for (name, reference) in &moved.references {
            if let Some(ancestor) = moved.above.iter().find(|ancestor| ancestor.resource == reference.resource) {
                moved.prerequisites.insert(name.clone(), reference.to(ancestor));
            }
        }
        for operation in moved.operations.values_mut() {
            operation.path = refilled(&operation.template, &moved.above);
            for scope in &mut operation.scope {
                if let Some(ancestor) = moved.above.iter().find(|ancestor| ancestor.resource == scope.resource) {
                    scope.key.clone_from(&ancestor.key);
                }
            }
        }
        moved
    }

    /// Whether a request of that action tells under which record of `resource` it goes: in its path, query or body.
    pub fn is_told(&self, action: Action, resource: &str) -> bool {
        self.operations.get(&action).is_some_and(|operation| {
            let has_body = action == Action::Create;
            operation.template.contains(&format!("{{{resource}}}"))
                || operation.scope.iter().any(|scope| scope.resource == resource)
                || has_body && self.references.values().any(|reference| reference.resource == resource)
        })
    }

    /// The operation, or a stop that names `api.operations` as the cause.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where it was not found.
    pub fn operation(&self, action: Action) -> Result<&Operation, Stop> {
        self.operations.get(&action).ok_or_else(|| {
            let why = self.unbound.get(&action).map_or("it was not found", String::as_str);
            Stop::blocked("api.operations", format!("the operation {}.{} is missing: {why}", self.id, action.as_str()))
        })
    }

    /// Sound values for every field that creating takes, by spec field id.
    pub fn fresh(&self, values: &mut Values) -> Map<String, Value> {
        let taken = self.operations.get(&Action::Create).map(|create| &create.fields);
        self.spec
            .fields
            .iter()
            .filter(|(id, _)| taken.is_none_or(|taken| taken.contains_key(*id)))
            .map(|(id, field)| (id.clone(), values.field(field)))
            .filter(|(_, value)| !value.is_null())
            .collect()
    }

    /// The body of a create with those values.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where creating was not found.
    pub fn create_body(&self, values: &Map<String, Value>) -> Result<Map<String, Value>, Stop> {
        let mut body = self.operation(Action::Create)?.body(&self.spec.fields, values);
        for (name, value) in &self.prerequisites {
            body.insert(name.clone(), value.clone());
        }
        Ok(body)
    }

    /// The request that creates a record with those values.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where creating was not found.
    pub fn create_request(&self, values: &Map<String, Value>, session: Option<&Session>) -> Result<Request, Stop> {
        let body = self.create_body(values)?;
        Ok(self.operation(Action::Create)?.request(None, Some(body), session))
    }

    /// Creates a record with fresh values, changed by `overrides`, as the account that may write.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where creating was not found or is refused now: the caller had a sound request.
    pub async fn create(
        &self,
        ctx: &Context,
        values: &mut Values,
        overrides: &[(&str, Value)],
    ) -> Result<Record, Stop> {
        let mut sent = self.fresh(values);
        for (field, value) in overrides {
            sent.insert((*field).to_owned(), value.clone());
        }
        let session = ctx.writer(self)?;
        let answer = self.create_request(&sent, session.as_ref())?.send(ctx).await;
        self.made(sent, &answer).ok_or_else(|| {
            let status = answer.status_line();
            Stop::inconclusive(format!("a sound {} that was taken before is now answered {status}", self.id))
        })
    }

    /// The record that a successful create answered with.
    pub fn made(&self, sent: Map<String, Value>, answer: &Answer) -> Option<Record> {
        if !answer.is_success() {
            return None;
        }
        let body = self.record_in(answer).cloned().unwrap_or_default();
        let key = body.get(&self.key).and_then(wire::text).or_else(|| key_from_location(answer));
        let chosen = || sent.get(self.chosen_key.as_ref()?).and_then(wire::text);
        let key = key.or_else(chosen)?;
        Some(Record { key, sent, body, answer: answer.clone() })
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where reading was not found.
    pub fn read_request(&self, key: &str, session: Option<&Session>) -> Result<Request, Stop> {
        Ok(self.operation(Action::Read)?.request(Some(key), None, session))
    }

    /// Deletes a record.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where deleting was not found.
    pub fn delete_request(&self, key: &str, session: Option<&Session>) -> Result<Request, Stop> {
        Ok(self.operation(Action::Delete)?.request(Some(key), None, session))
    }

    /// Changes a record. Where the submission updates by PUT, or by a PATCH that is none, `full` completes the body.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where updating was not found.
    pub fn update_request(
        &self,
        key: &str,
        changes: &Map<String, Value>,
        full: &Map<String, Value>,
        session: Option<&Session>,
    ) -> Result<Request, Stop> {
        let update = self.operation(Action::Update)?;
        let is_partial = update.method == "PATCH" && !self.patches_whole;
        let mut values = if is_partial { Map::new() } else { full.clone() };
        values.extend(changes.clone());
        let mut body = update.body(&self.spec.fields, &values);
        if !is_partial {
            let taken = self.prerequisites.iter().filter(|(name, _)| !update.without.contains(name));
            body.extend(taken.map(|(name, value)| (name.clone(), value.clone())));
        }
        Ok(update.request(Some(key), Some(body), session))
    }

    /// Lists records with query parameters.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where listing was not found.
    pub fn list_request(&self, query: &[(&str, String)], session: Option<&Session>) -> Result<Request, Stop> {
        Ok(self.operation(Action::List)?.request_with(None, query, None, session))
    }

    /// The record in an answer to create, read or update.
    pub fn record_in<'a>(&self, answer: &'a Answer) -> Option<&'a Map<String, Value>> {
        let body = answer.json()?;
        at(body, &self.record_at).and_then(Value::as_object).or_else(|| {
            // Some operations wrap and others do not.
            let object = body.as_object()?;
            if object.contains_key(&self.key) {
                return Some(object);
            }
            object.values().find_map(|value| value.as_object().filter(|inner| inner.contains_key(&self.key)))
        })
    }

    /// The records in an answer to list.
    pub fn records_in<'a>(&self, answer: &'a Answer) -> Option<&'a Vec<Value>> {
        at(answer.json()?, &self.list_at).and_then(Value::as_array)
    }

    /// The keys of the records in an answer to list.
    pub fn keys_in(&self, answer: &Answer) -> Option<Vec<String>> {
        let records = self.records_in(answer)?;
        records.iter().map(|record| record.get(&self.key).and_then(wire::text)).collect()
    }

    /// A field's value in a record, as the submission wrote it.
    pub fn value<'a>(&self, record: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
        record.get(&self.fields.get(field)?.name)
    }

    /// Whether a record carries the value that was sent for a field; `None` where records do not carry the field.
    pub fn carries(&self, record: &Map<String, Value>, field: &str, sent: &Value) -> Option<bool> {
        let wire_field = self.fields.get(field)?;
        let spec = self.spec.fields.get(field)?;
        let got = record.get(&wire_field.name)?;
        Some(wire::same(spec, sent, got, wire_field.shape))
    }

    /// The collection's path, as listing or creating names it.
    pub fn collection(&self) -> Option<&str> {
        self.operations.get(&Action::List).or(self.operations.get(&Action::Create)).map(|op| op.path.as_str())
    }

    /// The body of a transaction with these lines, reference and quantity each, as if it were sent at once:
    /// [`BoundResource::place`] sends it in the steps that the submission takes.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where creating was not found.
    pub fn transaction_body(&self, lines: &[(Value, Value)]) -> Result<Map<String, Value>, Stop> {
        let create = self.operation(Action::Create)?;
        let Some(bound) = &self.lines else {
            return Err(Stop::blocked("api.operations", format!("no line of {} could be bound", self.id)));
        };
        let mut body = create.extras.clone();
        body.extend(self.prerequisites.clone());
        let mut written = lines.iter().map(|(reference, quantity)| {
            let mut line = Map::new();
            line.insert(bound.reference.clone(), reference.clone());
            line.insert(bound.quantity.clone(), quantity.clone());
            line
        });
        match &bound.array {
            Some(array) => {
                body.insert(array.clone(), written.map(Value::Object).collect());
            }
            None => body.extend(written.next().unwrap_or_default()),
        }
        Ok(body)
    }

    /// The total that a transaction's record carries.
    pub fn total(&self, record: &Map<String, Value>) -> Option<f64> {
        let total = self.lines.as_ref()?.total.as_ref()?;
        let amount = wire::number(record.get(&total.name)?)?;
        Some(if total.shape == wire::Shape::Cents { amount / 100.0 } else { amount })
    }
}

impl Record {
    /// What a line of a transaction refers to it by: its key, in the JSON type that the submission gave it.
    pub fn reference(&self, resource: &BoundResource) -> Value {
        self.body.get(&resource.key).cloned().unwrap_or_else(|| json!(self.key))
    }
}

/// The value at the end of `keys`.
pub fn at<'a>(value: &'a Value, keys: &[String]) -> Option<&'a Value> {
    keys.iter().try_fold(value, |value, key| value.get(key))
}

fn key_from_location(answer: &Answer) -> Option<String> {
    let location = answer.header("location")?;
    let last = location.split('?').next()?.trim_end_matches('/').rsplit('/').next()?;
    (!last.is_empty()).then(|| last.to_owned())
}
