//! Routes of Express, Fastify, Koa, Hono and whatever else spells them `router.get('/path', handler)`.

use std::ops::Range;

use super::graph::{Function, Graph, Import, RouterId};
use super::values::Constants;
use crate::code::Code;

const MAKERS: &[&str] = &[
    "express",
    "Router",
    "fastify",
    "Fastify",
    "Hono",
    "OpenAPIHono",
    "KoaRouter",
    "Koa",
    "Elysia",
    "restify",
    "createServer",
    "PromiseRouter",
];
pub(super) const METHODS: &[&str] = &["get", "post", "put", "patch", "delete", "del"];

/// Imports, functions and routers of a file.
pub(super) fn declare(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants) {
    for at in 0..code.len() {
        match code.word(at) {
            Some("import") => import(graph, file, code, at),
            Some("require") if code.is(at + 1, "(") => require(graph, file, code, at),
            Some("function") => function(graph, file, code, at),
            _ if code.is(at, "=") && code.is(at + 1, ">") => arrow(graph, file, code, at),
            _ => method(graph, file, code, at),
        }
    }
    for at in 1..code.len() {
        let Some(maker) = code.word(at).filter(|word| MAKERS.contains(word)) else { continue };
        let open = generics(code, at + 1);
        if !code.is(open, "(") {
            continue;
        }
        let mut prefix = code
            .arguments(open)
            .first()
            .filter(|part| code.is(part.start, "{"))
            .and_then(|part| constants.text(code, code.named(&code.arguments(part.start), "prefix")?))
            .unwrap_or_default();
        let after = code.close(open) + 1;
        if maker.ends_with("Hono") && code.is(after, ".") && code.is(after + 1, "basePath") {
            prefix = constants.text(code, after + 3..code.close(after + 2)).unwrap_or_default();
        }
        let (name, scope) = match assigned(code, at) {
            // A field is one router for its whole class.
            Some((name, (_, true))) => (name, 0..code.len()),
            Some((name, (place, false))) => (name, code.block(place)),
            // `export default Router().use('/api', api)`
            None if code.is(after, ".") => ("", at..at + 1),
            None => continue,
        };
        if let Some(made) = graph.define(file, name, at, scope, prefix) {
            graph.set_chain(file, at, made);
        }
    }
}

/// The name that `new express.Router(…)` at `at` is given to, where it stands, and whether it is a field.
fn assigned<'a>(code: &Code<'a>, at: usize) -> Option<(&'a str, (usize, bool))> {
    let mut back = at;
    while back >= 2 && code.is(back - 1, ".") {
        back -= 2;
        // `require('express').Router()`
        if code.is(back, ")") {
            back = code.open(back)?.checked_sub(1)?;
        }
    }
    while back >= 1 && matches!(code.word(back - 1), Some("new" | "await")) {
        back -= 1;
    }
    back = back.checked_sub(1).filter(|back| code.is(*back, "="))?;
    let mut name = back.checked_sub(1)?;
    for _ in 0..6 {
        // Over a type annotation such as `: express.Router`.
        if name >= 2
            && (code.is(name - 1, ".") || code.is(name - 1, ":"))
            && code.word(name - 2).is_some_and(|word| word != "this")
        {
            name -= 2;
        }
    }
    let field = name >= 1
        && (code.is(name - 1, ".")
            || matches!(code.word(name - 1), Some("public" | "private" | "readonly" | "protected" | "static")));
    code.word(name).map(|word| (word, (name, field)))
}

/// The position after `<…>`, or the same one.
pub(super) fn generics(code: &Code<'_>, at: usize) -> usize {
    if !code.is(at, "<") {
        return at;
    }
    let mut depth = 0_i32;
    for next in at..code.len().min(at + 200) {
        if code.is(next, "<") {
            depth += 1;
        } else if code.is(next, ">") && !code.is(next.wrapping_sub(1), "=") {
            depth -= 1;
        }
        if depth == 0 {
            return next + 1;
        }
    }
    at
}

fn module_of(text: &str) -> Vec<String> {
    let text = [".js", ".ts", ".mjs", ".cjs"].iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text);
    let segments = text.split('/').filter(|part| !matches!(*part, "." | ".." | "" | "@" | "~" | "src"));
    segments.filter(|part| *part != "index").map(str::to_owned).collect()
}

fn local(text: &str) -> bool {
    text.starts_with(['.', '/', '@', '~', '#']) || text.starts_with("src/")
}

fn import(graph: &mut Graph, file: usize, code: &Code<'_>, at: usize) {
    let Some(from) =
        (at + 1..code.len().min(at + 400)).find(|next| code.is(*next, "from") && code.literal(next + 1).is_some())
    else {
        return;
    };
    let Some(text) = code.literal(from + 1).filter(|text| local(text)) else { return };
    let module = module_of(text);
    let mut next = at + 1;
    while next < from {
        if code.is(next, "{") {
            for part in code.arguments(next) {
                let words: Vec<&str> =
                    part.clone().filter_map(|at| code.word(at)).filter(|word| *word != "type").collect();
                if let (Some(name), Some(local)) = (words.first(), words.last()) {
                    let name = if *name == "default" { "" } else { name };
                    graph.import(file, local, Import { module: module.clone(), name: name.to_owned() });
                }
            }
            next = code.close(next);
        } else if let Some(name) = code.word(next).filter(|word| !matches!(*word, "as" | "type")) {
            graph.import(file, name, Import { module: module.clone(), name: String::new() });
        }
        next += 1;
    }
}

/// `const x = require('./x')`, `const { a, b: c } = require('./x')`, `require('./x').router`.
fn require(graph: &mut Graph, file: usize, code: &Code<'_>, at: usize) {
    let Some(text) = code.literal(at + 2).filter(|text| local(text)) else { return };
    let module = module_of(text);
    let Some(target) = at.checked_sub(2).filter(|_| code.is(at - 1, "=")) else { return };
    if code.is(target, "}") {
        let Some(open) = code.open(target) else { return };
        for part in code.arguments(open) {
            if let (Some(name), Some(local)) = (code.word(part.start), code.word(part.end - 1)) {
                graph.import(file, local, Import { module: module.clone(), name: name.to_owned() });
            }
        }
    } else if let Some(local) = code.word(target) {
        let member = if code.is(at + 4, ".") { code.word(at + 5).unwrap_or("") } else { "" };
        graph.import(file, local, Import { module, name: member.to_owned() });
    }
}

fn parameters(code: &Code<'_>, open: usize) -> Vec<String> {
    code.arguments(open).iter().map(|part| code.word(part.start).unwrap_or("").to_owned()).collect()
}

fn body(code: &Code<'_>, mut at: usize) -> Option<Range<usize>> {
    // Over a return type.
    for _ in 0..40 {
        if code.is(at, "{") {
            return Some(at..code.close(at));
        }
        if at >= code.len() || code.is(at, ";") {
            return None;
        }
        at = generics(code, at).max(at + 1);
    }
    None
}

fn function(graph: &mut Graph, file: usize, code: &Code<'_>, at: usize) {
    let (name, open) = match code.word(at + 1) {
        Some(name) => (name, generics(code, at + 2)),
        None => (given_name(code, at), at + 1),
    };
    if !code.is(open, "(") {
        return;
    }
    if let Some(body) = body(code, code.close(open) + 1) {
        graph.function(Function {
            file,
            name: name.to_owned(),
            owner: String::new(),
            parameters: parameters(code, open),
            body,
        });
    }
}

/// The name that a function expression is assigned to, also inside a wrapper: `x = asyncHandler(async (req, res) => {`.
fn given_name<'a>(code: &Code<'a>, at: usize) -> &'a str {
    let before = |at: usize| at.checked_sub(1);
    let mut back = before(at);
    if back.is_some_and(|back| code.is(back, "async")) {
        back = back.and_then(before);
    }
    if back.is_some_and(|back| code.is(back, "(")) {
        back = back.and_then(before).filter(|wrapper| code.word(*wrapper).is_some()).and_then(before);
    }
    let Some(back) = back.filter(|back| *back > 0) else { return "" };
    if code.is(back, "=") {
        let mut name = back - 1;
        if name >= 2 && code.is(name - 1, ":") {
            name -= 2;
        }
        return code.word(name).unwrap_or("");
    }
    // A handler in an object of them: `{ register: async (req, res) => {`.
    let first = if code.is(at, "(") { code.word(at + 1) } else { code.word(at) };
    let is_handler = matches!(first, Some("req" | "_req" | "request" | "ctx" | "c"));
    if is_handler && code.is(back, ":") { code.word(back - 1).unwrap_or("") } else { "" }
}

fn arrow(graph: &mut Graph, file: usize, code: &Code<'_>, at: usize) {
    let Some(body) = Some(at + 2).filter(|brace| code.is(*brace, "{")).map(|brace| brace..code.close(brace)) else {
        return;
    };
    let Some(before) = at.checked_sub(1).map(|before| before_type(code, before)) else { return };
    let (parameters, start) = if code.is(before, ")") {
        let Some(open) = code.open(before) else { return };
        (parameters(code, open), open)
    } else {
        (code.word(before).map(str::to_owned).into_iter().collect(), before)
    };
    graph.function(Function { file, name: given_name(code, start).to_owned(), owner: String::new(), parameters, body });
}

/// The bracket that closes the parameters before a return type that ends at `at`, as in `(req: Request): Promise<void> =>`;
/// `at` itself where there is none.
fn before_type(code: &Code<'_>, at: usize) -> usize {
    let is_type =
        |at: &usize| code.word(*at).is_some() || ["<", ">", ".", "[", "]", "|"].iter().any(|mark| code.is(*at, mark));
    let colon = (at.saturating_sub(20)..=at).rev().find(|at| !is_type(at));
    match colon {
        Some(colon) if colon > 0 && code.is(colon, ":") && code.is(colon - 1, ")") => colon - 1,
        _ => at,
    }
}

/// A method of a class: `name(params) {`.
fn method(graph: &mut Graph, file: usize, code: &Code<'_>, at: usize) {
    let Some(name) = code.word(at) else { return };
    if !code.is(at + 1, "(") || matches!(name, "if" | "for" | "while" | "switch" | "catch" | "function" | "return") {
        return;
    }
    let close = code.close(at + 1);
    let typed = code.is(close + 1, ":") && code.is(close + 3, "{");
    if code.is(close + 1, "{") || typed {
        let open = if typed { close + 3 } else { close + 1 };
        graph.function(Function {
            file,
            name: name.to_owned(),
            owner: String::new(),
            parameters: parameters(code, at + 1),
            body: open..code.close(open),
        });
    }
}

/// Routes and mounts of a file.
pub(super) fn connect(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants) {
    for at in 1..code.len() {
        if graph.is_full() {
            return;
        }
        let Some(word) = code.word(at) else { continue };
        let open = generics(code, at + 1);
        if !code.is(open, "(") {
            continue;
        }
        if !code.is(at - 1, ".") {
            handed_over(graph, file, code, at, open);
            continue;
        }
        let parts = code.arguments(open);
        match word {
            _ if METHODS.contains(&word) => verb(graph, file, code, constants, at, &parts),
            "route" => declared(graph, file, code, constants, at, &parts),
            "use" | "register" => mounted(graph, file, code, constants, at, &parts),
            _ => handed_over(graph, file, code, at, open),
        }
        // Hono: `app.route('/books', books)`.
        if word == "route" && parts.len() == 2 && code.literal(parts[0].start).is_some() {
            mounted(graph, file, code, constants, at, &parts);
        }
    }
}

fn verb(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants, at: usize, parts: &[Range<usize>]) {
    let Some((base, chained)) = base(code, at) else { return };
    let method = if code.is(at, "del") { "DELETE" } else { code.word(at).unwrap_or("") };
    let first = parts.first();
    let paths: Vec<String> = match chained {
        Some(open) => constants.text(code, open + 1..code.close(open)).into_iter().collect(),
        None if parts.len() < 2 => return,
        None => match first {
            Some(part) if code.is(part.start, "[") => {
                code.literals(part.clone()).into_iter().map(str::to_owned).collect()
            }
            Some(part) => constants.text(code, part.clone()).into_iter().collect(),
            None => return,
        },
    };
    if paths.iter().any(|path| !(path.starts_with('/') || path.is_empty() || path == "*")) {
        return;
    }
    let Some(router) = router(graph, file, code, base, at) else { return };
    for path in paths {
        graph.route(router, method, path, file, code.line(at));
    }
}

/// The base of a chain of calls that ends in `.name` at `at`, and the bracket of a `.route(…)` on the way.
fn base(code: &Code<'_>, at: usize) -> Option<(usize, Option<usize>)> {
    let mut before = at.checked_sub(2)?;
    let mut route = None;
    for _ in 0..200 {
        if code.is(before, ")") {
            let open = code.open(before)?;
            let name = open.checked_sub(1)?;
            let called = code.word(name)?;
            if called == "route" {
                route = Some(open);
            } else if MAKERS.contains(&called) {
                return Some((name, route));
            }
            if !name.checked_sub(1).is_some_and(|dot| code.is(dot, ".")) {
                return None;
            }
            before = name.checked_sub(2)?;
        } else {
            return code.word(before).map(|_| (before, route));
        }
    }
    None
}

/// The router that the word at `base` names, unless the name is that of a client.
fn router(graph: &mut Graph, file: usize, code: &Code<'_>, base: usize, at: usize) -> Option<RouterId> {
    let name = code.word(base)?;
    if let Some(known) = graph.chain(file, base).or_else(|| graph.known(file, name, at)) {
        return Some(known);
    }
    let lower = name.to_ascii_lowercase();
    let usual = matches!(lower.as_str(), "app" | "api" | "server" | "instance" | "routes" | "r" | "v1" | "f" | "s")
        || ["router", "route", "fastify", "app", "server"].iter().any(|word| lower.ends_with(word));
    let client = ["axios", "http", "client", "request", "agent", "supertest"].iter().any(|word| lower.contains(word));
    (usual && !client).then(|| graph.lookup(file, name, at)).flatten()
}

/// Fastify's `route({ method, url })`.
fn declared(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants, at: usize, parts: &[Range<usize>]) {
    let Some(object) = parts.first().filter(|part| code.is(part.start, "{")) else { return };
    let members = code.arguments(object.start);
    let Some(path) = code
        .named(&members, "url")
        .or_else(|| code.named(&members, "path"))
        .and_then(|value| constants.text(code, value))
    else {
        return;
    };
    let Some(methods) = code.named(&members, "method").map(|value| code.literals(value)) else { return };
    let Some(router) = base(code, at).and_then(|(base, _)| router(graph, file, code, base, at)) else { return };
    for method in methods {
        graph.route(router, method, path.clone(), file, code.line(at));
    }
}

fn mounted(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants, at: usize, parts: &[Range<usize>]) {
    let Some((base, _)) = base(code, at) else { return };
    let mut prefix = String::new();
    let mut prefixes: Vec<String> = Vec::new();
    let mut children: Vec<RouterId> = Vec::new();
    for (position, part) in parts.iter().enumerate().take(20) {
        if position == 0 && code.is(part.start, "[") {
            prefixes = code.literals(part.clone()).into_iter().map(str::to_owned).collect();
        }
        if code.is(part.start, "{") {
            let members = code.arguments(part.start);
            if let Some(text) = code.named(&members, "prefix").and_then(|value| constants.text(code, value)) {
                prefix = text;
            }
            continue;
        }
        if position == 0
            && parts.len() > 1
            && !code.is(part.start, "require")
            && !code.is(part.start, "import")
            && let Some(text) = constants.text(code, part.clone())
        {
            prefix = text;
            continue;
        }
        children.extend(referred(graph, file, code, part, at));
    }
    if children.is_empty() {
        return;
    }
    let Some(parent) = router(graph, file, code, base, at) else { return };
    if prefixes.is_empty() {
        prefixes.push(prefix);
    }
    for child in children {
        for prefix in &prefixes {
            graph.mount(parent, child, prefix.clone());
        }
    }
}

/// The routers that an argument means: a name, a call that makes one, an inline `require` or `import`, a plugin.
fn referred(graph: &mut Graph, file: usize, code: &Code<'_>, part: &Range<usize>, at: usize) -> Vec<RouterId> {
    let inline = (part.start..part.end.min(part.start + 8))
        .find(|at| (code.is(*at, "require") || code.is(*at, "import")) && code.is(*at + 1, "("))
        .and_then(|at| code.literal(at + 2));
    if let Some(module) = inline.filter(|text| local(text)) {
        let segments = module_of(module);
        let mut path: Vec<&str> = segments.iter().map(String::as_str).collect();
        path.push("default");
        return graph.resolve(file, &path, at);
    }
    // A plugin written in place: `register(async (instance) => { … })`.
    if let Some(brace) = (part.start..part.end)
        .find(|at| code.is(*at, "{"))
        .filter(|brace| code.close(*brace) + 1 >= part.end && *brace > part.start)
    {
        if let Some(name) = graph.enclosing(file, brace + 1).and_then(|function| function.parameters.first().cloned())
            && !matches!(name.as_str(), "req" | "request" | "ctx" | "c" | "err" | "")
        {
            return graph.lookup(file, &name, brace + 1).into_iter().collect();
        }
        return Vec::new();
    }
    let path = code.path(part);
    if path.is_empty() {
        return Vec::new();
    }
    let trimmed: Vec<&str> = path
        .iter()
        .copied()
        .filter(|word| !matches!(*word, "routes" | "allowedMethods" | "middleware") || path.len() == 1)
        .collect();
    let found = graph.resolve(file, &trimmed, at);
    if !found.is_empty() {
        return found;
    }
    // A plugin function that gets the router as its parameter.
    graph
        .called(file, &path)
        .into_iter()
        .take(1)
        .filter_map(|function| {
            let name_fits = graph
                .parameter_name(function, 0)
                .is_some_and(|name| !matches!(name, "req" | "request" | "ctx" | "err" | ""));
            name_fits.then(|| graph.parameter(function, 0)).flatten()
        })
        .collect()
}

/// `registerRoutes(app)`, `require('./routes')(app)`: a router given to a function.
fn handed_over(graph: &mut Graph, file: usize, code: &Code<'_>, at: usize, open: usize) {
    let Some(name) = code.word(at) else { return };
    if matches!(name, "function" | "use" | "listen") || code.is(at.wrapping_sub(1), "function") {
        return;
    }
    let after = code.close(open) + 1;
    if name == "require" {
        let Some(module) = code.literal(open + 1).filter(|text| local(text) && code.is(after, "(")) else { return };
        given(graph, file, code, after, at, |graph| graph.of_module(file, module_of(module)));
    } else {
        given(graph, file, code, open, at, |graph| graph.called(file, &[name]));
    }
}

fn given(
    graph: &mut Graph,
    file: usize,
    code: &Code<'_>,
    open: usize,
    at: usize,
    functions: impl Fn(&Graph) -> Vec<usize>,
) {
    for (position, part) in code.arguments(open).iter().enumerate().take(4) {
        let path = code.path(part);
        let Some(last) = path.last().filter(|_| path.len() == 1) else { continue };
        let Some(given) = graph.known(file, last, at) else { continue };
        for function in functions(graph).into_iter().take(2) {
            if let Some(child) = graph.parameter(function, position) {
                graph.mount(given, child, String::new());
            }
        }
    }
}
