//! The members of a request's body, as the handlers of Rust's frameworks declare them: the structs behind `Json<T>` and
//! `Form<T>`, spelled as [serde](https://serde.rs/attributes.html) reads them.

use std::collections::HashMap;
use std::ops::Range;

use harness_kit::MemberHint;

use super::rust::METHODS;
use crate::code::Code;

/// Members of one body; a struct with more is not one that a person filled in.
const MOST_MEMBERS: usize = 60;
/// Tokens of a handler's parameters, and of one field, that are looked at.
const MOST_PARAMETERS: usize = 400;
const MOST_FIELD: usize = 80;
/// Structs of a tree that are kept.
const MOST_STRUCTS: usize = 2_000;

/// A route's place, as hints give it, and its method.
type Place = (String, String);

/// What the handlers of a tree take.
#[derive(Default)]
pub(super) struct Bodies {
    /// The body's type, by the route's place.
    taken: HashMap<Place, String>,
    /// Handlers that routes name, by place: the module, empty where none is named, and the function. Of several on one
    /// line none is told apart.
    named: HashMap<Place, Option<(String, String)>>,
    /// The body's type, by function, with the file's module.
    functions: HashMap<String, Vec<(String, String)>>,
    /// Members by struct, with the file's module.
    structs: HashMap<String, Vec<(String, Vec<MemberHint>)>>,
}

impl Bodies {
    /// Takes in one file.
    pub(super) fn read(&mut self, path: &str, code: &Code<'_>) {
        let module = module(path);
        for at in 0..code.len() {
            let place = |method: &str| (format!("{path}:{}", code.line(at)), method.to_ascii_uppercase());
            if code.is(at, "struct") {
                self.structure(&module, code, at);
            } else if code.is(at, "fn")
                && let Some((name, body)) = function(code, at)
            {
                self.functions.entry(name.to_owned()).or_default().push((module.clone(), body));
            } else if code.is(at, "#") && code.is(at + 1, "[") {
                let end = code.close(at + 1);
                let method =
                    (at + 2..end.min(at + 10)).filter_map(|at| code.word(at)).find(|word| METHODS.contains(word));
                let handler = (end..code.len().min(end + 300)).find(|at| code.is(*at, "fn"));
                if let (Some(method), Some((_, body))) = (method, handler.and_then(|at| function(code, at))) {
                    self.taken.insert(place(method), body);
                }
            } else if let Some(method) = code.word(at).filter(|word| METHODS.contains(word) && code.is(at + 1, "(")) {
                // axum's `post(books::create)`, actix' `web::post().to(create)`.
                let to = code.close(at + 1);
                let call = if code.is(to + 1, ".") && code.is(to + 2, "to") { to + 3 } else { at + 1 };
                if let Some(part) = code.arguments(call).first() {
                    let mut words = code.path(part).into_iter().rev();
                    if let Some(name) = words.next() {
                        let module = words.next().unwrap_or_default().to_owned();
                        let handler = Some((module, name.to_owned()));
                        let known = self.named.entry(place(method)).or_insert_with(|| handler.clone());
                        if *known != handler {
                            *known = None;
                        }
                    }
                }
            }
        }
    }

    /// The members that the route at a place takes; none where that is not told, or not told once.
    pub(super) fn of(&self, place: &str, method: &str) -> Vec<MemberHint> {
        let key = (place.to_owned(), method.to_owned());
        let file = module(place.rsplit_once(':').map_or(place, |(file, _)| file));
        let (home, body) = match (self.taken.get(&key), self.named.get(&key)) {
            (Some(body), _) => (file.as_str(), body),
            (None, Some(Some((module, name)))) => {
                let home = if module.is_empty() { file.as_str() } else { module.as_str() };
                match self.functions.get(name).and_then(|known| chosen(known, home)) {
                    Some(body) => (home, body),
                    None => return Vec::new(),
                }
            }
            (None, _) => return Vec::new(),
        };
        self.structs.get(body).and_then(|known| chosen(known, home)).cloned().unwrap_or_default()
    }

    fn structure(&mut self, module: &str, code: &Code<'_>, at: usize) {
        let Some(name) = code.word(at + 1).filter(|_| self.structs.len() < MOST_STRUCTS) else { return };
        let open = (at + 2..code.len().min(at + 12)).find(|at| ["{", "(", ";"].iter().any(|mark| code.is(*at, mark)));
        let Some(open) = open.filter(|open| code.is(*open, "{")) else { return };
        let style = style(code, at);
        let members: Option<Vec<Option<MemberHint>>> =
            code.arguments(open).into_iter().map(|part| member(code, part, style)).collect();
        let members: Vec<MemberHint> = members.into_iter().flatten().flatten().collect();
        if !members.is_empty() && members.len() <= MOST_MEMBERS {
            self.structs.entry(name.to_owned()).or_default().push((module.to_owned(), members));
        }
    }
}

/// The one of this module, or the only one there is.
fn chosen<'a, T>(known: &'a [(String, T)], module: &str) -> Option<&'a T> {
    let own = known.iter().find(|(home, _)| home == module);
    own.or_else(|| known.first().filter(|_| known.len() == 1)).map(|(_, found)| found)
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
fn member(code: &Code<'_>, part: Range<usize>, style: &str) -> Option<Option<MemberHint>> {
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
    Some(Some(MemberHint {
        name: renamed.map_or_else(|| spelled(name.trim_start_matches("r#"), style), str::to_owned),
        kind: kind(if is_option { &words[1..] } else { &words }).to_owned(),
        required: !is_option && !is_optional,
    }))
}

/// The JSON type that serde reads a type from; empty for one of the submission's own.
fn kind(words: &[&str]) -> &'static str {
    match words.iter().find(|word| !matches!(**word, "std" | "string" | "collections" | "a")) {
        Some(&("String" | "str" | "Cow" | "Uuid" | "NaiveDate" | "DateTime")) => "string",
        Some(&("i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" | "isize")) => "integer",
        Some(&("f32" | "f64" | "Decimal" | "BigDecimal")) => "number",
        Some(&"bool") => "boolean",
        Some(&("Vec" | "HashSet" | "BTreeSet")) => "array",
        _ => "",
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
