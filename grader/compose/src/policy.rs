//! The sandbox policy: which paths of a document may take part in a run, and what is rewritten.
//!
//! # Security
//! An allow-list: a path of the document that no entry of [`table`] names is refused. The policy reads the merged
//! document, the typed project and the kinds of files in the tree, nothing else; it must not know engines.

mod checks;
mod plan;
mod rules;
mod table;
mod tools;
mod walk;

pub use rules::{RULES, RuleId};

use serde::Serialize;

use crate::document::{Document, Place};
use crate::error::{ComposeError, ErrorKind};
use crate::files::{ProjectFiles, ReadError};
use crate::paths::Paths;
use crate::project::Project;

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

impl std::fmt::Display for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {} [{}]: {}", self.place, self.path, self.rule, self.sentence)
    }
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
pub(crate) struct PolicyOutcome {
    /// The project with the rewrites applied. It may be started only if there are no refusals.
    pub(crate) plan: Project,
    /// Everything that is refused, in the order of the document.
    pub(crate) refusals: Vec<Refusal>,
    /// Everything that is rewritten, in the order of the document.
    pub(crate) rewrites: Vec<Rewrite>,
}

/// Applies the policy. `deferred` is what the loader went on without.
pub(crate) fn apply(
    project: Project,
    document: &Document,
    deferred: &[ComposeError],
    paths: &Paths,
    files: &dyn ProjectFiles,
) -> PolicyOutcome {
    let tools = tools::names(&project);
    let project = tools::without(project, &tools);
    let mut walk = walk::Walk::new(paths, files, &project, &tools);
    walk.document(document);
    let (mut refusals, mut rewrites) = walk.finish();
    rewrites.extend(tools::rewrites(document, &tools));
    refusals.extend(deferred.iter().map(refusal));
    refusals.sort_by(|one, other| (&one.place, &one.path).cmp(&(&other.place, &other.path)));
    PolicyOutcome { plan: plan::rewritten(project), refusals, rewrites }
}

/// What the loader could not read for the policy's sake, as a refusal.
fn refusal(error: &ComposeError) -> Refusal {
    let rule = match &*error.kind {
        ErrorKind::LeavesTree(_) => rules::PATH_OUTSIDE,
        ErrorKind::Remote(_) => rules::REMOTE,
        ErrorKind::Unreadable(ReadError::Symlink(_)) => rules::SYMLINK,
        _ => rules::BUDGET,
    };
    Refusal {
        rule: rule.id,
        place: error.place.clone().unwrap_or_else(Place::nowhere),
        path: error.path.clone(),
        sentence: format!("{}: {}", rule.sentence, error.kind),
    }
}
