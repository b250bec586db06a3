//! Routes that annotations on classes and methods say: Spring, JAX-RS, Micronaut, NestJS, Symfony, ASP.NET.

use std::ops::Range;

use super::graph::{Graph, RouterId};
use super::values::Constants;
use crate::code::Code;
use crate::tree::Language;

/// What holds for a whole application rather than for one controller.
#[derive(Debug, Default)]
pub(super) struct Application {
    /// `setGlobalPrefix`, `server.servlet.context-path`.
    pub(super) prefix: String,
    /// The default of NestJS' versions in paths; empty where they are not in the path.
    pub(super) version: String,
    pub(super) versions_in_path: bool,
}

impl Application {
    /// NestJS: what `main.ts` sets.
    pub(super) fn read(&mut self, code: &Code<'_>, constants: &Constants) {
        for at in 0..code.len() {
            if code.is(at, "setGlobalPrefix") && code.is(at + 1, "(") {
                if let Some(part) = code.arguments(at + 1).first() {
                    self.prefix = constants.text(code, part.clone()).unwrap_or_default();
                }
            } else if code.is(at, "enableVersioning") && code.is(at + 1, "(") {
                let parts = code.arguments(at + 1);
                let members = parts
                    .first()
                    .filter(|part| code.is(part.start, "{"))
                    .map(|part| code.arguments(part.start))
                    .unwrap_or_default();
                let kind = code.named(&members, "type").map(|value| code.path(&value));
                self.versions_in_path = kind.is_none_or(|kind| kind.last() == Some(&"URI"));
                let version =
                    code.named(&members, "defaultVersion").and_then(|value| code.literals(value).first().copied());
                self.version = version.unwrap_or("").to_owned();
            }
        }
    }

    /// Spring: the context path in properties or YAML.
    pub(super) fn read_settings(&mut self, text: &str) {
        for line in text.lines() {
            let Some((key, value)) = line.split_once(['=', ':']) else { continue };
            let key = key.trim().trim_start_matches("server.").trim_start_matches("servlet.");
            if matches!(key, "context-path" | "contextPath" | "spring.mvc.servlet.path") {
                let value = value.trim().trim_matches(['"', '\'']);
                if value.starts_with('/') {
                    self.prefix = value.trim_end_matches('/').to_owned();
                }
            }
        }
    }
}

/// The HTTP method of an annotation, and whether it may carry a path.
pub(super) fn verb(name: &str) -> Option<&'static str> {
    Some(match name {
        "GetMapping" | "Get" | "GET" | "HttpGet" => "GET",
        "PostMapping" | "Post" | "POST" | "HttpPost" => "POST",
        "PutMapping" | "Put" | "PUT" | "HttpPut" => "PUT",
        "PatchMapping" | "Patch" | "PATCH" | "HttpPatch" => "PATCH",
        "DeleteMapping" | "Delete" | "DELETE" | "HttpDelete" => "DELETE",
        _ => return None,
    })
}

/// Controllers and their routes in a file.
pub(super) fn read(
    graph: &mut Graph,
    file: usize,
    code: &Code<'_>,
    constants: &Constants,
    language: Language,
    application: &Application,
) {
    let mut class: Option<(RouterId, Range<usize>)> = None;
    let mut pending: Vec<Range<usize>> = Vec::new();
    for at in 0..code.len() {
        if graph.is_full() {
            return;
        }
        let opener = match language {
            Language::Php => code.is(at, "#") && code.is(at + 1, "["),
            Language::CSharp => code.is(at, "["),
            _ => code.is(at, "@"),
        };
        if opener {
            let name = at + if language == Language::Php { 2 } else { 1 };
            if code.word(name).is_some() && pending.len() < 40 {
                let end = if code.is(name + 1, "(") { code.close(name + 1) } else { name };
                pending.push(name..end + 1);
            }
        }
        let inside = class.as_ref().is_some_and(|(_, body)| body.contains(&at));
        if (code.is(at, "class") || code.is(at, "interface")) && !inside && code.word(at + 1).is_some() {
            let Some(brace) = (at..code.len().min(at + 300)).find(|at| code.is(*at, "{")) else { continue };
            let name = code.word(at + 1).unwrap_or("");
            class = controller(graph, file, code, constants, application, &pending, name, brace);
            pending.clear();
        } else if let Some((router, body)) = &class
            && body.contains(&at)
            && ends_annotations(code, at, language)
            && !pending.is_empty()
        {
            if pending.iter().all(|range| body.contains(&range.start)) {
                endpoint(graph, file, code, constants, *router, &pending);
            }
            pending.clear();
        }
    }
}

/// Whether the declaration that annotations belong to begins its body or ends here.
fn ends_annotations(code: &Code<'_>, at: usize, language: Language) -> bool {
    match language {
        // A method's parameters follow its name; a field ends.
        Language::Script => {
            code.is(at, "{") && code.is(at.wrapping_sub(1), ")") || code.is(at, ";") || code.is(at, "{")
        }
        _ => code.is(at, "{") || code.is(at, ";") || code.is(at, "fun") || code.is(at, "function"),
    }
}

#[expect(clippy::too_many_arguments, reason = "one call site; a struct would only repeat the names")]
fn controller(
    graph: &mut Graph,
    file: usize,
    code: &Code<'_>,
    constants: &Constants,
    application: &Application,
    pending: &[Range<usize>],
    class: &str,
    brace: usize,
) -> Option<(RouterId, Range<usize>)> {
    let body = brace..code.close(brace);
    let mut prefixes = vec![String::new()];
    let mut version = application.version.clone();
    let mut is_controller = false;
    for annotation in pending {
        let name = code.word(annotation.start).unwrap_or("");
        match name {
            "Controller" | "RestController" | "ApiController" | "RequestMapping" | "Path" | "Route"
            | "JsonController" => {
                is_controller = true;
                let found = paths(code, constants, annotation);
                if !found.is_empty() {
                    prefixes = found;
                }
                if let Some(given) = member(code, annotation, "version") {
                    version = given;
                }
            }
            "Version" => version = paths(code, constants, annotation).into_iter().next().unwrap_or_default(),
            _ => {}
        }
    }
    if !is_controller {
        return None;
    }
    let outer = if application.versions_in_path && !version.is_empty() {
        super::graph::join(&format!("/{}", application.prefix.trim_start_matches('/')), &format!("v{version}"))
    } else {
        application.prefix.clone()
    };
    let short = class.strip_suffix("Controller").unwrap_or(class).to_ascii_lowercase();
    let prefix = prefixes.first().cloned().unwrap_or_default().replace("[controller]", &short);
    let prefix = if outer.is_empty() { slashed(&prefix) } else { super::graph::join(&slashed(&outer), &prefix) };
    graph.define(file, class, brace, body.clone(), prefix).map(|router| (router, body))
}

fn slashed(path: &str) -> String {
    if path.is_empty() || path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

/// The paths of an annotation: its first literals, `value`, `path` or, in an object, `path`.
fn paths(code: &Code<'_>, constants: &Constants, annotation: &Range<usize>) -> Vec<String> {
    if !code.is(annotation.start + 1, "(") {
        return Vec::new();
    }
    let parts = code.arguments(annotation.start + 1);
    let mut holder = parts.clone();
    if let Some(object) = parts
        .first()
        .filter(|part| code.is(part.start, "{") && code.named(&code.arguments(part.start), "path").is_some())
    {
        holder = code.arguments(object.start);
    }
    let value = ["value", "path"]
        .iter()
        .find_map(|key| code.named(&holder, key))
        .or_else(|| parts.iter().find(|part| !code.is_named(part)).cloned());
    let Some(value) = value else { return Vec::new() };
    if code.is(value.start, "{") || code.is(value.start, "[") {
        return code.literals(value).into_iter().map(str::to_owned).collect();
    }
    constants.text(code, value).into_iter().collect()
}

fn member(code: &Code<'_>, annotation: &Range<usize>, name: &str) -> Option<String> {
    let parts = code.arguments(annotation.start + 1);
    let object = parts.first().filter(|part| code.is(part.start, "{"))?;
    let value = code.named(&code.arguments(object.start), name)?;
    code.literals(value).first().map(|text| (*text).to_owned())
}

fn endpoint(
    graph: &mut Graph,
    file: usize,
    code: &Code<'_>,
    constants: &Constants,
    router: RouterId,
    pending: &[Range<usize>],
) {
    let mut methods: Vec<String> = Vec::new();
    let mut found: Vec<String> = Vec::new();
    let mut line = 0;
    for annotation in pending {
        let name = code.word(annotation.start).unwrap_or("");
        if let Some(method) = verb(name) {
            methods.push(method.to_owned());
            found.extend(paths(code, constants, annotation));
            line = code.line(annotation.start);
        } else if matches!(name, "RequestMapping" | "Route") {
            let parts = code.arguments(annotation.start + 1);
            let listed = ["method", "methods"].iter().find_map(|key| code.named(&parts, key));
            let words = listed.map(|value| {
                (value.start..value.end.min(value.start + 60))
                    .filter_map(|at| code.word(at).or_else(|| code.literal(at)))
                    .filter(|word| matches!(*word, "GET" | "POST" | "PUT" | "PATCH" | "DELETE"))
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            });
            methods.extend(words.unwrap_or_default());
            if methods.is_empty() && name == "RequestMapping" {
                methods.push(String::new());
            }
            found.extend(paths(code, constants, annotation));
            line = code.line(annotation.start);
        } else if name == "Path" {
            found.extend(paths(code, constants, annotation));
        }
    }
    if methods.is_empty() && pending.iter().any(|annotation| code.is(annotation.start, "Route")) && !found.is_empty() {
        methods.push(String::new());
    }
    if found.is_empty() {
        found.push(String::new());
    }
    for method in methods.iter().take(5) {
        for path in found.iter().take(5) {
            graph.route(router, method, slashed(path), file, line);
        }
    }
}
