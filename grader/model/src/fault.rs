//! Why a run did not get to the end of the line, and whose doing that was.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose doing a fault is. Only the candidate's own costs points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FaultSide {
    /// Scored, with the reason.
    Candidate,
    /// The grader's or the machine's: never costs a point; the run is not graded.
    Grader,
    /// It worked on its day: an unpinned dependency or a registry changed. Left to a reviewer.
    Drift,
    /// Only the sandbox's policy refuses it.
    Policy,
}

/// The stage of the pipeline in which a fault arose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    Clone,
    Inspect,
    Compose,
    Policy,
    Build,
    Up,
    Ready,
    Probe,
    Down,
    Report,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Clone => "clone",
            Stage::Inspect => "inspect",
            Stage::Compose => "compose",
            Stage::Policy => "policy",
            Stage::Build => "build",
            Stage::Up => "up",
            Stage::Ready => "ready",
            Stage::Probe => "probe",
            Stage::Down => "down",
            Stage::Report => "report",
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A fault as reports show it. Stages convert their own error enums into this at the pipeline's edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fault {
    pub side: FaultSide,
    pub stage: Stage,
    /// A stable name such as `build.failed` or `stack.unhealthy`.
    pub code: String,
    /// One sentence for people.
    pub message: String,
    /// Where: a file and line, a service, a URL; empty when there is no such place.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// What to do about it; empty when nothing helps.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
    /// The last lines of the log that shows it, oldest first; at most 40.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    /// Faults found together with this one (all policy refusals are listed at once).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Fault>,
}

impl Fault {
    pub fn new(side: FaultSide, stage: Stage, code: &str, message: impl Into<String>) -> Self {
        Fault {
            side,
            stage,
            code: code.to_owned(),
            message: message.into(),
            place: String::new(),
            hint: String::new(),
            log: Vec::new(),
            also: Vec::new(),
        }
    }

    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Attaches the last 40 of `lines`.
    pub fn log(mut self, lines: Vec<String>) -> Self {
        let from = lines.len().saturating_sub(40);
        self.log = lines[from..].to_vec();
        self
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A message that begins with the place, such as a service's name, says it once.
        if self.place.is_empty() || self.message.starts_with(&self.place) {
            write!(f, "{}: {}", self.code, self.message)
        } else {
            write!(f, "{}: {}: {}", self.code, self.place, self.message)
        }
    }
}
