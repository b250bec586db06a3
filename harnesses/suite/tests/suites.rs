//! Every folder of `fixtures/suites` is a tiny repository with what its runner said: recognised, examined and judged as
//! its `case.yaml` expects, without an engine. What the format of a case is, its README says.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use grader_model::{FileEntry, FileKind, Snapshot};
use grader_spec::Spec;
use harness_suite::{Plan, Rows, Said, Suite, Told, Trouble, Workshop, examine, findings, recognise, stacks};
use serde::Deserialize;

const SECRET: &str = "g0f8fad5bd9cb469f";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// The id of the stack; absent where none is to be recognised.
    #[serde(default)]
    stack: Option<String>,
    /// Whole runs, one after the other; the last one stands for all that follow.
    #[serde(default)]
    runs: Vec<Ran>,
    #[serde(default)]
    rows: Vec<Rows>,
    /// Whether runs over a fault fail.
    #[serde(default)]
    notices: bool,
    /// Tests that the repository's family counts by their text.
    #[serde(default)]
    by_syntax: usize,
    expect: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ran {
    /// A file beside the case; `CANARY` in it stands for the name of the grader's own test.
    #[serde(default)]
    report: Option<String>,
    #[serde(default)]
    coverage: Option<String>,
    /// Absent: it did not end.
    #[serde(default)]
    exit: Option<i64>,
    #[serde(default)]
    says: String,
    #[serde(default)]
    over_limits: bool,
    /// Seconds in which it said nothing before it was ended.
    #[serde(default)]
    quiet: u64,
}

/// Plays what the case recorded.
struct Player {
    folder: PathBuf,
    case: Case,
    snapshot: Snapshot,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    runs: usize,
    rows: usize,
    files: BTreeMap<String, Vec<u8>>,
    /// The file that has a fault just now.
    faulty: Option<String>,
    challenged: bool,
}

#[async_trait]
impl Workshop for Player {
    async fn run(
        &self,
        script: &str,
        _arguments: &[String],
        environment: &[(String, String)],
        _time: Duration,
    ) -> Result<Said, Trouble> {
        let mut state = self.state.lock().unwrap();
        let variable = |name: &str| environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        if script.starts_with("rm ") {
            return Ok(Said { exit: Some(0), ..Said::default() });
        }
        if script.starts_with("find ") {
            return Ok(Said { exit: Some(1), ..Said::default() });
        }
        let Some(report) = variable("REPORT").filter(|_| script.contains("$REPORT")) else {
            // The check that the runner itself can be started.
            let fine = !self.case.runs.iter().any(|run| run.says.contains("not found"));
            return Ok(Said { exit: Some(if fine { 0 } else { 127 }), ..Said::default() });
        };
        let last = self.case.runs.len().saturating_sub(1);
        let mut ran = self.case.runs[state.runs.min(last)].clone();
        if state.challenged {
            // These runs are over faults, or the control without one.
            let fails = state.faulty.is_some() && self.case.notices;
            ran.exit = Some(i64::from(fails));
            let name = format!("{}-{}", self.case.stack.as_deref().unwrap(), if fails { "fails" } else { "passes" });
            ran.report = Some(format!("../reports/{name}"));
        }
        state.runs += 1;
        if let Some(file) = &ran.report {
            let text = std::fs::read_to_string(self.folder.join(file)).unwrap().replace("CANARY", SECRET);
            state.files.insert(report, text.into_bytes());
        }
        if let (Some(file), Some(at)) = (&ran.coverage, variable("COVERAGE")) {
            state.files.insert(at, std::fs::read(self.folder.join(file)).unwrap());
        }
        let quiet = Duration::from_secs(ran.quiet);
        Ok(Said { output: ran.says, exit: ran.exit, quiet, over_limits: ran.over_limits })
    }

    async fn put(&self, path: &str, bytes: &[u8]) -> Result<(), Trouble> {
        let mut state = self.state.lock().unwrap();
        if let Some(text) = self.snapshot.text(path) {
            state.challenged = true;
            state.faulty = (text.as_bytes() != bytes).then(|| path.to_owned());
        }
        state.files.insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }

    async fn take(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, Trouble> {
        let state = self.state.lock().unwrap();
        Ok(state.files.get(path).filter(|bytes| bytes.len() <= most).cloned())
    }

    async fn rows(&self) -> Option<Rows> {
        let mut state = self.state.lock().unwrap();
        state.rows += 1;
        self.case.rows.get(state.rows - 1).cloned()
    }
}

fn tree(folder: &Path) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let mut open = vec![folder.to_owned()];
    while let Some(here) = open.pop() {
        for entry in std::fs::read_dir(here).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let bytes: Arc<[u8]> = std::fs::read(&path).unwrap().into();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            let entry =
                FileEntry { kind: FileKind::File, size: bytes.len() as u64, bytes: Some(bytes), executable: false };
            snapshot.files.insert(name, entry);
        }
    }
    snapshot.files.sort_keys();
    snapshot
}

fn spec() -> Spec {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs/bookstore.yaml")).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/suites");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("case.yaml").exists())
        .collect();
    cases.sort();
    cases
}

/// Verdicts and whole findings of a case.
async fn judged(folder: &Path) -> (BTreeMap<String, String>, String) {
    let case: Case = serde_yaml::from_str(&std::fs::read_to_string(folder.join("case.yaml")).unwrap()).unwrap();
    let snapshot = tree(&folder.join("tree"));
    let suite: Option<Suite> = recognise(&snapshot, &stacks().unwrap());
    assert_eq!(suite.as_ref().map(|suite| suite.stack.id.clone()), case.stack, "{}", folder.display());
    let by_syntax = case.by_syntax;
    let told = match &suite {
        None => Told::NotRun { why: "there is no suite".to_owned() },
        Some(suite) => {
            let plan = Plan { budget: Duration::from_secs(3600), seed: 1, faults: 20, secret: SECRET.to_owned() };
            let player =
                Player { folder: folder.to_owned(), case, snapshot: snapshot.clone(), state: Mutex::default() };
            Told::Examined(Box::new(examine(suite, &snapshot, &player, &plan).await))
        }
    };
    let findings = findings(&spec(), &snapshot, suite.as_ref(), &told, by_syntax);
    let verdicts = findings.iter().map(|finding| {
        (finding.probe.clone(), serde_json::to_value(finding.verdict).unwrap().as_str().unwrap().to_owned())
    });
    (verdicts.collect(), serde_json::to_string_pretty(&findings).unwrap())
}

#[tokio::test]
async fn every_suite_gets_what_it_deserves() {
    let cases = cases();
    assert!(cases.len() >= 24, "{}", cases.len());
    let mut wrong = Vec::new();
    for folder in cases {
        let text = std::fs::read_to_string(folder.join("case.yaml")).unwrap();
        let expected: Case = serde_yaml::from_str(&text).unwrap();
        let (seen, whole) = judged(&folder).await;
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        for (probe, verdict) in &expected.expect {
            if seen.get(probe) != Some(verdict) {
                wrong.push(format!("{name}: {probe} is {:?}, expected {verdict}\n{whole}", seen.get(probe)));
                break;
            }
        }
        // The same said twice is the same.
        assert_eq!(judged(&folder).await, (seen, whole), "{name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
