//! What a step leaves behind: outputs, a summary, annotations, files.
//!
//! All of it is made from the candidate's view. The runner reads the log for commands, so no text is printed that was
//! not escaped.

use std::io::Write;
use std::path::{Path, PathBuf};

use grader_report::{CandidateView, Format};
use url::Url;

use crate::escape::{command_data, command_property, output};
use crate::limits::{ANNOTATIONS_PER_STEP, Measure, STEP_SUMMARY, cut_markdown};
use crate::told::{Annotation, AnnotationLevel, Told};

/// How the step ended, as the output `outcome` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Graded,
    DoesNotStart,
    Refused,
    NotGraded,
    /// A draft or a closed pull request.
    Skipped,
    /// The pull request moved on.
    Superseded,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Graded => "graded",
            Outcome::DoesNotStart => "does_not_start",
            Outcome::Refused => "refused",
            Outcome::NotGraded => "not_graded",
            Outcome::Skipped => "skipped",
            Outcome::Superseded => "superseded",
        }
    }
}

impl From<grader_model::Outcome> for Outcome {
    fn from(outcome: grader_model::Outcome) -> Self {
        match outcome {
            grader_model::Outcome::Graded => Outcome::Graded,
            grader_model::Outcome::DoesNotStart => Outcome::DoesNotStart,
            grader_model::Outcome::Refused => Outcome::Refused,
            grader_model::Outcome::NotGraded => Outcome::NotGraded,
        }
    }
}

/// The files that the runner reads after the step, and where ours go.
#[derive(Debug, Clone, Default)]
pub struct Publish {
    /// `GITHUB_OUTPUT`.
    pub output: Option<PathBuf>,
    /// `GITHUB_STEP_SUMMARY`.
    pub summary: Option<PathBuf>,
    /// The folder for report files.
    pub folder: PathBuf,
}

/// What was left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The folder with the report's files.
    pub report: PathBuf,
}

impl Publish {
    /// Leaves a finished run: the files of `formats`, the outputs, the summary; annotations go to `log`.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn view(
        &self,
        view: &CandidateView,
        formats: &[Format],
        link: Option<&Url>,
        log: &mut dyn Write,
    ) -> std::io::Result<Left> {
        let report = view.report();
        std::fs::create_dir_all(&self.folder)?;
        for format in formats {
            if let Some(text) = view.file(*format) {
                std::fs::write(self.folder.join(format.file_name()), text)?;
            }
        }
        let told = Told::of(view, link);
        append(self.summary.as_deref(), &step_summary(view, link))?;
        for line in annotation_lines(&told.annotations) {
            writeln!(log, "{line}")?;
        }
        let scored = matches!(report.outcome, grader_model::Outcome::Graded | grader_model::Outcome::DoesNotStart);
        let score = if scored { report.score.percent.to_string() } else { String::new() };
        let passed = match (report.outcome, report.score.passed) {
            (grader_model::Outcome::Graded, passed) => passed.unwrap_or(true),
            _ => false,
        };
        self.outputs(&[
            ("outcome", Outcome::from(report.outcome).as_str()),
            ("score", &score),
            ("passed", if passed { "true" } else { "false" }),
            ("report", &self.folder.to_string_lossy()),
            ("run-url", link.map_or("", Url::as_str)),
        ])?;
        Ok(Left { report: self.folder.clone() })
    }

    /// Leaves word of a step that graded nothing. `why` is ours.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn nothing(&self, outcome: Outcome, why: &str, log: &mut dyn Write) -> std::io::Result<()> {
        append(self.summary.as_deref(), &format!("Nothing was graded: {why}.\n"))?;
        writeln!(log, "::notice title=grader::{}", command_data(&format!("Nothing was graded: {why}.")))?;
        self.outputs(&[("outcome", outcome.as_str()), ("score", ""), ("passed", ""), ("report", ""), ("run-url", "")])
    }

    fn outputs(&self, outputs: &[(&str, &str)]) -> std::io::Result<()> {
        let text: String = outputs.iter().map(|(name, value)| output(name, value)).collect();
        append(self.output.as_deref(), &text)
    }
}

/// The summary of the step, within GitHub's limit.
pub fn step_summary(view: &CandidateView, link: Option<&Url>) -> String {
    let mut text = view.markdown().to_owned();
    if let Some(link) = link {
        text.push_str(&format!("\n[The whole report]({link})\n"));
    }
    cut_markdown(&text, STEP_SUMMARY, Measure::Bytes, link.map(Url::as_str))
}

/// The annotations as workflow commands: ten of each type, of which GitHub shows no more; the last of a type that has
/// more says how many are in the report instead.
pub fn annotation_lines(annotations: &[Annotation]) -> Vec<String> {
    let mut lines = Vec::new();
    for level in [AnnotationLevel::Failure, AnnotationLevel::Warning, AnnotationLevel::Notice] {
        let of_level: Vec<&Annotation> = annotations.iter().filter(|it| it.level == level).collect();
        let shown = if of_level.len() > ANNOTATIONS_PER_STEP { ANNOTATIONS_PER_STEP - 1 } else { of_level.len() };
        lines.extend(of_level[..shown].iter().map(|it| {
            format!(
                "::{} file={},line={},title={}::{}",
                level.command(),
                command_property(&it.path),
                it.line,
                command_property(&it.title),
                command_data(&it.message)
            )
        }));
        if of_level.len() > shown {
            let rest = of_level.len() - shown;
            lines.push(format!("::{} title=grader::{rest} more findings are in the report", level.command()));
        }
    }
    lines
}

fn append(path: Option<&Path>, text: &str) -> std::io::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotation(level: AnnotationLevel, number: usize) -> Annotation {
        let title = format!("probe{number}");
        Annotation { path: "a,b:c.py".to_owned(), line: 3, level, title, message: "one\n::error::two".to_owned() }
    }

    #[test]
    fn no_more_than_ten_of_a_type() {
        let warnings = (0..25).map(|number| annotation(AnnotationLevel::Warning, number));
        let notices = (0..10).map(|number| annotation(AnnotationLevel::Notice, number));
        let lines = annotation_lines(&warnings.chain(notices).collect::<Vec<_>>());
        let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
        assert_eq!((count("::warning"), count("::notice")), (10, 10));
        assert_eq!(lines[0], "::warning file=a%2Cb%3Ac.py,line=3,title=probe0::one%0A::error::two");
        assert_eq!(lines[9], "::warning title=grader::16 more findings are in the report");
    }

    #[test]
    fn a_skipped_step_sets_every_output() {
        let folder = tempfile::tempdir().unwrap();
        let publish = Publish {
            output: Some(folder.path().join("output")),
            summary: Some(folder.path().join("summary")),
            folder: folder.path().join("report"),
        };
        let mut log = Vec::new();
        publish.nothing(Outcome::Skipped, "the pull request is closed", &mut log).unwrap();
        let written = std::fs::read_to_string(folder.path().join("output")).unwrap();
        for name in ["outcome", "score", "passed", "report", "run-url"] {
            assert!(written.contains(&format!("{name}<<")), "{name}");
        }
        assert!(String::from_utf8(log).unwrap().starts_with("::notice title=grader::Nothing was graded"));
    }
}
