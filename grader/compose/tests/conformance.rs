//! The documents of the reference implementation's own tests, and the public awesome-compose collection: what it accepts
//! is read to the same model, what it refuses is refused, bombs are refused at once.
//!
//! Known differences stand in `differences.txt` with their reasons; one that no longer differs fails the test too.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use grader_compose::{ComposeErrors, LoadOptions, Loaded, MemoryFiles, RelPath, load, normalized};
use serde_json::Value;

/// Where the project lies: the expected models name the folder and its parent.
const PROJECT: &str = "/parent/project";
/// The home folder.
const HOME: &str = "/home/somebody";

fn cases(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/compose/conformance").join(folder);
    let mut cases: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn name(case: &Path) -> String {
    let parts: Vec<&str> = case.iter().rev().take(2).map(|part| part.to_str().unwrap()).collect();
    format!("{}/{}", parts[1], parts[0])
}

fn differences() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/compose/conformance/differences.txt");
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (case, reason) = line.split_once(' ').expect("a case and its reason");
            (case.to_owned(), reason.to_owned())
        })
        .collect()
}

fn read(case: &Path, project_name: Option<&str>) -> Result<Loaded, ComposeErrors> {
    let mut files = MemoryFiles::new();
    for entry in fs::read_dir(case).unwrap() {
        let path = entry.unwrap().path();
        let file = match path.file_name().unwrap().to_str().unwrap() {
            "expected.json" | "origin.txt" | "rejected.txt" => continue,
            "dot.env" => ".env",
            other => other,
        };
        files = files.with(RelPath::parse(file).unwrap(), fs::read(&path).unwrap());
    }
    let options = LoadOptions {
        environment: [("HOME".to_owned(), HOME.to_owned())].into_iter().collect(),
        fallback_name: project_name.unwrap_or("sn").to_owned(),
        shown_root: PROJECT.to_owned(),
        ..LoadOptions::default()
    };
    load(&files, &options)
}

/// The expected model with the names of folders that this test uses.
fn expected(case: &Path) -> Value {
    fn rename(value: &mut Value, key: &str) {
        match value {
            Value::String(text) => {
                // The name of the home folder was replaced wherever it stood, in a URL's user name too.
                *text = text.replace(":/${HOME}:", "://root:").replace("${HOME}", HOME);
                if let Some(rest) = text.strip_prefix("${PROJECT_DIR}") {
                    // Some expected models kept the ending of the temporary folder's name, `.` and four letters.
                    let rest = if rest.starts_with('.') { rest.get(5..).unwrap_or("") } else { rest };
                    *text = format!("{PROJECT}{rest}");
                } else if matches!(key, "context" | "source" | "file" | "path") && text.starts_with("..") {
                    *text = format!("/parent{}", &text[2..]);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| rename(item, key)),
            Value::Object(entries) => entries.iter_mut().for_each(|(key, value)| rename(value, key)),
            _ => {}
        }
    }
    let mut model = serde_json::from_slice(&fs::read(case.join("expected.json")).unwrap()).unwrap();
    rename(&mut model, "");
    model
}

/// How our model differs from the expected one, if it does.
fn difference(case: &Path) -> Option<String> {
    let expected = expected(case);
    let loaded = match read(case, expected["name"].as_str()) {
        Ok(loaded) => loaded,
        Err(errors) => return Some(format!("refused: {errors}")),
    };
    match normalized::render(&loaded.document) {
        Err(errors) => Some(format!("not printed: {errors:?}")),
        Ok(model) if model == expected => None,
        Ok(model) => {
            let pretty = |model: &Value| serde_json::to_string_pretty(&sorted(model)).unwrap();
            Some(diff(&pretty(&expected), &pretty(&model)))
        }
    }
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(entries) => {
            let entries: BTreeMap<&String, Value> = entries.iter().map(|(key, value)| (key, sorted(value))).collect();
            serde_json::to_value(entries).unwrap()
        }
        other => other.clone(),
    }
}

fn diff(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let missing = expected.iter().filter(|line| !actual.contains(line)).map(|line| format!("- {line}"));
    let added = actual.iter().filter(|line| !expected.contains(line)).map(|line| format!("+ {line}"));
    missing.chain(added).collect::<Vec<_>>().join("\n")
}

/// Compares failures with the list, prints the figure, and fails on any surprise.
fn settle(folder: &str, total: usize, failures: &BTreeMap<String, String>) {
    let known = differences();
    let listed = known.keys().filter(|case| case.starts_with(&format!("{folder}/")));
    let mended: Vec<&String> = listed.filter(|case| !failures.contains_key(*case)).collect();
    let surprises: Vec<String> = failures
        .iter()
        .filter(|(case, _)| !known.contains_key(*case))
        .map(|(case, how)| format!("{case}:\n{how}\n"))
        .collect();
    println!("{folder}: {} of {total} as the reference", total - failures.len());
    assert!(mended.is_empty(), "listed as different but are not: {mended:?}");
    assert!(surprises.is_empty(), "{} differ:\n{}", surprises.len(), surprises.join("\n"));
    assert!(failures.len() * 20 <= total, "more than one in twenty differs");
}

fn compare(folder: &str) {
    let cases = cases(folder);
    let failures = cases.iter().filter_map(|case| Some((name(case), difference(case)?))).collect();
    settle(folder, cases.len(), &failures);
}

#[test]
fn real_projects_are_read_to_the_same_model() {
    compare("real");
}

#[test]
fn accepted_documents_are_read_to_the_same_model() {
    compare("accepted");
}

#[test]
fn rejected_documents_are_refused() {
    let cases = cases("rejected");
    let failures = cases
        .iter()
        .filter(|case| read(case, None).is_ok_and(|loaded| loaded.refusals.is_empty()))
        .map(|case| (name(case), fs::read_to_string(case.join("rejected.txt")).unwrap()))
        .collect();
    settle("rejected", cases.len(), &failures);
}
