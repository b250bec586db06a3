//! `cargo xtask bench sensitivity`: the same small program in each language, once with strong and once with weak tests,
//! graded on the engine. How much more the strong ones notice is what `test.sensitivity` is worth.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{SEED, copy, graded};
use crate::shell::{self, Failure, Result, say};
use crate::{build, setup};

/// Strong tests have to notice this many percent of small faults more than weak ones.
const APART: i64 = 40;

/// Folders under `fixtures/suites/programs`, and the image that the Dockerfile there names where it is not of the core.
const LANGUAGES: [(&str, Option<&str>); 5] = [
    ("python", None),
    ("javascript", None),
    ("go", Some("golang:1.22")),
    ("java", Some("maven:3-eclipse-temurin-21")),
    ("rust", Some("rust:1")),
];

/// Which programs to grade.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these languages
    #[arg(value_parser = LANGUAGES.map(|(language, _)| language))]
    languages: Vec<String>,
}

/// What was seen of one program with one set of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    noticed: i64,
    tried: i64,
}

impl Seen {
    fn percent(self) -> i64 {
        self.noticed * 100 / self.tried.max(1)
    }
}

/// Grades every chosen program twice and prints the table. `false` where strong and weak tests are too near.
///
/// # Errors
/// When the set-up fails, or a program is not graded or its tests do not pass.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let chosen: Vec<_> = LANGUAGES
        .into_iter()
        .filter(|(language, _)| args.languages.is_empty() || args.languages.iter().any(|one| one == language))
        .collect();
    let images: Vec<String> = chosen.iter().filter_map(|(_, image)| image.map(str::to_owned)).collect();
    setup::ensure(None, false, &images)?;
    let grader = build::grader()?;
    let folder = shell::workspace().join("fixtures/suites/programs");
    let work = tempfile::tempdir()?;
    let mut good = true;
    println!("language     strong tests    weak tests    apart");
    for (language, _) in chosen {
        let mut seen = Vec::new();
        for tests in ["strong", "weak"] {
            say(format!("{language} with {tests} tests"));
            let tree = made(&folder, language, tests, work.path())?;
            let mut command = Command::new(&grader);
            command.arg("grade").arg("--fresh").arg(&tree).arg("--spec").arg(folder.join("spec.yaml"));
            command.args(["--seed", SEED, "--format", "json"]).stdout(Stdio::null());
            let report = graded(&mut command, &work.path().join("out"))?;
            seen.push(noticed(&report).map_err(|why| Failure::new(format!("{language}, {tests}: {why}")))?);
        }
        let apart = seen[0].percent() - seen[1].percent();
        good &= apart >= APART;
        let shown = |seen: Seen| format!("{:>2} of {:>2} {:>3} %", seen.noticed, seen.tried, seen.percent());
        println!("{language:<10} {:>14} {:>13} {apart:>8}", shown(seen[0]), shown(seen[1]));
    }
    Ok(good)
}

/// The program with one set of tests, in a folder of its own.
fn made(folder: &Path, language: &str, tests: &str, work: &Path) -> Result<PathBuf> {
    let tree = work.join(format!("{language}-{tests}"));
    copy(&folder.join(language).join("program"), &tree)?;
    copy(&folder.join(language).join(tests), &tree)?;
    std::fs::copy(folder.join("compose.yaml"), tree.join("compose.yaml"))?;
    Ok(tree)
}

/// What `test.sensitivity` says, once the tests pass at all.
fn noticed(report: &Value) -> std::result::Result<Seen, String> {
    let probes: Vec<&Value> = report["criteria"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|criterion| criterion["probes"].as_array().into_iter().flatten())
        .collect();
    let probe = |id: &str| probes.iter().find(|probe| probe["id"] == id).copied().unwrap_or(&Value::Null);
    let said = |probe: &Value| format!("{}: {}", probe["verdict"], probe["summary"]);
    let pass = probe("test.pass");
    if pass["verdict"] != "pass" {
        return Err(format!("its tests do not pass: {}", said(pass)));
    }
    let sensitivity = probe("test.sensitivity");
    let words: Vec<&str> = sensitivity["actual"].as_str().unwrap_or_default().split(' ').collect();
    match words.as_slice() {
        [noticed, "of", tried, "noticed"] => match (noticed.parse(), tried.parse()) {
            (Ok(noticed), Ok(tried)) => Ok(Seen { noticed, tried }),
            _ => Err(said(sensitivity)),
        },
        _ => Err(said(sensitivity)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(pass: &str, actual: &str) -> Value {
        json!({"criteria": [{"probes": [
            {"id": "test.pass", "verdict": pass, "summary": "s"},
            {"id": "test.sensitivity", "verdict": "fail", "summary": "t", "actual": actual},
        ]}]})
    }

    #[test]
    fn a_figure_is_read_only_where_tests_pass() {
        let seen = noticed(&report("pass", "7 of 25 noticed")).unwrap();
        assert_eq!((seen, seen.percent()), (Seen { noticed: 7, tried: 25 }, 28));
        assert!(noticed(&report("fail", "7 of 25 noticed")).unwrap_err().contains("do not pass"));
        assert!(noticed(&report("pass", "")).is_err());
    }

    #[test]
    fn every_language_has_a_program_and_both_sets_of_tests() {
        let folder = shell::workspace().join("fixtures/suites/programs");
        let work = tempfile::tempdir().unwrap();
        for (language, _) in LANGUAGES {
            for tests in ["strong", "weak"] {
                let tree = made(&folder, language, tests, work.path()).unwrap();
                assert!(tree.join("Dockerfile").is_file() && tree.join("compose.yaml").is_file(), "{language}");
            }
        }
    }
}
