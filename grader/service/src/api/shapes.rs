//! Records as the API shows them. Fields are only ever added.

use grader_store::{Run, RunState, Submission, Summary};
use serde::Serialize;
use utoipa::ToSchema;

/// A run of a submission.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RunShape {
    pub(crate) id: String,
    pub(crate) submission: String,
    pub(crate) candidate: Option<String>,
    /// Absent without a candidate, and while a blind reviewer has not decided.
    pub(crate) candidate_name: Option<String>,
    pub(crate) source: String,
    pub(crate) reference: Option<String>,
    /// From 1 within its submission.
    pub(crate) number: i64,
    /// The assessment's name, and the digest of the version that it is graded by.
    pub(crate) spec: String,
    pub(crate) spec_digest: String,
    pub(crate) seed: u64,
    #[schema(value_type = String, example = "queued")]
    pub(crate) state: RunState,
    /// How many runs are taken before this one, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<i64>,
    pub(crate) cancel_requested: bool,
    pub(crate) requested_by: String,
    pub(crate) queued_at: String,
    pub(crate) started_at: Option<String>,
    pub(crate) finished_at: Option<String>,
    /// `graded`, `does_not_start`, `refused` or `not_graded`, once it is finished.
    pub(crate) outcome: Option<String>,
    pub(crate) commit: Option<String>,
    /// The score as graded, in percent, before any override.
    pub(crate) graded_percent: Option<f64>,
    /// The score as it stands, in percent.
    pub(crate) percent: Option<f64>,
    pub(crate) passed: Option<bool>,
    #[schema(value_type = Option<Object>)]
    pub(crate) summary: Option<Summary>,
    pub(crate) version: i64,
}

impl From<Run> for RunShape {
    fn from(run: Run) -> Self {
        RunShape {
            id: run.id,
            submission: run.submission,
            candidate: run.candidate,
            candidate_name: run.candidate_name,
            source: run.source,
            reference: run.reference,
            number: run.number,
            spec: run.spec,
            spec_digest: run.spec_digest,
            seed: run.seed,
            state: run.state,
            position: None,
            cancel_requested: run.cancel_requested,
            requested_by: run.requested_by,
            queued_at: run.queued_at.to_string(),
            started_at: run.started_at.map(|at| at.to_string()),
            finished_at: run.finished_at.map(|at| at.to_string()),
            outcome: run.outcome,
            commit: run.commit,
            graded_percent: run.graded_percent,
            percent: run.percent,
            passed: run.passed,
            summary: run.summary,
            version: run.version,
        }
    }
}

/// A submission.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SubmissionShape {
    pub(crate) id: String,
    pub(crate) candidate: Option<String>,
    pub(crate) candidate_name: Option<String>,
    pub(crate) source: String,
    pub(crate) reference: Option<String>,
    pub(crate) subdir: Option<String>,
    pub(crate) spec: String,
    pub(crate) level: Option<String>,
    pub(crate) bindings: Option<String>,
    /// How many runs it has had.
    pub(crate) runs: i64,
    pub(crate) created_by: String,
    pub(crate) created_at: String,
}

impl From<Submission> for SubmissionShape {
    fn from(submission: Submission) -> Self {
        SubmissionShape {
            id: submission.id,
            candidate: submission.candidate,
            candidate_name: submission.candidate_name,
            source: submission.source,
            reference: submission.reference,
            subdir: submission.subdir,
            spec: submission.spec,
            level: submission.level,
            bindings: submission.bindings,
            runs: submission.runs,
            created_by: submission.created_by,
            created_at: submission.created_at.to_string(),
        }
    }
}
