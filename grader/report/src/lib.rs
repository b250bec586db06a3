//! Turns a report into what people and programs read: HTML, Markdown, a terminal page, JSON, JUnit and SARIF.
//!
//! Every renderer is a pure function of one [`Report`] and [`RenderOptions`]; what an audience may not see is taken out
//! of the report before any renderer starts. Nothing here opens a file, asks the environment or decides a point.
//!
//! # Security
//! Whatever a report quotes from a submission is hostile text. Each format escapes it by its own rules, on top of
//! the module `text`, which makes control and direction-changing characters visible and bounds lengths. JSON alone is the
//! report unabridged, with those characters written as escapes.

mod candidate;
mod cohort;
mod compare;
pub mod diff;
mod digest;
mod html;
mod json;
mod junit;
mod markdown;
mod number;
mod options;
mod redact;
mod reproduce;
mod sarif;
mod schema;
mod similarity;
mod terminal;
#[cfg(feature = "testing")]
pub mod testing;
mod text;

use grader_model::Report;

use crate::digest::View;

pub use candidate::CandidateView;
pub use cohort::{CohortRow, cohort_csv};
pub use compare::{
    COMPARISON_SCHEMA, Change, CodeChange, Comparison, ComparisonFormat, CriterionChange, Earned, FileChange,
    FileChangeKind, Movement, Side, UnknownComparisonFormat, code_change, compare, comparison_fragment,
    render_comparison,
};
pub use html::{STYLE, html_fragment};
pub use options::{Audience, Format, RenderError, RenderOptions, UnknownFormat, Visibility};
pub use schema::report_schema;
pub use similarity::{render_similarity, similarity_fragment};
pub use text::{break_commands, stand_in};

/// Renders `report` as `format`.
///
/// The same report and options always give the same bytes.
///
/// # Errors
/// [`RenderError`] names the format whose writer failed; no content of a report is known to provoke one.
pub fn render(report: &Report, format: Format, options: &RenderOptions) -> Result<String, RenderError> {
    let view = View::new(report, options)?;
    match format {
        Format::Json => json::render(&view.report),
        Format::Html => html::render(&view, options),
        Format::Markdown => Ok(markdown::render(&view, options)),
        Format::Junit => junit::render(&view),
        Format::Sarif => sarif::render(&view),
        Format::Terminal => Ok(terminal::render(&view, options)),
    }
}
