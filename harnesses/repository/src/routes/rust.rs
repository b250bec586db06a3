//! Routes of axum, actix-web and Rocket.

use std::ops::Range;

use super::graph::{Function, Graph, RouterId};
use super::values::Constants;
use crate::code::Code;

pub(super) const METHODS: &[&str] = &["get", "post", "put", "patch", "delete"];

/// Functions of a file, routers that it makes, and handlers with their attribute.
pub(super) fn declare(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants) {
    for at in 0..code.len() {
        if code.is(at, "fn")
            && let Some(name) = code.word(at + 1)
        {
            let Some(open) = (at + 2..code.len().min(at + 60)).find(|at| code.is(*at, "(")) else { continue };
            let parameters = code
                .arguments(open)
                .iter()
                .filter_map(|part| part.clone().filter_map(|at| code.word(at)).find(|word| *word != "mut"))
                .map(str::to_owned)
                .collect();
            let Some(brace) = (code.close(open)..code.len().min(code.close(open) + 120)).find(|at| code.is(*at, "{"))
            else {
                continue;
            };
            graph.function(Function {
                file,
                name: name.to_owned(),
                owner: String::new(),
                parameters,
                body: brace..code.close(brace),
            });
        }
    }
    for at in 0..code.len() {
        if let Some(prefix) = maker(code, constants, at) {
            let scope = code.block(at);
            let Some(made) = graph.define(file, bound(code, at).unwrap_or(""), at, scope, prefix) else { return };
            graph.set_chain(file, at, made);
        }
        attribute(graph, file, code, at);
    }
}

/// The prefix of a chain that begins at `at`: `Router::new()`, `web::scope("/x")`, `web::resource("/x")`, `App::new()`.
fn maker(code: &Code<'_>, constants: &Constants, at: usize) -> Option<String> {
    let pathed = code.is(at + 1, ":") && code.is(at + 2, ":");
    if pathed
        && matches!(code.word(at), Some("Router" | "App" | "OpenApiRouter" | "ApiRouter"))
        && matches!(code.word(at + 3), Some("new" | "default" | "with_openapi"))
    {
        return Some(String::new());
    }
    let call = match code.word(at) {
        Some("web") if pathed && matches!(code.word(at + 3), Some("scope" | "resource")) => at + 4,
        Some("scope" | "resource")
            if code.is(at + 1, "(") && !code.is(at.wrapping_sub(1), ":") && !code.is(at.wrapping_sub(1), ".") =>
        {
            at + 1
        }
        _ => return None,
    };
    constants.text(code, call + 1..code.close(call))
}

/// `let name = …`.
fn bound<'a>(code: &Code<'a>, at: usize) -> Option<&'a str> {
    let name = at.checked_sub(2).filter(|_| code.is(at - 1, "="))?;
    let name = (name.saturating_sub(8)..=name).rev().find(|at| {
        at.checked_sub(1).is_some_and(|before| code.is(before, "let") || code.is(before, "mut"))
            && code.word(*at).is_some()
    })?;
    code.word(name)
}

/// `#[get("/x")] async fn handler(`: the handler is a router with one route, which services mount by name.
fn attribute(graph: &mut Graph, file: usize, code: &Code<'_>, at: usize) {
    if !(code.is(at, "#") && code.is(at + 1, "[")) {
        return;
    }
    let mut word = at + 2;
    while code.word(word).is_some() && code.is(word + 1, ":") && code.is(word + 2, ":") {
        word += 3;
    }
    let Some(method) = code.word(word).filter(|word| METHODS.contains(word)) else { return };
    let Some(path) = code.literal(word + 2).filter(|path| path.is_empty() || path.starts_with('/')) else { return };
    let end = code.close(at + 1);
    let Some(function) = (end..code.len().min(end + 300)).find(|at| code.is(*at, "fn")) else { return };
    let Some(name) = code.word(function + 1) else { return };
    if let Some(handler) = graph.define(file, name, at, 0..code.len(), String::new()) {
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        graph.route(handler, method, path.to_owned(), file, code.line(at));
    }
}

/// Routes and mounts of a file.
pub(super) fn connect(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants) {
    for at in 1..code.len() {
        if graph.is_full() {
            return;
        }
        let Some(word) = code.word(at).filter(|_| code.is(at - 1, ".") && code.is(at + 1, "(")) else { continue };
        if !matches!(
            word,
            "route" | "nest" | "merge" | "service" | "configure" | "mount" | "nest_service" | "api_route" | "routes"
        ) {
            continue;
        }
        let Some(router) = receiver(graph, file, code, constants, at) else { continue };
        let parts = code.arguments(at + 1);
        let first = parts.first().and_then(|part| constants.text(code, part.clone()));
        match word {
            "route" | "api_route" if parts.len() == 2 => {
                let Some(path) = first else { continue };
                for (method, line) in verbs(code, &parts[1]) {
                    graph.route(router, method, path.clone(), file, line);
                }
            }
            // actix: `resource("/x").route(web::get().to(h))`.
            "route" if parts.len() == 1 => {
                for (method, line) in verbs(code, &parts[0]) {
                    graph.route(router, method, String::new(), file, line);
                }
            }
            "nest" if parts.len() == 2 => {
                let prefix = first.unwrap_or_default();
                for child in children(graph, file, code, &parts[1]) {
                    graph.mount(router, child, prefix.clone());
                }
            }
            "mount" if parts.len() == 2 => {
                // Rocket: `mount("/api", routes![a, b::c])`.
                let prefix = first.unwrap_or_default();
                let Some(open) = (parts[1].start..parts[1].end).find(|at| code.is(*at, "[")) else { continue };
                for part in code.arguments(open).into_iter().take(100) {
                    for child in graph.resolve(file, &code.path(&part), at) {
                        graph.mount(router, child, prefix.clone());
                    }
                }
            }
            "merge" | "service" => {
                for child in parts.first().map(|part| children(graph, file, code, part)).unwrap_or_default() {
                    graph.mount(router, child, String::new());
                }
            }
            "configure" => {
                let path = parts.first().map(|part| code.path(part)).unwrap_or_default();
                let function = graph.called(file, &path).into_iter().next();
                if let Some(child) = function.and_then(|function| graph.parameter(function, 0)) {
                    graph.mount(router, child, String::new());
                }
            }
            _ => {}
        }
    }
}

/// The methods that a handler expression answers: `get(a).post(b)`, `web::get().to(a)`, `routing::delete(a)`.
fn verbs<'a>(code: &Code<'a>, part: &Range<usize>) -> Vec<(&'a str, u32)> {
    let mut found = Vec::new();
    let mut at = part.start;
    while at < part.end {
        if let Some(method) = code.word(at).filter(|word| METHODS.contains(word) && code.is(at + 1, "(")) {
            found.push((method, code.line(at)));
        }
        at = code.step(at);
    }
    found
}

/// The router that the chain around `.name` at `at` builds.
fn receiver(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants, at: usize) -> Option<RouterId> {
    let base = base(code, at)?;
    if maker(code, constants, base).is_some() {
        return graph.chain(file, base);
    }
    let name = code.word(base)?;
    // `rocket::build().mount(…)`, `Server::bind(…)`: a chain of something else stands at the root.
    if code.is(base + 1, ":") || code.is(base + 1, "(") {
        return graph.lookup(file, "rocket", at).filter(|_| name == "rocket");
    }
    graph.lookup(file, name, at)
}

/// Where the chain of calls that `at` is in begins.
fn base(code: &Code<'_>, at: usize) -> Option<usize> {
    let mut at = at;
    for _ in 0..400 {
        if at >= 2 && code.is(at - 1, ".") {
            let mut before = at - 2;
            if code.is(before, "?") {
                before = before.checked_sub(1)?;
            }
            at = if code.is(before, ")") {
                let call = code.open(before)?.checked_sub(1)?;
                if code.is(call, ">") {
                    (call.saturating_sub(40)..call).rev().find(|at| code.is(*at, "<"))?.checked_sub(3)?
                } else {
                    call
                }
            } else {
                before
            };
        } else if at >= 3 && code.is(at - 1, ":") && code.is(at - 2, ":") {
            at -= 3;
        } else {
            return Some(at);
        }
    }
    None
}

/// The routers that an argument means: a chain in place, or what a function or variable stands for.
fn children(graph: &Graph, file: usize, code: &Code<'_>, part: &Range<usize>) -> Vec<RouterId> {
    if let Some(known) = (part.start..part.end.min(part.start + 6)).find_map(|at| graph.chain(file, at)) {
        return vec![known];
    }
    let path = code.path(part);
    // `books::router().layer(x)`: what counts comes before the first call.
    let calls = (part.start..part.end).find(|at| code.is(*at, "(")).unwrap_or(part.end);
    let short = code.path(&(part.start..calls));
    let path = if short.is_empty() { path } else { short };
    let path: Vec<&str> = path.into_iter().filter(|word| !matches!(*word, "crate" | "super" | "self")).collect();
    let found = graph.resolve(file, &path, part.start);
    if !found.is_empty() {
        return found;
    }
    graph.called(file, &path).into_iter().take(1).flat_map(|function| graph.made_in(function)).collect()
}
