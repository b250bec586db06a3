//! Routes of Django and Django REST framework: `urlpatterns`, `include`, routers and view sets.

use std::collections::HashMap;
use std::ops::Range;

use super::graph::{Graph, RouterId};
use super::values::Constants;
use crate::code::Code;

/// Methods and paths that a generic class answers, by the name of its base.
const BASES: &[(&str, &[&str])] = &[
    ("ListCreateAPIView", &["GET", "POST"]),
    ("RetrieveUpdateDestroyAPIView", &["GET", "PUT", "PATCH", "DELETE"]),
    ("RetrieveUpdateAPIView", &["GET", "PUT", "PATCH"]),
    ("RetrieveDestroyAPIView", &["GET", "DELETE"]),
    ("ListAPIView", &["GET"]),
    ("CreateAPIView", &["POST"]),
    ("RetrieveAPIView", &["GET"]),
    ("UpdateAPIView", &["PUT", "PATCH"]),
    ("DestroyAPIView", &["DELETE"]),
    ("TokenObtainPairView", &["POST"]),
    ("TokenRefreshView", &["POST"]),
    ("ObtainAuthToken", &["POST"]),
    ("TokenViewBase", &["POST"]),
];

/// The views of a whole project: class or function to the methods that it answers, and actions of view sets.
#[derive(Debug, Default)]
pub(super) struct Views {
    methods: HashMap<String, Vec<String>>,
    /// View set to its further routes: method, path, whether it is on a record.
    actions: HashMap<String, Vec<(String, String, bool)>>,
}

impl Views {
    pub(super) fn read(&mut self, code: &Code<'_>) {
        let mut classes = 0;
        for at in 0..code.len() {
            if self.methods.len() > 2_000 || classes > 300 {
                return;
            }
            classes += usize::from(code.is(at, "class"));
            if code.is(at, "class")
                && code.is(at + 2, "(")
                && let Some(name) = code.word(at + 1)
            {
                let bases: Vec<&str> =
                    code.arguments(at + 2).iter().filter_map(|part| code.path(part).last().copied()).collect();
                self.class(code, name, &bases, at);
            } else if code.is(at, "api_view") && code.is(at + 1, "(") {
                let methods: Vec<String> =
                    code.literals(at + 1..code.close(at + 1)).into_iter().map(str::to_owned).collect();
                let next = (code.close(at + 1)..code.len().min(at + 400)).find(|at| code.is(*at, "def"));
                if let Some(name) = next.and_then(|at| code.word(at + 1)) {
                    self.methods.insert(name.to_owned(), methods);
                }
            }
        }
    }

    fn class(&mut self, code: &Code<'_>, name: &str, bases: &[&str], at: usize) {
        let mut methods: Vec<String> = super::python::class_methods(code, name).unwrap_or_default();
        for base in bases {
            if base.ends_with("ViewSet") {
                let all: &[&str] = if base.starts_with("ReadOnly") {
                    &["list", "retrieve"]
                } else {
                    &["list", "create", "retrieve", "update", "partial_update", "destroy"]
                };
                methods.extend(all.iter().map(|action| (*action).to_owned()));
            }
            if let Some((_, known)) = BASES.iter().find(|(known, _)| known == base) {
                methods.extend(known.iter().map(|method| (*method).to_owned()));
            }
        }
        let end = (at + 1..code.len())
            .find(|at| code.tokens[*at].first && code.tokens[*at].column == 0 && code.is(*at, "class"));
        self.actions.insert(name.to_owned(), actions(code, at..end.unwrap_or(code.len())));
        if !methods.is_empty() {
            self.methods.insert(name.to_owned(), methods);
        }
    }
}

/// `@action(detail=True, methods=["post"], url_path="…") def name`.
fn actions(code: &Code<'_>, range: Range<usize>) -> Vec<(String, String, bool)> {
    let mut found = Vec::new();
    for at in range {
        if !(code.is(at, "action") && code.is(at + 1, "(") && code.is(at.wrapping_sub(1), "@")) {
            continue;
        }
        let parts = code.arguments(at + 1);
        let detail = code.named(&parts, "detail").is_some_and(|value| code.is(value.start, "True"));
        let close = code.close(at + 1);
        let function =
            (close..code.len().min(close + 60)).find(|at| code.is(*at, "def")).and_then(|at| code.word(at + 1));
        let path =
            code.named(&parts, "url_path").and_then(|value| code.literal(value.start)).or(function).unwrap_or("");
        let methods = code.named(&parts, "methods").map(|value| code.literals(value)).unwrap_or_else(|| vec!["get"]);
        found.extend(methods.into_iter().map(|method| (method.to_owned(), path.to_owned(), detail)));
    }
    found
}

/// The router names of a Django file, before anything refers to them.
pub(super) fn declare(graph: &mut Graph, file: usize, code: &Code<'_>) {
    for at in 0..code.len() {
        if code.is(at, "urlpatterns") && code.is(at + 1, "=") && graph.known(file, "urlpatterns", at).is_none() {
            graph.define(file, "urlpatterns", at, 0..code.len(), String::new());
        }
        let makes = code.is(at, "DefaultRouter") || code.is(at, "SimpleRouter") || code.is(at, "NestedDefaultRouter");
        if makes && code.is(at + 1, "(") && at >= 2 {
            let equals = (at.saturating_sub(3)..at).rev().find(|at| code.is(*at, "="));
            if let Some(name) = equals.and_then(|equals| code.word(equals.checked_sub(1)?)) {
                graph.define(file, name, at, 0..code.len(), String::new());
            }
        }
    }
}

/// Routes and mounts of a Django file.
pub(super) fn connect(graph: &mut Graph, file: usize, code: &Code<'_>, constants: &Constants, views: &Views) {
    let Some(patterns) = graph.known(file, "urlpatterns", 0) else { return };
    for at in 0..code.len() {
        if graph.is_full() {
            return;
        }
        let Some(word) = code.word(at) else { continue };
        if matches!(word, "path" | "re_path" | "url") && code.is(at + 1, "(") {
            let parts = code.arguments(at + 1);
            let Some(path) = parts.first().and_then(|part| constants.text(code, part.clone())) else { continue };
            let path = if word == "path" { path } else { from_regex(&path) };
            let Some(target) = parts.get(1) else { continue };
            if code.is(target.start, "include") {
                included(graph, file, code, patterns, target.start + 1, &path);
            } else {
                let place = code.line(at);
                for method in view_methods(code, target, views) {
                    graph.route(patterns, &method, format!("/{path}"), file, place);
                }
            }
        } else if word == "register" && code.is(at + 1, "(") && at >= 2 && code.is(at - 1, ".") {
            let Some(router) = code.word(at - 2).and_then(|name| graph.known(file, name, at)) else { continue };
            register(graph, file, code, constants, views, router, at);
        } else if word == "urls" && at >= 2 && code.is(at - 1, ".") && (code.is(at + 1, "]") || !code.is(at + 1, ")")) {
            // `urlpatterns = router.urls`, `urlpatterns += router.urls`
            let Some(router) = code.word(at - 2).and_then(|name| graph.known(file, name, at)) else { continue };
            graph.mount(patterns, router, String::new());
        }
    }
}

fn included(graph: &mut Graph, file: usize, code: &Code<'_>, patterns: RouterId, open: usize, path: &str) {
    let inner = open + 1..code.close(open);
    if let Some(module) = code.literals(inner.clone()).first() {
        let mut path_of: Vec<&str> = module.split('.').collect();
        path_of.push("urlpatterns");
        for child in graph.resolve(file, &path_of, usize::MAX) {
            graph.mount(patterns, child, format!("/{path}"));
        }
        return;
    }
    let words = code.path(&inner);
    if words.last() == Some(&"urls")
        && let Some(child) = words.first().and_then(|name| graph.known(file, name, open))
    {
        graph.mount(patterns, child, format!("/{path}"));
    }
}

fn view_methods(code: &Code<'_>, target: &Range<usize>, views: &Views) -> Vec<String> {
    // `BookViewSet.as_view({"get": "list", "post": "create"})` says it itself.
    if let Some(brace) = target.clone().find(|at| code.is(*at, "{")) {
        let listed: Vec<String> =
            code.arguments(brace).iter().filter_map(|part| code.literal(part.start)).map(str::to_owned).collect();
        if !listed.is_empty() {
            return listed;
        }
    }
    let words = code.path(target);
    let name = words.iter().rev().find(|word| **word != "as_view").copied().unwrap_or("");
    let known = views.methods.get(name).cloned().or_else(|| {
        BASES
            .iter()
            .find(|(base, _)| *base == name)
            .map(|(_, methods)| methods.iter().map(|method| (*method).to_owned()).collect())
    });
    let http = |method: &String| method.chars().all(|c| c.is_ascii_uppercase());
    match known.map(|methods| methods.into_iter().filter(http).collect::<Vec<_>>()) {
        Some(methods) if !methods.is_empty() => methods,
        _ => vec![String::new()],
    }
}

fn register(
    graph: &mut Graph,
    file: usize,
    code: &Code<'_>,
    constants: &Constants,
    views: &Views,
    router: RouterId,
    at: usize,
) {
    let parts = code.arguments(at + 1);
    let Some(base) = parts.first().and_then(|part| constants.text(code, part.clone())) else { return };
    let base = base.trim_matches('/');
    let set = parts.get(1).and_then(|part| code.path(part).last().copied()).unwrap_or("");
    let line = code.line(at);
    let all = ["list", "create", "retrieve", "update", "partial_update", "destroy"].map(str::to_owned).to_vec();
    let known = views.methods.get(set).cloned().unwrap_or(all);
    for action in known {
        let (method, path) = match action.as_str() {
            "list" => ("GET", format!("/{base}/")),
            "create" => ("POST", format!("/{base}/")),
            "retrieve" => ("GET", format!("/{base}/{{id}}/")),
            "update" => ("PUT", format!("/{base}/{{id}}/")),
            "partial_update" => ("PATCH", format!("/{base}/{{id}}/")),
            "destroy" => ("DELETE", format!("/{base}/{{id}}/")),
            _ => continue,
        };
        graph.route(router, method, path, file, line);
    }
    for (method, path, detail) in views.actions.get(set).into_iter().flatten() {
        let record = if *detail { "/{id}" } else { "" };
        graph.route(router, method, format!("/{base}{record}/{path}/"), file, line);
    }
}

/// A pattern without its anchors; named groups become parameters.
fn from_regex(pattern: &str) -> String {
    let mut path = String::new();
    let mut rest = pattern.trim_start_matches('^').trim_end_matches('$');
    while let Some(open) = rest.find("(?P<") {
        path.push_str(&rest[..open]);
        let after = &rest[open + 4..];
        let Some((name, tail)) = after.split_once('>') else { break };
        path.push_str(&format!("{{{name}}}"));
        rest = tail.split_once(')').map_or("", |(_, rest)| rest);
    }
    path.push_str(rest);
    path.replace(['\\', '?'], "")
}
