//! The report, schema `grader.report/1`: the one view of a run from which every format is rendered.
//!
//! Fields are only ever added. Times are milliseconds. Same tree, spec and seed give the same report but for times.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Binding, Evidence, Fault, Level, ReviewerWord, Verdict, Visibility};

/// The value of `schema` in every report of this shape.
pub const SCHEMA: &str = "grader.report/1";

/// The whole report of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: String,
    pub tool: ToolRef,
    pub spec: SpecRef,
    pub submission: SubmissionRef,
    pub outcome: Outcome,
    /// Why the run did not reach its end; absent for `graded`.
    pub fault: Option<Fault>,
    pub score: Score,
    pub criteria: Vec<CriterionReport>,
    pub red_flags: Vec<RedFlag>,
    pub matrix: Vec<MatrixCell>,
    /// Where an interview should start.
    pub questions: Vec<Question>,
    pub bindings: Vec<Binding>,
    pub stack: StackReport,
    pub timings: Timings,
    /// What a reviewer should know and no verdict says.
    pub notes: Vec<Note>,
    /// What reviewers said of its probes; scores and verdicts above are with those that are applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<ReviewerWord>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolRef {
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SpecRef {
    pub id: String,
    pub title: String,
    pub version: String,
    /// `sha256:` and the hex digest of the spec file's bytes.
    pub digest: String,
    pub level: Level,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubmissionRef {
    /// The source as given, without credentials.
    pub source: String,
    /// Hex id of the graded commit; empty for a folder without git.
    pub commit: String,
    /// Hex id of the graded tree; empty when nothing could be read.
    pub tree: String,
    /// The folder inside the repository that was graded; empty for its root.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subdir: String,
    /// The seed that the probes' own data came from.
    pub seed: u64,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Graded,
    /// The submission's own fault; scored on what can be seen.
    DoesNotStart,
    /// Only the sandbox's policy refuses it; not scored.
    Refused,
    /// The grader's or the machine's fault; not scored.
    NotGraded,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Graded => "graded",
            Outcome::DoesNotStart => "does_not_start",
            Outcome::Refused => "refused",
            Outcome::NotGraded => "not_graded",
        }
    }
}

/// The weighted score. All numbers are rounded to two decimals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Score {
    pub earned: f64,
    /// The sum of the weights of the criteria that have anything measured.
    pub possible: f64,
    /// 100 x earned / possible; 0 when nothing was measured.
    pub percent: f64,
    /// The threshold that was asked for, in percent.
    pub fail_under: Option<f64>,
    /// Absent without a threshold.
    pub passed: Option<bool>,
    /// Percent that would be reached if every blocked probe passed: the score once its causes are mended.
    pub if_unblocked: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CriterionReport {
    pub id: String,
    pub title: String,
    pub weight: f64,
    /// `weight` x points earned / points that apply.
    pub earned: f64,
    /// `weight`, or 0 when no point applies.
    pub possible: f64,
    pub probes: Vec<ProbeReport>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeReport {
    pub id: String,
    /// What the probe observes, in the catalogue's words.
    pub title: String,
    pub verdict: Verdict,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
    /// Points inside the criterion that the spec gives to this probe.
    pub points: f64,
    pub earned: f64,
    /// Whether the points count at the report's level; a probe above it is shown only.
    pub counts: bool,
    pub visibility: Visibility,
    pub level: Level,
    pub summary: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub expected: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub actual: String,
    /// Unified diff of expected against actual; empty where either is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub diff: String,
    pub evidence: Vec<Evidence>,
    pub attempts: u32,
    pub millis: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RedFlag {
    pub id: String,
    pub title: String,
    /// The probes whose findings raise it.
    pub probes: Vec<String>,
    pub summary: String,
    /// What a reviewer checks it by: the first pieces of evidence of those findings.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
}

/// One area of the skill matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatrixCell {
    pub area: String,
    /// The highest level of which this and all lower ones hold; absent when not even junior was shown.
    pub level: Option<Level>,
    /// The level at which the evidence stopped; absent when senior was reached or nothing was measured.
    pub stopped_at: Option<Level>,
    /// The probes that decided it.
    pub decided_by: Vec<String>,
    /// The three levels of the area, junior first.
    #[serde(default)]
    pub rows: Vec<MatrixRow>,
}

/// One level of one area.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatrixRow {
    pub level: Level,
    /// What somebody at this level shows, in a few words.
    pub expects: String,
    pub state: RowState,
    /// Points earned by the measured probes of this level in this area, at whatever level the report is graded for.
    pub earned: f64,
    /// Points of those probes; 0 when nothing was measured.
    pub possible: f64,
    /// The probes that decided the state: those that held it back where it stopped, else all that were measured.
    pub decided_by: Vec<String>,
}

/// How far the evidence carries a level of an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// This level and all lower ones hold.
    Shown,
    /// The lowest level that does not hold: here the knowledge stopped.
    Stopped,
    /// Lies above the stop; what was seen at this level carries nobody past it.
    Beyond,
    NotMeasured,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    pub area: String,
    pub level: Level,
    pub question: String,
    /// What was seen that leads to it, in one sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seen: String,
    /// What a strong answer contains.
    pub strong: String,
    /// What a weak answer sounds like.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub weak: String,
    /// The probes whose evidence led to it.
    pub because: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct StackReport {
    pub services: Vec<ServiceReport>,
    pub rewrites: Vec<Rewrite>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceReport {
    pub name: String,
    pub image: String,
    pub built: bool,
    /// The role that the grader saw it in: `api`, `database`, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// Set when a base image was one of the project's stand-ins.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stand_in: bool,
}

/// What the sandbox changed in the compose file, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rewrite {
    /// Path in the document, such as `services.api.ports[0]`.
    pub path: String,
    pub from: String,
    pub to: String,
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Timings {
    pub clone: u64,
    pub build: u64,
    pub up: u64,
    pub probe: u64,
    pub down: u64,
    pub total: u64,
}

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoteKind {
    /// The checkout, the compose file or `.env`.
    Submission,
    /// The machine or the sandbox, such as a stand-in base image.
    Environment,
    /// A binding, or an operation that could not be bound; `ask` holds the line for the bindings file.
    Binding,
    /// Observed by a probe and not charged.
    Observation,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    pub kind: NoteKind,
    pub text: String,
    /// A line for a reviewer to paste into the bindings file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ask: String,
}

impl Note {
    pub fn new(kind: NoteKind, text: impl Into<String>) -> Self {
        Note { kind, text: text.into(), ask: String::new() }
    }
}
