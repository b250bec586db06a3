//! Endpoints that documents describe, and how fully: body, answer, errors, an example.
//!
//! A detail belongs to an endpoint where it stands in a section of the endpoint's own (one that names three endpoints at
//! most). Errors may be told once for all.

use std::collections::{BTreeMap, BTreeSet};

use grader_model::Snapshot;
use harness_kit::DocumentedEndpoint;

use crate::{routes, tree};

/// Endpoints of a section that is about them.
const OWN: usize = 3;

/// Every endpoint that the README and other documents name, one entry each.
pub(super) fn read(snapshot: &Snapshot) -> Vec<DocumentedEndpoint> {
    let hints = routes::of_documents(snapshot);
    let texts: BTreeMap<&str, &str> = tree::texts(snapshot)
        .into_iter()
        .filter(|(path, _)| hints.iter().any(|hint| hint.place.starts_with(path)))
        .collect();
    let sections: BTreeMap<&str, Vec<Section<'_>>> = texts.iter().map(|(path, text)| (*path, sections(text))).collect();
    let mut found: Vec<DocumentedEndpoint> = Vec::new();
    // Sections by document and position, with the endpoints that they name.
    let mut named: BTreeMap<(&str, usize), BTreeSet<(String, String)>> = BTreeMap::new();
    let mut places: Vec<(usize, &str, usize, bool)> = Vec::new();
    for hint in &hints {
        let Some((path, line)) = hint.place.rsplit_once(':') else { continue };
        let (Some((path, own)), Ok(line)) = (sections.get_key_value(path), line.parse::<u32>()) else { continue };
        let at = own.iter().rposition(|section| section.first <= line).unwrap_or(0);
        named.entry((path, at)).or_default().insert((hint.method.clone(), hint.path.clone()));
        let known = found.iter().position(|known| known.method == hint.method && known.path == hint.path);
        let index = known.unwrap_or_else(|| {
            let errors = tells_errors(texts[path]);
            found.push(DocumentedEndpoint {
                method: hint.method.clone(),
                path: hint.path.clone(),
                place: hint.place.clone(),
                body: false,
                answer: false,
                errors,
                example: false,
            });
            found.len() - 1
        });
        let by_example = texts[path].lines().nth(line as usize - 1).is_some_and(|line| line.contains("curl "));
        places.push((index, path, at, by_example));
    }
    for (index, path, at, by_example) in places {
        let endpoint = &mut found[index];
        endpoint.example |= by_example;
        if named.get(&(path, at)).is_none_or(|all| all.len() > OWN) {
            continue;
        }
        let Some(section) = sections.get(path).and_then(|own| own.get(at)) else { continue };
        let text = section.text.to_lowercase();
        let fenced_json = text.contains("```json") || text.contains("{\n") && text.contains("```");
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        endpoint.body |= says(&["body", "field", "payload", "-d '", "-d \"", "--data", "parameter", "request:"]);
        endpoint.answer |= fenced_json || says(&["200", "201", "204", "returns", "answer", "response"]);
        endpoint.errors |= ["400", "401", "403", "404", "409", "422", "429"].iter().any(|code| text.contains(code));
        endpoint.example |= fenced_json || says(&["curl ", "http post", "http get", "example"]);
    }
    found
}

/// A part of a document under one heading.
struct Section<'a> {
    /// From 1.
    first: u32,
    text: &'a str,
}

fn sections(text: &str) -> Vec<Section<'_>> {
    let mut found = vec![Section { first: 1, text: "" }];
    let mut starts = vec![0];
    let mut offset = 0;
    let mut fenced = false;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let plain = line.trim();
        if plain.starts_with("```") {
            fenced = !fenced;
        }
        if !fenced && plain.starts_with('#') && number > 1 {
            found.push(Section { first: number, text: "" });
            starts.push(offset);
        }
        offset += line.len();
    }
    starts.push(text.len());
    for (at, section) in found.iter_mut().enumerate() {
        section.text = &text[starts[at]..starts[at + 1]];
    }
    found
}

/// Whether a document tells errors once for all: several client errors by their numbers.
fn tells_errors(text: &str) -> bool {
    ["400", "401", "403", "404", "409", "422", "429"].iter().filter(|code| text.contains(**code)).count() >= 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::snapshot;

    #[test]
    fn details_belong_to_sections_of_their_own() {
        let readme = "# A\n| `GET /x` | lists |\n| `POST /x` | adds |\n| `GET /x/:id` | reads |\n| `DELETE /x/:id` | removes |\n\
            ## `POST /x`\nBody: `name`.\n```sh\ncurl -X POST http://localhost:1/x -d '{}'\n```\nAnswers 201. Errors: 422.\n";
        let found = read(&snapshot(&[("README.md", readme)]));
        let told: Vec<(String, [bool; 4])> = found
            .iter()
            .map(|e| (format!("{} {}", e.method, e.path), [e.body, e.answer, e.errors, e.example]))
            .collect();
        let bare = [false; 4];
        assert_eq!(
            told,
            [
                ("GET /x".to_owned(), bare),
                ("POST /x".to_owned(), [true; 4]),
                ("GET /x/{id}".to_owned(), bare),
                ("DELETE /x/{id}".to_owned(), bare)
            ]
        );
    }
}
