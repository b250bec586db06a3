//! The sandbox policy: which paths of a document may take part in a run, and what is rewritten.
//!
//! # Security
//! An allow-list: a path of the document that no rule names is refused. The policy reads the document and the typed
//! project, nothing else; it must not know engines.

use serde::Serialize;

use crate::document::Place;
use crate::project::Project;

/// A rule's stable identifier, `policy.privileged` for example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct RuleId(pub(crate) &'static str);

impl RuleId {
    /// The identifier as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl std::fmt::Display for RuleId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.0)
    }
}

/// Something that the sandbox does not do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The rule.
    pub rule: RuleId,
    /// File, line, column.
    pub place: Place,
    /// Path in the document, `services.api.privileged`.
    pub path: String,
    /// What is refused and why, in one sentence.
    pub sentence: String,
}

/// Something that the sandbox does differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rewrite {
    /// Path in the document.
    pub path: String,
    /// What the document says.
    pub from: String,
    /// What the sandbox does.
    pub to: String,
    /// Why.
    pub why: String,
}

/// What the policy says of a project.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyOutcome {
    /// The project with the rewrites applied. It may be started only if there are no refusals.
    pub plan: Project,
    /// Everything that is refused, in the order of the document.
    pub refusals: Vec<Refusal>,
    /// Everything that is rewritten, in the order of the document.
    pub rewrites: Vec<Rewrite>,
}
