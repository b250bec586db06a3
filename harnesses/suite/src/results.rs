//! What a runner's own report says: which tests there were, and how each came out.
//!
//! A report is written by a program that the submission controls, so it is hostile: its size is bounded before it gets
//! here, the number of cases and the length of texts here, and no format recurses without the reader's own bound.

mod junit;
mod lines;
mod script;

use serde::{Deserialize, Serialize};

use crate::stack::ReportFormat;

/// Cases that are read from one report.
const MOST_CASES: usize = 20_000;

/// Characters of a name or message that are kept.
const MOST_TEXT: usize = 1_000;

/// How a test came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// One test of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// As the runner names it, with what it belongs to.
    pub name: String,
    /// The file that it stands in, where the report says so.
    pub file: Option<String>,
    pub outcome: Outcome,
    pub millis: u64,
    /// Why it failed, cut.
    pub message: String,
}

/// A report that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Results {
    pub cases: Vec<Case>,
}

/// Why a report tells nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum BadReport {
    /// It is not in the format that the runner writes.
    #[error("the report is not in the runner's format: {0}")]
    Unreadable(String),
    /// More tests than are read.
    #[error("the report has more than {MOST_CASES} tests")]
    TooMany,
}

/// Reads a report.
///
/// # Errors
/// [`BadReport`].
pub(crate) fn read(format: ReportFormat, bytes: &[u8]) -> Result<Results, BadReport> {
    let mut found = Found::default();
    match format {
        ReportFormat::Junit => junit::read(bytes, &mut found)?,
        ReportFormat::Jest => script::jest(bytes, &mut found)?,
        ReportFormat::Mocha => script::mocha(bytes, &mut found)?,
        ReportFormat::Rspec => script::rspec(bytes, &mut found)?,
        ReportFormat::Go => lines::go(bytes, &mut found)?,
        ReportFormat::Cargo => lines::cargo(bytes, &mut found)?,
    }
    Ok(Results { cases: found.cases })
}

impl Results {
    /// Tests that were run, those that were skipped left out.
    pub fn run(&self) -> usize {
        self.cases.iter().filter(|case| case.outcome != Outcome::Skipped).count()
    }

    /// Tests that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.outcome == Outcome::Failed)
    }

    /// Whether something was run and nothing failed.
    pub fn all_passed(&self) -> bool {
        self.run() > 0 && self.failed().next().is_none()
    }

    /// The results without the tests that a word names.
    pub(crate) fn without(&self, word: &str) -> Results {
        let word = word.to_ascii_lowercase();
        let named = |case: &Case| {
            case.name.to_ascii_lowercase().contains(&word)
                || case.file.as_ref().is_some_and(|file| file.to_ascii_lowercase().contains(&word))
        };
        Results { cases: self.cases.iter().filter(|case| !named(case)).cloned().collect() }
    }

    /// How the tests that a word names came out; `None` when there is none.
    pub(crate) fn of(&self, word: &str) -> Option<Outcome> {
        let kept = self.without(word).cases.len();
        if kept == self.cases.len() {
            return None;
        }
        let word = word.to_ascii_lowercase();
        let mut named = self.cases.iter().filter(|case| {
            case.name.to_ascii_lowercase().contains(&word)
                || case.file.as_ref().is_some_and(|file| file.to_ascii_lowercase().contains(&word))
        });
        if named.any(|case| case.outcome == Outcome::Failed) { Some(Outcome::Failed) } else { Some(Outcome::Passed) }
    }
}

/// Cases on their way in, within the bounds.
#[derive(Default)]
struct Found {
    cases: Vec<Case>,
}

impl Found {
    fn push(
        &mut self,
        name: &str,
        file: Option<&str>,
        outcome: Outcome,
        seconds: f64,
        message: &str,
    ) -> Result<(), BadReport> {
        if self.cases.len() == MOST_CASES {
            return Err(BadReport::TooMany);
        }
        // A time that is no number, or no time, is none.
        let millis = if seconds.is_finite() && (0.0..=86_400.0).contains(&seconds) { seconds * 1000.0 } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a day")]
        let millis = millis as u64;
        self.cases.push(Case {
            name: cut(name),
            file: file.filter(|file| !file.is_empty()).map(cut),
            outcome,
            millis,
            message: cut(message),
        });
        Ok(())
    }
}

/// A text within its bound, without what would disturb a terminal.
fn cut(text: &str) -> String {
    let clean = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    let text: String = text.chars().take(MOST_TEXT).map(clean).collect();
    text.trim().to_owned()
}

fn unreadable(error: impl std::fmt::Display) -> BadReport {
    BadReport::Unreadable(cut(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(format: ReportFormat, text: &str) -> Vec<String> {
        let results = read(format, text.as_bytes()).unwrap();
        results.cases.iter().map(|case| format!("{:?} {}", case.outcome, case.name)).collect()
    }

    fn recorded(case: &str) -> String {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/suites");
        std::fs::read_to_string(folder.join(case)).unwrap()
    }

    #[test]
    fn reports_as_the_runners_wrote_them() {
        for (format, case, expected) in [
            (
                ReportFormat::Jest,
                "jest-fails-and-does-not-load/first.json",
                vec![
                    "Passed total adds up",
                    "Failed total is wrong",
                    "Skipped total waits",
                    "Failed /app/jest/b.test.js",
                ],
            ),
            (
                ReportFormat::Mocha,
                "mocha-fails-in-a-hook/first.json",
                vec![
                    "Passed total adds up",
                    "Failed total is wrong",
                    "Failed hooks \"before all\" hook for \"never runs\"",
                    "Skipped total waits",
                ],
            ),
            (
                ReportFormat::Junit,
                "node-fails/first.xml",
                vec!["Passed adds up", "Failed is wrong", "Skipped waits", "Passed top"],
            ),
            (
                ReportFormat::Junit,
                "phpunit-fails/first.xml",
                vec![
                    "Passed TotalTest::testAddsUp",
                    "Failed TotalTest::testIsWrong",
                    "Skipped TotalTest::testWaits",
                    "Failed TotalTest::testBreaks",
                ],
            ),
            (
                ReportFormat::Junit,
                "gradle-fails/first.xml",
                vec![
                    "Passed shop.TotalTest::addsUp",
                    "Failed shop.TotalTest::breaks",
                    "Skipped shop.TotalTest::waits",
                    "Failed shop.TotalTest::isWrong",
                ],
            ),
            (
                ReportFormat::Rspec,
                "rspec-fails/first.json",
                vec!["Passed total adds up", "Failed total is wrong", "Skipped total waits"],
            ),
            (
                ReportFormat::Cargo,
                "cargo-fails/first.txt",
                vec!["Passed tests::adds_up", "Passed tests::panics", "Failed tests::is_wrong", "Skipped tests::waits"],
            ),
            // What a test printed to look like a pass is none.
            (
                ReportFormat::Go,
                "go-fails-and-prints-a-pass/first.json",
                vec![
                    "Passed example.test/shop/total::TestAddsUp",
                    "Failed example.test/shop/total::TestIsWrong/one",
                    "Passed example.test/shop/total::TestIsWrong/two",
                    "Skipped example.test/shop/total::TestWaits",
                ],
            ),
        ] {
            let mut seen = listed(format, &recorded(case));
            if format == ReportFormat::Cargo {
                // The doc-tests of the crate are a second, empty list.
                seen.dedup();
            }
            assert_eq!(seen, expected, "{case}");
        }
        let broken = listed(ReportFormat::Go, &recorded("go-does-not-compile/first.json"));
        assert_eq!(broken[0], "Failed example.test/shop/broken (package)");
    }

    #[test]
    fn hostile_reports_end() {
        let deep = "<a>".repeat(100_000);
        assert!(matches!(read(ReportFormat::Junit, deep.as_bytes()), Err(BadReport::Unreadable(_))));
        let many = format!("<testsuite>{}</testsuite>", "<testcase name=\"a\"/>".repeat(MOST_CASES + 1));
        assert_eq!(read(ReportFormat::Junit, many.as_bytes()), Err(BadReport::TooMany));
        let nested = "[".repeat(1_000_000);
        for format in [ReportFormat::Jest, ReportFormat::Mocha, ReportFormat::Rspec] {
            assert!(read(format, nested.as_bytes()).is_err());
            assert!(read(format, b"").is_err());
        }
        let bomb = r#"<!DOCTYPE a [<!ENTITY b "xxxxxxxx">]><testsuite><testcase name="&b;&b;"/></testsuite>"#;
        assert_eq!(listed(ReportFormat::Junit, bomb), ["Passed &b;&b;"]);
        let odd =
            "<testsuite><testcase name=\"a\" time=\"NaN\"><failure message=\"\u{1b}[2J\"/></testcase></testsuite>";
        let case = &read(ReportFormat::Junit, odd.as_bytes()).unwrap().cases[0];
        assert_eq!((case.millis, case.message.as_str()), (0, "[2J"));
    }
}
