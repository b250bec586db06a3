//! Bodies of Spring, Micronaut and JAX-RS: the classes and records behind `@RequestBody`, spelled as Jackson reads them,
//! with what Jakarta Validation and Kotlin's types require of them.

use std::ops::Range;

use harness_kit::{MemberHint, wire};

use super::super::annotated::verb;
use super::{Bodies, Body, Declared, MOST_FIELD, MOST_PARAMETERS, Members};
use crate::code::Code;

/// Tokens between a route's annotation and its method's parameters.
const MOST_HEAD: usize = 200;
/// Values of an enumeration.
const MOST_CHOICES: usize = 60;
/// Annotations of members that a client does not send.
const NOT_SENT: &[&str] = &[
    "JsonIgnore",
    "Id",
    "GeneratedValue",
    "Version",
    "Transient",
    "CreationTimestamp",
    "UpdateTimestamp",
    "CreatedDate",
    "LastModifiedDate",
];
/// Annotations of parameters that are not the body.
const ELSEWHERE: &[&str] = &[
    "PathParam",
    "QueryParam",
    "HeaderParam",
    "CookieParam",
    "BeanParam",
    "FormParam",
    "MatrixParam",
    "Context",
    "Suspended",
    "Auth",
    "RestPath",
    "RestQuery",
];

/// What stands before a name: annotations and modifiers.
#[derive(Default)]
struct Head<'a> {
    /// The first token after it.
    next: usize,
    required: bool,
    is_sent: bool,
    renamed: Option<&'a str>,
    names: Vec<&'a str>,
}

impl Bodies {
    /// Spring: how Jackson spells the members of all classes.
    pub(in super::super) fn read_settings(&mut self, text: &str) {
        self.in_snake_case |= text.lines().any(|line| {
            line.trim_start().trim_start_matches("spring.jackson.").starts_with("property-naming-strategy")
                && line.contains("SNAKE_CASE")
        });
    }

    /// Takes in a file of Java or Kotlin.
    pub(super) fn read_jvm(&mut self, path: &str, code: &Code<'_>) {
        let module = module(path);
        for at in 0..code.len() {
            if code.is(at, "@") {
                for method in methods(code, at) {
                    if let Some(name) = taken(code, at) {
                        let place = (format!("{path}:{}", code.line(at + 1)), method.to_owned());
                        self.taken.insert(place, Body { module: module.clone(), name: name.to_owned() });
                    }
                }
                continue;
            }
            if !["enum", "record", "class"].iter().any(|word| code.is(at, word)) {
                continue;
            }
            let Some(name) = code.word(at + 1) else { continue };
            let Some(open) =
                (at + 2..code.len().min(at + MOST_FIELD)).find(|at| code.is(*at, "(") || code.is(*at, "{"))
            else {
                continue;
            };
            if code.is(at, "enum") {
                // Kotlin: `enum class Name`.
                let name = if name == "class" { code.word(at + 2).unwrap_or("") } else { name };
                let brace = (open..code.len().min(open + MOST_FIELD)).find(|at| code.is(*at, "{")).unwrap_or(open);
                let values = code.arguments(brace).into_iter().filter_map(|part| code.word(part.start));
                let values = values.take(MOST_CHOICES).map(str::to_owned).collect();
                self.choices.entry(name.to_owned()).or_default().push((module.clone(), values));
            } else {
                let in_snake_case = self.in_snake_case || is_in_snake_case(code, at);
                let members = if code.is(open, "(") {
                    code.arguments(open).into_iter().filter_map(|part| member(code, part)).collect()
                } else {
                    fields(code, open)
                };
                let spelled = |declared: (Declared, bool)| {
                    let (mut declared, is_renamed) = declared;
                    if in_snake_case && !is_renamed {
                        declared.hint.name = wire::words(&declared.hint.name).join("_");
                    }
                    declared
                };
                let declared = members.into_iter().map(spelled).collect();
                self.declares(name, &module, Members { declared, is_partial: inherits(code, at, open) });
            }
        }
    }
}

/// A file's class, which is its name.
fn module(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned()
}

/// The methods of the route that the annotation at `at` makes.
fn methods<'a>(code: &Code<'a>, at: usize) -> Vec<&'a str> {
    let name = code.word(at + 1).unwrap_or("");
    if let Some(method) = verb(name) {
        return vec![method];
    }
    if name != "RequestMapping" || !code.is(at + 2, "(") {
        return Vec::new();
    }
    let inside = at + 3..code.close(at + 2).min(at + MOST_FIELD);
    inside.filter_map(|at| code.word(at)).filter(|word| matches!(*word, "POST" | "PUT" | "PATCH")).collect()
}

/// The type of the body of the method that the annotation at `at` belongs to.
fn taken<'a>(code: &Code<'a>, at: usize) -> Option<&'a str> {
    // The standard's own annotations leave the body's parameter bare.
    let is_bare = code.word(at + 1).is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_uppercase()));
    let mut next = at;
    let end = code.len().min(at + MOST_HEAD);
    let open = loop {
        if next >= end || code.is(next, "{") || code.is(next, ";") {
            return None;
        }
        if code.is(next, "@") {
            next = annotation(code, next).1;
        } else if code.is(next, "(") {
            break next;
        } else {
            next += 1;
        }
    };
    let parts = code.arguments(open);
    let part = parts.into_iter().filter(|part| part.len() <= MOST_PARAMETERS).find(|part| {
        let head = head(code, part.clone());
        let is_marked = head.names.iter().any(|name| matches!(*name, "RequestBody" | "Body"));
        is_marked || is_bare && !head.names.iter().any(|name| ELSEWHERE.contains(name))
    })?;
    let next = head(code, part.clone()).next;
    // Of a list, or of a map, nothing is told.
    if part.clone().any(|at| code.is(at, "<")) {
        return None;
    }
    if code.is(next + 1, ":") {
        return last_of(code, next + 2).0;
    }
    last_of(code, next).0
}

/// Whether the class at `at`, whose parameters or body open at `open`, takes members from another one.
fn inherits(code: &Code<'_>, at: usize, open: usize) -> bool {
    let after = if code.is(open, "(") { code.close(open) + 1 } else { open };
    // Kotlin: `class Name(…) : Other(…)`; an interface has no brackets.
    let is_called = code.is(after, ":")
        && (after..after + MOST_HEAD).find(|at| !is_name(code, *at)).is_some_and(|at| code.is(at, "("));
    is_called || (at..open).any(|at| code.is(at, "extends"))
}

fn is_name(code: &Code<'_>, at: usize) -> bool {
    code.word(at).is_some() || code.is(at, ":") || code.is(at, ".")
}

/// Whether the class at `at` is annotated to be spelled in snake case.
fn is_in_snake_case(code: &Code<'_>, at: usize) -> bool {
    (at.saturating_sub(MOST_FIELD)..at)
        .rev()
        .take_while(|at| !code.is(*at, "}") && !code.is(*at, ";"))
        .any(|at| code.word(at).is_some_and(|word| word.starts_with("SnakeCase")))
}

/// The fields of the class whose brace opens at `open`.
fn fields(code: &Code<'_>, open: usize) -> Vec<(Declared, bool)> {
    let close = code.close(open);
    let mut found = Vec::new();
    let (mut at, mut start) = (open + 1, open + 1);
    while at < close {
        if code.is(at, "{") {
            // A method's or a class' body ends what stands before it.
            at = code.close(at) + 1;
            start = at;
            continue;
        }
        if code.is(at, ";") {
            found.extend(member(code, start..at));
            start = at + 1;
        }
        at = code.step(at);
    }
    found
}

/// A member as Java (`String title = …`) or Kotlin (`val title: String? = …`) declares it, and whether it has been given
/// a name for the body; `None` for one that no body has.
fn member(code: &Code<'_>, part: Range<usize>) -> Option<(Declared, bool)> {
    let end = part.end.min(part.start + MOST_FIELD);
    let head = head(code, part.start..end);
    if !head.is_sent {
        return None;
    }
    let at = head.next;
    let (name, kind, required) = if code.is(at + 1, ":") {
        let (kind, after) = last_of(code, at + 2);
        let rest = after..end;
        let is_optional = rest.clone().any(|at| code.is(at, "?") || code.is(at, "="));
        (code.word(at)?, kind?, !is_optional)
    } else {
        let (kind, after) = last_of(code, at);
        let after = after_generics(code, after, end);
        let (after, is_array) = if code.is(after, "[") { (code.close(after) + 1, true) } else { (after, false) };
        let name = code.word(after)?;
        if after >= end || after + 1 < end && !code.is(after + 1, "=") {
            return None;
        }
        (name, if is_array { "List" } else { kind? }, false)
    };
    let (json, format) = json_kind(kind);
    let hint = MemberHint {
        name: head.renamed.unwrap_or(name).to_owned(),
        kind: json.to_owned(),
        format: format.to_owned(),
        choices: Vec::new(),
        required: required || head.required,
    };
    let own = if json.is_empty() { kind } else { "" };
    Some((Declared { hint, own: own.to_owned() }, head.renamed.is_some()))
}

/// Reads the annotations and modifiers that a declaration begins with.
fn head<'a>(code: &Code<'a>, part: Range<usize>) -> Head<'a> {
    let mut head = Head { next: part.start, is_sent: true, ..Head::default() };
    while head.next < part.end {
        let at = head.next;
        if code.is(at, "@") {
            let (name, next) = annotation(code, at);
            let arguments = at..next;
            let says = |word: &str| arguments.clone().take(MOST_FIELD).any(|at| code.is(at, word));
            head.required |= matches!(name, "NotNull" | "NotBlank" | "NotEmpty" | "NonNull" | "Nonnull")
                || matches!(name, "Column" | "JoinColumn") && says("nullable") && says("false")
                || name == "JsonProperty" && says("required") && says("true");
            head.is_sent &= !NOT_SENT.contains(&name) && !says("READ_ONLY");
            if name == "JsonProperty" {
                head.renamed = code.literals(arguments).first().copied().or(head.renamed);
            }
            head.names.push(name);
            head.next = next;
            continue;
        }
        match code.word(at) {
            Some("static" | "transient") => head.is_sent = false,
            Some(
                "private" | "protected" | "public" | "final" | "volatile" | "val" | "var" | "override" | "lateinit"
                | "internal" | "open",
            ) => {}
            _ => break,
        }
        head.next += 1;
    }
    head
}

/// The name of the annotation at `at`, and what follows it: `@a.b.C(…)`, Kotlin's `@field:C(…)`.
fn annotation<'a>(code: &Code<'a>, at: usize) -> (&'a str, usize) {
    let from = if code.is(at + 2, ":") { at + 3 } else { at + 1 };
    let (name, next) = last_of(code, from);
    let next = if code.is(next, "(") { code.close(next) + 1 } else { next };
    (name.unwrap_or(""), next.max(at + 1))
}

/// The last name of `a.b.C`, and what follows it.
fn last_of<'a>(code: &Code<'a>, mut at: usize) -> (Option<&'a str>, usize) {
    for _ in 0..12 {
        if code.word(at).is_none() || !code.is(at + 1, ".") {
            break;
        }
        at += 2;
    }
    (code.word(at), at + 1)
}

/// What follows `<…>`, where that comes next.
fn after_generics(code: &Code<'_>, at: usize, end: usize) -> usize {
    let mut depth = 0_usize;
    for at in at..end {
        if code.is(at, "<") {
            depth += 1;
        } else if code.is(at, ">") {
            depth = depth.saturating_sub(1);
        } else if depth == 0 {
            return at;
        }
    }
    end
}

/// The JSON type and the format that Jackson reads a type from; empty for one of the submission's own.
fn json_kind(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "String" | "CharSequence" | "char" => ("string", ""),
        "UUID" => ("string", "uuid"),
        "LocalDate" => ("string", "date"),
        "LocalDateTime" | "OffsetDateTime" | "ZonedDateTime" | "Instant" | "Date" | "Timestamp" => {
            ("string", "date-time")
        }
        "int" | "long" | "short" | "Integer" | "Long" | "Short" | "Int" | "BigInteger" | "Year" => ("integer", ""),
        "double" | "float" | "Double" | "Float" | "BigDecimal" => ("number", ""),
        "boolean" | "Boolean" => ("boolean", ""),
        "List" | "Set" | "Collection" | "ArrayList" | "HashSet" | "Array" | "MutableList" => ("array", ""),
        "Map" | "HashMap" | "Object" | "Any" => ("object", ""),
        _ => ("", ""),
    }
}
