//! Bodies of Flask and its like, whose views check them by hand: what they take from `request.get_json()`, and what they
//! refuse to go without.

use std::ops::Range;

use harness_kit::MemberHint;

use super::super::python::{METHODS, decorates, indented, methods};
use super::{Bodies, Body, Declared, MOST_HANDLER, MOST_HANDLERS, MOST_MEMBERS, MOST_WHOLES, Members};
use crate::code::Code;

/// A member as a view takes it.
#[derive(Clone, Copy)]
struct Taken<'a> {
    name: &'a str,
    /// What the view calls it; empty where it gives no name.
    local: &'a str,
    is_missed: bool,
}

impl Bodies {
    /// Takes in a file of Python.
    pub(super) fn read_python(&mut self, path: &str, code: &Code<'_>) {
        for at in 1..code.len() {
            let Some(word) = code.word(at).filter(|_| code.is(at + 1, "(") && code.is(at - 1, ".")) else { continue };
            if !(word == "route" || METHODS.contains(&word) && !matches!(word, "get" | "delete"))
                || !decorates(code, at)
            {
                continue;
            }
            let after = code.close(at + 1) + 1;
            let verbs =
                if word == "route" { methods(code, &code.arguments(at + 1), after) } else { vec![word.to_owned()] };
            let Some(view) = (after..code.len().min(after + MOST_HEAD)).find(|at| code.is(*at, "def")) else {
                continue;
            };
            self.handlers += 1;
            if self.handlers > MOST_HANDLERS {
                return;
            }
            let name = format!("{path}:{at}");
            self.declares(&name, path, members(code, indented(code, view)));
            for verb in verbs.into_iter().filter(|verb| !verb.eq_ignore_ascii_case("get")) {
                let place = (format!("{path}:{}", code.line(at)), verb.to_ascii_uppercase());
                self.taken.insert(place, Body { module: path.to_owned(), name: name.clone() });
            }
        }
    }
}

/// Tokens between a decorator and its function.
const MOST_HEAD: usize = 100;

/// What a view takes from the request's body.
fn members(code: &Code<'_>, range: Range<usize>) -> Members {
    let range = range.start..range.end.min(range.start + MOST_HANDLER);
    let mut wholes: Vec<&str> = Vec::new();
    let mut taken: Vec<Taken<'_>> = Vec::new();
    let mut is_partial = false;
    for at in range.clone() {
        let (start, after) = match body(code, at) {
            Some(after) => (at, after),
            None if code.word(at).is_some_and(|word| wholes.contains(&word)) && !code.is(at - 1, ".") => (at, at + 1),
            None => continue,
        };
        let assigned = code.word(start.wrapping_sub(2)).filter(|_| code.is(start - 1, "=") && after > at + 1);
        if let Some(member) = member(code, start, after) {
            taken.push(member);
        } else if let Some(name) = assigned.filter(|_| wholes.len() < MOST_WHOLES) {
            wholes.push(name);
        } else if start >= 2 && code.is(start - 1, "in") {
            // `'title' not in data`; `for name in …: if name not in data` has its list elsewhere.
            let name = if code.is(start - 2, "not") { start.checked_sub(3) } else { None };
            if let Some(name) = name.and_then(|name| code.literal(name)) {
                taken.push(Taken { name, local: "", is_missed: true });
            }
        } else {
            is_partial |= [")", ","].iter().any(|mark| code.is(after, mark)) && !code.is(start - 1, "not");
        }
    }
    for name in listed(code, &range) {
        taken.push(Taken { name, local: "", is_missed: true });
    }
    let mut found: Vec<Declared> = Vec::new();
    for member in &taken {
        if found.len() == MOST_MEMBERS || found.iter().any(|known| known.hint.name == member.name) {
            continue;
        }
        let same = || taken.iter().filter(|other| other.name == member.name);
        let is_denied = |local: &str| {
            let is_it = |at: &usize| !local.is_empty() && code.is(*at, local) && !code.is(at - 1, ".");
            range
                .clone()
                .filter(is_it)
                .any(|at| code.is(at - 1, "not") || code.is(at + 1, "is") && code.is(at + 2, "None"))
        };
        let hint = MemberHint {
            name: member.name.to_owned(),
            kind: String::new(),
            format: String::new(),
            choices: Vec::new(),
            required: same().any(|other| other.is_missed || is_denied(other.local)),
        };
        found.push(Declared { hint, own: String::new() });
    }
    Members { declared: found, is_partial }
}

/// What follows the request's body where that is written at `at`: `request.get_json()`, `request.json`, `request.form`.
fn body(code: &Code<'_>, at: usize) -> Option<usize> {
    if !code.is(at, "request") || !code.is(at + 1, ".") || code.is(at.checked_sub(1)?, ".") {
        return None;
    }
    match code.word(at + 2)? {
        "get_json" if code.is(at + 3, "(") => Some(code.close(at + 3) + 1),
        "json" | "form" => Some(at + 3),
        _ => None,
    }
}

/// The member that is taken from what stands for the whole body between `start` and `after`: `data['title']`,
/// `data.get('title')`.
fn member<'a>(code: &Code<'a>, start: usize, after: usize) -> Option<Taken<'a>> {
    let (at, is_missed) = if code.is(after, "[") {
        // A missing one is an error; what is written there is not taken.
        let close = code.close(after);
        (after + 1, !code.is(close + 1, "=") || code.is(close + 2, "="))
    } else if code.is(after, ".") && code.is(after + 1, "get") && code.is(after + 2, "(") {
        (after + 3, code.is(start.checked_sub(1)?, "not"))
    } else {
        return None;
    };
    let name = code.literal(at)?;
    let local = code.word(start.wrapping_sub(2)).filter(|_| code.is(start - 1, "=")).unwrap_or("");
    Some(Taken { name, local, is_missed })
}

/// Names in a list that is called the required ones, or that is gone through: `for name in ['title', 'isbn']`.
fn listed<'a>(code: &Code<'a>, range: &Range<usize>) -> Vec<&'a str> {
    let list = range.clone().find_map(|at| {
        let is_called_so = code.word(at)?.to_ascii_lowercase().contains("required") && code.is(at + 1, "=");
        let is_gone_through = code.is(at, "in") && code.is(at.checked_sub(2)?, "for");
        let open = if is_called_so { at + 2 } else { at + 1 };
        let is_list = code.is(open, "[") || code.is(open, "(") || code.is(open, "{");
        (is_called_so || is_gone_through).then_some(open).filter(|_| is_list)
    });
    let parts = list.map(|open| code.arguments(open)).unwrap_or_default();
    parts.into_iter().take(MOST_MEMBERS).filter_map(|part| code.literal(part.start)).collect()
}
