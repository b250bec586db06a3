//! What a caller chooses about a rendering: the format, who reads it and how wide their terminal is.

use std::fmt;
use std::str::FromStr;

/// The formats that a report can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// The report itself, as `report.schema.json` describes it.
    Json,
    /// One self-contained page.
    Html,
    /// A comment for a pull request (GitHub's dialect).
    Markdown,
    /// JUnit XML, one test suite per criterion.
    Junit,
    /// SARIF 2.1.0.
    Sarif,
    /// A page of text for a terminal.
    Terminal,
}

impl Format {
    pub const ALL: [Format; 6] =
        [Format::Json, Format::Html, Format::Markdown, Format::Junit, Format::Sarif, Format::Terminal];

    /// The name as the command line spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Html => "html",
            Format::Markdown => "markdown",
            Format::Junit => "junit",
            Format::Sarif => "sarif",
            Format::Terminal => "terminal",
        }
    }

    /// The name of the file that a folder of reports keeps this format in.
    pub fn file_name(self) -> &'static str {
        match self {
            Format::Json => "report.json",
            Format::Html => "report.html",
            Format::Markdown => "report.md",
            Format::Junit => "junit.xml",
            Format::Sarif => "report.sarif",
            Format::Terminal => "report.txt",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Format::ALL
            .into_iter()
            .find(|format| format.as_str() == name)
            .ok_or_else(|| UnknownFormat { name: name.to_owned() })
    }
}

/// A format's name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no report format is called {name:?}; there are json, html, markdown, junit, sarif and terminal")]
pub struct UnknownFormat {
    pub name: String,
}

/// Who reads the rendering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Audience {
    /// Sees everything that [`Visibility`] allows.
    #[default]
    Reviewer,
    /// Sees criteria, scores and public probes; never a hidden probe, a question for the interview or the seed,
    /// whatever [`Visibility`] says.
    Candidate,
}

/// Which probes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Visibility {
    #[default]
    All,
    /// Only those that the spec marks public.
    Public,
}

/// The options of a rendering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenderOptions {
    pub audience: Audience,
    pub visibility: Visibility,
    /// Whether the terminal page uses colours. The caller decides (`NO_COLOR`, whether stdout is a terminal).
    pub color: bool,
    /// Columns of the terminal page; less than 40 counts as 40.
    pub width: usize,
}

impl Default for RenderOptions {
    fn default() -> Self {
        RenderOptions { audience: Audience::Reviewer, visibility: Visibility::All, color: false, width: 100 }
    }
}

impl RenderOptions {
    /// Whether probes that the spec hides must stay out.
    pub(crate) fn hides(&self) -> bool {
        self.audience == Audience::Candidate || self.visibility == Visibility::Public
    }

    pub(crate) fn reviewer(&self) -> bool {
        self.audience == Audience::Reviewer
    }
}

/// A writer that could not write a report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The report does not fit JSON (a score that is no number).
    #[error("the report cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the report cannot be written as HTML: {0}")]
    Html(#[from] askama::Error),
    #[error("the report cannot be written as JUnit XML: {0}")]
    Junit(#[from] quick_junit::SerializeError),
    #[error("the cohort cannot be written as CSV: {0}")]
    Csv(#[from] csv::Error),
}
