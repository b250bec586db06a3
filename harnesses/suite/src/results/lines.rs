//! Reports of one event or sentence a line: `go test -json`, `cargo test`, nextest.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use super::{BadReport, Found, Outcome, cut};

/// Bytes of one line that are looked at.
const LONGEST: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GoEvent {
    action: String,
    #[serde(default)]
    package: String,
    #[serde(default)]
    test: String,
    #[serde(default)]
    elapsed: f64,
    #[serde(default)]
    output: String,
}

/// `go test -json`. Only tests without subtests are counted: their parents say the same once more.
pub(super) fn go(bytes: &[u8], found: &mut Found) -> Result<(), BadReport> {
    let mut said: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut ended: Vec<(String, String, Outcome, f64)> = Vec::new();
    let mut parents: HashSet<(String, String)> = HashSet::new();
    let mut failed_packages = Vec::new();
    // What a test prints may read like an end; no test ends that was not begun.
    let mut begun: HashSet<(String, String)> = HashSet::new();
    let mut any = false;
    for line in text_lines(bytes) {
        let Ok(event) = serde_json::from_str::<GoEvent>(&line) else {
            // Older releases say this beside the events.
            if let Some(rest) = line.strip_prefix("FAIL\t").filter(|rest| rest.ends_with("failed]")) {
                failed_packages.push(rest.split_whitespace().next().unwrap_or_default().to_owned());
                any = true;
            }
            continue;
        };
        any = true;
        if ended.len() > super::MOST_CASES {
            return Err(BadReport::TooMany);
        }
        let key = (event.package.clone(), event.test.clone());
        if let Some((parent, _)) = event.test.rsplit_once('/') {
            parents.insert((event.package.clone(), parent.to_owned()));
        }
        let outcome = match event.action.as_str() {
            "output" | "build-output" => {
                if said.len() < super::MOST_CASES {
                    let kept = said.entry(key).or_default();
                    if kept.len() < 4 * super::MOST_TEXT {
                        kept.push_str(&event.output);
                    }
                }
                continue;
            }
            "run" => {
                if begun.len() < super::MOST_CASES {
                    begun.insert(key);
                }
                continue;
            }
            "pass" => Outcome::Passed,
            "fail" => Outcome::Failed,
            "skip" => Outcome::Skipped,
            _ => continue,
        };
        if !event.test.is_empty() {
            if !begun.remove(&key) {
                continue;
            }
            ended.push((event.package, event.test, outcome, event.elapsed));
        } else if outcome == Outcome::Failed {
            failed_packages.push(event.package);
        }
    }
    if !any {
        return Err(BadReport::Unreadable("it has no event".to_owned()));
    }
    for package in failed_packages {
        // A package that fails without a test does not compile, or its process ended.
        if !ended.iter().any(|(of, _, outcome, _)| *of == package && *outcome == Outcome::Failed) {
            let key = (package.clone(), String::new());
            let message = said.get(&key).map(String::as_str).unwrap_or_default();
            found.push(&format!("{package} (package)"), None, Outcome::Failed, 0.0, message)?;
        }
    }
    for (package, test, outcome, seconds) in ended {
        let key = (package, test);
        if !parents.contains(&key) {
            let message = if outcome == Outcome::Failed { said.get(&key).map_or("", String::as_str) } else { "" };
            found.push(&format!("{}::{}", key.0, key.1), None, outcome, seconds, message)?;
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct CargoEvent {
    #[serde(rename = "type")]
    kind: String,
    event: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    exec_time: f64,
    #[serde(default)]
    stdout: String,
}

/// `cargo test`, in its own words or in nextest's lines of JSON.
pub(super) fn cargo(bytes: &[u8], found: &mut Found) -> Result<(), BadReport> {
    let mut any = false;
    let mut broken: Option<String> = None;
    // What failed tests printed is repeated after the list, and may look like it.
    let mut listing = false;
    for line in text_lines(bytes) {
        if line.starts_with('{') {
            let Ok(event) = serde_json::from_str::<CargoEvent>(&line) else { continue };
            any = true;
            let outcome = match event.event.as_str() {
                "ok" => Outcome::Passed,
                "failed" | "timeout" => Outcome::Failed,
                "ignored" => Outcome::Skipped,
                _ => continue,
            };
            if event.kind == "test" {
                found.push(&event.name, None, outcome, event.exec_time, &event.stdout)?;
            }
            continue;
        }
        if line.starts_with("running ") {
            (any, listing) = (true, true);
        }
        listing &= line != "failures:" && !line.starts_with("test result: ");
        if line.starts_with("error: could not compile") || line.starts_with("error[E") {
            broken.get_or_insert(line.clone());
        }
        let Some((name, end)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) else { continue };
        if !listing {
            continue;
        }
        let name = name.strip_suffix(" - should panic").unwrap_or(name);
        let outcome = match end.split([',', ' ']).next().unwrap_or_default() {
            "ok" => Outcome::Passed,
            "FAILED" => Outcome::Failed,
            "ignored" => Outcome::Skipped,
            _ => continue,
        };
        any = true;
        found.push(name, None, outcome, 0.0, "")?;
    }
    if let Some(broken) = broken {
        found.push("it does not compile", None, Outcome::Failed, 0.0, &cut(&broken))?;
        any = true;
    }
    if any { Ok(()) } else { Err(BadReport::Unreadable("it names no test".to_owned())) }
}

fn text_lines(bytes: &[u8]) -> impl Iterator<Item = String> {
    bytes.split(|byte| *byte == b'\n').map(|line| {
        let line = &line[..line.len().min(LONGEST)];
        String::from_utf8_lossy(line).trim_end().to_owned()
    })
}
