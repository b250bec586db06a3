//! Each fault that a run can end by, provoked by a fixture of its own under `fixtures/faults/`, and whose doing it is.
//!
//! `repo/` is the submission and `expected.yaml` what the run must end with. The real binary runs on the real engine.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use support::{Bench, Running, copy, engine, fill, servers};

/// What a fixture says. Words in `@…@` stand for addresses and folders of the test.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// What is graded in place of the folder `repo`.
    source: Option<String>,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// `none`: the fault is found without an engine, so it must be found where there is none.
    #[serde(default)]
    engine: Needs,
    exit: i32,
    outcome: String,
    side: Option<String>,
    stage: Option<String>,
    code: Option<String>,
    /// What the fault's fields hold, among other things.
    place: Option<String>,
    message: Option<String>,
    hint: Option<String>,
    log: Option<String>,
    /// How many faults were found together with the first.
    #[serde(default)]
    also: usize,
    /// What a note of the report holds.
    note: Option<String>,
    /// Whether the repository's own probes were decided all the same.
    #[serde(default)]
    repository: Repository,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Needs {
    #[default]
    Docker,
    None,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Repository {
    #[default]
    Unread,
    Read,
}

fn fault(path: &Path) -> datatest_stable::Result<()> {
    let bench = Bench::new();
    let words = [
        ("@REGISTRY@", servers::registry()),
        ("@NOBODY@", servers::nobody()),
        ("@DRIP@", servers::drip()),
        ("@TEMP@", bench.temp().display().to_string()),
    ];
    let expected: Expected = serde_yaml::from_str(&fill(&std::fs::read_to_string(path)?, &words))?;
    let repo = path.with_file_name("repo");
    if repo.is_dir() {
        copy(&repo, &bench.submission(), &words);
    }
    let source = expected.source.clone().unwrap_or_else(|| bench.submission().display().to_string());
    let (out, spec) = (bench.out().display().to_string(), bench.hasty_spec());
    let mut command = bench.grader(["grade", &source, "--spec", &spec, "--format", "json", "--out", &out]);
    if expected.engine == Needs::None {
        command.env("DOCKER_HOST", format!("unix://{}", bench.path("no-engine.sock").display()));
    }
    command.args(&expected.arguments).envs(&expected.environment);
    let running = Running::start(command);
    let pid = running.pid();
    let ended = running.end().expect(expected.exit);
    let report = ended.json();
    check(&expected, &report);
    for file in ["report.json", "report.html", "report.md", "junit.xml", "report.sarif"] {
        assert!(bench.out().join(file).is_file(), "{file} is not written");
    }
    assert_eq!((bench.journals(), bench.scratch(), bench.processes()), Default::default());
    if expected.engine == Needs::Docker && !expected.environment.contains_key("DOCKER_HOST") {
        assert_eq!(engine::left_by(pid), Vec::<String>::new());
    }
    Ok(())
}

fn check(expected: &Expected, report: &Value) {
    let fault = &report["fault"];
    let shown = serde_json::to_string_pretty(fault).unwrap();
    assert_eq!(report["outcome"], expected.outcome.as_str(), "{shown}");
    assert_eq!(fault.is_object(), expected.code.is_some(), "{shown}");
    for (field, wanted) in [("side", &expected.side), ("stage", &expected.stage), ("code", &expected.code)] {
        assert_eq!(fault[field].as_str(), wanted.as_deref(), "{field} of {shown}");
    }
    for (field, wanted) in [("place", &expected.place), ("message", &expected.message), ("hint", &expected.hint)] {
        let said = fault[field].as_str().unwrap_or_default();
        assert!(said.contains(wanted.as_deref().unwrap_or_default()), "{wanted:?} is not in the {field} of {shown}");
    }
    if let Some(wanted) = &expected.log {
        assert!(strings(&fault["log"]).any(|line| line.contains(wanted.as_str())), "{wanted:?} is not in {shown}");
    }
    assert_eq!(fault["also"].as_array().map_or(0, Vec::len), expected.also, "{shown}");
    if let Some(wanted) = &expected.note {
        let notes = report["notes"].as_array().unwrap();
        assert!(notes.iter().any(|note| note["text"].as_str().unwrap().contains(wanted.as_str())), "{notes:?}");
    }
    points(expected, report);
}

/// Only the candidate's own fault costs points, and what can be seen without a running stack still earns some.
fn points(expected: &Expected, report: &Value) {
    let probes = || report["criteria"].as_array().unwrap().iter().flat_map(|c| c["probes"].as_array().unwrap());
    let blocked = probes().filter(|probe| probe["blocked_by"] == report["fault"]["code"]).count();
    match expected.outcome.as_str() {
        "graded" => {}
        "does_not_start" => {
            assert!(report["score"]["possible"].as_f64().unwrap() > 0.0, "the live probes count as not demonstrated");
            assert!(blocked > 20, "{blocked} probes are blocked by the fault");
        }
        _ => {
            assert!(report["criteria"].as_array().unwrap().is_empty(), "nothing is scored");
            assert_eq!(report["score"]["possible"], 0.0);
            assert_eq!(report["score"]["passed"], Value::Null);
        }
    }
    if expected.repository == Repository::Read {
        for id in ["org.hygiene", "doc.readme"] {
            let probe = probes().find(|probe| probe["id"] == id).unwrap();
            let verdict = probe["verdict"].as_str().unwrap();
            assert!(matches!(verdict, "pass" | "partial" | "fail"), "{probe:#} can be seen without a running stack");
        }
    }
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

datatest_stable::harness! {
    { test = fault, root = "../../fixtures/faults", pattern = r"/expected\.yaml$" },
}
