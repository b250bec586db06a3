//! Puts a report together from what the stages brought.

use grader_model::{
    Binding, Fault, Finding, Level, Note, Outcome, Report, SCHEMA, SpecRef, StackReport, SubmissionRef, Timings,
    ToolRef,
};
use grader_scoring::{matrix, questions, red_flags, scorecard};
use grader_spec::{LoadedSpec, Words, load_questions};
use sha2::{Digest, Sha256};

/// What the stages of one run brought, as far as it came.
#[derive(Debug, Clone)]
pub struct Parts {
    pub submission: SubmissionRef,
    pub outcome: Outcome,
    pub fault: Option<Fault>,
    pub findings: Vec<Finding>,
    pub bindings: Vec<Binding>,
    pub stack: StackReport,
    pub timings: Timings,
    pub notes: Vec<Note>,
}

impl Parts {
    /// What is known of a run before its first stage: it is graded until a fault says otherwise.
    pub fn begin(submission: SubmissionRef) -> Self {
        Parts {
            submission,
            outcome: Outcome::Graded,
            fault: None,
            findings: Vec::new(),
            bindings: Vec::new(),
            stack: StackReport::default(),
            timings: Timings::default(),
            notes: Vec::new(),
        }
    }
}

/// The report of a run. A run that is refused or not graded has no score: its criteria are empty.
pub fn assemble(spec: &LoadedSpec, level: Level, fail_under: Option<f64>, parts: Parts) -> Report {
    let scored = matches!(parts.outcome, Outcome::Graded | Outcome::DoesNotStart);
    let findings: &[Finding] = if scored { &parts.findings } else { &[] };
    let card = scorecard(&spec.spec, level, findings, fail_under, grader_report::diff::text_diff);
    let (criteria, mut score) = if scored { (card.criteria, card.score) } else { (Vec::new(), card.score) };
    if !scored {
        score.passed = None;
    }
    let matrix = if scored { matrix(&criteria) } else { Vec::new() };
    // The bank ships with the binary and is sound, as a test proves; a report without it would still be a report.
    let questions =
        load_questions().map(|bank| questions(&bank, &Words::of(&spec.spec), &criteria, &matrix)).unwrap_or_default();
    Report {
        schema: SCHEMA.to_owned(),
        tool: ToolRef { version: env!("CARGO_PKG_VERSION").to_owned() },
        spec: SpecRef {
            id: spec.spec.id.clone(),
            title: spec.spec.title.clone(),
            version: spec.spec.version.clone(),
            digest: format!("sha256:{:x}", Sha256::digest(&spec.text)),
            level,
        },
        submission: parts.submission,
        outcome: parts.outcome,
        fault: parts.fault,
        score,
        red_flags: red_flags(&criteria),
        matrix,
        questions,
        criteria,
        bindings: parts.bindings,
        stack: parts.stack,
        timings: parts.timings,
        notes: parts.notes,
        overrides: Vec::new(),
    }
}
