//! Routes of FastAPI, Flask (blueprints, views, Flask-RESTful, RESTX) and their kin.

use std::collections::HashMap;
use std::ops::Range;

use super::graph::{Function, Graph, Import, RouterId};
use super::values::Constants;
use crate::code::Code;

const MAKERS: &[&str] = &[
    "FastAPI",
    "APIRouter",
    "Flask",
    "Blueprint",
    "Namespace",
    "Api",
    "APIBlueprint",
    "Sanic",
    "Starlette",
    "Quart",
    "Litestar",
    "InferringRouter",
    "NinjaAPI",
    "Router",
];
pub(super) const METHODS: &[&str] = &["get", "post", "put", "patch", "delete"];

/// Imports, functions and classes of a file, and the routers that it makes.
pub(super) fn declare(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants) {
    for at in 0..code.len() {
        if code.is(at, "def")
            && let Some(name) = code.word(at + 1)
        {
            let body = indented(code, at);
            let open = at + 2;
            let parameters = if code.is(open, "(") {
                code.arguments(open).iter().filter_map(|part| code.word(part.start)).map(str::to_owned).collect()
            } else {
                Vec::new()
            };
            graph.function(Function { file, name: name.to_owned(), owner: String::new(), parameters, body });
        }
        if code.is(at, "from") && code.tokens[at].first {
            import_from(graph, file, code, at);
        } else if code.is(at, "import") && code.tokens[at].first {
            import_module(graph, file, code, at);
        }
    }
    for at in 2..code.len() {
        if code.word(at).is_some_and(|word| MAKERS.contains(&word)) && code.is(at + 1, "(") {
            let Some(name) = assigned(code, at) else { continue };
            let parts = code.arguments(at + 1);
            let prefix = ["prefix", "url_prefix", "path"]
                .iter()
                .find_map(|key| constants.text(code, code.named(&parts, key)?))
                .unwrap_or_default();
            graph.define(file, name, at, 0..code.len(), prefix);
        }
    }
}

/// The name that the call at `at` is assigned to, over `module.` and a type.
fn assigned<'a>(code: &Code<'a>, at: usize) -> Option<&'a str> {
    let mut back = at;
    while back >= 2 && code.is(back - 1, ".") {
        back -= 2;
    }
    back = back.checked_sub(1).filter(|back| code.is(*back, "="))?;
    let mut name = back.checked_sub(1)?;
    if name >= 2 && code.is(name - 1, ":") {
        name -= 2;
    }
    code.word(name)
}

/// The tokens of the indented block that belongs to the statement at `at`.
pub(super) fn indented(code: &Code<'_>, at: usize) -> Range<usize> {
    let mut start = at;
    while start > 0 && !code.tokens[start].first {
        start -= 1;
    }
    let column = code.tokens[start].column;
    let end = (at + 1..code.len())
        .find(|next| {
            let token = &code.tokens[*next];
            token.first && token.column <= column && !matches!(token.text, ")" | "]" | "}")
        })
        .unwrap_or(code.len());
    at..end
}

fn module(code: &Code<'_>, mut at: usize) -> (Vec<String>, usize) {
    let mut module = Vec::new();
    while at < code.len() {
        match code.word(at) {
            Some("import") => break,
            Some(word) => module.push(word.to_owned()),
            None if code.is(at, ".") => {}
            None => break,
        }
        at += 1;
        if code.tokens.get(at).is_none_or(|token| token.first) {
            break;
        }
    }
    (module, at)
}

fn import_from(graph: &mut Graph, file: usize, code: &Code<'_>, at: usize) {
    let (module, mut at) = module(code, at + 1);
    if !code.is(at, "import") {
        return;
    }
    at += 1;
    let bracket = code.is(at, "(");
    let end =
        if bracket { code.close(at) } else { (at..code.len()).find(|at| code.tokens[*at].first).unwrap_or(code.len()) };
    for part in code.split(if bracket { at + 1..end } else { at..end }) {
        let Some(name) = code.word(part.start) else { continue };
        let local = if code.is(part.start + 1, "as") { code.word(part.start + 2).unwrap_or(name) } else { name };
        graph.import(file, local, Import { module: module.clone(), name: name.to_owned() });
    }
}

fn import_module(graph: &mut Graph, file: usize, code: &Code<'_>, at: usize) {
    let (module, end) = module(code, at + 1);
    let Some(last) = module.last().cloned() else { return };
    if let Some(position) = module.iter().position(|word| word == "as") {
        graph.import(file, &last, Import { module: module[..position].to_vec(), name: String::new() });
    } else if end > at {
        graph.import(file, &last, Import { module, name: String::new() });
    }
}

/// Routes and mounts of a file.
pub(super) fn connect(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants) {
    let loops = loop_variables(code);
    for at in 1..code.len() {
        if graph.is_full() {
            return;
        }
        let Some(word) = code.word(at) else { continue };
        if !code.is(at + 1, "(") || !code.is(at - 1, ".") {
            continue;
        }
        let parts = code.arguments(at + 1);
        let line = code.line(at);
        match word {
            _ if METHODS.contains(&word) && decorates(code, at) => {
                let Some(router) = receiver(graph, file, code, at) else { continue };
                if let Some(path) = path_argument(code, constants, &parts, "path") {
                    graph.route(router, word, path, file, line);
                }
            }
            "route" | "api_route" if decorates(code, at) => {
                let Some(router) = receiver(graph, file, code, at) else { continue };
                let after = code.close(at + 1) + 1;
                for part in parts.iter().filter(|part| !code.is_named(part)) {
                    let Some(path) = constants.text(code, part.clone()) else { continue };
                    for method in methods(code, &parts, after) {
                        graph.route(router, &method, path.clone(), file, line);
                    }
                }
            }
            "add_api_route" | "add_url_rule" | "add_route" => {
                let Some(router) = receiver(graph, file, code, at) else { continue };
                let key = if word == "add_url_rule" { "rule" } else { "path" };
                let Some(path) = path_argument(code, constants, &parts, key) else { continue };
                let viewed = view_class(code, at + 1).and_then(|name| class_methods(code, name));
                for method in listed_methods(code, &parts).or(viewed).unwrap_or_else(|| vec!["GET".to_owned()]) {
                    graph.route(router, &method, path.clone(), file, line);
                }
            }
            "add_resource" => {
                let Some(router) = receiver(graph, file, code, at) else { continue };
                let methods = parts
                    .first()
                    .and_then(|part| code.path(part).last().copied())
                    .and_then(|name| class_methods(code, name));
                let methods = methods.unwrap_or_else(|| vec![String::new()]);
                for path in parts
                    .iter()
                    .skip(1)
                    .filter(|part| !code.is_named(part))
                    .filter_map(|part| constants.text(code, part.clone()))
                {
                    for method in &methods {
                        graph.route(router, method, path.clone(), file, line);
                    }
                }
            }
            "include_router" | "register_blueprint" | "add_namespace" | "mount" | "add_router" => {
                let Some(parent) = receiver(graph, file, code, at) else { continue };
                let prefix = ["prefix", "url_prefix", "path"]
                    .iter()
                    .find_map(|key| constants.text(code, code.named(&parts, key)?));
                let prefix = prefix
                    .or_else(|| {
                        parts
                            .iter()
                            .find(|part| part.len() == 1 && code.literal(part.start).is_some())
                            .and_then(|part| constants.text(code, part.clone()))
                    })
                    .unwrap_or_default();
                for part in
                    parts.iter().filter(|part| !code.is_named(part) && code.literal(part.start).is_none()).take(1)
                {
                    let path = code.path(part);
                    let paths = match path.first().and_then(|first| loops.get(first)).filter(|_| path.len() <= 2) {
                        Some(items) => items.iter().map(|item| [item.as_slice(), &path[1..]].concat()).collect(),
                        None => vec![path],
                    };
                    for path in paths {
                        for child in graph.resolve(file, &path, at) {
                            graph.mount(parent, child, prefix.clone());
                        }
                    }
                }
            }
            _ => {}
        }
    }
    handed_over(graph, file, code);
}

/// `setup_routes(app)`: a router given to a function.
fn handed_over(graph: &mut Graph, file: usize, code: &Code<'_>) {
    for at in 1..code.len() {
        if graph.is_full() {
            return;
        }
        let Some(name) = code.word(at).filter(|_| code.is(at + 1, "(") && !code.is(at - 1, "def")) else { continue };
        let parts = code.arguments(at + 1);
        for (position, part) in parts.iter().enumerate().take(4).filter(|(_, part)| part.len() == 1) {
            let Some(given) = code.word(part.start).and_then(|word| graph.known(file, word, at)) else { continue };
            for function in graph.called(file, &[name]).into_iter().take(2) {
                if let Some(child) = graph.parameter(function, position) {
                    graph.mount(given, child, String::new());
                }
            }
        }
    }
}

fn receiver(graph: &mut Graph, file: usize, code: &Code<'_>, method: usize) -> Option<RouterId> {
    let name = code.word(method.checked_sub(2)?)?;
    graph.lookup(file, name, method)
}

/// Whether the call at `at` is a decorator: `@a.b.get(`.
pub(super) fn decorates(code: &Code<'_>, at: usize) -> bool {
    let mut back = at;
    while back >= 2 && code.is(back - 1, ".") && code.word(back - 2).is_some() {
        back -= 2;
    }
    back >= 1 && code.is(back - 1, "@")
}

fn path_argument(code: &Code<'_>, constants: &Constants, parts: &[Range<usize>], key: &str) -> Option<String> {
    let part = parts.iter().find(|part| !code.is_named(part)).cloned().or_else(|| code.named(parts, key))?;
    constants.text(code, part)
}

fn listed_methods(code: &Code<'_>, parts: &[Range<usize>]) -> Option<Vec<String>> {
    let listed = code.named(parts, "methods")?;
    let methods: Vec<String> = code.literals(listed).into_iter().map(str::to_ascii_uppercase).collect();
    (!methods.is_empty()).then_some(methods)
}

/// Methods of a decorated function or class; a bare Flask route answers GET.
pub(super) fn methods(code: &Code<'_>, parts: &[Range<usize>], after: usize) -> Vec<String> {
    if let Some(listed) = listed_methods(code, parts) {
        return listed;
    }
    let mut at = after;
    while at < code.len() && code.is(at, "@") {
        at = (at + 1..code.len())
            .find(|next| code.tokens[*next].first && !matches!(code.tokens[*next].text, ")" | "]"))
            .unwrap_or(code.len());
        if !code.is(at, "@") && !code.is(at, "class") && !code.is(at, "def") && !code.is(at, "async") {
            break;
        }
    }
    if code.is(at, "class")
        && let Some(found) = code.word(at + 1).and_then(|name| class_methods(code, name))
    {
        return found;
    }
    vec!["GET".to_owned()]
}

/// The class in `SomeView.as_view("…")` among a call's arguments.
fn view_class<'a>(code: &Code<'a>, open: usize) -> Option<&'a str> {
    (open..code.close(open)).find(|at| code.is(*at, "as_view")).and_then(|at| code.word(at.checked_sub(2)?))
}

/// The HTTP methods that a class of this file defines.
pub(super) fn class_methods(code: &Code<'_>, name: &str) -> Option<Vec<String>> {
    let at = (0..code.len()).find(|at| code.is(*at, "class") && code.word(at + 1) == Some(name))?;
    let body = indented(code, at);
    let found: Vec<String> = body
        .filter(|at| code.is(*at, "def"))
        .filter_map(|at| code.word(at + 1))
        .filter(|name| METHODS.contains(name))
        .map(str::to_ascii_uppercase)
        .collect();
    (!found.is_empty()).then_some(found)
}

/// What loops over literal lists give to their variable: `for router in (auth.router, books.router):`.
fn loop_variables<'a>(code: &Code<'a>) -> HashMap<&'a str, Vec<Vec<&'a str>>> {
    let mut loops = HashMap::new();
    for at in 0..code.len() {
        if code.is(at, "for")
            && code.is(at + 2, "in")
            && (code.is(at + 3, "(") || code.is(at + 3, "["))
            && let Some(name) = code.word(at + 1)
        {
            let items: Vec<Vec<&str>> = code.arguments(at + 3).iter().take(50).map(|part| code.path(part)).collect();
            loops.insert(name, items);
        }
    }
    loops
}
