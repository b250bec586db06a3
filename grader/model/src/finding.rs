//! What one probe hands over.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Evidence, Verdict};

/// A probe's verdict with everything that a reviewer needs to check it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The probe's id in the catalogue, or a custom probe's id in the spec.
    pub probe: String,
    pub verdict: Verdict,
    /// The share of the probe's points that is earned, 0 to 1: 1 for a pass, 0 for a fail, between for a partial.
    pub fraction: f64,
    /// The probe whose finding is the cause, with [`Verdict::Blocked`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
    /// One sentence: what was seen.
    pub summary: String,
    /// What the criterion asks for, as a value or a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub expected: String,
    /// What the submission did, in the same form as `expected`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub actual: String,
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// How often the deciding observation was made.
    pub attempts: u32,
    /// How long the probe took, in milliseconds.
    pub millis: u64,
}

impl Finding {
    fn new(probe: &str, verdict: Verdict, fraction: f64, summary: impl Into<String>) -> Self {
        Finding {
            probe: probe.to_owned(),
            verdict,
            fraction,
            blocked_by: None,
            summary: summary.into(),
            expected: String::new(),
            actual: String::new(),
            evidence: Vec::new(),
            attempts: 1,
            millis: 0,
        }
    }

    pub fn pass(probe: &str, summary: impl Into<String>) -> Self {
        Self::new(probe, Verdict::Pass, 1.0, summary)
    }

    pub fn fail(probe: &str, summary: impl Into<String>) -> Self {
        Self::new(probe, Verdict::Fail, 0.0, summary)
    }

    /// A partial verdict earning `fraction` of the points. A fraction that rounds to a full or an empty score is a
    /// pass or a fail: "partial" never says less than it means.
    pub fn partial(probe: &str, fraction: f64, summary: impl Into<String>) -> Self {
        if fraction >= 0.995 {
            return Self::pass(probe, summary);
        }
        if fraction <= 0.005 {
            return Self::fail(probe, summary);
        }
        Self::new(probe, Verdict::Partial, fraction, summary)
    }

    pub fn not_applicable(probe: &str, why: impl Into<String>) -> Self {
        Self::new(probe, Verdict::NotApplicable, 0.0, why)
    }

    pub fn inconclusive(probe: &str, why: impl Into<String>) -> Self {
        Self::new(probe, Verdict::Inconclusive, 0.0, why)
    }

    pub fn not_measured(probe: &str, why: impl Into<String>) -> Self {
        Self::new(probe, Verdict::NotMeasured, 0.0, why)
    }

    /// Blocked by `cause`, which has (or will have) a finding of its own.
    pub fn blocked(probe: &str, cause: &str, why: impl Into<String>) -> Self {
        let mut finding = Self::new(probe, Verdict::Blocked, 0.0, why);
        finding.blocked_by = Some(cause.to_owned());
        finding
    }

    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    pub fn actual(mut self, actual: impl Into<String>) -> Self {
        self.actual = actual.into();
        self
    }

    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    pub fn evidences(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }
}
