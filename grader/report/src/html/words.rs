//! The model's vocabulary and figures in the words and classes of the page; what templates call.

use std::borrow::Borrow;

use grader_model::{BindingSource, FaultSide, Level, MatrixCell, MatrixRow, NoteKind, RowState, Verdict, WordState};

pub(crate) use crate::digest::{needs_diff, override_change};
use crate::number;
pub(crate) use crate::text::pretty;

// Templates hand over fields by reference, so these take references to numbers and small enums.

pub(crate) fn decimal(value: &f64) -> String {
    number::decimal(*value)
}

/// `1 probe`, `4 probes`; a field comes by reference, a length by value.
pub(crate) fn count(number: impl Borrow<usize>, noun: &str) -> String {
    number::count(*number.borrow(), noun)
}

pub(crate) fn duration(millis: &u64) -> String {
    number::duration(*millis)
}

/// A line of a unified diff and the class that colours it.
pub(crate) struct DiffLine<'a> {
    pub(crate) class: &'static str,
    pub(crate) text: &'a str,
}

pub(crate) fn diff_lines(diff: &str) -> Vec<DiffLine<'_>> {
    diff.lines()
        .enumerate()
        // The file names of the header: the legend says them.
        .filter(|(index, line)| !(*index < 2 && (line.starts_with("---") || line.starts_with("+++"))))
        .map(|(_, text)| DiffLine {
            class: match text.as_bytes().first() {
                Some(b'+') => "add",
                Some(b'-') => "del",
                Some(b'@') => "hunk",
                _ => "same",
            },
            text,
        })
        .collect()
}

/// The beginning of a statement or an address, on one line; the whole stands below it.
pub(crate) fn glance(text: &str) -> String {
    const GLANCE: usize = 72;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(GLANCE) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// The cell of the skill matrix for `level`: its class and the word under it.
pub(crate) fn skill(cell: &MatrixCell, level: &Level) -> (&'static str, &'static str) {
    if let Some(row) = row(cell, level) {
        return match row.state {
            RowState::Shown => ("reached", "shown"),
            RowState::Stopped => ("stopped", "stopped here"),
            RowState::Beyond => ("open", "beyond the stop"),
            RowState::NotMeasured => ("open", "not measured"),
        };
    }
    // A report of an earlier version has no rows.
    if cell.level.is_some_and(|reached| *level <= reached) {
        ("reached", "shown")
    } else if cell.stopped_at == Some(*level) {
        ("stopped", "stopped here")
    } else {
        ("open", "not shown")
    }
}

/// The matrix' row of a level.
pub(crate) fn row<'a>(cell: &'a MatrixCell, level: &Level) -> Option<&'a MatrixRow> {
    cell.rows.iter().find(|row| row.level == *level)
}

/// Whether a row names what held it back.
pub(crate) fn held_back(row: &MatrixRow) -> bool {
    row.state == RowState::Stopped && !row.decided_by.is_empty()
}

/// A fragment identifier made of an id: whatever an id holds, no blank and no quote.
pub(crate) fn anchor(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect()
}

pub(crate) fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Partial => "partial",
        Verdict::Fail => "fail",
        Verdict::NotApplicable => "not applicable",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Blocked => "blocked",
        Verdict::NotMeasured => "not measured",
    }
}

pub(crate) fn word_state(state: &WordState) -> &'static str {
    crate::digest::word_state(*state)
}

pub(crate) fn side_word(side: &FaultSide) -> &'static str {
    match side {
        FaultSide::Candidate => "the submission’s own",
        FaultSide::Grader => "the grader’s or its machine’s; costs nothing",
        FaultSide::Drift => "the world changed since; for a reviewer to judge",
        FaultSide::Policy => "the sandbox’s policy; costs nothing",
    }
}

pub(crate) fn source_word(source: &Option<BindingSource>) -> &'static str {
    match source {
        Some(BindingSource::Reviewer) => "reviewer",
        Some(BindingSource::Openapi) => "OpenAPI",
        Some(BindingSource::Source) => "source code",
        Some(BindingSource::Readme) => "README",
        Some(BindingSource::Candidate) => "spec’s candidates",
        None => "—",
    }
}

pub(crate) fn note_word(kind: &NoteKind) -> &'static str {
    match kind {
        NoteKind::Submission => "submission",
        NoteKind::Environment => "environment",
        NoteKind::Binding => "binding",
        NoteKind::Observation => "observation",
    }
}

/// The class of an HTTP status' colour.
pub(crate) fn status_class(status: &u16) -> &'static str {
    match status {
        200..400 => "good",
        400..500 => "warn",
        _ => "bad",
    }
}

/// A share as whole percent.
pub(crate) fn percent(share: &f64) -> String {
    format!("{:.0} %", (share * 100.0).clamp(0.0, 100.0))
}
