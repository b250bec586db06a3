//! Routes of Laravel, Lumen and Slim: calls on `Route`, `$app` or `$router`, nested by groups.

use std::ops::Range;

use super::graph::{Graph, join};
use super::values::Constants;
use crate::code::Code;

const METHODS: &[&str] = &["get", "post", "put", "patch", "delete"];

/// Routes of a file. `outer` is what the framework puts before the routes of this file (`/api` for `routes/api.php`).
pub(super) fn read(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants, outer: &str) {
    let Some(root) = graph.define(file, "", 0, 0..code.len(), outer.to_owned()) else { return };
    let groups = groups(code, constants);
    for at in 1..code.len() {
        if graph.is_full() {
            return;
        }
        let Some(word) = code.word(at).filter(|_| code.is(at + 1, "(") && called(code, at)) else { continue };
        let Some(base) = base(code, at) else { continue };
        if !matches!(base, "Route" | "$app" | "$router" | "$route" | "$group" | "$r" | "$api" | "Router") {
            continue;
        }
        let prefix = prefix(&groups, at, &chain_prefix(code, constants, at));
        let parts = code.arguments(at + 1);
        let line = code.line(at);
        let path = |position: usize| parts.get(position).and_then(|part| constants.text(code, part.clone()));
        match word {
            _ if METHODS.contains(&word) && parts.len() >= 2 => {
                let Some(path) = path(0) else { continue };
                graph.route(root, word, slash(&prefix, &path), file, line);
            }
            "any" if parts.len() >= 2 => {
                let Some(path) = path(0) else { continue };
                graph.route(root, "", slash(&prefix, &path), file, line);
            }
            "match" | "map" if parts.len() >= 3 => {
                let Some(path) = path(1) else { continue };
                for method in code.literals(parts[0].clone()).into_iter().take(6) {
                    graph.route(root, method, slash(&prefix, &path), file, line);
                }
            }
            "apiResource" | "resource" | "apiResources" | "resources" => {
                let names: Vec<String> = if word.ends_with('s') {
                    parts
                        .first()
                        .map(|part| code.arguments(part.start))
                        .unwrap_or_default()
                        .iter()
                        .filter_map(|part| constants.text(code, part.start..part.start + 1))
                        .collect()
                } else {
                    path(0).into_iter().collect()
                };
                let kept = restricted(code, code.close(at + 1) + 1, &parts);
                for name in names {
                    resource(graph, root, &slash(&prefix, &name.replace('.', "/{parent}/")), &kept, file, line);
                }
            }
            _ => {}
        }
    }
}

fn slash(prefix: &str, path: &str) -> String {
    let joined = join(prefix, path.trim_matches('/'));
    if joined.starts_with('/') { joined } else { format!("/{joined}") }
}

fn called(code: &Code<'_>, at: usize) -> bool {
    at >= 2 && (code.is(at - 1, ">") && code.is(at - 2, "-") || code.is(at - 1, ":") && code.is(at - 2, ":"))
}

/// The name that a chain of static and instance calls begins with.
fn base<'a>(code: &Code<'a>, at: usize) -> Option<&'a str> {
    let mut at = at;
    for _ in 0..60 {
        if !called(code, at) {
            return code.word(at);
        }
        let before = at.checked_sub(3)?;
        at = if code.is(before, ")") { code.open(before)?.checked_sub(1)? } else { before };
    }
    None
}

/// What `->prefix('x')` earlier in the same chain says.
fn chain_prefix(code: &Code<'_>, constants: &Constants, at: usize) -> String {
    let mut at = at;
    let mut found = Vec::new();
    for _ in 0..60 {
        if !called(code, at) {
            break;
        }
        let Some(before) = at.checked_sub(3).filter(|before| code.is(*before, ")")) else { break };
        let Some(open) = code.open(before) else { break };
        at = open.saturating_sub(1);
        if code.is(at, "prefix") {
            found.extend(constants.text(code, open + 1..before));
        }
    }
    found.iter().rev().fold(String::new(), |outer, inner| join(&outer, inner.trim_matches('/')))
}

/// The bodies of groups with the prefix that each adds, outermost first.
fn groups(code: &Code<'_>, constants: &Constants) -> Vec<(Range<usize>, String)> {
    let mut groups = Vec::new();
    for at in 1..code.len() {
        if !(code.is(at, "group") && code.is(at + 1, "(") && called(code, at)) || groups.len() > 500 {
            continue;
        }
        let parts = code.arguments(at + 1);
        let mut prefix = chain_prefix(code, constants, at);
        if let Some(first) = parts.first().filter(|_| parts.len() > 1) {
            let given = if code.is(first.start, "[") {
                code.named(&code.arguments(first.start), "prefix").and_then(|value| constants.text(code, value))
            } else {
                constants.text(code, first.clone())
            };
            prefix = join(&prefix, given.as_deref().unwrap_or("").trim_matches('/'));
        }
        groups.push((at + 1..code.close(at + 1), prefix));
    }
    groups
}

fn prefix(groups: &[(Range<usize>, String)], at: usize, own: &str) -> String {
    let outer = groups
        .iter()
        .filter(|(body, _)| body.contains(&at))
        .fold(String::new(), |outer, (_, inner)| join(&outer, inner));
    join(&outer, own)
}

/// Actions left by `->only([...])` and `->except([...])` after a resource.
fn restricted(code: &Code<'_>, mut at: usize, parts: &[Range<usize>]) -> Vec<&'static str> {
    let all = ["index", "store", "show", "update", "destroy"];
    let mut kept: Vec<&str> = all.to_vec();
    let mut limit = |word: &str, named: Vec<&str>| {
        kept.retain(|action| named.contains(action) == (word == "only"));
    };
    if let Some(options) = parts.get(2) {
        for word in ["only", "except"] {
            if let Some(value) = code.named(&code.arguments(options.start), word) {
                limit(word, code.literals(value));
            }
        }
    }
    while code.is(at, "-") && code.is(at + 1, ">") && code.is(at + 3, "(") {
        if let Some(word) = code.word(at + 2).filter(|word| matches!(*word, "only" | "except")) {
            limit(word, code.literals(at + 3..code.close(at + 3)));
        }
        at = code.close(at + 3) + 1;
    }
    kept
}

fn resource(graph: &mut Graph, root: usize, base: &str, kept: &[&str], file: usize, line: u32) {
    let record = format!("{base}/{{id}}");
    for action in kept {
        match *action {
            "index" => graph.route(root, "GET", base.to_owned(), file, line),
            "store" => graph.route(root, "POST", base.to_owned(), file, line),
            "show" => graph.route(root, "GET", record.clone(), file, line),
            "destroy" => graph.route(root, "DELETE", record.clone(), file, line),
            _ => {
                graph.route(root, "PUT", record.clone(), file, line);
                graph.route(root, "PATCH", record.clone(), file, line);
            }
        }
    }
}
