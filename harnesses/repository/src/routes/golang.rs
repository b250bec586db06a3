//! Routes of Gin, Echo, Fiber, chi, gorilla/mux and the standard library's ServeMux.

use std::ops::Range;

use super::graph::{Function, Graph, RouterId};
use super::values::Constants;
use crate::code::Code;

const MAKERS: &[(&str, &str)] = &[
    ("gin", "Default"),
    ("gin", "New"),
    ("echo", "New"),
    ("chi", "NewRouter"),
    ("chi", "NewMux"),
    ("mux", "NewRouter"),
    ("fiber", "New"),
    ("http", "NewServeMux"),
    ("httprouter", "New"),
];
const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];

pub(super) fn verb(word: &str) -> Option<&'static str> {
    METHODS
        .iter()
        .copied()
        .find(|method| method.eq_ignore_ascii_case(word) && word.starts_with(|first: char| first.is_ascii_uppercase()))
}

/// Functions of a file, and the routers that it makes.
pub(super) fn declare(graph: &mut Graph, file: usize, code: &Code<'_>) {
    for at in 0..code.len() {
        if code.is(at, "func") {
            function(graph, file, code, at);
        }
    }
    for at in 2..code.len() {
        let made = code.is(at - 1, ".")
            && MAKERS.iter().any(|(package, name)| code.is(at, name) && code.is(at - 2, package))
            && code.is(at + 1, "(");
        if made && let Some(name) = assigned(code, at - 2) {
            graph.define(file, name, at, scope(code, at), String::new());
        }
    }
}

/// A name is known in its block; what is set at the package's level or in a struct is known in the file.
fn scope(code: &Code<'_>, at: usize) -> Range<usize> {
    code.block(at)
}

/// The name in `name := …`, `name = …`, `x.name = …` or `var name = …`, where the value begins at `at`.
fn assigned<'a>(code: &Code<'a>, at: usize) -> Option<&'a str> {
    let equals = at.checked_sub(1).filter(|before| code.is(*before, "="))?;
    let mut name = equals.checked_sub(1)?;
    if code.is(name, ":") {
        name = name.checked_sub(1)?;
    }
    code.word(name)
}

/// A function as it is declared.
pub(super) struct Signature<'a> {
    /// Empty for a literal.
    pub(super) name: &'a str,
    /// The type that it is a method of; empty for a free one.
    pub(super) owner: &'a str,
    /// The bracket that opens its parameters.
    open: usize,
    pub(super) body: Range<usize>,
}

/// `func (h *Handler) Register(rg *gin.RouterGroup, x int) {`.
pub(super) fn signature<'a>(code: &Code<'a>, at: usize) -> Option<Signature<'a>> {
    let mut next = at + 1;
    let mut owner = "";
    if code.is(next, "(") {
        let after = code.close(next) + 1;
        if code.word(after).is_some() && code.is(after + 1, "(") {
            owner = (next..after).rev().find_map(|at| code.word(at)).unwrap_or("");
            next = after;
        }
    }
    let name = code.word(next).unwrap_or("");
    let open = if name.is_empty() { next } else { next + 1 };
    if !code.is(open, "(") {
        return None;
    }
    let close = code.close(open);
    let brace = (close..code.len().min(close + 30)).find(|at| code.is(*at, "{"))?;
    Some(Signature { name, owner, open, body: brace..code.close(brace) })
}

fn function(graph: &mut Graph, file: usize, code: &Code<'_>, at: usize) {
    let Some(Signature { name, owner, open, body }) = signature(code, at) else { return };
    let parameters = code.arguments(open).iter().filter_map(|part| code.word(part.start)).map(str::to_owned).collect();
    graph.function(Function { file, name: name.to_owned(), owner: owner.to_owned(), parameters, body });
}

/// Routes and mounts of a file.
pub(super) fn connect(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants) {
    // Groups first: a route may stand above the line that mounts its group, but never above its making.
    for at in 2..code.len() {
        if graph.is_full() {
            return;
        }
        let Some(word) = code.word(at).filter(|_| code.is(at + 1, "(")) else { continue };
        if !code.is(at - 1, ".") {
            handed_over(graph, file, code, constants, at, &[word]);
            continue;
        }
        let parts = code.arguments(at + 1);
        match word {
            "Group" | "PathPrefix" | "Subrouter" | "With" => {
                group(graph, file, code, constants, at);
            }
            "Route" if parts.len() >= 2 && code.literal(parts[0].start).is_some() => {
                if let Some(parent) = receiver(graph, file, code, constants, at) {
                    closure(graph, file, code, constants, parent, &parts[0], &parts[1]);
                }
            }
            "Mount" => {
                let Some(parent) = receiver(graph, file, code, constants, at) else { continue };
                let prefix = parts.first().and_then(|part| constants.text(code, part.clone())).unwrap_or_default();
                let Some(target) = parts.get(1) else { continue };
                let path = code.path(target);
                for child in graph.resolve(file, &path, at).into_iter().chain(made_by(graph, file, &path)) {
                    graph.mount(parent, child, prefix.clone());
                }
            }
            "HandleFunc" | "Handle" => handle(graph, file, code, constants, at, &parts),
            _ => match verb(word) {
                Some(method) => {
                    let Some(path) =
                        parts.first().filter(|_| parts.len() >= 2).and_then(|part| constants.text(code, part.clone()))
                    else {
                        continue;
                    };
                    if !(path.is_empty() || path.starts_with('/')) {
                        continue;
                    }
                    if let Some(router) = receiver(graph, file, code, constants, at) {
                        graph.route(router, method, path, file, code.line(at));
                    }
                }
                None => {
                    let owner = code.word(at - 2).unwrap_or("");
                    handed_over(graph, file, code, constants, at, &[owner, word]);
                }
            },
        }
    }
}

/// `mux.HandleFunc("GET /x", h)` and gorilla's `r.HandleFunc("/x", h).Methods("GET")`.
fn handle(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants, at: usize, parts: &[Range<usize>]) {
    let Some(text) = parts.first().and_then(|part| constants.text(code, part.clone())) else { return };
    let (method, path) = match text.split_once(' ') {
        Some((method, path)) => (method.to_owned(), path.trim().to_owned()),
        None => (String::new(), text),
    };
    if !path.starts_with('/') {
        return;
    }
    let Some(router) = receiver(graph, file, code, constants, at) else { return };
    let listed = listed_methods(code, at);
    if listed.is_empty() {
        graph.route(router, &method, path.clone(), file, code.line(at));
    }
    for method in listed {
        graph.route(router, method, path.clone(), file, code.line(at));
    }
}

/// The methods of `r.HandleFunc("/x", h).Methods("GET", http.MethodPut)`, as they are written, at the call's name.
pub(super) fn listed_methods<'a>(code: &Code<'a>, at: usize) -> Vec<&'a str> {
    let after = code.close(at + 1) + 1;
    if !(code.is(after, ".") && code.is(after + 1, "Methods")) {
        return Vec::new();
    }
    let inside = after + 3..code.close(after + 2);
    let constants = inside.clone().filter_map(|at| code.word(at)).filter_map(|word| word.strip_prefix("Method"));
    code.literals(inside.clone()).into_iter().chain(constants).collect()
}

/// The router that a call's receiver means, made where it is a chain such as `r.Group("/x").Use(y)`.
fn receiver(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants, at: usize) -> Option<RouterId> {
    let before = at.checked_sub(2)?;
    if code.is(before, ")") {
        let open = code.open(before)?;
        let call = open.checked_sub(1)?;
        return match code.word(call)? {
            "Group" | "PathPrefix" => group(graph, file, code, constants, call),
            "With" | "Use" | "Subrouter" | "Methods" | "Name" => receiver(graph, file, code, constants, call),
            _ => None,
        };
    }
    let name = code.word(before)?;
    let client = matches!(
        name,
        "http" | "client" | "resty" | "req" | "c" | "ctx" | "header" | "Header" | "cache" | "redis" | "rdb"
    );
    if client && graph.known(file, name, at).is_none() && !(name == "http" && code.is(at, "HandleFunc")) {
        return None;
    }
    graph.lookup(file, name, at)
}

/// The router that a `Group("/x")` call at `at` makes; the same one for every look at it.
fn group(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants, at: usize) -> Option<RouterId> {
    let parts = code.arguments(at + 1);
    let parent = receiver(graph, file, code, constants, at)?;
    if let Some(known) = graph.chain(file, at) {
        graph.mount(parent, known, String::new());
        return Some(known);
    }
    let prefix = parts.first().and_then(|part| constants.text(code, part.clone())).unwrap_or_default();
    if let Some(last) = parts.last().filter(|last| code.is(last.start, "func")) {
        // chi: `r.Group(func(r chi.Router) { … })`.
        let last = last.clone();
        return inner(graph, file, code, parent, prefix, &last);
    }
    let name = assigned(code, start(code, at)).unwrap_or("");
    let scope = if name.is_empty() { at..at + 1 } else { scope(code, at) };
    let made = graph.define(file, name, at, scope, prefix)?;
    graph.set_chain(file, at, made);
    graph.mount(parent, made, String::new());
    Some(made)
}

/// Where the chain of calls that `at` is in begins.
fn start(code: &Code<'_>, at: usize) -> usize {
    let mut start = at;
    for _ in 0..100 {
        if start < 2 || !code.is(start - 1, ".") {
            break;
        }
        let before = start - 2;
        start = if code.is(before, ")") {
            match code.open(before) {
                Some(open) if open > 0 => open - 1,
                _ => break,
            }
        } else {
            before
        };
    }
    start
}

fn closure(
    graph: &mut Graph,
    file: usize,
    code: &Code<'_>,
    constants: &Constants,
    parent: RouterId,
    path: &Range<usize>,
    function: &Range<usize>,
) {
    let prefix = constants.text(code, path.clone()).unwrap_or_default();
    if code.is(function.start, "func") {
        inner(graph, file, code, parent, prefix, function);
        return;
    }
    // `r.Route("/books", h.Routes)`.
    let name = code.path(function);
    for called in graph.called(file, &name).into_iter().take(2) {
        if let Some(child) = graph.parameter(called, 0) {
            graph.mount(parent, child, prefix.clone());
        }
    }
}

/// The parameter of a function literal as a router of its own.
fn inner(
    graph: &mut Graph,
    file: usize,
    code: &Code<'_>,
    parent: RouterId,
    prefix: String,
    function: &Range<usize>,
) -> Option<RouterId> {
    let open = function.start + 1;
    let name = code.word(open + 1)?;
    let brace = (code.close(open)..function.end).find(|at| code.is(*at, "{"))?;
    let made = graph.define(file, name, brace + 1, brace..code.close(brace), prefix)?;
    graph.mount(parent, made, String::new());
    Some(made)
}

/// Routers that a function makes and gives back.
fn made_by(graph: &Graph, file: usize, path: &[&str]) -> Vec<RouterId> {
    graph.called(file, path).into_iter().take(2).flat_map(|function| graph.made_in(function)).collect()
}

/// `routes.RegisterBooks(v1)`, `handler.Register(api.Group("/books"))`.
fn handed_over(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants, at: usize, path: &[&str]) {
    if code.is(at.wrapping_sub(1), "func")
        || code.is(at.wrapping_sub(1), ")") && code.is(at + 1, "(") && path.len() == 1
    {
        return;
    }
    for (position, part) in code.arguments(at + 1).iter().enumerate().take(4) {
        let call = part
            .end
            .checked_sub(1)
            .filter(|end| code.is(*end, ")"))
            .and_then(|end| code.open(end))
            .and_then(|open| open.checked_sub(1));
        let given = match call.filter(|call| *call > part.start && code.is(*call, "Group")) {
            Some(call) => group(graph, file, code, constants, call),
            None => {
                let words = code.path(part);
                let last = words.last().copied().filter(|_| words.len() <= 2 && !code.is(part.end - 1, ")"));
                last.and_then(|name| graph.known(file, name, at))
            }
        };
        let Some(given) = given else { continue };
        for function in graph.called(file, path).into_iter().take(3) {
            if let Some(child) = graph.parameter(function, position) {
                graph.mount(given, child, String::new());
            }
        }
    }
}
