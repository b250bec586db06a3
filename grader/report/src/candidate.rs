//! The candidate's view of a report as a value of its own: whoever holds one can tell nothing that a candidate may not
//! know, so that code which publishes (a pull request's check, an action's summary) takes this type and no report.
//!
//! It decides nothing about what is hidden; that is the module `redact`.

use std::collections::BTreeMap;

use grader_model::Report;
use serde::{Deserialize, Serialize};

use crate::options::{Audience, Format, RenderError, RenderOptions, Visibility};
use crate::redact::redact;
use crate::render;

/// The formats that are kept for a candidate; the terminal's is made where the terminal is.
const FORMATS: [Format; 5] = [Format::Json, Format::Html, Format::Markdown, Format::Junit, Format::Sarif];

/// A report as its candidate may see it, with its renderings.
///
/// The renderings are kept beside the report because they cannot be made from it: the points that a finding costs are
/// shares of a weight which hidden probes share as well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateView {
    report: Report,
    /// By file name, such as `report.html`.
    files: BTreeMap<String, String>,
}

impl CandidateView {
    /// Takes everything out of `report` that its candidate may not see, and renders what is left.
    ///
    /// # Errors
    /// [`RenderError`] names the format whose writer failed.
    pub fn of(report: &Report) -> Result<Self, RenderError> {
        let options =
            RenderOptions { audience: Audience::Candidate, visibility: Visibility::Public, ..RenderOptions::default() };
        let mut files = BTreeMap::new();
        for format in FORMATS {
            files.insert(format.file_name().to_owned(), render(report, format, &options)?);
        }
        Ok(CandidateView { report: redact(report, &options)?.into_owned(), files })
    }

    /// The report without what is hidden.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The report rendered as `format`; `None` for the terminal's, which is not kept.
    pub fn file(&self, format: Format) -> Option<&str> {
        self.files.get(format.file_name()).map(String::as_str)
    }

    /// The report as Markdown for a comment.
    pub fn markdown(&self) -> &str {
        self.file(Format::Markdown).unwrap_or_default()
    }
}
