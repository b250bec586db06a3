//! The members of a request's body, as handlers declare or check them, in the languages whose frameworks often refuse a
//! body without naming what it lacks: Rust, Go, Java, Kotlin, JavaScript, and Python without models.

mod golang;
mod jvm;
mod python;
mod rust;
mod script;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use harness_kit::{MemberHint, wire};

use crate::code::Code;
use crate::tree::Language;

/// Members of one body; a struct with more is not one that a person filled in.
const MOST_MEMBERS: usize = 60;
/// Tokens of a handler's parameters, and of one field, that are looked at.
const MOST_PARAMETERS: usize = 400;
const MOST_FIELD: usize = 80;
/// Tokens of a handler that checks its body by hand, names of a whole body in one, and such handlers of a tree.
const MOST_HANDLER: usize = 3_000;
const MOST_WHOLES: usize = 8;
const MOST_HANDLERS: usize = 500;
/// Structs of a tree that are kept.
const MOST_STRUCTS: usize = 2_000;

/// A route's place, as hints give it, and its method.
type Place = (String, String);

/// The type of a body as a handler names it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Body {
    /// The module that it is taken from; that of the handler where none is named.
    module: String,
    name: String,
}

/// A function that takes a body.
struct Handler {
    module: String,
    /// The type that it is a method of; empty for a free one.
    owner: String,
    body: Body,
}

/// A handler as a route names it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    module: String,
    /// The type that it is a method of, where the route tells.
    owner: String,
    function: String,
}

/// A member as a struct declares it.
#[derive(Debug, Clone)]
struct Declared {
    hint: MemberHint,
    /// Its type, where that is one of the submission's own.
    own: String,
}

/// The members of a struct.
#[derive(Debug, Clone, Default)]
struct Members {
    declared: Vec<Declared>,
    /// Whether it takes more from elsewhere: it inherits, embeds, or is handed on as a whole.
    is_partial: bool,
}

/// What the handlers of a tree take.
#[derive(Default)]
pub(super) struct Bodies {
    /// Bodies by the route's place, where the handler stands there.
    taken: HashMap<Place, Body>,
    /// Handlers that routes name, by place. Of several on one line none is told apart.
    named: HashMap<Place, Option<Named>>,
    functions: HashMap<String, Vec<Handler>>,
    /// Members by struct, with the module that declares it.
    structs: HashMap<String, Vec<(String, Members)>>,
    /// Values by enumeration, with the module that declares it.
    choices: HashMap<String, Vec<(String, Vec<String>)>>,
    /// Handlers that check their bodies by hand, as far as they were looked at.
    handlers: usize,
    /// Whether a setting of the whole application spells members in snake case (Jackson).
    in_snake_case: bool,
}

impl Bodies {
    /// Takes in one file.
    pub(super) fn read(&mut self, path: &str, code: &Code<'_>, language: Language) {
        match language {
            Language::Rust => self.read_rust(path, code),
            Language::Go => self.read_go(path, code),
            Language::Jvm => self.read_jvm(path, code),
            Language::Python => self.read_python(path, code),
            _ => {}
        }
    }

    /// The members that the route at a place takes, and whether there may be more; none where that is not told, or not told
    /// once.
    pub(super) fn of(&self, place: &str, method: &str) -> (Vec<MemberHint>, bool) {
        let key = (place.to_owned(), method.to_owned());
        let body = match (self.taken.get(&key), self.named.get(&key)) {
            (Some(body), _) => Some(body),
            (None, Some(Some(named))) => self.handler(named),
            (None, _) => None,
        };
        let members = body.and_then(|body| {
            let known = self.structs.get(&body.name)?;
            chosen(known, |(module, _)| *module == body.module).map(|(_, members)| members.clone())
        });
        let told = |Declared { mut hint, own }: Declared| {
            if let Some((_, values)) = self.choices.get(&own).and_then(|known| chosen(known, |_| false)) {
                hint.choices.clone_from(values);
            }
            hint
        };
        let Members { declared, is_partial } = members.unwrap_or_default();
        (declared.into_iter().map(told).collect(), is_partial)
    }

    fn handler(&self, named: &Named) -> Option<&Body> {
        let known = self.functions.get(&named.function)?;
        if named.owner.is_empty() {
            return chosen(known, |handler| handler.module == named.module).map(|handler| &handler.body);
        }
        let mut meant = known.iter().filter(|handler| {
            // Go's `users.Handler` is often kept as `userHandler`.
            let singular = handler.module.trim_end_matches('s');
            let spelled =
                ["", &handler.module, singular].map(|module| wire::plain(&format!("{module}{}", handler.owner)));
            spelled.contains(&wire::plain(&named.owner))
        });
        // Another type's method of that name is not meant, even where it is the only one that is known.
        meant.next().filter(|_| meant.next().is_none()).map(|handler| &handler.body)
    }

    /// Keeps the handler that a route names.
    fn names(&mut self, place: Place, named: Named) {
        let handler = Some(named);
        let known = self.named.entry(place).or_insert_with(|| handler.clone());
        if *known != handler {
            *known = None;
        }
    }

    fn takes(&mut self, function: &str, handler: Handler) {
        self.functions.entry(function.to_owned()).or_default().push(handler);
    }

    /// Keeps a struct's members.
    fn declares(&mut self, name: &str, module: &str, members: Members) {
        let count = members.declared.len();
        if count > 0 && count <= MOST_MEMBERS && self.structs.len() < MOST_STRUCTS {
            self.structs.entry(name.to_owned()).or_default().push((module.to_owned(), members));
        }
    }
}

/// The one that is meant, or the only one there is.
fn chosen<T>(known: &[T], is_meant: impl Fn(&T) -> bool) -> Option<&T> {
    let mut meant = known.iter().filter(|one| is_meant(one));
    match (meant.next(), meant.next()) {
        (Some(one), None) => Some(one),
        (None, _) => known.first().filter(|_| known.len() == 1),
        _ => None,
    }
}
