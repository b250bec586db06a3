//! Test runners as data: one file in `stacks/` for each, embedded when this crate is built.
//!
//! A new runner is a new file there. Commands are shell text, run in the project's root inside a container; what a
//! stack's file may say is in [`Stack`], and `stacks/README.md` shows it with an example.

use std::collections::BTreeMap;

use harness_syntax::Language;
use include_dir::{Dir, include_dir};
use regex::Regex;
use serde::Deserialize;

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/stacks");

/// A runner: how it is recognised, made ready, run and understood.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stack {
    /// Names it in code and tests.
    pub id: String,
    /// Names it in reports.
    pub title: String,
    pub family: Family,
    /// Where several stacks fit a tree equally well, the lowest is taken.
    pub order: u32,
    /// Signs of the runner; any one of them is enough.
    pub recognised: Vec<Sign>,
    /// Names of its test files, with `*` for any text.
    pub tests: Vec<String>,
    /// Folders in which the runner takes every source file for a test.
    #[serde(default)]
    pub folders: Vec<String>,
    /// Files that mark the root of a project, such as `package.json`.
    pub roots: Vec<String>,
    pub image: ImageWish,
    /// Lines of shell that install what tests need, in a build step with a way out, in the project's root.
    pub install: Vec<String>,
    /// Variables of every run; they win over the submission's own.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Files of ours that a run needs, by name, put into the folder that `$GRADER` names.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    pub report: ReportFormat,
    /// Ends well when the runner itself can be started, whatever the tests are.
    pub check: String,
    /// The whole suite, with its report at `$REPORT`.
    pub run: String,
    /// The whole suite in an order that `$SEED` decides; absent where the runner has no such thing.
    #[serde(default)]
    pub shuffled: Option<String>,
    /// Some of the tests, ending with the first failure: for small faults.
    #[serde(default)]
    pub selected: Option<Selected>,
    /// The whole suite with coverage at `$COVERAGE`.
    #[serde(default)]
    pub coverage: Option<CoverageWish>,
    /// A test of ours that fails: a suite that says otherwise tells nothing.
    #[serde(default)]
    pub canary: Option<Canary>,
    /// Whether a fault can make the program fail to compile, which is no test's doing.
    #[serde(default)]
    pub compiled: bool,
}

/// Languages that are read alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    Python,
    /// JavaScript and TypeScript.
    Script,
    Go,
    Java,
    Rust,
    Php,
    Ruby,
}

impl Family {
    /// The family of a language.
    pub fn of(language: Language) -> Family {
        match language {
            Language::Python => Family::Python,
            Language::JavaScript | Language::TypeScript | Language::Tsx => Family::Script,
            Language::Go => Family::Go,
            Language::Java => Family::Java,
            Language::Rust => Family::Rust,
            Language::Php => Family::Php,
            Language::Ruby => Family::Ruby,
        }
    }

    /// The family of a source file.
    pub fn of_path(path: &str) -> Option<Family> {
        Language::of_path(path).map(Family::of)
    }
}

/// A file, and what it says where its name alone tells too little.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// A file name, with `*` for any text.
    pub file: String,
    /// A regular expression that its text matches.
    #[serde(default)]
    pub says: Option<String>,
}

/// What tests run in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageWish {
    /// Words in the names of images that have the runner's language; stages of the submission's Dockerfile that stand on
    /// one of them are preferred.
    pub words: Vec<String>,
    /// Where the submission has no such stage.
    pub otherwise: String,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportFormat {
    /// JUnit's XML, one document or several after each other.
    Junit,
    /// Of Jest and of Vitest.
    Jest,
    Mocha,
    /// `go test -json`.
    Go,
    /// The lines of `cargo test`.
    Cargo,
    Rspec,
}

/// A part of the suite.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selected {
    pub by: By,
    /// Gets what to run as its arguments, `"$@"`.
    pub run: String,
}

/// What a runner can be told to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Single tests, by the names that coverage gives them.
    Test,
    /// Test files, relative to the project's root.
    File,
    /// Everything, always.
    All,
}

/// How coverage is measured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoverageWish {
    /// Writes the report as [`Stack::run`] does, and coverage to `$COVERAGE`.
    pub run: String,
    pub format: CoverageFormat,
}

/// How coverage is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CoverageFormat {
    /// JSON of coverage.py, with the tests that reached each line where it knows them.
    CoveragePy,
    Lcov,
    /// The profile of `go test -coverprofile`.
    Go,
    Cobertura,
    Jacoco,
}

/// A test that fails. `NAME` in its texts stands for a name that nobody can guess.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// The file's name; it is put beside a test file of the suite.
    pub file: String,
    pub text: String,
    /// For suites of ES modules, where those differ.
    #[serde(default)]
    pub module_text: Option<String>,
    /// A regular expression that tests match which `text` is like; needed only beside `others`.
    #[serde(default)]
    pub says: Option<String>,
    /// For suites written with another library of the same runner, which `text` may not even compile with.
    #[serde(default)]
    pub others: Vec<OtherText>,
}

/// A test that fails, for suites that say something else than those that [`Canary::text`] is for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherText {
    /// A regular expression that the suite's tests match.
    pub says: String,
    pub text: String,
}

impl Canary {
    /// The text for a suite, by the first of its test files that tells the library it is written with.
    pub(crate) fn text_beside<'t>(&self, tests: impl IntoIterator<Item = &'t str>) -> &str {
        let told = self.says.as_deref().map(|says| (says, self.text.as_str()));
        let others = self.others.iter().map(|other| (other.says.as_str(), other.text.as_str()));
        // A test reads every expression.
        let kinds: Vec<(Regex, &str)> =
            told.into_iter().chain(others).filter_map(|(says, text)| Some((Regex::new(says).ok()?, text))).collect();
        if kinds.is_empty() {
            return &self.text;
        }
        let of = |test: &str| kinds.iter().find(|(says, _)| says.is_match(test)).map(|(_, text)| *text);
        tests.into_iter().find_map(of).unwrap_or(&self.text)
    }
}

/// Why the embedded stacks cannot be read: a mistake in this crate.
#[derive(Debug, thiserror::Error)]
#[error("stacks/{file}: {detail}")]
pub struct BadStack {
    file: String,
    detail: String,
}

/// Every stack, in their order.
///
/// # Errors
/// [`BadStack`] when an embedded file is wrong; a test reads them all.
pub fn stacks() -> Result<Vec<Stack>, BadStack> {
    let mut stacks = Vec::new();
    for file in FILES.files().filter(|file| file.path().extension().is_some_and(|extension| extension == "yaml")) {
        let bad = |detail: String| BadStack { file: file.path().display().to_string(), detail };
        let text = file.contents_utf8().ok_or_else(|| bad("is no UTF-8".to_owned()))?;
        stacks.push(serde_yaml::from_str::<Stack>(text).map_err(|error| bad(error.to_string()))?);
    }
    stacks.sort_by(|a, b| (a.order, &a.id).cmp(&(b.order, &b.id)));
    Ok(stacks)
}

/// Whether a name fits a pattern in which `*` stands for any text.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stack_can_be_read_and_is_whole() {
        let stacks = stacks().unwrap();
        assert!(stacks.len() >= 13, "{}", stacks.len());
        for stack in &stacks {
            for sign in &stack.recognised {
                if let Some(says) = &sign.says {
                    assert!(Regex::new(says).is_ok(), "{}: {says}", stack.id);
                }
            }
            assert!(stack.run.contains("$REPORT"), "{}", stack.id);
            if let Some(shuffled) = &stack.shuffled {
                assert!(shuffled.contains("$REPORT"), "{}", stack.id);
            }
            if let Some(coverage) = &stack.coverage {
                assert!(coverage.run.contains("$REPORT") && coverage.run.contains("$COVERAGE"), "{}", stack.id);
            }
            if let Some(selected) = &stack.selected {
                assert!(selected.by == By::All || selected.run.contains("\"$@\""), "{}", stack.id);
                assert!(selected.run.contains("$REPORT"), "{}", stack.id);
            }
            if let Some(canary) = &stack.canary {
                assert!(canary.file.contains("NAME") && canary.text.contains("NAME"), "{}", stack.id);
                assert_eq!(canary.says.is_some(), !canary.others.is_empty(), "{}", stack.id);
                for other in &canary.others {
                    assert!(other.text.contains("NAME"), "{}", stack.id);
                }
                for says in canary.says.iter().chain(canary.others.iter().map(|other| &other.says)) {
                    assert!(Regex::new(says).is_ok(), "{}: {says}", stack.id);
                }
            }
        }
        let mut ids: Vec<&str> = stacks.iter().map(|stack| stack.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), stacks.len());
    }

    #[test]
    fn the_test_of_ours_is_written_with_what_the_suite_is_written_with() {
        let stacks = stacks().unwrap();
        for id in ["maven", "gradle"] {
            let canary = stacks.iter().find(|stack| stack.id == id).unwrap().canary.as_ref().unwrap();
            for (tests, expected) in [
                (vec!["import org.junit.jupiter.api.Test;"], "@org.junit.jupiter.api.Test"),
                (vec!["import static org.junit.Assert.*;\nimport org.junit.Test;"], "@org.junit.Test"),
                (vec!["import org.junit.*;"], "@org.junit.Test"),
                (vec!["import org.testng.annotations.Test;"], "@org.testng.annotations.Test"),
                (vec!["import junit.framework.TestCase;"], "junit.framework.TestCase"),
                // A base class without a test of its own leaves it to the next.
                (vec!["abstract class Base {}", "import org.junit.Test;"], "@org.junit.Test"),
                (vec!["import org.junit.jupiter.api.Test;", "import org.junit.Test;"], "@org.junit.jupiter.api.Test"),
                (vec![], "@org.junit.jupiter.api.Test"),
            ] {
                let text = canary.text_beside(tests.iter().copied());
                assert!(text.contains(expected), "{id}: {tests:?} got {text}");
            }
        }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, expected) in [
            ("test_*.py", "test_a.py", true),
            ("test_*.py", "contest_a.py", false),
            ("*.test.ts", "a.test.ts", true),
            ("go.mod", "go.mod", true),
            ("go.mod", "go.module", false),
            ("*Test*.java", "ATests.java", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
