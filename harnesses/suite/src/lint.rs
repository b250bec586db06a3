//! The stack's own linter over the submission, with the submission's own configuration: what it says is evidence for
//! `org.lint`, whose verdict on the configuration comes from the repository's family.
//!
//! Linters are data in `linters.yaml`. One that cannot be run says nothing: a missing plugin, a release that does not
//! read the configuration and a tool that is not there are for nobody to answer for.

use std::sync::LazyLock;
use std::time::Duration;

use grader_model::{Evidence, Finding, Snapshot, Verdict};
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::examine::Bench;
use crate::paths::{folder, name};
use crate::recognise::Suite;
use crate::stack::{Family, Sign, fits};
use crate::workshop::Trouble;

/// The probe that a linter is evidence for.
const PROBE: &str = "org.lint";

/// Wall clock for a linter; type-aware rules read the whole project.
const TIME: Duration = Duration::from_secs(90);

/// Characters of a line that are shown.
const MOST_LINE: usize = 200;

/// Lines of a linter that are shown.
const SHOWN: usize = 8;

/// The linters that are known, as text: what a linter said depends on it.
pub const LINTERS_TEXT: &str = include_str!("../linters.yaml");

static LINTERS: LazyLock<Vec<Linter>> = LazyLock::new(|| serde_yaml::from_str(LINTERS_TEXT).unwrap_or_default());

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Linter {
    tool: String,
    family: Family,
    #[serde(default)]
    configured: Vec<Sign>,
    #[serde(default)]
    install: Option<String>,
    run: String,
}

/// What a linter said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linted {
    pub tool: String,
    /// Its first complaints; none where it has nothing to complain of.
    pub complaints: Vec<String>,
    /// Whether the project did not install it: its rules may have come after the project, so that it charges nothing.
    pub is_ours: bool,
}

/// Lines for the build step that make a language's linters available where the project configures them.
pub(crate) fn installs(family: Family) -> impl Iterator<Item = &'static str> {
    LINTERS.iter().filter(move |linter| linter.family == family).filter_map(|linter| linter.install.as_deref())
}

/// Runs the first linter that the project configures, or that its toolchain brings along; `None` where there is none, or
/// where it could not be run.
pub(crate) async fn run(suite: &Suite, snapshot: &Snapshot, bench: &mut Bench<'_>) -> Result<Option<Linted>, Trouble> {
    let Some(linter) = of(suite, snapshot) else { return Ok(None) };
    // Tests come first where time is short.
    let time = TIME.min(bench.left() / 4);
    let said = bench.workshop.run(&linter.run, &[], &environment(suite), time).await?;
    let complaints = match said.exit {
        Some(0) => Vec::new(),
        Some(1 | 3) => complaints(&said.output),
        _ => return Ok(None),
    };
    // Complaints that name no place are a tool's own trouble.
    let is_ours = said.exit == Some(3);
    Ok((said.exit == Some(0) || !complaints.is_empty()).then(|| Linted {
        tool: linter.tool.clone(),
        complaints,
        is_ours,
    }))
}

fn environment(suite: &Suite) -> Vec<(String, String)> {
    let own = suite.stack.environment.iter().map(|(name, value)| (name.clone(), value.clone()));
    own.chain([("NO_COLOR".to_owned(), "1".to_owned())]).collect()
}

fn of(suite: &Suite, snapshot: &Snapshot) -> Option<&'static Linter> {
    LINTERS.iter().filter(|linter| linter.family == suite.stack.family).find(|linter| {
        linter.configured.is_empty() || linter.configured.iter().any(|sign| shows(suite, snapshot, sign))
    })
}

/// Whether a file in the project's root is the sign.
fn shows(suite: &Suite, snapshot: &Snapshot, sign: &Sign) -> bool {
    let says = sign.says.as_deref().and_then(|says| Regex::new(says).ok());
    snapshot.texts().any(|(path, text)| {
        suite.inside(path).is_some_and(|inside| folder(inside).is_empty() && fits(&sign.file, name(inside)))
            && says.as_ref().is_none_or(|says| says.is_match(text))
    })
}

/// Lines that name a place in a file, or that stand below one that does, as ESLint prints them.
fn complaints(output: &str) -> Vec<String> {
    // The literal is well formed.
    let Ok(place) = Regex::new(r"^\s*(?:\S+?\.\w+:\d+|\d+:\d+\s)") else { return Vec::new() };
    let mut file = "";
    let mut found = Vec::new();
    for line in output.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if !line.starts_with(' ') && !place.is_match(line) {
            file = line;
        } else if place.is_match(line) {
            let owner = if line.starts_with(' ') { name(file) } else { "" };
            let line = format!("{owner} {}", line.trim());
            found.push(line.trim().chars().take(MOST_LINE).collect());
        }
        if found.len() == SHOWN {
            break;
        }
    }
    found
}

/// The finding on how linters are set up, with what the linter itself said. A linter that complains under the
/// submission's own rules makes half of a pass; no verdict gets better by it.
pub fn with_linter(finding: Finding, linted: Option<&Linted>) -> Finding {
    let Some(linted) = linted.filter(|_| finding.probe == PROBE) else { return finding };
    let tool = &linted.tool;
    if linted.complaints.is_empty() {
        let note = Evidence::note(format!("{tool} was run over the project and has no complaint"));
        let finding = finding.evidence(note);
        return match finding.verdict {
            Verdict::Pass => finding.actual(format!("set up, and {tool} has no complaint")),
            _ => finding,
        };
    }
    let said = Evidence::Log { service: tool.clone(), lines: linted.complaints.clone() };
    if linted.is_ours {
        let note =
            Evidence::note(format!("{tool} is of a release that the project does not install, and charges nothing"));
        return finding.evidence(said).evidence(note);
    }
    if finding.verdict != Verdict::Pass {
        return finding.evidence(said);
    }
    let (expected, millis) = (finding.expected, finding.millis);
    let mut worse = Finding::partial(PROBE, 0.5, format!("A linter is set up, and {tool} has complaints"))
        .expected(expected)
        .actual(format!("{tool} complains, run as the project configures it"))
        .evidences(finding.evidence)
        .evidence(said);
    worse.millis = millis;
    worse
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::recognise;
    use crate::stack::stacks;
    use crate::testing::snapshot;

    fn chosen(files: &[(&str, &str)]) -> Option<&'static str> {
        let tree = snapshot(files);
        of(&recognise(&tree, &stacks().unwrap()).unwrap(), &tree).map(|linter| linter.tool.as_str())
    }

    #[test]
    fn every_linter_can_be_read() {
        assert_eq!(LINTERS.len(), 7);
        for sign in LINTERS.iter().flat_map(|linter| &linter.configured) {
            assert!(sign.says.as_deref().is_none_or(|says| Regex::new(says).is_ok()), "{}", sign.file);
        }
    }

    #[test]
    fn only_what_a_project_configures_is_run() {
        let test = ("tests/test_a.py", "def test_a(): pass\n");
        let ruff = ("pyproject.toml", "[tool.ruff.lint]\nselect = ['E']\n[tool.pytest.ini_options]\n");
        assert_eq!(chosen(&[test, ruff]), Some("Ruff"));
        assert_eq!(chosen(&[test, ("requirements.txt", "pytest\n"), ("setup.cfg", "[flake8]\n")]), Some("Flake8"));
        assert_eq!(chosen(&[test, ("requirements.txt", "pytest\nruff\n")]), None);
        // Another project of the same tree.
        assert_eq!(chosen(&[test, ("requirements.txt", "pytest\n"), ("other/ruff.toml", "")]), None);
        let jest = ("package.json", r#"{"devDependencies": {"jest": "29"}}"#);
        assert_eq!(chosen(&[jest, ("a.test.js", "it('a', f)"), ("eslint.config.mjs", "")]), Some("ESLint"));
        assert_eq!(chosen(&[jest, ("a.test.js", "it('a', f)")]), None);
        assert_eq!(chosen(&[("go.mod", "module x"), ("a_test.go", "package a")]), Some("go vet"));
    }

    #[test]
    fn complaints_name_a_place() {
        assert_eq!(
            complaints("app/main.py:3:1: F401 `os` imported but unused\nFound 1 error.\n"),
            ["app/main.py:3:1: F401 `os` imported but unused"]
        );
        assert_eq!(
            complaints(
                "\n/srv/app/src/index.ts\n  10:7  error  'x' is never used  no-unused-vars\n\n\u{2716} 1 problem\n"
            ),
            ["index.ts 10:7  error  'x' is never used  no-unused-vars"]
        );
        assert_eq!(complaints("# shop\nvet: ./a.go:5:2: Printf wrong\n"), Vec::<String>::new());
        assert_eq!(complaints("# shop\n./a.go:5:2: Printf format %d has arg x of wrong type string\n").len(), 1);
        assert_eq!(complaints("Oops! Something went wrong! :(\nError: Cannot find module 'x'\n"), Vec::<String>::new());
    }

    #[test]
    fn complaints_cost_half_and_nothing_gets_better() {
        let linted = |complaints: &[&str]| Linted {
            tool: "Ruff".into(),
            complaints: complaints.iter().map(|line| (*line).to_owned()).collect(),
            is_ours: false,
        };
        let pass = || Finding::pass(PROBE, "A linter or formatter is set up").expected("e").actual("a");
        assert_eq!(with_linter(pass(), None), pass());
        let clean = with_linter(pass(), Some(&linted(&[])));
        assert_eq!((clean.verdict, clean.actual.as_str()), (Verdict::Pass, "set up, and Ruff has no complaint"));
        let dirty = with_linter(pass(), Some(&linted(&["a.py:1:1: F401"])));
        assert_eq!((dirty.verdict, dirty.expected.as_str()), (Verdict::Partial, "e"));
        let newer = Linted { is_ours: true, ..linted(&["a.py:1:1: F401"]) };
        let told = with_linter(pass(), Some(&newer));
        assert_eq!((told.verdict, told.evidence.len()), (Verdict::Pass, 2), "shown, and not charged");
        let fail = with_linter(Finding::fail(PROBE, "none"), Some(&linted(&[])));
        assert_eq!(fail.verdict, Verdict::Fail);
        let other = Finding::pass("org.size", "fine");
        assert_eq!(with_linter(other.clone(), Some(&linted(&["a.py:1:1: F401"]))), other);
    }
}
