//! The closed set of what a probe can conclude.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a probe concluded. A run yields exactly one per probe of the spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The behaviour was demonstrated.
    Pass,
    /// Demonstrated in part; the finding says which fraction of the points it earns.
    Partial,
    /// Asked for and not demonstrated, after a positive control showed that the grader can tell.
    Fail,
    /// The spec does not ask for it of this submission. Leaves the denominator.
    NotApplicable,
    /// The grader could not tell, by its own trouble. Leaves the denominator and is shown first to a reviewer.
    Inconclusive,
    /// Another probe's finding is the cause. Earns nothing and is no finding of its own.
    Blocked,
    /// The probe is in the spec but this version of the grader does not measure it. Leaves the denominator visibly.
    NotMeasured,
}

impl Verdict {
    /// The stable name, as reports and `truth.yaml` spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Partial => "partial",
            Verdict::Fail => "fail",
            Verdict::NotApplicable => "not_applicable",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Blocked => "blocked",
            Verdict::NotMeasured => "not_measured",
        }
    }

    /// Whether the probe's points stand in the denominator.
    pub fn applies(self) -> bool {
        matches!(self, Verdict::Pass | Verdict::Partial | Verdict::Fail | Verdict::Blocked)
    }

    /// Whether a reviewer has something to read: a defect found by this probe itself.
    pub fn is_negative(self) -> bool {
        matches!(self, Verdict::Partial | Verdict::Fail)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
