//! The skill matrix and the questions for the interview as Markdown, for reviewers.

use grader_model::{MatrixCell, Report, RowState};

use super::details;
use super::escape::{code, prose};
use crate::number::decimal;

/// The matrix as a table of areas by levels, with what held each area back.
pub(super) fn skills(text: &mut String, report: &Report) {
    if report.matrix.iter().all(|cell| cell.level.is_none() && cell.stopped_at.is_none()) {
        return;
    }
    text.push_str(
        "### Skills shown\n\n| Area | junior | mid | senior | Held back by |\n| --- | --- | --- | --- | --- |\n",
    );
    for cell in &report.matrix {
        let levels: Vec<String> = grader_model::Level::ALL.into_iter().map(|level| state(cell, level)).collect();
        let ids: Vec<String> = match cell.stopped_at {
            Some(_) => cell.decided_by.iter().take(5).map(|id| code(id)).collect(),
            None => Vec::new(),
        };
        text.push_str(&format!("| {} | {} | {} |\n", prose(&cell.area), levels.join(" | "), ids.join(", ")));
    }
    text.push('\n');
}

fn state(cell: &MatrixCell, level: grader_model::Level) -> String {
    let Some(row) = cell.rows.iter().find(|row| row.level == level) else { return String::new() };
    let points = format!("{} of {}", decimal(row.earned), decimal(row.possible));
    match row.state {
        RowState::Shown => format!("**shown** ({points})"),
        RowState::Stopped => format!("**stopped here** ({points})"),
        RowState::Beyond => format!("beyond the stop ({points})"),
        RowState::NotMeasured => "not measured".to_owned(),
    }
}

/// The questions, each with what led to it and what its answers tell.
pub(super) fn questions(text: &mut String, report: &Report) {
    if report.questions.is_empty() {
        return;
    }
    let mut body = String::new();
    for (number, question) in (1..).zip(&report.questions) {
        let because: Vec<String> = question.because.iter().map(|id| code(id)).collect();
        body.push_str(&format!(
            "{number}. **{}** ({}, {}; {})\n",
            prose(&question.question),
            prose(&question.area),
            question.level,
            because.join(", ")
        ));
        for (name, words) in [("Seen", &question.seen), ("Strong", &question.strong), ("Weak", &question.weak)] {
            if !words.is_empty() {
                body.push_str(&format!("   - {name}: {}\n", prose(words)));
            }
        }
    }
    details(text, &format!("{} questions for the interview", report.questions.len()), &body);
}
