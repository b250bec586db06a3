//! Routes that the source and the README name: hints that binding tries before it guesses.
//!
//! A hint may be wrong; a call proves it. What is read is spelled as binding wants it: parameters as `{name}`.

mod annotated;
mod bodies;
mod django;
mod golang;
mod graph;
mod laravel;
mod prose;
mod python;
mod rails;
mod rust;
mod script;
mod values;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use grader_model::{BindingSource, Snapshot};
use harness_kit::RouteHint;

use self::annotated::Application;
use self::bodies::Bodies;
use self::django::Views;
use self::graph::Graph;
use self::values::Constants;
use crate::code::Code;
use crate::tree::{self, Language};

/// Routes that are handed on.
const MOST: usize = 400;

/// Time for reading all routes; only a tree that was made to be slow comes near.
const TIME: Duration = Duration::from_secs(10);

/// Endpoints that documents name, with where.
pub(crate) fn of_documents(snapshot: &Snapshot) -> Vec<RouteHint> {
    prose::read(snapshot)
}

/// Every route that the tree names, those of the source first.
pub(crate) fn read(snapshot: &Snapshot) -> Vec<RouteHint> {
    let mut hints = from_source(snapshot);
    hints.extend(prose::read(snapshot));
    let mut seen = HashSet::new();
    hints.retain(|hint| seen.insert((hint.method.clone(), hint.path.clone())));
    hints.truncate(MOST);
    hints
}

struct Unit<'a> {
    path: &'a str,
    file: usize,
    code: Code<'a>,
    language: Language,
}

fn from_source(snapshot: &Snapshot) -> Vec<RouteHint> {
    let began = Instant::now();
    let mut graph = Graph::default();
    let mut constants = Constants::default();
    let mut views = Views::default();
    let mut application = Application::default();
    let mut bodies = Bodies::default();
    let mut units = Vec::new();
    for (path, text, language) in tree::sources(snapshot) {
        if began.elapsed() > TIME {
            break;
        }
        let code = Code::read(text, language);
        constants.read(&code);
        units.push(Unit { path, file: graph.file(path), code, language });
    }
    for (path, text) in tree::texts(snapshot) {
        let name = tree::file_name(path);
        if name.starts_with("application") && matches!(tree::extension(name), "properties" | "yml" | "yaml") {
            application.read_settings(text);
            bodies.read_settings(text);
        }
    }
    for unit in &units {
        if began.elapsed() > TIME {
            break;
        }
        bodies.read(unit.path, &unit.code, unit.language);
        match unit.language {
            Language::Python => {
                python::declare(&mut graph, unit.file, &unit.code, &constants);
                django::declare(&mut graph, unit.file, &unit.code);
                views.read(&unit.code);
            }
            Language::Script => {
                script::declare(&mut graph, unit.file, &unit.code, &constants);
                application.read(&unit.code, &constants);
            }
            Language::Go => golang::declare(&mut graph, unit.file, &unit.code),
            Language::Rust => rust::declare(&mut graph, unit.file, &unit.code, &constants),
            Language::Jvm | Language::Php | Language::Ruby | Language::CSharp | Language::Elixir => {}
        }
    }
    graph.declared();
    for reading in 0..2 {
        for unit in &units {
            if began.elapsed() > TIME {
                break;
            }
            connect(&mut graph, unit, &constants, &views, &application);
        }
        if reading == 0 {
            graph.settle();
        }
    }
    let files: Vec<(&str, &Code<'_>)> = units.iter().map(|unit| (unit.path, &unit.code)).collect();
    for unit in units.iter().filter(|unit| unit.language == Language::Script) {
        if began.elapsed() > TIME {
            break;
        }
        bodies.read_script(&graph, &files, unit.file);
    }
    graph
        .expand()
        .into_iter()
        .filter_map(|route| {
            let place = format!("{}:{}", route.file, route.line);
            let (members, partial) = bodies.of(&place, &route.method);
            Some(RouteHint {
                path: tidy(&route.path, keeps_slash(&route.file))?,
                source: BindingSource::Source,
                members,
                partial,
                method: route.method,
                place,
            })
        })
        .collect()
}

fn connect(graph: &mut Graph, unit: &Unit<'_>, constants: &Constants, views: &Views, application: &Application) {
    let (file, code) = (unit.file, &unit.code);
    match unit.language {
        Language::Python => {
            python::connect(graph, file, code, constants);
            django::connect(graph, file, code, constants, views);
        }
        Language::Script => {
            script::connect(graph, file, code, constants);
            annotated::read(graph, file, code, constants, unit.language, application);
        }
        Language::Jvm | Language::CSharp => annotated::read(graph, file, code, constants, unit.language, application),
        Language::Go => golang::connect(graph, file, code, constants),
        Language::Rust => rust::connect(graph, file, code, constants),
        Language::Php => {
            let outer = if unit.path.ends_with("routes/api.php") { "/api" } else { "" };
            laravel::read(graph, file, code, constants, outer);
            annotated::read(graph, file, code, constants, unit.language, &Application::default());
        }
        Language::Ruby if unit.path.ends_with("routes.rb") || unit.path.contains("config/routes/") => {
            rails::read(graph, file, code);
        }
        Language::Ruby | Language::Elixir => {}
    }
}

/// Whether a trailing slash is part of a route in the language's frameworks.
fn keeps_slash(file: &str) -> bool {
    matches!(tree::language(file), Some(Language::Python | Language::Go))
}

/// A path as binding writes it, or `None` for one that is no route of an API (wildcards, odd characters).
fn tidy(path: &str, keep_slash: bool) -> Option<String> {
    let path = path.split('?').next().unwrap_or(path);
    let mut tidy = String::new();
    let ends_with_slash = path.ends_with('/');
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        tidy.push('/');
        tidy.push_str(&parameter(segment)?);
    }
    if tidy.is_empty() {
        return None;
    }
    if ends_with_slash && keep_slash {
        tidy.push('/');
    }
    (tidy.len() <= 200).then_some(tidy)
}

/// A segment with its parameter as `{name}`: `:id`, `:id(\d+)`, `<int:id>`, `{id:int}`, `{id?}`.
fn parameter(segment: &str) -> Option<String> {
    let name = |text: &str| -> String { text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect() };
    let inner = if let Some(rest) = segment.strip_prefix(':') {
        Some(name(rest))
    } else if let Some(rest) = segment.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
        Some(name(rest.rsplit(':').next().unwrap_or(rest)))
    } else {
        segment.strip_prefix('{').map(|rest| name(rest.trim_start_matches('*')))
    };
    match inner {
        Some(inner) if inner.is_empty() => None,
        Some(inner) => Some(format!("{{{inner}}}")),
        None => {
            let plain = segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~@".contains(&byte));
            plain.then(|| segment.to_owned())
        }
    }
}
