//! A bound operation: the real method, path and body behind an abstract one.

use grader_model::{Binding, BindingSource};
use grader_spec::{Field, FieldKind};
use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::extras;
use crate::wire::{self, Shape};
use crate::{Body, Request, Session};

/// How a request's body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`, as OAuth2's password grant asks.
    Form,
}

/// A field as the submission spells and shapes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireField {
    pub name: String,
    pub shape: Shape,
}

/// A query parameter that holds the key of a record above: `?thing_id=7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    pub name: String,
    /// The resource's id in the spec.
    pub resource: String,
    pub key: String,
}

/// An operation of the assessment tied to a route of the submission.
#[derive(Debug, Clone)]
pub struct Operation {
    /// `RESOURCE.ACTION`, such as `account.login`.
    pub id: String,
    pub method: String,
    /// Path template; `{id}` stands for the record's key. Keys of records above are filled in.
    pub path: String,
    /// The path with `{RESOURCE}` in place of the keys of records above; the same as `path` where there are none.
    pub template: String,
    pub encoding: Encoding,
    /// The spec's fields in the submission's spelling, as far as the request takes them.
    pub fields: IndexMap<String, WireField>,
    /// Further members that the submission requires, with a sound value.
    pub extras: Map<String, Value>,
    /// Names of the query parameters that a description documents.
    pub query: Vec<String>,
    /// Query parameters that name records above, where the path does not.
    pub scope: Vec<Scope>,
    /// Members that stand for records in a create's body and are refused in this one's.
    pub without: Vec<String>,
    pub source: BindingSource,
    pub confidence: f64,
    pub proof: String,
}

impl Operation {
    /// An operation before anything is known of its body.
    pub fn new(id: &str, method: &str, path: &str, source: BindingSource) -> Self {
        Operation {
            id: id.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            template: path.to_owned(),
            encoding: Encoding::Json,
            fields: IndexMap::new(),
            extras: Map::new(),
            query: Vec::new(),
            scope: Vec::new(),
            without: Vec::new(),
            source,
            confidence: 0.0,
            proof: String::new(),
        }
    }

    /// The path for the record with that key, percent-encoded as one segment.
    pub fn path_for(&self, key: &str) -> String {
        self.path.replace("{id}", &encode_segment(key))
    }

    /// The body for `values` (by spec field id), with the extras; values of fields that the request does not take
    /// are left out.
    pub fn body(&self, fields: &IndexMap<String, Field>, values: &Map<String, Value>) -> Map<String, Value> {
        let mut body = extras::for_record(&self.extras, values);
        for (id, value) in values {
            if let Some(wire) = self.fields.get(id) {
                let kind = fields.get(id).map_or(FieldKind::Text, |field| field.kind);
                body.insert(wire.name.clone(), wire::encode(kind, value, wire.shape));
            }
        }
        body
    }

    /// A request with that body, for the record with `key` where the path names one.
    pub fn request(&self, key: Option<&str>, body: Option<Map<String, Value>>, session: Option<&Session>) -> Request {
        self.request_with(key, &[], body, session)
    }

    /// A request with query parameters of its own; one that goes by a scope's name takes that one's place.
    pub fn request_with(
        &self,
        key: Option<&str>,
        query: &[(&str, String)],
        body: Option<Map<String, Value>>,
        session: Option<&Session>,
    ) -> Request {
        let path = key.map_or_else(|| self.path.clone(), |key| self.path_for(key));
        let scope = self.scope.iter().filter(|scope| query.iter().all(|(name, _)| *name != scope.name));
        let mut request = Request::new(&self.method, path)
            .session(session)
            .query(scope.map(|scope| (scope.name.as_str(), scope.key.clone())))
            .query(query.iter().map(|(name, value)| (*name, value.clone())));
        if let Some(body) = body {
            request.body = match self.encoding {
                Encoding::Json => Body::Json(Value::Object(body)),
                Encoding::Form => {
                    Body::Form(body.into_iter().filter_map(|(name, value)| Some((name, wire::text(&value)?))).collect())
                }
            };
        }
        request
    }

    /// The name that the submission gives to a field of the spec, where the request takes it.
    pub fn wire_name(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(|wire| wire.name.as_str())
    }

    /// The template with the query that names records above: `/parts?thing_id={thing}`.
    pub fn scoped_template(&self) -> String {
        let pairs: Vec<String> =
            self.scope.iter().map(|scope| format!("{}={{{}}}", scope.name, scope.resource)).collect();
        if pairs.is_empty() { self.template.clone() } else { format!("{}?{}", self.template, pairs.join("&")) }
    }

    /// As the report shows it.
    pub fn binding(&self) -> Binding {
        Binding {
            operation: self.id.clone(),
            method: self.method.clone(),
            path: self.scoped_template(),
            source: Some(self.source),
            confidence: self.confidence,
            proof: self.proof.clone(),
            fields: self.fields.iter().map(|(id, wire)| (id.clone(), wire.name.clone())).collect(),
        }
    }
}

/// Percent-encodes everything but unreserved characters (RFC 3986, 2.3).
pub fn encode_segment(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
