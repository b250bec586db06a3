//! Routes that a README names: `POST /path` in text, tables and headings, and `curl` lines.

use std::sync::LazyLock;

use grader_model::{BindingSource, Snapshot};
use harness_kit::RouteHint;
use regex::Regex;

use crate::tree;

/// Documents that are read, and routes taken from each.
const MOST_DOCUMENTS: usize = 12;
const MOST_ROUTES: usize = 150;

/// A method and, after at most a few marks of Markdown, a path.
static METHOD_AND_PATH: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"\b(GET|POST|PUT|PATCH|DELETE)\b[\s`*|:\]\)_"'-]{1,12}(?:https?://[^/\s`"'|]{1,80}|\{\{[^}]{1,40}\}\}|\$\{?[A-Za-z_]+\}?)?(/[A-Za-z0-9/_.:{}<>~-]{0,120})"#,
    )
});

static TARGET: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"(?:https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|[a-z0-9.-]{1,60})(?::\d{2,5})?|\$\{?[A-Za-z_]{1,30}\}?|\blocalhost:\d{2,5}|[\s"']:\d{2,5})(/[A-Za-z0-9/_.:{}<>$~-]{1,120})"#,
    )
});

static METHOD_OPTION: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?:-X\s?|--request[= ])["']?(GET|POST|PUT|PATCH|DELETE)"#));

#[expect(clippy::expect_used, reason = "the patterns are constants that the tests compile")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// Routes of the README and of further documents, the README's first.
pub(super) fn read(snapshot: &Snapshot) -> Vec<RouteHint> {
    let readme = tree::readme(snapshot);
    let first = readme.map(|(path, _)| path);
    let others = tree::texts(snapshot).into_iter().filter(|(path, _)| {
        (tree::is_document(path) || matches!(tree::extension(path), "http" | "rest"))
            && Some(*path) != first
            && !tree::is_test(path)
    });
    readme.into_iter().chain(others).take(MOST_DOCUMENTS).flat_map(|(path, text)| document(path, text)).collect()
}

fn document(path: &str, text: &str) -> Vec<RouteHint> {
    let mut hints: Vec<RouteHint> = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        if hints.len() >= MOST_ROUTES {
            break;
        }
        let place = format!("{path}:{}", number + 1);
        let mut add = |method: &str, route: &str| {
            if let Some(route) = spelled(route) {
                hints.push(RouteHint {
                    partial: false,
                    method: method.to_owned(),
                    path: route,
                    source: BindingSource::Readme,
                    place: place.clone(),
                    members: Vec::new(),
                });
            }
        };
        let line: String = line.chars().take(2_000).collect();
        if line.contains("curl ") {
            // A command may go on over several lines.
            let mut command = line.clone();
            while command.trim_end().ends_with('\\') && command.len() < 4_000 {
                match lines.next() {
                    Some((_, next)) => command.extend(next.chars().take(1_000)),
                    None => break,
                }
            }
            for single in command.split("curl ").skip(1) {
                if let Some(target) = TARGET.captures(single).and_then(|found| found.get(1)) {
                    add(method_of(single), target.as_str());
                }
            }
            continue;
        }
        for found in METHOD_AND_PATH.captures_iter(&line) {
            if let (Some(method), Some(route)) = (found.get(1), found.get(2)) {
                add(method.as_str(), route.as_str());
            }
        }
    }
    hints
}

/// The method of a `curl` command: named, or POST where it sends something.
fn method_of(command: &str) -> &str {
    if let Some(named) = METHOD_OPTION.captures(command).and_then(|found| found.get(1)) {
        return named.as_str();
    }
    let sends = [" -d ", " -d'", " -d\"", " --data", " --json", " -F ", " --form"]
        .iter()
        .any(|option| command.contains(option));
    if sends { "POST" } else { "GET" }
}

/// A path of prose as a template: `:id`, `<id>`, `$ID`, a number or a UUID stand for a parameter.
fn spelled(path: &str) -> Option<String> {
    let path = path.trim_end_matches(['.', ':', ',', '`']);
    if matches!(tree::extension(path), "png" | "svg" | "md" | "html" | "git" | "json" | "yaml" | "yml") {
        return None;
    }
    let slash = path.len() > 1 && path.ends_with('/');
    let mut spelled = String::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let segment = segment.trim_matches(['"', '\'']);
        let concrete = segment.bytes().all(|byte| byte.is_ascii_digit()) || is_uuid(segment);
        spelled.push('/');
        if concrete || segment.starts_with('$') {
            spelled.push_str("{id}");
        } else {
            spelled.push_str(&super::parameter(segment)?);
        }
    }
    if spelled.is_empty() {
        return None;
    }
    if slash {
        spelled.push('/');
    }
    Some(spelled)
}

fn is_uuid(segment: &str) -> bool {
    segment.len() == 36
        && segment.bytes().filter(|byte| *byte == b'-').count() == 4
        && segment.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        document("README.md", text).into_iter().map(|hint| (hint.method, hint.path)).collect()
    }

    #[test]
    fn prose_tables_and_commands() {
        let text = "### POST /api/books\n| `GET` | `/api/books/:id` | reads |\n- **DELETE** `/api/books/<int:id>`\n\
                    curl http://localhost:8000/books/3\ncurl -X PATCH \\\n  $API/orders/$ID -d '{}'\n\
                    PUT {{host}}/api/x\ncurl -s localhost:3000/auth/login -d 'x'\nWe POST things/ to no route.";
        let expected = [
            ("POST", "/api/books"),
            ("GET", "/api/books/{id}"),
            ("DELETE", "/api/books/{id}"),
            ("GET", "/books/{id}"),
            ("PATCH", "/orders/{id}"),
            ("PUT", "/api/x"),
            ("POST", "/auth/login"),
        ];
        let expected: Vec<(String, String)> =
            expected.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
        assert_eq!(read(text), expected);
    }
}
