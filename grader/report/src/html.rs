//! The report as one self-contained page: no script, no request, light and dark, on paper and on a phone.
//!
//! The templates under `templates/` say how it looks and escape what they print; `page` says what there is to print.

mod page;
pub(crate) mod words;

use askama::Template as _;

use self::page::{Page, Shown};
use crate::digest::View;
use crate::options::{RenderError, RenderOptions};

/// The report without a page around it, for a page of somebody's own that has [`STYLE`]. Reviewers' findings have a link to
/// `review` and the probe's id where that is given. Everything is escaped; no script, no style of its own.
///
/// # Errors
/// [`RenderError`], as [`crate::render`].
pub fn html_fragment(
    report: &grader_model::Report,
    options: &RenderOptions,
    review: Option<&str>,
) -> Result<String, RenderError> {
    let view = View::new(report, options)?.harmless()?;
    let shown = Shown { bare: true, review };
    Ok(Page::new(&view, options, shown).render()?)
}

/// The style of pages and fragments.
pub const STYLE: &str = concat!(include_str!("../templates/report.css"), include_str!("../templates/comparison.css"));

pub(crate) fn render(view: &View<'_>, options: &RenderOptions) -> Result<String, RenderError> {
    let view = view.harmless()?;
    Ok(Page::new(&view, options, Shown::default()).render()?)
}
