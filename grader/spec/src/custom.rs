//! Probes that a spec writes in place: steps of requests and statements, what they must answer, and what later steps take
//! from the answers.
//!
//! These are the words and their check. Sending them is the harness's business; nothing here does I/O.

mod check;
mod expect;
mod template;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use check::check;
pub use expect::{Miss, Seen, first};
pub use template::{Part, Template, parts, reference};

/// What the ids of such probes begin with; the catalogue has none of them.
pub const PREFIX: &str = "custom.";
/// Steps of one probe.
pub const MOST_STEPS: usize = 30;
/// How often one step is sent at the most.
pub const MOST_TIMES: u32 = 50;

/// A probe written in a spec.
///
/// A step without `expect` is a control: it has to succeed before anything is concluded, and where it does not, the probe
/// is blocked by what is missing and not failed. A step with `expect` decides.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomProbe {
    /// The sentence that holds when it passes, such as "Strangers are refused with 403".
    pub title: String,
    /// Names for values that are made once, before the first step, so that several steps mean the same fresh value. Later
    /// ones may use earlier ones.
    #[serde(default, rename = "let", skip_serializing_if = "IndexMap::is_empty")]
    pub let_: IndexMap<String, String>,
    /// Sent one after the other; at most 30.
    pub steps: Vec<Step>,
}

/// One step: exactly one of `operation`, `request` and `sql`.
///
/// Texts may hold `{{ name }}`: what `let` or an earlier step named, `random.text`, `random.word`, `random.name`,
/// `random.email`, `random.number` and `random.uuid` (from the run's seed, another one each time), and `identity`,
/// `password` and `key` of the accounts `user` and `other`. A text that is nothing but one of them keeps the value's type.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// A bound operation, `RESOURCE.ACTION`, whatever its route is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// A request as it is written here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<CustomRequest>,
    /// One statement that only reads (`SELECT` or `WITH`), on the database that the API writes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// Who sends it: `user` unless told.
    #[serde(rename = "as")]
    pub as_: Actor,
    /// Records above the operation's, by resource; those that binding made unless told.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub under: IndexMap<String, String>,
    /// The record that a read, update or delete is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// Values of the operation's fields, by their ids in the spec; fresh ones for all others. A field of kind `account`
    /// takes `user` or `other`.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub with: IndexMap<String, Value>,
    /// Further members of the body, as they are.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub extra: IndexMap<String, Value>,
    /// The name under which the record that a create made is known from here on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub save: Option<String>,
    /// Name to JSONPath (RFC 9535): the first value that it finds in the answer.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub capture: IndexMap<String, String>,
    /// How often it is sent: 1 to 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Whether the repetitions are sent at once.
    pub at_once: bool,
    /// What the answer must be. Without it the step is a control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
}

/// Who sends a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    /// The first account, which makes the records that binding needs.
    #[default]
    User,
    /// A second account that has nothing to do with the first.
    Other,
    /// Nobody: no credentials are sent.
    Anonymous,
    /// The account with more rights, where the submission has one.
    Privileged,
}

/// A request by method and path.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomRequest {
    /// Upper case.
    pub method: String,
    /// Path and query, starting with `/`.
    pub path: String,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    /// A JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

/// What an answer, or the rows of a statement, must be. All of it has to hold.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Statuses of which any will do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<u16>,
    /// For a step that is sent several times: how many answers have a status, such as `{"201": 1}`.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub statuses: IndexMap<String, u32>,
    /// Name to text that the header contains, compared without case; empty for any value.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub headers: IndexMap<String, String>,
    /// What the body holds, by JSONPath.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<BodyExpect>,
    /// A JSON Schema (2020-12) of the body. References outside it are not followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// Milliseconds within which each answer is complete: 1 to 60000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_millis: Option<u64>,
    /// The rows of a statement, each by column name, all values as text; in this order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<IndexMap<String, String>>>,
}

/// One thing that a body holds: exactly one of `equals`, `not`, `exists` and `count`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BodyExpect {
    /// JSONPath (RFC 9535).
    pub path: String,
    /// The first value that it finds; numbers and texts that read alike are equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// A value that none of those it finds equals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<Value>,
    /// Whether it finds anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// How many values it finds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
}
