//! Bodies of Rocket, axum and actix: the structs behind `Json<T>` and `Form<T>`, spelled as
//! [serde](https://serde.rs/attributes.html) reads them.

use std::ops::Range;

use harness_kit::MemberHint;

use super::super::rust::METHODS;
use super::{Bodies, Body, Declared, Handler, MOST_FIELD, MOST_PARAMETERS, Members, Named};
use crate::code::Code;

impl Bodies {
    /// Takes in a file of Rust.
    pub(super) fn read_rust(&mut self, path: &str, code: &Code<'_>) {
        let module = module(path);
        let body = |name: String| Body { module: module.clone(), name };
        for at in 0..code.len() {
            let place = |method: &str| (format!("{path}:{}", code.line(at)), method.to_ascii_uppercase());
            if code.is(at, "struct") {
                if let Some((name, members)) = structure(code, at) {
                    self.declares(name, &module, Members { declared: members, is_partial: false });
                }
            } else if code.is(at, "fn")
                && let Some((name, taken)) = function(code, at)
            {
                self.takes(name, Handler { module: module.clone(), owner: String::new(), body: body(taken) });
            } else if code.is(at, "#") && code.is(at + 1, "[") {
                let end = code.close(at + 1);
                let method =
                    (at + 2..end.min(at + 10)).filter_map(|at| code.word(at)).find(|word| METHODS.contains(word));
                let handler = (end..code.len().min(end + 300)).find(|at| code.is(*at, "fn"));
                if let (Some(method), Some((_, taken))) = (method, handler.and_then(|at| function(code, at))) {
                    self.taken.insert(place(method), body(taken));
                }
            } else if let Some(method) = code.word(at).filter(|word| METHODS.contains(word) && code.is(at + 1, "(")) {
                // axum's `post(books::create)`, actix' `web::post().to(create)`.
                let to = code.close(at + 1);
                let call = if code.is(to + 1, ".") && code.is(to + 2, "to") { to + 3 } else { at + 1 };
                if let Some(part) = code.arguments(call).first() {
                    let mut words = code.path(part).into_iter().rev();
                    if let Some(function) = words.next() {
                        let module = words.next().unwrap_or(&module).to_owned();
                        self.names(
                            place(method),
                            Named { module, owner: String::new(), function: function.to_owned() },
                        );
                    }
                }
            }
        }
    }
}

/// A struct's name and its fields; none for one without names or with parts that are told elsewhere.
fn structure<'a>(code: &Code<'a>, at: usize) -> Option<(&'a str, Vec<Declared>)> {
    let name = code.word(at + 1)?;
    let open = (at + 2..code.len().min(at + 12)).find(|at| ["{", "(", ";"].iter().any(|mark| code.is(*at, mark)));
    let open = open.filter(|open| code.is(*open, "{"))?;
    let style = style(code, at);
    let members: Option<Vec<Option<Declared>>> =
        code.arguments(open).into_iter().map(|part| member(code, part, style)).collect();
    Some((name, members?.into_iter().flatten().collect()))
}

/// A file's module: `src/books/mod.rs` and `src/books.rs` are both `books`.
fn module(path: &str) -> String {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

/// A function's name, and the type in its `Json<…>` or `Form<…>`.
fn function<'a>(code: &Code<'a>, at: usize) -> Option<(&'a str, String)> {
    let name = code.word(at + 1)?;
    let open = (at + 2..code.len().min(at + 60)).find(|at| code.is(*at, "("))?;
    let close = code.close(open).min(open + MOST_PARAMETERS);
    let carrier = (open..close).find(|at| {
        code.word(*at).is_some_and(|word| word.ends_with("Json") || word.ends_with("Form")) && code.is(at + 1, "<")
    })?;
    let end = (carrier + 2..close).find(|at| code.is(*at, ">") || code.is(*at, "<"))?;
    let body = (carrier + 2..end).rev().find_map(|at| code.word(at))?;
    Some((name, body.to_owned()))
}

/// What serde is told to make of the names of the struct at `at`.
fn style<'a>(code: &Code<'a>, at: usize) -> &'a str {
    let from = (at.saturating_sub(60)..at).rev().find(|at| code.is(*at, "}") || code.is(*at, ";")).unwrap_or(0);
    valued(code, from.max(at.saturating_sub(60))..at, "rename_all").unwrap_or_default()
}

/// `name = "value"` in a range.
fn valued<'a>(code: &Code<'a>, mut range: Range<usize>, name: &str) -> Option<&'a str> {
    range.find(|at| code.is(*at, name) && code.is(at + 1, "=")).and_then(|at| code.literal(at + 2))
}

/// One field of a struct: `Some(None)` for one that is not read, `None` where the struct cannot be told.
fn member(code: &Code<'_>, part: Range<usize>, style: &str) -> Option<Option<Declared>> {
    let mut at = part.start;
    let (mut renamed, mut is_optional) = (None, false);
    while code.is(at, "#") && code.is(at + 1, "[") {
        let end = code.close(at + 1);
        let has = |word: &str| (at..end.min(at + MOST_FIELD)).any(|at| code.is(at, word));
        if has("flatten") || has("rename_all") {
            return None;
        }
        if has("skip") || has("skip_deserializing") {
            return Some(None);
        }
        renamed = valued(code, at..end.min(at + MOST_FIELD), "rename").or(renamed);
        is_optional |= has("default");
        at = end + 1;
    }
    if code.is(at, "pub") {
        at = if code.is(at + 1, "(") { code.close(at + 1) + 1 } else { at + 1 };
    }
    // What a comma inside a type left over is no field.
    let Some(name) = code.word(at).filter(|_| code.is(at + 1, ":") && !code.is(at + 2, ":")) else { return Some(None) };
    let words: Vec<&str> = (at + 2..part.end.min(at + MOST_FIELD)).filter_map(|at| code.word(at)).collect();
    let is_option = words.first() == Some(&"Option");
    let (kind, format) = kind(if is_option { &words[1..] } else { &words });
    let hint = MemberHint {
        name: renamed.map_or_else(|| spelled(name.trim_start_matches("r#"), style), str::to_owned),
        kind: kind.to_owned(),
        format: format.to_owned(),
        choices: Vec::new(),
        required: !is_option && !is_optional,
    };
    Some(Some(Declared { hint, own: String::new() }))
}

/// The JSON type and the format that serde reads a type from; empty for one of the submission's own.
fn kind(words: &[&str]) -> (&'static str, &'static str) {
    match words.iter().find(|word| !matches!(**word, "std" | "string" | "collections" | "a" | "chrono" | "uuid")) {
        Some(&("String" | "str" | "Cow")) => ("string", ""),
        Some(&"Uuid") => ("string", "uuid"),
        Some(&"NaiveDate") => ("string", "date"),
        Some(&("DateTime" | "OffsetDateTime" | "Timestamp")) => ("string", "date-time"),
        Some(&("i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" | "isize")) => ("integer", ""),
        Some(&("f32" | "f64" | "Decimal" | "BigDecimal")) => ("number", ""),
        Some(&"bool") => ("boolean", ""),
        Some(&("Vec" | "HashSet" | "BTreeSet")) => ("array", ""),
        _ => ("", ""),
    }
}

/// A field's name as `rename_all` has it.
fn spelled(name: &str, style: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    let words = name.split('_').filter(|word| !word.is_empty());
    match style {
        "camelCase" => {
            words.enumerate().map(|(at, word)| if at == 0 { word.to_owned() } else { capital(word) }).collect()
        }
        "PascalCase" => words.map(capital).collect(),
        "kebab-case" => words.collect::<Vec<_>>().join("-"),
        _ => name.to_owned(),
    }
}
