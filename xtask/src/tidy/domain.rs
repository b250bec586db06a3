//! **domain-words**: no line of code knows what an assessment is about.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_yaml::Value;

use super::Breach;
use super::tree::Tree;

/// The assessment of this project's own service: its words are the house's.
const OWN: &str = "specs/self.yaml";

/// Where the exceptions stand, each with its reason.
const ALLOWED: &str = "xtask/domain-words.yaml";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    ordinary: BTreeMap<String, String>,
    places: Vec<Place>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    path: String,
    words: Vec<String>,
    why: String,
}

/// What an assessment is about comes from its spec alone; else the next assessment would be judged by the first one's
/// words. Tests and comments may say what they like.
pub(crate) fn words(tree: &Tree) -> Vec<Breach> {
    let text = |path: &str| tree.files.iter().find(|file| file.path == path).map(|file| file.text.as_str());
    let allowed: Allowed = match serde_yaml::from_str(text(ALLOWED).unwrap_or("ordinary: {}\nplaces: []")) {
        Ok(allowed) => allowed,
        Err(error) => return vec![Breach::new(ALLOWED, error.to_string())],
    };
    let mut breaches = Vec::new();
    let unsaid = allowed.places.iter().filter(|place| place.why.trim().is_empty()).map(|place| place.path.clone());
    let unsaid = unsaid.chain(allowed.ordinary.iter().filter(|(_, why)| why.trim().is_empty()).map(|(w, _)| w.clone()));
    breaches.extend(unsaid.map(|what| Breach::new(ALLOWED, format!("{what} is allowed without a reason"))));
    let of_specs: BTreeSet<String> = tree
        .files
        .iter()
        .filter(|file| file.path.starts_with("specs/") && file.path.ends_with(".yaml") && file.path != OWN)
        .flat_map(|file| of_spec(&file.text))
        .filter(|word| !allowed.ordinary.contains_key(word))
        .collect();
    for file in tree.rust().filter(|file| is_judged(&file.path)) {
        for (number, line) in code(&file.text) {
            for word in words_in(line).into_iter().filter(|word| of_specs.contains(word)) {
                let stands = allowed.places.iter().any(|place| place.path == file.path && place.words.contains(&word));
                if !stands {
                    let place = format!("{}:{number}", file.path);
                    let what =
                        format!("`{word}` is an assessment's word; take it from the spec, or give {ALLOWED} a reason");
                    breaches.push(Breach::new(place, what));
                }
            }
        }
    }
    breaches
}

fn is_judged(path: &str) -> bool {
    (path.starts_with("harnesses/") || path.starts_with("grader/"))
        && path.contains("/src/")
        && !path.contains("/tests/")
        && !path.ends_with("/tests.rs")
}

/// The words of a spec: its own name, and the names of its resources and their fields.
fn of_spec(text: &str) -> BTreeSet<String> {
    let Ok(spec) = serde_yaml::from_str::<Value>(text) else { return BTreeSet::new() };
    let mut names: Vec<String> = Vec::new();
    let mut add = |value: &Value| names.extend(value.as_str().map(str::to_owned));
    // A template's placeholder for a name says nothing about a domain.
    if spec["id"].as_str().is_some_and(|id| !id.contains("assessment") && !id.contains('-')) {
        add(&spec["id"]);
    }
    for (id, resource) in spec["domain"]["resources"].as_mapping().into_iter().flatten() {
        add(id);
        resource["names"].as_sequence().into_iter().flatten().for_each(&mut add);
        for (id, field) in resource["fields"].as_mapping().into_iter().flatten() {
            add(id);
            field["names"].as_sequence().into_iter().flatten().for_each(&mut add);
        }
    }
    names.iter().flat_map(|name| words_in(name)).collect()
}

/// Lines of code with their numbers: up to the tests, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.contains("#[cfg(test)]"))
        .map(|(at, line)| (at + 1, line.split(" //").next().unwrap_or(line)))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The words of identifiers and texts, in lower case: `bookPrice` and `book_price` are two each.
fn words_in(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in line.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut word = String::new();
        let mut lower = false;
        for c in part.chars() {
            if c.is_ascii_uppercase() && lower {
                words.push(std::mem::take(&mut word));
            }
            lower = !c.is_ascii_uppercase();
            word.push(c.to_ascii_lowercase());
        }
        words.push(word);
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::super::tree::File;
    use super::*;

    const SPEC: &str = "id: library\ndomain:\n  resources:\n    novel:\n      names: [novels]\n      fields:\n        page_count: {names: [pages]}\n";

    fn breaches(code: &str, allowed: &str) -> Vec<String> {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let tree = Tree {
            files: vec![
                file("specs/library.yaml", SPEC),
                file("grader/x/src/a.rs", code),
                file("grader/x/tests/a.rs", "fn novel() {}"),
                file(ALLOWED, allowed),
            ],
            ..Tree::default()
        };
        words(&tree).into_iter().map(|breach| format!("{} {}", breach.place, breach.what)).collect()
    }

    #[test]
    fn an_assessments_words_are_found_in_code_alone() {
        let none = "ordinary: {count: of things, page: of a list}\nplaces: []";
        assert!(
            breaches("// a novel\nfn count() {} // novels\n#[cfg(test)]\nmod tests { fn novel() {} }\n", none)
                .is_empty()
        );
        for code in ["let newNovel = 1;", "let novels = 1;", "\"the library\"", "struct Pages;"] {
            assert_eq!(breaches(code, none).len(), 1, "{code}");
        }
    }

    #[test]
    fn an_exception_has_a_place_and_a_reason() {
        let allowed = "ordinary: {}\nplaces: [{path: grader/x/src/a.rs, words: [novel], why: it is shown}]";
        assert!(breaches("let novel = 1;", allowed).is_empty());
        assert_eq!(breaches("let novels = 1;", allowed).len(), 1);
        assert_eq!(breaches("", "ordinary: {count: ''}\nplaces: []").len(), 1);
    }
}
