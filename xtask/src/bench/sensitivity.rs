//! `cargo xtask bench sensitivity`: the same small program in each language, once with strong and once with weak tests,
//! graded on the engine. How much more the strong ones notice is what `test.sensitivity` is worth.
//!
//! Languages that no small faults are made in are graded once: that their runner runs is all there is to see. Where there
//! are tests that fail as well, it is to be seen that they do.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{SEED, copy, graded};
use crate::shell::{self, Failure, Result, say};
use crate::{build, setup};

/// Strong tests have to notice this many percent of small faults more than weak ones.
const APART: i64 = 40;

/// The folder of tests of which some fail, where a language has such.
const FAILING: &str = "failing";

/// A language: its folder under `fixtures/suites/programs`, the image that the Dockerfile there names where it is not of the
/// core, and whether small faults are made in it.
#[derive(Clone, Copy)]
struct Language {
    name: &'static str,
    image: Option<&'static str>,
    faults: bool,
}

const LANGUAGES: [Language; 8] = [
    Language { name: "python", image: None, faults: true },
    Language { name: "javascript", image: None, faults: true },
    Language { name: "go", image: Some("golang:1.22"), faults: true },
    Language { name: "java", image: Some("maven:3-eclipse-temurin-21"), faults: true },
    // Java again, by its other runner and with the library before JUnit 5.
    Language { name: "gradle", image: Some("gradle:8-jdk17"), faults: true },
    Language { name: "rust", image: Some("rust:1"), faults: true },
    Language { name: "php", image: Some("php:8.2-cli"), faults: false },
    Language { name: "ruby", image: Some("ruby:3.2-slim"), faults: false },
];

/// Which programs to grade.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these languages
    #[arg(value_parser = LANGUAGES.map(|language| language.name))]
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
    let chosen: Vec<Language> = LANGUAGES
        .into_iter()
        .filter(|language| args.languages.is_empty() || args.languages.iter().any(|one| one == language.name))
        .collect();
    let images: Vec<String> = chosen.iter().filter_map(|language| language.image.map(str::to_owned)).collect();
    setup::ensure(None, false, &images)?;
    let grader = build::grader()?;
    let folder = shell::workspace().join("fixtures/suites/programs");
    let work = tempfile::tempdir()?;
    let mut good = true;
    println!("language     strong tests    weak tests    apart");
    for Language { name, faults, .. } in chosen {
        let grade = |tests: &str| -> Result<Value> {
            say(format!("{name} with {tests} tests"));
            let tree = made(&folder, name, tests, work.path())?;
            let mut command = Command::new(&grader);
            command.arg("grade").arg("--fresh").arg(&tree).arg("--spec").arg(folder.join("spec.yaml"));
            command.args(["--seed", SEED, "--format", "json"]).stdout(Stdio::null());
            graded(&mut command, &work.path().join("out"))
        };
        let strong = grade("strong")?;
        if !faults {
            let ran = ran(&strong).map_err(|why| Failure::new(format!("{name}: {why}")))?;
            println!("{name:<10} {ran}");
            continue;
        }
        let read = |tests: &str, report: &Value| {
            noticed(report).map_err(|why| Failure::new(format!("{name}, {tests}: {why}")))
        };
        let strong = read("strong", &strong)?;
        let weak = read("weak", &grade("weak")?)?;
        let apart = strong.percent() - weak.percent();
        good &= apart >= APART;
        if folder.join(name).join(FAILING).is_dir() {
            let failed = failed(&grade(FAILING)?).map_err(|why| Failure::new(format!("{name}, {FAILING}: {why}")))?;
            println!("{name:<10} tests that fail: {failed}");
        }
        let shown = |seen: Seen| format!("{:>2} of {:>2} {:>3} %", seen.noticed, seen.tried, seen.percent());
        println!("{name:<10} {:>14} {:>13} {apart:>8}", shown(strong), shown(weak));
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

/// What `test.sensitivity` says, once the tests pass at all, and again beside the test of the grader's.
fn noticed(report: &Value) -> std::result::Result<Seen, String> {
    for id in ["test.pass", "test.isolation"] {
        let pass = probe(report, id);
        if pass["verdict"] != "pass" {
            return Err(format!("its tests do not pass: {}", said(pass)));
        }
    }
    let sensitivity = probe(report, "test.sensitivity");
    let words: Vec<&str> = sensitivity["actual"].as_str().unwrap_or_default().split(' ').collect();
    match words.as_slice() {
        [noticed, "of", tried, "noticed"] => match (noticed.parse(), tried.parse()) {
            (Ok(noticed), Ok(tried)) => Ok(Seen { noticed, tried }),
            _ => Err(said(sensitivity)),
        },
        _ => Err(said(sensitivity)),
    }
}

/// What the runner's own report and coverage say, where both could be read.
fn ran(report: &Value) -> std::result::Result<String, String> {
    let read = |id: &str| {
        let probe = probe(report, id);
        if probe["verdict"] == "pass" { Ok(probe["actual"].as_str().unwrap_or_default()) } else { Err(said(probe)) }
    };
    read("test.isolation")?;
    Ok(format!("its tests ran: {}; {}", read("test.pass")?, read("test.coverage")?))
}

/// How many failed, and how the report names them.
fn failed(report: &Value) -> std::result::Result<String, String> {
    let probe = probe(report, "test.pass");
    let notes = probe["evidence"].as_array().into_iter().flatten().filter_map(|one| one["text"].as_str());
    match (probe["verdict"].as_str(), probe["actual"].as_str()) {
        (Some("fail"), Some(actual)) if actual.ends_with(" failed") => {
            let names: Vec<&str> = notes.collect();
            Ok(format!("{actual} ({})", names.join("; ")))
        }
        _ => Err(said(probe)),
    }
}

fn probe<'r>(report: &'r Value, id: &str) -> &'r Value {
    let criteria = report["criteria"].as_array().into_iter().flatten();
    let mut probes = criteria.flat_map(|criterion| criterion["probes"].as_array().into_iter().flatten());
    probes.find(|probe| probe["id"] == id).unwrap_or(&Value::Null)
}

fn said(probe: &Value) -> String {
    format!("{}: {}", probe["verdict"], probe["summary"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(pass: &str, again: &str, actual: &str) -> Value {
        json!({"criteria": [{"probes": [
            {"id": "test.pass", "verdict": pass, "summary": "s"},
            {"id": "test.isolation", "verdict": again, "summary": "u"},
            {"id": "test.sensitivity", "verdict": "fail", "summary": "t", "actual": actual},
        ]}]})
    }

    #[test]
    fn a_figure_is_read_only_where_tests_pass() {
        let seen = noticed(&report("pass", "pass", "7 of 25 noticed")).unwrap();
        assert_eq!((seen, seen.percent()), (Seen { noticed: 7, tried: 25 }, 28));
        assert!(noticed(&report("fail", "blocked", "7 of 25 noticed")).unwrap_err().contains("do not pass"));
        assert!(noticed(&report("pass", "fail", "7 of 25 noticed")).unwrap_err().contains("do not pass"));
        assert!(noticed(&report("pass", "pass", "")).is_err());
    }

    #[test]
    fn a_runner_that_ran_says_so_twice() {
        let of = |pass: &str, coverage: &str| {
            json!({"criteria": [{"probes": [
                {"id": "test.pass", "verdict": pass, "summary": "s", "actual": "4 passed"},
                {"id": "test.isolation", "verdict": "pass", "summary": "u", "actual": "pass a second time"},
                {"id": "test.coverage", "verdict": coverage, "summary": "t", "actual": "93 %"},
            ]}]})
        };
        assert_eq!(ran(&of("pass", "pass")).unwrap(), "its tests ran: 4 passed; 93 %");
        assert_eq!(ran(&of("pass", "inconclusive")).unwrap_err(), "\"inconclusive\": \"t\"");
        assert!(ran(&of("fail", "pass")).is_err());
    }

    #[test]
    fn tests_that_fail_have_to_be_seen_failing() {
        let of = |verdict: &str, actual: &str| {
            json!({"criteria": [{"probes": [{
                "id": "test.pass", "verdict": verdict, "summary": "s", "actual": actual,
                "evidence": [{"kind": "note", "text": "ATest::b: expected 1"}],
            }]}]})
        };
        assert_eq!(failed(&of("fail", "1 of 3 failed")).unwrap(), "1 of 3 failed (ATest::b: expected 1)");
        assert!(failed(&of("fail", "exit code 1 and no report")).is_err());
        assert!(failed(&of("pass", "3 passed")).is_err());
    }

    #[test]
    fn every_language_has_a_program_and_both_sets_of_tests() {
        let folder = shell::workspace().join("fixtures/suites/programs");
        let work = tempfile::tempdir().unwrap();
        for Language { name, faults, .. } in LANGUAGES {
            for tests in if faults { &["strong", "weak"][..] } else { &["strong"] } {
                let tree = made(&folder, name, tests, work.path()).unwrap();
                assert!(tree.join("Dockerfile").is_file() && tree.join("compose.yaml").is_file(), "{name}");
            }
        }
    }
}
