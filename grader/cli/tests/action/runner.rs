//! A runner in small: what GitHub's sets for a step, and what it reads afterwards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Bench, Ended};

/// A step that ended, with what the runner has of it.
pub(crate) struct Step {
    pub(crate) ended: Ended,
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) summary: String,
    /// Workflow commands, as name and message; nothing while commands were switched off.
    pub(crate) commands: Vec<(String, String)>,
    /// Name and content of every uploaded file.
    pub(crate) files: BTreeMap<String, String>,
}

impl Step {
    pub(crate) fn output(&self, name: &str) -> &str {
        self.outputs.get(name).unwrap_or_else(|| panic!("no output {name}: {}", self.ended.stdout))
    }

    pub(crate) fn count(&self, command: &str) -> usize {
        self.commands.iter().filter(|(name, _)| name == command).count()
    }

    /// Everything that anybody could read on GitHub, by where it is.
    pub(crate) fn everything(&self) -> Vec<(String, &str)> {
        let mut all = vec![
            ("the log".to_owned(), self.ended.stdout.as_str()),
            ("the log (stderr)".to_owned(), self.ended.stderr.as_str()),
            ("the summary".to_owned(), self.summary.as_str()),
        ];
        all.extend(self.outputs.iter().map(|(name, value)| (format!("the output {name}"), value.as_str())));
        all.extend(self.files.iter().map(|(name, text)| (name.clone(), text.as_str())));
        all
    }
}

/// The event of a pull request.
pub(crate) fn pull_request(head: &str, state: &str, draft: bool) -> Value {
    json!({ "action": "synchronize", "number": 3, "pull_request": {
        "number": 3, "state": state, "draft": draft,
        "head": { "sha": head, "repo": { "id": 7 } }, "base": { "sha": head, "repo": { "id": 7 } },
    }})
}

/// A step to run, and the folder of its files.
pub(crate) struct Prepared {
    pub(crate) command: Command,
    run: TempDir,
}

/// Sets a step up: `name` is the event's, `with` are inputs by their names, `environment` is what else the runner sets.
pub(crate) fn prepared(
    bench: &Bench,
    workspace: &Path,
    (name, event): (&str, &Value),
    with: &[(&str, &str)],
    environment: &[(&str, String)],
) -> Prepared {
    let run = tempfile::Builder::new().prefix("run-").tempdir_in(bench.path("")).unwrap();
    let file = |name: &str| run.path().join(name);
    std::fs::write(file("event.json"), event.to_string()).unwrap();
    let mut command: Command = bench.grader(["action"]);
    command
        .current_dir(workspace)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_EVENT_NAME", name)
        .env("GITHUB_EVENT_PATH", file("event.json"))
        .env("GITHUB_SHA", "0".repeat(40))
        .env("GITHUB_WORKSPACE", workspace)
        .env("GITHUB_OUTPUT", file("output"))
        .env("GITHUB_STEP_SUMMARY", file("summary"))
        .env("RUNNER_TEMP", run.path());
    for (name, value) in with {
        command.env(format!("INPUT_{}", name.to_uppercase().replace('-', "_")), value);
    }
    for (name, value) in environment {
        command.env(name, value);
    }
    Prepared { command, run }
}

/// Runs a step as [`prepared`] sets it up, to its end.
pub(crate) fn step(
    bench: &Bench,
    workspace: &Path,
    event: (&str, &Value),
    with: &[(&str, &str)],
    environment: &[(&str, String)],
) -> Step {
    let Prepared { command, run } = prepared(bench, workspace, event, with, environment);
    let file = |name: &str| run.path().join(name);
    let ended = ended(command);
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let outputs = outputs(&read(file("output")));
    let mut files = BTreeMap::new();
    if let Some(folder) = outputs.get("report").filter(|it| !it.is_empty()) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            files.insert(entry.file_name().to_string_lossy().into_owned(), read(entry.path()));
        }
    }
    let commands = commands(&ended.stdout);
    Step { outputs, summary: read(file("summary")), commands, files, ended }
}

/// Runs a program to its end, however long the submission's own tests take; the test runner bounds it.
pub(crate) fn ended(mut command: Command) -> Ended {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// `NAME<<DELIMITER`, lines, `DELIMITER`.
fn outputs(text: &str) -> BTreeMap<String, String> {
    let (mut outputs, mut lines) = (BTreeMap::new(), text.lines());
    while let Some(line) = lines.next() {
        let (name, delimiter) = line.split_once("<<").unwrap_or_else(|| panic!("{line}"));
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
        outputs.insert(name.to_owned(), value.join("\n"));
    }
    outputs
}

/// `::NAME PROPERTIES::MESSAGE`, heeding `::stop-commands::WORD`.
fn commands(log: &str) -> Vec<(String, String)> {
    let (mut found, mut stopped) = (Vec::new(), None::<String>);
    for line in log.lines() {
        if let Some(word) = &stopped {
            if line == format!("::{word}::") {
                stopped = None;
            }
            continue;
        }
        let Some((head, message)) = line.strip_prefix("::").and_then(|rest| rest.split_once("::")) else { continue };
        let name = head.split(' ').next().unwrap_or_default();
        if name == "stop-commands" {
            stopped = Some(message.to_owned());
        }
        found.push((name.to_owned(), message.to_owned()));
    }
    assert!(stopped.is_none(), "commands were switched off and not on again");
    found
}
