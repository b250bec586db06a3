//! `cargo xtask tidy`: the rules of this repository that the compiler does not know.
//!
//! One table names them all; each is a function from the tree to its breaches, with the reason in
//! its documentation and a test that makes it fail.

mod crates;
mod domain;
mod text;
mod tree;

use tree::Tree;

use crate::shell::Result;

/// A place that breaks a rule: where, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
struct Breach {
    place: String,
    what: String,
}

impl Breach {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

/// A rule by the name that a breach is printed with.
struct Rule {
    id: &'static str,
    check: fn(&Tree) -> Vec<Breach>,
}

const RULES: [Rule; 9] = [
    Rule { id: "arrows", check: crates::arrows },
    Rule { id: "bollard", check: crates::bollard },
    Rule { id: "one-owner", check: crates::one_owner },
    Rule { id: "domain-words", check: domain::words },
    Rule { id: "header", check: text::header },
    Rule { id: "length", check: text::length },
    Rule { id: "unfinished", check: text::unfinished },
    Rule { id: "allow", check: text::allow },
    Rule { id: "places", check: text::places },
];

/// Checks every rule and prints each breach. `false` when there is one.
///
/// # Errors
/// When git or cargo cannot list what is here.
pub(crate) fn run() -> Result<bool> {
    let tree = Tree::read()?;
    let mut breaches = 0;
    for rule in &RULES {
        for breach in (rule.check)(&tree) {
            eprintln!("tidy[{}] {}: {}", rule.id, breach.place, breach.what);
            breaches += 1;
        }
    }
    eprintln!("tidy: {} rules, {breaches} breaches", RULES.len());
    Ok(breaches == 0)
}
