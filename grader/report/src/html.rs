//! The report as one self-contained page: no script, no request, light and dark, on paper and on a phone.
//!
//! The templates under `templates/` say how it looks and escape what they print; `page` says what there is to print.

mod page;
mod words;

use askama::Template as _;

use self::page::Page;
use crate::digest::View;
use crate::options::{RenderError, RenderOptions};

pub(crate) fn render(view: &View<'_>, options: &RenderOptions) -> Result<String, RenderError> {
    let view = view.harmless()?;
    Ok(Page::new(&view, options).render()?)
}
