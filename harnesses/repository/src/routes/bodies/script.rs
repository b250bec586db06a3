//! Bodies of Express, Fastify, Koa and Hono, whose handlers check them by hand: what they take from `req.body`, and what
//! they refuse to go without.

use std::ops::Range;

use harness_kit::MemberHint;

use super::super::graph::Graph;
use super::super::script::{METHODS, generics};
use super::{Bodies, Body, Declared, MOST_HANDLER, MOST_HANDLERS, MOST_MEMBERS, MOST_WHOLES, Members};
use crate::code::Code;

/// A member as a handler takes it.
struct Taken<'a> {
    name: &'a str,
    /// What the handler calls it.
    local: &'a str,
}

impl Bodies {
    /// Takes in the handlers of a file's routes, wherever they stand. `files` are all files by their number in the graph.
    pub(in super::super) fn read_script(&mut self, graph: &Graph, files: &[(&str, &Code<'_>)], file: usize) {
        let (path, code) = files[file];
        for at in 1..code.len() {
            let Some(method) = code.word(at).filter(|word| METHODS.contains(word) && code.is(at - 1, ".")) else {
                continue;
            };
            if matches!(method, "get" | "delete" | "del") {
                continue;
            }
            self.handlers += 1;
            if self.handlers > MOST_HANDLERS {
                return;
            }
            let open = generics(code, at + 1);
            let parts = if code.is(open, "(") { code.arguments(open) } else { Vec::new() };
            let Some(mut last) = parts.last().cloned() else { continue };
            if code.is(last.start, "[") {
                last = code.arguments(last.start).last().cloned().unwrap_or(last);
            }
            let (code_of, range) = match handler(graph, file, code, &last) {
                Some((other, range)) => (files[other].1, range),
                None => (code, last),
            };
            let members = members(code_of, &range);
            let name = format!("{path}:{at}");
            self.declares(&name, path, members);
            let place = (format!("{path}:{}", code.line(at)), method.to_ascii_uppercase());
            self.taken.insert(place, Body { module: path.to_owned(), name });
        }
    }
}

/// The function that a route names as its handler, also in a wrapper: `asyncHandler(users.create)`,
/// `users.create.bind(users)`. `None` for one that stands there, and where none or several are meant.
fn handler(graph: &Graph, file: usize, code: &Code<'_>, part: &Range<usize>) -> Option<(usize, Range<usize>)> {
    let last = part.end.checked_sub(1)?;
    let call = code.is(last, ")").then(|| code.open(last)).flatten().filter(|open| *open > part.start);
    let inner = call.and_then(|open| code.arguments(open).into_iter().next());
    let named = |part: &Range<usize>| {
        let mut words = code.path(part);
        if words.last() == Some(&"bind") {
            words.pop();
        }
        let is_path = part.clone().all(|at| code.word(at).is_some() || code.is(at, ".")) || words.len() > 1;
        graph.one_called(file, &words).filter(|_| is_path)
    };
    inner.as_ref().and_then(named).or_else(|| named(part))
}

/// What a handler takes from the request's body.
fn members(code: &Code<'_>, range: &Range<usize>) -> Members {
    let range = range.start..range.end.min(range.start + MOST_HANDLER);
    let mut taken: Vec<Taken<'_>> = Vec::new();
    let mut is_partial = false;
    let mut wholes: Vec<&str> = Vec::new();
    for at in range.clone() {
        let Some(after) = body(code, at) else { continue };
        let mut start = at;
        while start >= 2 && code.is(start - 1, ".") {
            start -= 2;
        }
        if start >= 1 && code.is(start - 1, "await") {
            start -= 1;
        }
        let has_more = take(code, start, after, &mut taken);
        if start >= 2
            && code.is(start - 1, "=")
            && let Some(name) = code.word(start - 2)
            && wholes.len() < MOST_WHOLES
        {
            wholes.push(name);
        } else {
            is_partial |= has_more;
        }
    }
    for at in range.clone() {
        if code.word(at).is_some_and(|word| wholes.contains(&word)) && !code.is(at.wrapping_sub(1), ".") {
            is_partial |= take(code, at, at + 1, &mut taken);
        }
    }
    let listed = listed(code, &range);
    taken.extend(listed.iter().map(|name| Taken { name, local: name }));
    let mut found: Vec<Declared> = Vec::new();
    for member in taken {
        if found.iter().any(|known| known.hint.name == member.name) || found.len() == MOST_MEMBERS {
            continue;
        }
        let kind = looks(code, &range, &member, &wholes).find_map(|look| insisted(code, look));
        let is_missed = looks(code, &range, &member, &wholes).any(|look| is_missed(code, look));
        let hint = MemberHint {
            name: member.name.to_owned(),
            kind: kind.unwrap_or("").to_owned(),
            format: String::new(),
            choices: Vec::new(),
            required: kind.is_some() || is_missed || listed.contains(&member.name),
        };
        found.push(Declared { hint, own: String::new() });
    }
    Members { declared: found, is_partial }
}

/// Whether an expression for the whole body that ends before `after` is handed on: `create(req.body)`, `{ ...data }`.
fn is_handed_on(code: &Code<'_>, after: usize) -> bool {
    [")", ",", "}", ";"].iter().any(|mark| code.is(after, mark))
}

/// What follows the request's body where that is written at `at`: `req.body`, `ctx.request.body`, `c.req.json()`.
fn body(code: &Code<'_>, at: usize) -> Option<usize> {
    let of = at.checked_sub(2).filter(|_| code.is(at - 1, ".")).and_then(|at| code.word(at))?;
    if !matches!(of, "req" | "request" | "_req") {
        return None;
    }
    match code.word(at)? {
        "body" => Some(at + 1),
        "json" if code.is(at + 1, "(") => Some(code.close(at + 1) + 1),
        _ => None,
    }
}

/// Takes the members that an expression for the whole body, between `start` and `after`, is asked for. Answers whether
/// there may be more of them.
fn take<'a>(code: &Code<'a>, start: usize, after: usize, taken: &mut Vec<Taken<'a>>) -> bool {
    let (known, mut has_rest) = (taken.len(), false);
    // `const { title, author: writer = 'x' } = req.body`
    if start >= 2
        && code.is(start - 1, "=")
        && code.is(start - 2, "}")
        && let Some(open) = code.open(start - 2)
    {
        for part in code.arguments(open) {
            let Some(name) = code.word(part.start) else {
                has_rest = true;
                continue;
            };
            let local = code.word(part.start + 2).filter(|_| code.is(part.start + 1, ":")).unwrap_or(name);
            taken.push(Taken { name, local });
        }
    }
    // `req.body.title`, `req.body?.title`
    let dot = if code.is(after, "?") { after + 1 } else { after };
    if code.is(dot, ".")
        && let Some(name) = code.word(dot + 1).filter(|_| !code.is(dot + 2, "("))
    {
        taken.push(Taken { name, local: name });
    }
    has_rest || known == taken.len() && is_handed_on(code, after)
}

/// Names in a list that is called the required ones: `const requiredFields = ['name', 'email']`.
fn listed<'a>(code: &Code<'a>, range: &Range<usize>) -> Vec<&'a str> {
    let list = range.clone().find(|at| {
        let is_called_so = code.word(*at).is_some_and(|word| word.to_ascii_lowercase().contains("required"));
        is_called_so && code.is(at + 1, "=") && code.is(at + 2, "[")
    });
    let parts = list.map(|at| code.arguments(at + 2)).unwrap_or_default();
    parts.into_iter().take(MOST_MEMBERS).filter_map(|part| code.literal(part.start)).collect()
}

/// Where a handler looks at a member: as its own name for it, or as a member of what stands for the whole body. Gives
/// where the expression begins and what follows it.
fn looks<'a>(
    code: &'a Code<'_>,
    range: &Range<usize>,
    member: &'a Taken<'_>,
    wholes: &'a [&str],
) -> impl Iterator<Item = (usize, usize)> + 'a {
    range.clone().filter_map(move |at| {
        if code.is(at, member.local) && !code.is(at.wrapping_sub(1), ".") {
            return Some((at, at + 1));
        }
        if !code.is(at, member.name) || !code.is(at.wrapping_sub(1), ".") {
            return None;
        }
        let mut start = at.checked_sub(if code.is(at.wrapping_sub(2), "?") { 3 } else { 2 })?;
        let is_whole = body(code, start).is_some() || code.word(start).is_some_and(|word| wholes.contains(&word));
        while start >= 2 && code.is(start - 1, ".") {
            start -= 2;
        }
        is_whole.then_some((start, at + 1))
    })
}

/// Whether a handler asks for a member only to refuse its absence: `!title`, `!req.body.title`, `title === undefined`.
fn is_missed(code: &Code<'_>, (start, after): (usize, usize)) -> bool {
    let is_denied = code.is(start.wrapping_sub(1), "!") && !code.is(start.wrapping_sub(2), "!");
    let equals = (after..after + 3).take_while(|at| code.is(*at, "=")).count();
    let nothing = after + equals;
    is_denied || equals >= 2 && (code.is(nothing, "undefined") || code.is(nothing, "null"))
}

/// The JSON type that a handler insists on: `typeof price !== 'number'`.
fn insisted(code: &Code<'_>, (start, after): (usize, usize)) -> Option<&'static str> {
    if !code.is(start.wrapping_sub(1), "typeof") || !code.is(after, "!") {
        return None;
    }
    match (after + 1..after + 4).find_map(|at| code.literal(at))? {
        "string" => Some("string"),
        "number" => Some("number"),
        "boolean" => Some("boolean"),
        _ => None,
    }
}
