//! What a path of a submission stands for: source of a language, test, document, something vendored or generated.
//!
//! Decides by names only and knows no probe. Budgets are here too, so that no reader of the tree can be kept busy by a
//! hostile one.

use grader_model::Snapshot;

/// Bytes of one file that are read as source or text.
pub(crate) const ONE_FILE: usize = 512 * 1024;

/// Bytes of a line of source; longer ones are what a tool packed.
const ONE_LINE: usize = 5_000;

/// Bytes of all files together that one reader goes through.
const ALL_FILES: usize = 24 * 1024 * 1024;

/// A language by what its files are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Language {
    Python,
    /// JavaScript and TypeScript.
    Script,
    /// Java and Kotlin.
    Jvm,
    Go,
    Php,
    Ruby,
    Rust,
    CSharp,
    Elixir,
}

/// The language of a source file.
pub(crate) fn language(path: &str) -> Option<Language> {
    let name = file_name(path);
    if name.ends_with(".d.ts") || name.contains(".min.") {
        return None;
    }
    Some(match extension(name) {
        "py" => Language::Python,
        "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "jsx" | "tsx" => Language::Script,
        "java" | "kt" | "kts" | "groovy" => Language::Jvm,
        "go" => Language::Go,
        "php" => Language::Php,
        "rb" => Language::Ruby,
        "rs" => Language::Rust,
        "cs" => Language::CSharp,
        "ex" | "exs" => Language::Elixir,
        _ => return None,
    })
}

/// The last segment of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What follows the last dot of a name; empty without one.
pub(crate) fn extension(name: &str) -> &str {
    file_name(name).rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// The folders above a file, outermost first.
pub(crate) fn folders(path: &str) -> impl Iterator<Item = &str> {
    path.rsplit_once('/').map_or("", |(folders, _)| folders).split('/').filter(|folder| !folder.is_empty())
}

/// Folders of what a tool made or fetched.
const GENERATED: &[&str] = &[
    "node_modules",
    "vendor",
    "venv",
    ".venv",
    "env",
    "virtualenv",
    "site-packages",
    "__pycache__",
    "dist",
    "target",
    ".next",
    ".nuxt",
    "coverage",
    "htmlcov",
    ".gradle",
    "bower_components",
    ".tox",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".git",
];

/// Whether a path lies in a folder that a tool made or fetched.
pub(crate) fn is_generated(path: &str) -> bool {
    folders(path).any(|folder| GENERATED.contains(&folder) || folder.ends_with(".egg-info"))
}

/// Whether a path belongs to the submission's tests, by the conventions of the runners.
pub(crate) fn is_test(path: &str) -> bool {
    let in_test_folder = folders(path).any(|folder| {
        matches!(
            folder.to_ascii_lowercase().as_str(),
            "test"
                | "tests"
                | "__tests__"
                | "__test__"
                | "__mocks__"
                | "spec"
                | "specs"
                | "e2e"
                | "testing"
                | "integration_tests"
                | "integration-tests"
                | "testdata"
                | "testutil"
                | "test-utils"
        )
    });
    in_test_folder || is_test_name(file_name(path))
}

fn is_test_name(name: &str) -> bool {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let lower = stem.to_ascii_lowercase();
    lower.starts_with("test_")
        || lower.ends_with("_test")
        || lower.ends_with("_tests")
        || lower.ends_with("_spec")
        || lower.ends_with(".test")
        || lower.ends_with(".spec")
        || lower.ends_with("-spec")
        || lower.ends_with("-test")
        || lower == "conftest"
        || lower == "tests"
        || lower == "test"
        || ["Test", "Tests", "TestCase", "IT", "Spec"].iter().any(|end| {
            stem.strip_suffix(end)
                .is_some_and(|rest| rest.ends_with(|last: char| last.is_ascii_lowercase() || last.is_ascii_digit()))
        })
}

/// Whether a file shows how something would look: examples, templates, samples.
pub(crate) fn is_example(path: &str) -> bool {
    let name = file_name(path).to_ascii_lowercase();
    ["example", "sample", "template", "dist"].iter().any(|word| name.split(['.', '-', '_']).any(|part| part == *word))
        || name.contains(".default")
        || folders(path)
            .any(|folder| matches!(folder.to_ascii_lowercase().as_str(), "examples" | "example" | "samples"))
}

/// Whether a file is prose.
pub(crate) fn is_document(path: &str) -> bool {
    matches!(extension(path).to_ascii_lowercase().as_str(), "md" | "markdown" | "rst" | "adoc" | "txt" | "mdx")
}

/// Text files of the submission's own, without what tools made, in order of path and within the budget.
pub(crate) fn texts(snapshot: &Snapshot) -> Vec<(&str, &str)> {
    let mut left = ALL_FILES;
    snapshot
        .files
        .keys()
        .filter(|path| !is_generated(path))
        .filter_map(|path| {
            let entry = snapshot.files.get(path)?;
            if entry.size > ONE_FILE as u64 || entry.size as usize > left {
                return None;
            }
            let text = entry.text().filter(|text| text.len() <= ONE_FILE && !text.contains('\0'))?;
            left = left.saturating_sub(text.len());
            Some((path.as_str(), text))
        })
        .collect()
}

/// Source files that are no tests, with their language.
pub(crate) fn sources(snapshot: &Snapshot) -> Vec<(&str, &str, Language)> {
    texts(snapshot)
        .into_iter()
        .filter(|(path, _)| !is_test(path))
        .filter_map(|(path, text)| Some((path, text, language(path)?)))
        .filter(|(_, text, _)| text.lines().all(|line| line.len() <= ONE_LINE))
        .collect()
}

/// The README nearest to the root, the longest one where there are several.
pub(crate) fn readme(snapshot: &Snapshot) -> Option<(&str, &str)> {
    texts(snapshot)
        .into_iter()
        .filter(|(path, _)| {
            let name = file_name(path).to_ascii_lowercase();
            name.split('.')
                .next()
                .is_some_and(|stem| stem == "readme" || stem.starts_with("readme_") || stem.starts_with("readme-"))
                && (is_document(path) || !name.contains('.'))
                && !is_test(path)
        })
        .min_by_key(|(path, text)| {
            let home = folders(path).next().is_some_and(|first| first == "docs" || first == ".github");
            (path.matches('/').count() - usize::from(home), std::cmp::Reverse(text.len()))
        })
}

/// The 1-based line of a byte offset.
pub(crate) fn line_of(text: &str, offset: usize) -> u32 {
    let upto = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    u32::try_from(upto.iter().filter(|byte| **byte == b'\n').count() + 1).unwrap_or(u32::MAX)
}

/// A line as evidence shows it: trimmed and cut at 160 characters.
pub(crate) fn excerpt(line: &str) -> String {
    let line = line.trim();
    match line.char_indices().nth(160) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_by_the_runners_conventions() {
        for path in [
            "tests/http/test_books.py",
            "src/books.test.ts",
            "src/test/java/shop/BookControllerTest.java",
            "internal/book/handler_test.go",
            "spec/models/book_spec.rb",
            "src/app.e2e-spec.ts",
            "app/conftest.py",
        ] {
            assert!(is_test(path), "{path}");
        }
        for path in
            ["src/contest.py", "app/latest.rb", "src/main/java/shop/Latest.java", "src/inspect.ts", "cmd/unit.go"]
        {
            assert!(!is_test(path), "{path}");
        }
    }

    #[test]
    fn examples_are_told_by_their_name() {
        for path in [".env.example", ".env.sample", "config/database.yml.dist", "env-template", "examples/client.py"] {
            assert!(is_example(path), "{path}");
        }
        for path in [".env", ".env.production", "src/exemplary.py", "src/distance.rs"] {
            assert!(!is_example(path), "{path}");
        }
    }
}
