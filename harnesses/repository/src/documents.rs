//! API descriptions kept in the tree: OpenAPI 3 and Swagger 2, as JSON or YAML.

use grader_model::Snapshot;
use harness_kit::ApiDocument;

use crate::tree;

/// Documents that are handed on.
const MOST: usize = 4;

/// The descriptions of the tree: those named so first, shorter paths before longer ones.
pub(crate) fn read(snapshot: &Snapshot) -> Vec<ApiDocument> {
    let mut found: Vec<(&str, &str)> = tree::texts(snapshot)
        .into_iter()
        .filter(|(path, text)| {
            matches!(tree::extension(path), "json" | "yaml" | "yml") && !tree::is_test(path) && is_description(text)
        })
        .collect();
    found.sort_by_key(|(path, _)| {
        let name = tree::file_name(path).to_ascii_lowercase();
        let named = ["openapi", "swagger", "api-docs"].iter().any(|word| name.contains(word));
        (!named, path.matches('/').count(), *path)
    });
    found.truncate(MOST);
    found.into_iter().map(|(path, text)| ApiDocument { place: path.to_owned(), text: text.to_owned() }).collect()
}

/// Whether a text says of itself that it is a description and has paths.
fn is_description(text: &str) -> bool {
    let has = |keys: &[&str]| {
        text.lines().any(|line| {
            let line = line.trim_start().trim_start_matches('{').trim_start();
            let key = line.split(':').next().unwrap_or("").trim().trim_matches(['"', '\'']);
            keys.contains(&key)
        })
    };
    let start: String = text.chars().take(4_000).collect();
    if text.trim_start().starts_with('{') {
        return (start.contains("\"openapi\"") || start.contains("\"swagger\"")) && text.contains("\"paths\"");
    }
    has(&["openapi", "swagger"]) && has(&["paths"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::snapshot;

    #[test]
    fn descriptions_are_known_by_what_they_say() {
        let found = read(&snapshot(&[
            ("docs/api.yaml", "info:\n  title: x\nopenapi: 3.0.0\npaths:\n  /x: {}\n"),
            ("openapi.json", "{\"openapi\":\"3.1.0\",\"paths\":{}}"),
            ("package.json", "{\"dependencies\":{\"swagger-ui\":\"1\"}}"),
            ("compose.yaml", "services:\n  openapi: {}\n"),
            ("node_modules/a/openapi.json", "{\"openapi\":\"3.1.0\",\"paths\":{}}"),
        ]));
        let places: Vec<&str> = found.iter().map(|document| document.place.as_str()).collect();
        assert_eq!(places, ["openapi.json", "docs/api.yaml"]);
    }
}
