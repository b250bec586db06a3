//! What a worker needs of whoever grades.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::{Report, Snapshot};
use grader_spec::LoadedSpec;
use grader_store::Run;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use crate::config::Secret;

/// A run to grade.
#[derive(Debug, Clone)]
pub struct GradeJob {
    pub run: String,
    /// Where the code is; checked again just now.
    pub source: String,
    /// What the source's server is shown.
    pub key: Option<SourceKey>,
    pub reference: Option<String>,
    pub subdir: Option<String>,
    pub spec: LoadedSpec,
    /// Seniority in place of the spec's.
    pub level: Option<String>,
    /// A bindings file's text.
    pub bindings: Option<String>,
    pub seed: u64,
    /// Where to tell what happens: a short word and a JSON object.
    pub events: UnboundedSender<(&'static str, serde_json::Value)>,
    /// Cancelled when the run is to end early; everything it started is to be torn down then.
    pub cancel: CancellationToken,
}

/// What opens a private source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceKey {
    pub user: String,
    pub secret: Secret,
}

/// Who holds keys to private sources.
#[async_trait]
pub trait SourceKeys: Send + Sync {
    /// What the run's source is fetched with; `None` where that takes none, or none is held.
    ///
    /// # Errors
    /// A sentence for the log; the run is tried again later.
    async fn key(&self, run: &Run) -> Result<Option<SourceKey>, String>;
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct GradeResult {
    pub report: Report,
    /// By service, oldest line first.
    pub logs: Vec<(String, Vec<String>)>,
    /// The graded tree, of which the sources are kept for comparing; `None` where it was not taken in.
    pub tree: Option<Arc<Snapshot>>,
    /// It ended early, because of `cancel`.
    pub interrupted: bool,
}

/// Grades runs.
#[async_trait]
pub trait Grade: Send + Sync {
    /// Grades one run. Never fails: what goes wrong is in the report.
    async fn grade(&self, job: GradeJob) -> GradeResult;

    /// Whether it could grade now; else a sentence that says why not.
    async fn ready(&self) -> Result<(), String>;
}
