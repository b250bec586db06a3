//! What a pull request is told of a run: title, summary, text, annotations, conclusion and comment, all made from the
//! candidate's view and from nothing else.
//!
//! It holds the lengths that GitHub takes; the Markdown itself comes from `grader-report`, where a submission's text was
//! escaped.

use grader_model::{Evidence, Outcome, ProbeReport, Report, Verdict};
use grader_report::CandidateView;
use url::Url;

use crate::escape::{plain, plain_line};
use crate::limits::{
    ANNOTATION_MESSAGE, ANNOTATION_TITLE, ANNOTATIONS, Measure, TEXT, cut_bytes, cut_chars, cut_markdown,
};

/// Around the assessment's id in the first line of our comment.
pub(crate) const MARKER_START: &str = "<!-- grader:report ";
pub(crate) const MARKER_END: &str = " -->";
/// Characters that the marker's line takes of a comment.
const MARKER_LINE: usize = 200;

/// How a check run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    Success,
    Failure,
    /// The grader's own trouble: it costs nobody anything.
    Neutral,
    Cancelled,
}

impl Conclusion {
    pub fn as_str(self) -> &'static str {
        match self {
            Conclusion::Success => "success",
            Conclusion::Failure => "failure",
            Conclusion::Neutral => "neutral",
            Conclusion::Cancelled => "cancelled",
        }
    }

    /// The conclusion of a finished run. A run without a threshold succeeds by being graded.
    pub fn of(report: &Report) -> Self {
        match (report.outcome, report.score.passed) {
            (Outcome::Graded, None | Some(true)) => Conclusion::Success,
            (Outcome::Graded, Some(false)) | (Outcome::DoesNotStart | Outcome::Refused, _) => Conclusion::Failure,
            (Outcome::NotGraded, _) => Conclusion::Neutral,
        }
    }
}

/// How much an annotation matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnnotationLevel {
    Failure,
    Warning,
    Notice,
}

impl AnnotationLevel {
    /// As check runs spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            AnnotationLevel::Failure => "failure",
            AnnotationLevel::Warning => "warning",
            AnnotationLevel::Notice => "notice",
        }
    }

    /// As workflow commands spell it.
    pub fn command(self) -> &'static str {
        match self {
            AnnotationLevel::Failure => "error",
            AnnotationLevel::Warning => "warning",
            AnnotationLevel::Notice => "notice",
        }
    }
}

/// A remark at a line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// From the repository's root.
    pub path: String,
    /// From 1.
    pub line: u32,
    pub level: AnnotationLevel,
    pub title: String,
    pub message: String,
}

/// What is told of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub title: String,
    /// Markdown, at most [`TEXT`] characters.
    pub summary: String,
    /// Markdown, at most [`TEXT`] characters.
    pub text: String,
    /// The costliest first, at most [`ANNOTATIONS`].
    pub annotations: Vec<Annotation>,
    pub conclusion: Conclusion,
    /// Where the whole can be read.
    pub details: Option<String>,
    /// The comment's Markdown without its marker.
    pub comment: String,
}

impl Told {
    /// What a finished run's candidate may be told. `link` leads to the whole report.
    pub fn of(view: &CandidateView, link: Option<&Url>) -> Self {
        let report = view.report();
        let link = link.map(Url::as_str);
        let title = title(report);
        Told {
            summary: format!("{}\n", summary(report)),
            text: cut_markdown(view.markdown(), TEXT, Measure::Characters, link),
            annotations: annotations(report),
            conclusion: Conclusion::of(report),
            details: link.map(str::to_owned),
            comment: cut_markdown(&comment(view, link), TEXT - MARKER_LINE, Measure::Characters, link),
            title,
        }
    }

    /// What is told of a run that nobody waits for any more.
    pub fn cancelled() -> Self {
        let summary = "The pull request moved on, or was closed, before this commit was graded.";
        Told {
            title: "Not graded: superseded or closed".to_owned(),
            summary: summary.to_owned(),
            text: String::new(),
            annotations: Vec::new(),
            conclusion: Conclusion::Cancelled,
            details: None,
            comment: String::new(),
        }
    }

    /// What is told of a run that failed by the grader's own doing and has no report.
    pub fn lost() -> Self {
        Told {
            title: "Not graded: the grader or its machine failed".to_owned(),
            summary: "This costs the submission nothing. Ask for the check again, or push.".to_owned(),
            conclusion: Conclusion::Neutral,
            ..Told::cancelled()
        }
    }
}

/// The run in one line of plain text.
pub fn title(report: &Report) -> String {
    let percent = report.score.percent;
    match report.outcome {
        Outcome::Graded => match (report.score.fail_under, report.score.passed) {
            (Some(bound), Some(true)) => format!("{percent:.1} % (at least {bound} % asked for)"),
            (Some(bound), _) => format!("{percent:.1} %, below the {bound} % asked for"),
            (None, _) => format!("{percent:.1} %"),
        },
        Outcome::DoesNotStart => format!("{percent:.1} %: the submission does not start"),
        Outcome::Refused => "Not scored: refused by the sandbox's policy".to_owned(),
        Outcome::NotGraded => "Not graded: the grader or its machine failed".to_owned(),
    }
}

fn summary(report: &Report) -> String {
    let mut text = format!("**{}**", title(report));
    if report.outcome == Outcome::NotGraded {
        text.push_str(" This costs the submission nothing. Ask for the check again, or push.");
    }
    text
}

fn comment(view: &CandidateView, link: Option<&str>) -> String {
    match link {
        Some(link) => format!("{}\n[The whole report]({link})\n", view.markdown()),
        None => view.markdown().to_owned(),
    }
}

/// Findings that name a place in the tree, by the points that they cost.
fn annotations(report: &Report) -> Vec<Annotation> {
    let mut probes: Vec<&ProbeReport> = report
        .criteria
        .iter()
        .flat_map(|criterion| &criterion.probes)
        .filter(|probe| matches!(probe.verdict, Verdict::Fail | Verdict::Partial))
        .collect();
    probes.sort_by(|a, b| (b.points - b.earned).total_cmp(&(a.points - a.earned)));
    let mut annotations = Vec::new();
    for probe in probes {
        let places = probe.evidence.iter().filter_map(|evidence| match evidence {
            Evidence::File { path, line, .. } => Some((in_repository(path, &report.submission.subdir)?, *line)),
            _ => None,
        });
        // One finding may have a place in every file; the first ones show what it is about.
        for (path, line) in places.take(5) {
            annotations.push(Annotation {
                path,
                line: line.unwrap_or(1).max(1),
                level: if probe.counts { AnnotationLevel::Warning } else { AnnotationLevel::Notice },
                title: cut_chars(&plain_line(&probe.id), ANNOTATION_TITLE),
                message: cut_bytes(&plain(&message(probe)), ANNOTATION_MESSAGE),
            });
        }
    }
    // Stable: within a level the costliest stay first.
    annotations.sort_by_key(|annotation| annotation.level);
    annotations.truncate(ANNOTATIONS);
    annotations
}

fn message(probe: &ProbeReport) -> String {
    let mut text = probe.summary.clone();
    for (word, value) in [("expected", &probe.expected), ("actual", &probe.actual)] {
        if !value.is_empty() {
            text.push_str(&format!("\n{word}: {value}"));
        }
    }
    if text.trim().is_empty() { probe.title.clone() } else { text }
}

/// The path from the repository's root; `None` for what is no path of a file in it.
fn in_repository(path: &str, subdir: &str) -> Option<String> {
    let path = path.trim_start_matches("./");
    let sound = !path.is_empty()
        && !path.starts_with('/')
        && !path.chars().any(char::is_control)
        && !path.split('/').any(|part| part == ".." || part.is_empty());
    sound.then(|| match subdir.trim_matches('/') {
        "" | "." => path.to_owned(),
        subdir => format!("{subdir}/{path}"),
    })
}
