//! The results of a cohort as CSV (RFC 4180), for spreadsheets.
//!
//! # Security
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a formula. Every text
//! that could is given an apostrophe before it, as OWASP advises; numbers are written by this module and need none.

use grader_model::{Level, Outcome, Report};

use crate::number::decimal;
use crate::options::RenderError;
use crate::text::sentence;

/// One submission of a cohort.
#[derive(Debug, Clone, PartialEq)]
pub struct CohortRow {
    /// Who handed it in, as the reader may see it.
    pub candidate: String,
    pub source: String,
    pub commit: String,
    pub level: Level,
    pub outcome: Outcome,
    /// Absent for a run that was not scored.
    pub percent: Option<f64>,
    /// The percentile rank in the cohort, 0 to 100; absent for a run that was not scored.
    pub percentile: Option<f64>,
    /// Title, earned and possible points of each criterion.
    pub criteria: Vec<(String, f64, f64)>,
    /// Titles.
    pub red_flags: Vec<String>,
}

impl CohortRow {
    /// The row of a report, whose place in the cohort is not known yet.
    pub fn new(candidate: impl Into<String>, report: &Report) -> Self {
        let scored = matches!(report.outcome, Outcome::Graded | Outcome::DoesNotStart);
        CohortRow {
            candidate: candidate.into(),
            source: report.submission.source.clone(),
            commit: report.submission.commit.clone(),
            level: report.spec.level,
            outcome: report.outcome,
            percent: scored.then_some(report.score.percent),
            percentile: None,
            criteria: report
                .criteria
                .iter()
                .map(|criterion| (criterion.title.clone(), criterion.earned, criterion.possible))
                .collect(),
            red_flags: report.red_flags.iter().map(|flag| flag.title.clone()).collect(),
        }
    }
}

/// The rows as CSV with a header. A criterion has a column of percent, in the order in which rows first name it; what was
/// not measured is empty.
///
/// # Errors
/// [`RenderError::Csv`] where the writer fails; nothing in a row is known to provoke it.
pub fn cohort_csv(rows: &[CohortRow]) -> Result<String, RenderError> {
    let mut titles: Vec<&str> = Vec::new();
    for (title, _, _) in rows.iter().flat_map(|row| &row.criteria) {
        if !titles.contains(&title.as_str()) {
            titles.push(title);
        }
    }
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let fixed = ["candidate", "source", "commit", "level", "outcome", "percent", "percentile"];
    let header = fixed.iter().map(|name| (*name).to_owned()).chain(titles.iter().map(|title| inert(title)));
    csv.write_record(header.chain(["red flags".to_owned()]))?;
    for row in rows {
        let number = |value: Option<f64>| value.map(decimal).unwrap_or_default();
        let mut record = vec![
            inert(&row.candidate),
            inert(&row.source),
            inert(&row.commit),
            row.level.to_string(),
            row.outcome.as_str().to_owned(),
            number(row.percent),
            number(row.percentile),
        ];
        record.extend(titles.iter().map(|title| {
            let found = row.criteria.iter().find(|(name, _, possible)| name == title && *possible > 0.0);
            number(found.map(|(_, earned, possible)| earned * 100.0 / possible))
        }));
        record.push(inert(&row.red_flags.join("; ")));
        csv.write_record(record)?;
    }
    let bytes = csv.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    // Written from strings, so nothing is lost here.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A text that no spreadsheet takes for a formula.
fn inert(text: &str) -> String {
    // What begins a formula counts before the whitespace goes: a tab is one of them.
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠', '|', '%']);
    let text = sentence(text);
    if formula || text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '|', '%']) {
        format!("'{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(candidate: &str) -> CohortRow {
        CohortRow {
            candidate: candidate.to_owned(),
            source: "https://git.example/a.git".to_owned(),
            commit: "4f0c".to_owned(),
            level: Level::Mid,
            outcome: Outcome::Graded,
            percent: Some(61.63),
            percentile: Some(50.0),
            criteria: vec![("API design".to_owned(), 10.0, 20.0), ("Testing".to_owned(), 0.0, 0.0)],
            red_flags: vec!["Forged tokens".to_owned(), "-Second".to_owned()],
        }
    }

    #[test]
    fn a_cohort_is_a_table() {
        let mut other = row("Doe, \"Jane\"");
        other.outcome = Outcome::NotGraded;
        (other.percent, other.percentile) = (None, None);
        other.criteria = vec![("Extra".to_owned(), 1.0, 4.0)];
        assert_eq!(
            cohort_csv(&[row("Ada"), other]).expect("CSV"),
            "candidate,source,commit,level,outcome,percent,percentile,API design,Testing,Extra,red flags\r\n\
             Ada,https://git.example/a.git,4f0c,mid,graded,61.63,50,50,,,Forged tokens; -Second\r\n\
             \"Doe, \"\"Jane\"\"\",https://git.example/a.git,4f0c,mid,not_graded,,,,,25,Forged tokens; -Second\r\n"
        );
    }

    #[test]
    fn no_cell_is_a_formula() {
        for hostile in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1", "|x", "%x", "\n=1"]
        {
            let mut row = row(hostile);
            row.red_flags = vec![hostile.to_owned()];
            row.criteria = vec![(hostile.to_owned(), 1.0, 2.0)];
            let csv = cohort_csv(&[row]).expect("CSV");
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
            for record in reader.records() {
                for cell in record.expect("a record").iter() {
                    assert!(!cell.trim_start().starts_with(['=', '+', '-', '@', '\t', '＝', '|', '%']), "{cell:?}");
                    assert!(!cell.contains(['\r', '\n', '\t']), "{cell:?}");
                }
            }
        }
    }
}
