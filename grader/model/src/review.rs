//! Reviewers' words on probes, as reports show them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Verdict;

/// What became of a reviewer's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WordState {
    /// The score counts it.
    Applied,
    /// It was said of other evidence than this run shows; the score does not count it until somebody says it again.
    Stale,
    /// Reviewers disagree; the grader's own verdict stands until they do not.
    Disputed,
}

/// A reviewer's word on a probe: another verdict, other points, or agreement with the grader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewerWord {
    pub probe: String,
    pub verdict: Verdict,
    /// Points inside the criterion, where the verdict alone does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<f64>,
    pub reason: String,
    pub author: String,
    /// When it was said, as RFC 3339 writes it.
    pub at: String,
    pub state: WordState,
    /// What the grader itself had concluded.
    pub graded_verdict: Verdict,
    /// What the probe had earned by that.
    pub graded_earned: f64,
}
