//! Ports that a README tells to reach the service at: against what compose publishes, or what the program listens on where
//! the README runs it without containers.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use harness_kit::{Claim, ClaimKind};
use regex::Regex;
use serde_yaml::Value;

use super::{Known, Line, claim};
use crate::env_text;
use crate::tree;

static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:https?://)?(?:localhost|127\.0\.0\.1|0\.0\.0\.0):(\d{2,5})\b").ok());
static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b\d{2,5}\b").ok());

/// Addresses of this machine that the README names.
pub(super) fn claims(known: &Known<'_>, lines: &[Line<'_>]) -> Vec<Claim> {
    let Some(address) = ADDRESS.as_ref() else { return Vec::new() };
    let published = published(known);
    if published.is_empty() {
        return Vec::new();
    }
    let mut elsewhere: Option<BTreeSet<String>> = None;
    let mut found = Vec::new();
    for line in lines {
        for captures in address.captures_iter(line.text) {
            let (Some(whole), Some(port)) = (captures.get(0), captures.get(1)) else { continue };
            // Addresses of databases and brokers belong to one's own set-up.
            let before = &line.text[..whole.start()];
            let other = before.ends_with('@')
                || before.ends_with("//") && !before.ends_with("http://") && !before.ends_with("https://");
            if other {
                continue;
            }
            let holds = published.contains(port.as_str())
                || elsewhere.get_or_insert_with(|| without_containers(known, lines)).contains(port.as_str());
            let wrong = (!holds).then(|| {
                let known: Vec<&str> = published.iter().map(String::as_str).collect();
                format!("compose publishes {}", known.join(", "))
            });
            found.push(claim(ClaimKind::Port, &format!("port {}", port.as_str()), line.number, wrong));
        }
    }
    found
}

/// The ports of this machine that compose publishes.
fn published(known: &Known<'_>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, _, document) in &known.compose {
        let services = document.get("services").and_then(Value::as_mapping);
        for ports in services.into_iter().flatten().filter_map(|(_, service)| service.get("ports")?.as_sequence()) {
            for port in ports {
                found.extend(match port {
                    Value::String(text) => host_port(text),
                    Value::Number(number) => Some(number.to_string()),
                    other => other.get("published").map(|value| match value {
                        Value::String(text) => resolved(text),
                        value => value.as_u64().map_or_else(String::new, |number| number.to_string()),
                    }),
                });
            }
        }
    }
    found.retain(|port| !port.is_empty());
    found
}

/// `8000:80`, `127.0.0.1:8000:80/tcp`, `${PORT:-8000}:80`.
fn host_port(text: &str) -> Option<String> {
    let text = text.split('/').next().unwrap_or(text);
    // A default holds colons of its own.
    let plain = resolve_all(text);
    let mut parts = plain.rsplit(':');
    let inside = parts.next()?;
    Some(parts.next().unwrap_or(inside).to_owned())
}

fn resolved(text: &str) -> String {
    env_text::fallback(text).unwrap_or(text).to_owned()
}

/// Every `${NAME:-default}` of a text as its default.
fn resolve_all(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, after) = after.split_once('}').unwrap_or((after, ""));
        plain.push_str(before);
        plain.push_str(inside.split_once(":-").or_else(|| inside.split_once('-')).map_or("", |(_, default)| default));
        rest = after;
    }
    plain + rest
}

/// Ports that the program itself listens on, where the README tells how to run it without containers.
fn without_containers(known: &Known<'_>, lines: &[Line<'_>]) -> BTreeSet<String> {
    const RUNS: &[&str] = &[
        "npm start",
        "npm run",
        "yarn ",
        "pnpm ",
        "uvicorn",
        "gunicorn",
        "flask run",
        "fastapi ",
        "runserver",
        "go run",
        "cargo run",
        "node ",
        "python ",
        "python3 ",
        "mvnw",
        "gradlew",
        "bundle exec",
        "artisan serve",
        "dotnet run",
        "docker run",
    ];
    let alone: Vec<&Line<'_>> =
        lines.iter().filter(|line| line.is_shell() && RUNS.iter().any(|run| line.text.contains(run))).collect();
    let mut found = BTreeSet::new();
    if alone.is_empty() {
        return found;
    }
    let Some(number) = NUMBER.as_ref() else { return found };
    let mut add = |text: &str| found.extend(number.find_iter(text).map(|port| port.as_str().to_owned()));
    alone.iter().for_each(|line| add(line.text));
    for (path, text) in &known.texts {
        let settings = tree::language(path).is_some()
            || env_text::is_settings(path)
            || tree::file_name(path).starts_with("application");
        for line in text.lines().filter(|line| settings && line.len() < 400) {
            if line.to_ascii_lowercase().contains("port") || line.contains("listen") {
                add(line);
            }
        }
    }
    // A server that is told nothing listens on its framework's own port.
    for (tool, port) in [
        ("uvicorn", "8000"),
        ("gunicorn", "8000"),
        ("flask run", "5000"),
        ("runserver", "8000"),
        ("fastapi ", "8000"),
        ("artisan serve", "8000"),
        ("bundle exec", "3000"),
        ("mvnw", "8080"),
        ("gradlew", "8080"),
    ] {
        if alone.iter().any(|line| line.text.contains(tool)) {
            found.insert(port.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_this_machine() {
        for (text, port) in [
            ("8000:80", "8000"),
            ("127.0.0.1:8000:80/tcp", "8000"),
            ("${PORT:-8000}:80", "8000"),
            ("8000", "8000"),
            ("${BIND:-127.0.0.1}:${PORT:-3000}:3000", "3000"),
        ] {
            assert_eq!(host_port(text).as_deref(), Some(port), "{text}");
        }
    }
}
