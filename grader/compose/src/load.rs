//! The way from a tree of files to a project and what the policy says of it.

use indexmap::IndexMap;

use crate::document::{Document, Place};
use crate::error::ComposeErrors;
use crate::files::{ProjectFiles, RelPath};
use crate::policy::{Refusal, Rewrite};
use crate::project::Project;

/// Bytes that interpolation and environment files may make, over all texts of a project.
pub(crate) const MADE_BYTES: usize = 4 * 1024 * 1024;

/// How a project is loaded.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The project's name, in place of the document's `name` and of the folder's.
    pub project_name: Option<String>,
    /// The name if neither the caller nor the document gives one: that of the submission's folder.
    pub fallback_name: String,
    /// The compose files to merge, in order, in place of those found.
    pub files: Vec<RelPath>,
    /// Profiles that are enabled.
    pub profiles: Vec<String>,
    /// Variables that go before those of `.env`. A grading run passes none: a submission sees nothing of the grader's.
    pub environment: IndexMap<String, String>,
    /// How the root of the tree is shown in a printed model; paths outside are resolved against it too.
    pub shown_root: String,
    /// Upper limits of what is read.
    pub budget: Budget,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            project_name: None,
            fallback_name: "submission".to_owned(),
            files: Vec::new(),
            profiles: Vec::new(),
            environment: IndexMap::new(),
            shown_root: "/submission".to_owned(),
            budget: Budget::default(),
        }
    }
}

/// Upper limits of what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of one file.
    pub bytes: usize,
    /// Nodes of one document after aliases and merge keys are expanded.
    pub nodes: usize,
    /// Nesting.
    pub depth: usize,
    /// Files read in total: overrides, includes, extended files, environment files.
    pub files: usize,
}

impl Default for Budget {
    /// 256 KiB, 10,000 nodes, 64 levels, 64 files.
    fn default() -> Self {
        Self { bytes: 256 * 1024, nodes: 10_000, depth: 64, files: 64 }
    }
}

/// A project that could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The plan: the project with the policy's rewrites applied. Start it only if `refusals` is empty.
    pub project: Project,
    /// The merged document: what the project was before the policy.
    pub document: Document,
    /// The compose file that was found (the first, if several were merged).
    pub file: RelPath,
    /// Its folder: where relative paths begin.
    pub directory: RelPath,
    /// All files that took part, in the order they were read.
    pub files: Vec<RelPath>,
    /// What a reader should know.
    pub notes: Vec<Note>,
    /// What the policy refuses.
    pub refusals: Vec<Refusal>,
    /// What the policy rewrites.
    pub rewrites: Vec<Rewrite>,
}

/// Something that a reader of the report should know about how the project was read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// Stable identifier, `env.example_taken` for example.
    pub code: &'static str,
    /// Where, if it has a place.
    pub place: Option<Place>,
    /// One sentence.
    pub sentence: String,
}
