//! How an abstract operation of an assessment was tied to a real route of a submission.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a binding came from, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BindingSource {
    /// A reviewer's bindings file.
    Reviewer,
    /// The API's own OpenAPI document.
    Openapi,
    /// Routes read from the source.
    Source,
    /// The README.
    Readme,
    /// The spec's candidates, tried live.
    Candidate,
}

/// One bound operation, as the report shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Binding {
    /// The operation's id in the spec, `RESOURCE.ACTION`.
    pub operation: String,
    /// HTTP method; empty when the operation could not be bound.
    pub method: String,
    /// Path template, `{id}` standing for the record's key and `{RESOURCE}` for those of records above, which may stand in a
    /// query; empty when the operation could not be bound.
    pub path: String,
    pub source: Option<BindingSource>,
    /// From 0 (not bound) to 1 (a call worked and its effect was seen).
    pub confidence: f64,
    /// Which call proved it, in a sentence; or why nothing could be bound.
    pub proof: String,
    /// Spec field id to the submission's own name; on creating also the resource above to the member that refers to it.
    #[serde(default, skip_serializing_if = "indexmap::IndexMap::is_empty")]
    pub fields: indexmap::IndexMap<String, String>,
}

impl Binding {
    /// The line that says the same in a bindings file, below `operations:`; empty where nothing was bound.
    ///
    /// Values are JSON strings, which YAML 1.2 reads as they are, whatever a submission calls things.
    pub fn line(&self) -> String {
        if self.path.is_empty() {
            return String::new();
        }
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let fields: Vec<String> =
            self.fields.iter().map(|(field, name)| format!("{field}: {}", quoted(name))).collect();
        let fields = if fields.is_empty() { String::new() } else { format!(", fields: {{ {} }}", fields.join(", ")) };
        format!("{}: {{ method: {}, path: {}{fields} }}", self.operation, self.method, quoted(&self.path))
    }
}
