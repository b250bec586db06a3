//! Bodies of Gin, Echo, Fiber, chi and the standard library: the structs that handlers decode into, spelled by their
//! `json` tags, with what [validator](https://pkg.go.dev/github.com/go-playground/validator/v10) requires of them.

use std::collections::HashMap;
use std::ops::Range;

use harness_kit::MemberHint;

use super::super::golang::{listed_methods, signature, verb};
use super::{Bodies, Body, Declared, Handler, MOST_FIELD, MOST_HANDLER, Members, Named};
use crate::code::Code;

/// Calls that fill what they are given from a request's body.
const DECODERS: &[&str] = &[
    "ShouldBindJSON",
    "ShouldBind",
    "ShouldBindWith",
    "ShouldBindBodyWith",
    "MustBindWith",
    "BindJSON",
    "Bind",
    "BodyParser",
    "Body",
    "Decode",
    "DecodeJSON",
    "ReadJSON",
    "Unmarshal",
];

impl Bodies {
    /// Takes in a file of Go.
    pub(super) fn read_go(&mut self, path: &str, code: &Code<'_>) {
        let package = package(path);
        let owners = owners(code);
        for at in 0..code.len() {
            if code.is(at, "type") {
                let (name, open) = (code.word(at + 1), at + 3);
                if let Some(name) = name.filter(|_| code.is(at + 2, "struct") && code.is(open, "{")) {
                    self.declares(name, &package, fields(code, open));
                }
            } else if code.is(at, "func") {
                let Some(function) = signature(code, at).filter(|function| !function.name.is_empty()) else { continue };
                if let Some(body) = self.decoded(path, &package, code, function.body) {
                    let owner = function.owner.to_owned();
                    self.takes(function.name, Handler { module: package.clone(), owner, body });
                }
            } else if code.word(at).is_some() && code.is(at + 1, "(") && code.is(at.wrapping_sub(1), ".") {
                self.route(path, &package, code, at, &owners);
            }
        }
    }

    /// The handler of a call such as `r.POST("/x", guard, h.Create)`, at the call's name.
    fn route(&mut self, path: &str, package: &str, code: &Code<'_>, at: usize, owners: &HashMap<&str, Option<&str>>) {
        let name = code.word(at).unwrap_or("");
        if verb(name).is_none() && !matches!(name, "HandleFunc" | "Handle") {
            return;
        }
        let parts = code.arguments(at + 1);
        let methods: Vec<String> = match (verb(name), name) {
            (Some(method), _) => vec![method.to_owned()],
            (None, _) => {
                let text = parts.first().and_then(|part| code.literal(part.start)).unwrap_or("");
                match text.split_once(' ') {
                    Some((method, _)) => vec![method.to_owned()],
                    None => listed_methods(code, at).into_iter().map(str::to_owned).collect(),
                }
            }
        };
        let Some(last) = parts.last().filter(|_| parts.len() >= 2) else { return };
        let place = |method: &str| (format!("{path}:{}", code.line(at)), method.to_ascii_uppercase());
        if code.is(last.start, "func") {
            let body =
                signature(code, last.start).and_then(|function| self.decoded(path, package, code, function.body));
            for method in methods.iter().filter(|_| body.is_some()) {
                self.taken.extend(body.clone().map(|body| (place(method), body)));
            }
            return;
        }
        let mut words = code.path(last).into_iter().rev();
        let Some(function) = words.next() else { return };
        let qualifier = words.next().unwrap_or("");
        let owner = match owners.get(qualifier) {
            Some(Some(owner)) => owner,
            // It may be of several types.
            Some(None) => return,
            // A field that holds it: `s.books.Create`, `app.BookHandler.Create`.
            None if words.next().is_some() => qualifier,
            None => "",
        };
        let module = if qualifier.is_empty() { package } else { qualifier };
        for method in methods {
            let named = Named { module: module.to_owned(), owner: owner.to_owned(), function: function.to_owned() };
            self.names(place(&method), named);
        }
    }

    /// What a function decodes a body into. A struct that is declared on the spot is kept under its place.
    fn decoded(&mut self, path: &str, package: &str, code: &Code<'_>, range: Range<usize>) -> Option<Body> {
        let range = range.start..range.end.min(range.start + MOST_HANDLER);
        let variable = range
            .clone()
            .filter(|at| code.word(*at).is_some_and(|word| DECODERS.contains(&word)) && code.is(at + 1, "("))
            .find_map(|at| {
                let parts = code.arguments(at + 1);
                let pointed = parts.iter().find(|part| code.is(part.start, "&") && part.len() == 2);
                let alone = parts.iter().find(|part| part.len() == 1);
                pointed.and_then(|part| code.word(part.start + 1)).or_else(|| code.word(alone?.start))
            })?;
        let kind = range.clone().filter(|at| code.is(*at, variable)).find_map(|at| {
            if code.is(at.wrapping_sub(1), "var") {
                return Some(at + 1);
            }
            (code.is(at + 1, ":") && code.is(at + 2, "=")).then(|| match code.word(at + 3) {
                Some("new") if code.is(at + 4, "(") => at + 5,
                _ if code.is(at + 3, "&") => at + 4,
                _ => at + 3,
            })
        })?;
        if code.is(kind, "struct") && code.is(kind + 1, "{") {
            let name = format!("{path}:{kind}");
            // The function around a handler has looked here too.
            if !self.structs.contains_key(&name) {
                self.declares(&name, package, fields(code, kind + 1));
            }
            return Some(Body { module: package.to_owned(), name });
        }
        let first = code.word(kind)?;
        match code.word(kind + 2).filter(|_| code.is(kind + 1, ".")) {
            Some(name) => Some(Body { module: first.to_owned(), name: name.to_owned() }),
            None => Some(Body { module: package.to_owned(), name: first.to_owned() }),
        }
    }
}

/// A file's package, by the folder that it stands in.
fn package(path: &str) -> String {
    path.rsplit('/').nth(1).unwrap_or("main").to_owned()
}

/// The types of a file's names: receivers, parameters and fields (`h *Handler`), and what makers give
/// (`h := handlers.NewHandler(…)`). `None` for a name of several types.
fn owners<'a>(code: &Code<'a>) -> HashMap<&'a str, Option<&'a str>> {
    let mut owners: HashMap<&str, Option<&str>> = HashMap::new();
    for at in 0..code.len() {
        let Some(name) = code.word(at) else { continue };
        let made = code.is(at + 1, "=") || code.is(at + 1, ":") && code.is(at + 2, "=");
        let kind = if made {
            let from = at + if code.is(at + 1, "=") { 2 } else { 3 };
            let from = if code.is(from, "&") { from + 1 } else { from };
            last_of(code, from).map(|last| last.strip_prefix("New").unwrap_or(last))
        } else if code.is(at + 1, "*") && code.tokens[at + 1].line == code.tokens[at].line {
            last_of(code, at + 2)
        } else {
            None
        };
        if let Some(kind) = kind.filter(|kind| kind.starts_with(|first: char| first.is_ascii_uppercase())) {
            let known = owners.entry(name).or_insert(Some(kind));
            if *known != Some(kind) {
                *known = None;
            }
        }
    }
    owners
}

/// The last name of `a.b`, or of a name alone.
fn last_of<'a>(code: &Code<'a>, at: usize) -> Option<&'a str> {
    let first = code.word(at)?;
    Some(code.word(at + 2).filter(|_| code.is(at + 1, ".")).unwrap_or(first))
}

/// The fields of the struct whose brace opens at `open`.
fn fields(code: &Code<'_>, open: usize) -> Members {
    let close = code.close(open);
    let mut found = Members::default();
    let mut at = open + 1;
    while at < close {
        let start = at;
        loop {
            at = code.step(at);
            if at >= close || code.line(at) != code.line(at - 1) || code.is(at, ";") {
                break;
            }
        }
        let line = start..at.min(start + MOST_FIELD);
        found.is_partial |= is_embedded(code, &line);
        found.declared.extend(names(code, &line).into_iter().filter_map(|name| field(code, name, &line)));
        if code.is(at, ";") {
            at += 1;
        }
    }
    found
}

/// Whether a line of a struct is a type alone. GORM's own columns are no client's.
fn is_embedded(code: &Code<'_>, line: &Range<usize>) -> bool {
    let from = if code.is(line.start, "*") { line.start + 1 } else { line.start };
    let qualified = code.is(from + 1, ".");
    let after = if qualified { from + 3 } else { from + 1 };
    let is_alone = code.word(from).is_some() && (after >= line.end || code.literal(after).is_some());
    is_alone && !(qualified && code.is(from, "gorm"))
}

/// The names that a line of a struct declares: `Email, Password string`.
fn names<'a>(code: &Code<'a>, line: &Range<usize>) -> Vec<&'a str> {
    let mut at = line.start;
    while code.word(at).is_some() && code.is(at + 1, ",") && at < line.end {
        at += 2;
    }
    if code.is(at + 1, ".") {
        return Vec::new();
    }
    (line.start..=at).step_by(2).filter_map(|at| code.word(at)).collect()
}

/// A field that decoding fills, by its name in the body.
fn field(code: &Code<'_>, name: &str, line: &Range<usize>) -> Option<Declared> {
    if !name.starts_with(|first: char| first.is_ascii_uppercase()) {
        return None;
    }
    let last = line.end.checked_sub(1)?;
    let tag = code.literal(last).unwrap_or("");
    let typed = (line.start..line.end).find(|at| !code.is(at + 1, ",") && !code.is(*at, ","))? + 1;
    let spelled = tagged(tag, "json").and_then(|value| value.split(',').next()).unwrap_or("");
    if spelled == "-" {
        return None;
    }
    let rules = || ["binding", "validate"].iter().filter_map(|key| tagged(tag, key)).flat_map(|rules| rules.split(','));
    let (kind, format, own) = kind(code, typed);
    let choices = rules().find_map(|rule| rule.trim().strip_prefix("oneof=")).filter(|_| kind == "string");
    let choices = choices.into_iter().flat_map(str::split_whitespace).map(|value| value.trim_matches('\'').to_owned());
    let hint = MemberHint {
        name: if spelled.is_empty() { name } else { spelled }.to_owned(),
        kind: kind.to_owned(),
        format: format.to_owned(),
        choices: choices.collect(),
        required: rules().any(|rule| rule.trim() == "required"),
    };
    Some(Declared { hint, own: own.to_owned() })
}

/// The value of `key:"value"` in a field's tag.
fn tagged<'a>(tag: &'a str, key: &str) -> Option<&'a str> {
    let from = tag
        .match_indices(key)
        .map(|(at, _)| at)
        .find(|at| (*at == 0 || tag.as_bytes()[at - 1] == b' ') && tag[at + key.len()..].starts_with(":\""))?;
    tag[from + key.len() + 2..].split('"').next()
}

/// The JSON type and the format that a type is decoded from, and its name where it is one of the submission's own.
fn kind<'a>(code: &Code<'a>, typed: usize) -> (&'static str, &'static str, &'a str) {
    let at = if code.is(typed, "*") { typed + 1 } else { typed };
    if code.is(at, "[") {
        return ("array", "", "");
    }
    match last_of(code, at).unwrap_or("") {
        "string" => ("string", "", ""),
        "int" | "int8" | "int16" | "int32" | "int64" | "uint" | "uint8" | "uint16" | "uint32" | "uint64" => {
            ("integer", "", "")
        }
        "float32" | "float64" | "Decimal" => ("number", "", ""),
        "bool" => ("boolean", "", ""),
        "Time" => ("string", "date-time", ""),
        "UUID" => ("string", "uuid", ""),
        "map" => ("object", "", ""),
        own => ("", "", own),
    }
}
