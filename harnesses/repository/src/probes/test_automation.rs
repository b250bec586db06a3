//! `test.automation`: a workflow of a CI service runs the tests.
//!
//! Observes the workflow files that the usual services read and the commands in them, also through a script, a make
//! target or an npm script of the tree. Fails without a workflow or when none runs the tests; partial when what runs
//! them may fail unnoticed, or when nothing but a click starts it. Planted defect: `test-automation` of the Express
//! submission.

use grader_model::{Evidence, Finding};
use grader_spec::Params;
use serde_yaml::Value;

use super::runners::runs_tests;
use super::{Tree, counted};
use crate::tree;

pub(super) const ID: &str = "test.automation";

/// Workflows that are read.
const MOST: usize = 40;

pub(super) fn run(tree: &Tree<'_>, _: &Params) -> Finding {
    let workflows: Vec<(&str, &str)> =
        tree.texts.iter().filter(|(path, _)| is_workflow(path)).take(MOST).copied().collect();
    let expected = "a CI workflow that runs the tests on every push or pull request";
    if workflows.is_empty() {
        return Finding::fail(ID, "No CI workflow is in the tree")
            .expected(expected)
            .actual("no workflow of any CI service");
    }
    let mut weak: Option<Finding> = None;
    for (path, text) in &workflows {
        let steps = steps(text);
        for step in &steps {
            let Some(command) = tests_in(tree, &step.run, 0) else { continue };
            let evidence = Evidence::file(*path, line_with(text, &step.run), tree::excerpt(&command));
            let unnoticed = step.may_fail || command.contains("|| true") || command.ends_with("; true");
            let started = starts_by_itself(text);
            if !unnoticed && started {
                return Finding::pass(ID, format!("{path} runs the tests"))
                    .expected(expected)
                    .actual(format!("`{}`", tree::excerpt(&command)))
                    .evidence(evidence);
            }
            let why = if unnoticed { "their failure is ignored" } else { "only a click starts it" };
            weak.get_or_insert_with(|| {
                Finding::partial(ID, 0.5, format!("{path} runs the tests, but {why}"))
                    .expected(expected)
                    .actual(format!("`{}`; {why}", tree::excerpt(&command)))
                    .evidence(evidence)
            });
        }
    }
    weak.unwrap_or_else(|| {
        let evidence = workflows.iter().take(5).map(|(path, _)| Evidence::file(*path, None, "runs no test"));
        Finding::fail(ID, "The CI workflow runs no tests")
            .expected(expected)
            .actual(format!("{} without a command that runs tests", counted(workflows.len(), "workflow")))
            .evidences(evidence)
    })
}

fn is_workflow(path: &str) -> bool {
    let name = tree::file_name(path);
    let yaml = matches!(tree::extension(name), "yml" | "yaml");
    let folder = [".github/workflows/", ".gitea/workflows/", ".forgejo/workflows/", ".woodpecker/", ".buildkite/"]
        .iter()
        .any(|folder| path.starts_with(folder) || path.contains(&format!("/{folder}")));
    yaml && folder
        || matches!(
            name,
            ".gitlab-ci.yml"
                | ".gitlab-ci.yaml"
                | "azure-pipelines.yml"
                | "bitbucket-pipelines.yml"
                | "Jenkinsfile"
                | ".travis.yml"
                | ".drone.yml"
                | ".woodpecker.yml"
                | "appveyor.yml"
                | ".cirrus.yml"
        )
        || path.ends_with(".circleci/config.yml")
}

#[derive(Debug)]
struct Step {
    run: String,
    may_fail: bool,
}

/// The commands of a workflow: what YAML says is run, or every line that is no comment where it is no YAML.
fn steps(text: &str) -> Vec<Step> {
    let mut found = Vec::new();
    match serde_yaml::from_str::<Value>(text) {
        Ok(document @ Value::Mapping(_)) => collect(&document, false, &mut found, 0),
        _ => {
            let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            found.push(Step { run: lines.join("\n"), may_fail: false });
        }
    }
    found
}

/// Keys under which the services keep commands.
const COMMANDS: &[&str] =
    &["run", "script", "before_script", "after_script", "command", "commands", "bash", "pwsh", "cmd"];

fn collect(value: &Value, may_fail: bool, found: &mut Vec<Step>, depth: usize) {
    if depth > 24 || found.len() > 2_000 {
        return;
    }
    match value {
        Value::Mapping(mapping) => {
            let says = |key: &str, wanted: bool| {
                mapping.get(key).is_some_and(|value| {
                    value.as_bool() == Some(wanted) || value.as_str() == Some(if wanted { "true" } else { "false" })
                })
            };
            if says("if", false) {
                return;
            }
            let may_fail = may_fail || says("continue-on-error", true) || says("allow_failure", true);
            for (key, inner) in mapping {
                if key.as_str().is_some_and(|key| COMMANDS.contains(&key)) {
                    texts(inner, may_fail, found, depth);
                } else {
                    collect(inner, may_fail, found, depth + 1);
                }
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| collect(item, may_fail, found, depth + 1)),
        _ => {}
    }
}

fn texts(value: &Value, may_fail: bool, found: &mut Vec<Step>, depth: usize) {
    match value {
        Value::String(run) => found.push(Step { run: run.clone(), may_fail }),
        Value::Sequence(items) => items.iter().take(500).for_each(|item| match item {
            Value::String(run) => found.push(Step { run: run.clone(), may_fail }),
            other => collect(other, may_fail, found, depth + 1),
        }),
        other => collect(other, may_fail, found, depth + 1),
    }
}

/// The command that runs tests in a step, itself or through a script of the tree.
fn tests_in(tree: &Tree<'_>, run: &str, depth: usize) -> Option<String> {
    if let Some(command) = runs_tests(run) {
        return Some(command.to_owned());
    }
    if depth > 2 {
        return None;
    }
    run.lines().take(200).find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        // `npm run ci`: what package.json says for it.
        let script = words
            .windows(3)
            .find(|words| matches!(words[0], "npm" | "pnpm" | "yarn" | "bun") && words[1] == "run")
            .map(|words| words[2]);
        if let Some(command) =
            script.and_then(|name| package_script(tree, name)).and_then(|command| tests_in(tree, &command, depth + 1))
        {
            return Some(format!("{line} → {command}"));
        }
        // A script or a Dockerfile of the tree.
        words.iter().find_map(|word| {
            let path = word.trim_start_matches("./").trim_matches(['"', '\'']);
            let text =
                (path.len() > 2 && (path.contains('.') || path.contains('/'))).then(|| tree.text(path)).flatten()?;
            let script =
                tree::extension(path) == "sh" || text.starts_with("#!") || tree::file_name(path).contains("Dockerfile");
            script.then(|| tests_in(tree, text, depth + 1)).flatten().map(|command| format!("{path} → {command}"))
        })
    })
}

fn package_script(tree: &Tree<'_>, name: &str) -> Option<String> {
    tree.texts.iter().filter(|(path, _)| tree::file_name(path) == "package.json").find_map(|(_, text)| {
        let manifest: serde_json::Value = serde_json::from_str(text).ok()?;
        manifest["scripts"][name].as_str().map(str::to_owned)
    })
}

/// Whether something other than a person starts a GitHub workflow. Other services start by themselves.
fn starts_by_itself(text: &str) -> bool {
    let Ok(document) = serde_yaml::from_str::<Value>(text) else { return true };
    let Value::Mapping(document) = document else { return true };
    // YAML 1.1 reads a bare `on` as true.
    let on = document.get("on").or_else(|| document.get(Value::Bool(true)));
    let Some(on) = on else { return true };
    let names: Vec<&str> = match on {
        Value::String(name) => vec![name.as_str()],
        Value::Sequence(names) => names.iter().filter_map(Value::as_str).collect(),
        Value::Mapping(names) => names.keys().filter_map(Value::as_str).collect(),
        _ => return true,
    };
    names.iter().any(|name| !matches!(*name, "workflow_dispatch" | "repository_dispatch"))
}

fn line_with(text: &str, run: &str) -> Option<u32> {
    let first = run.lines().find(|line| runs_tests(line).is_some()).or_else(|| run.lines().next())?.trim();
    text.find(first).map(|offset| tree::line_of(text, offset))
}

#[cfg(test)]
mod tests {
    use grader_model::Verdict;

    use super::super::over;
    use super::*;

    fn verdict(files: &[(&str, &str)]) -> Verdict {
        over(files, run).verdict
    }

    #[test]
    fn workflows_that_run_the_tests_pass() {
        for (path, text) in [
            (
                ".github/workflows/ci.yml",
                "on: [push]\njobs:\n  a:\n    steps:\n      - run: |\n          npm ci\n          npm test\n",
            ),
            (".gitlab-ci.yml", "test:\n  script:\n    - pip install -r r.txt\n    - pytest\n"),
            (
                ".circleci/config.yml",
                "jobs:\n  a:\n    steps:\n      - checkout\n      - run:\n          command: go test ./...\n",
            ),
            ("Jenkinsfile", "pipeline { stages { stage('t') { steps { sh './mvnw verify' } } } }"),
        ] {
            assert_eq!(verdict(&[(path, text)]), Verdict::Pass, "{path}");
        }
        let indirect = [
            (".github/workflows/ci.yml", "on: push\njobs: {a: {steps: [{run: npm run ci}, {run: ./scripts/x.sh}]}}"),
            ("package.json", "{\"scripts\": {\"ci\": \"eslint . && vitest run\"}}"),
        ];
        assert_eq!(verdict(&indirect), Verdict::Pass);
    }

    #[test]
    fn without_tests_or_with_ignored_ones_they_do_not() {
        assert_eq!(verdict(&[]), Verdict::Fail);
        let lint = "on: push\njobs: {a: {steps: [{run: npm run lint}]}}";
        assert_eq!(verdict(&[(".github/workflows/ci.yml", lint)]), Verdict::Fail);
        let off = "on: push\njobs: {a: {if: false, steps: [{run: npm test}]}}";
        assert_eq!(verdict(&[(".github/workflows/ci.yml", off)]), Verdict::Fail);
        let ignored = "on: push\njobs: {a: {steps: [{run: npm test, continue-on-error: true}]}}";
        assert_eq!(verdict(&[(".github/workflows/ci.yml", ignored)]), Verdict::Partial);
        let clicked = "on: workflow_dispatch\njobs: {a: {steps: [{run: npm test}]}}";
        assert_eq!(verdict(&[(".github/workflows/ci.yml", clicked)]), Verdict::Partial);
    }
}
