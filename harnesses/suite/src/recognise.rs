//! Which runner a submission's tests are for, and where.

use grader_model::Snapshot;
use regex::Regex;

use crate::paths::{folder, is_made, is_test_file, name};
use crate::stack::{Stack, fits};

/// Bytes of one file that are searched for a sign.
const MOST_TEXT: usize = 256 * 1024;

/// A suite of tests in a submission.
#[derive(Debug, Clone)]
pub struct Suite {
    pub stack: Stack,
    /// The folder of its project, relative to the tree; empty at the top.
    pub root: String,
    /// Its test files, relative to the tree, in order.
    pub files: Vec<String>,
}

impl Suite {
    /// A path of the tree as seen from the project's root; `None` outside of it.
    pub fn inside<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.root.is_empty() { Some(path) } else { path.strip_prefix(self.root.as_str())?.strip_prefix('/') }
    }

    /// A path of the project as seen from the top of the tree.
    pub fn outside(&self, path: &str) -> String {
        if self.root.is_empty() { path.to_owned() } else { format!("{}/{path}", self.root) }
    }

    /// The sources of the tree that lie in the project.
    pub(crate) fn texts<'a>(&'a self, snapshot: &'a Snapshot) -> impl Iterator<Item = (&'a str, &'a str)> {
        snapshot.texts().filter(|(path, text)| self.inside(path).is_some() && text.len() <= 512 * 1024)
    }
}

/// The suite with the most test files among the runners that the tree shows signs of; `None` without tests.
pub fn recognise(snapshot: &Snapshot, stacks: &[Stack]) -> Option<Suite> {
    let mut best: Option<Suite> = None;
    for stack in stacks {
        if !has_sign(snapshot, stack) {
            continue;
        }
        let files = test_files(snapshot, stack);
        if files.len() > best.as_ref().map_or(0, |best| best.files.len()) {
            best = Some(Suite { root: root(snapshot, stack, &files), stack: stack.clone(), files });
        }
    }
    if let Some(suite) = &mut best {
        let root = suite.root.clone();
        // Tests of another project of the same tree are not run with these.
        suite.files.retain(|path| root.is_empty() || path.starts_with(&format!("{root}/")));
    }
    best
}

fn has_sign(snapshot: &Snapshot, stack: &Stack) -> bool {
    stack.recognised.iter().any(|sign| {
        let says = sign.says.as_deref().map(Regex::new);
        snapshot.files.iter().any(|(path, entry)| {
            fits(&sign.file, name(path))
                && !is_made(path)
                && match &says {
                    None => true,
                    Some(Ok(says)) => entry.text().is_some_and(|text| text.len() <= MOST_TEXT && says.is_match(text)),
                    // A test reads every expression.
                    Some(Err(_)) => false,
                }
        })
    })
}

fn test_files(snapshot: &Snapshot, stack: &Stack) -> Vec<String> {
    let holds_tests = |text: &str| match stack.family {
        // Unit tests stand beside the code.
        crate::stack::Family::Rust => text.contains("#[test]") || text.contains("::test"),
        // Helpers lie in the same folders.
        crate::stack::Family::Script => {
            ["it(", "test(", "it.", "test.", "specify("].iter().any(|call| text.contains(call))
        }
        _ => !text.trim().is_empty(),
    };
    let files = snapshot.texts().filter(|(path, text)| is_test_file(stack, path) && holds_tests(text));
    files.map(|(path, _)| path.to_owned()).collect()
}

/// The innermost folder with a mark of a project under which most of the tests lie.
fn root(snapshot: &Snapshot, stack: &Stack, files: &[String]) -> String {
    let marked = |folder: &str| {
        stack.roots.iter().any(|mark| {
            if mark.contains('*') {
                let inside = |path: &String| crate::paths::folder(path) == folder && fits(mark, name(path));
                return snapshot.files.keys().any(inside);
            }
            let path = if folder.is_empty() { mark.clone() } else { format!("{folder}/{mark}") };
            snapshot.files.contains_key(&path)
        })
    };
    let mut votes: Vec<(String, usize)> = Vec::new();
    for file in files {
        let mut here = folder(file);
        let root = loop {
            if marked(here) || here.is_empty() {
                break here.to_owned();
            }
            here = folder(here);
        };
        match votes.iter_mut().find(|(known, _)| *known == root) {
            Some((_, count)) => *count += 1,
            None => votes.push((root, 1)),
        }
    }
    let best = votes.iter().map(|(_, count)| *count).max().unwrap_or(0);
    votes.into_iter().find(|(_, count)| *count == best).map(|(root, _)| root).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::stacks;
    use crate::testing::snapshot;

    #[test]
    fn runners_are_told_by_what_the_tree_holds() {
        let package = |test: &str| format!(r#"{{"scripts": {{"test": "{test}"}}, "devDependencies": {{"x": "1"}}}}"#);
        for (files, expected) in [
            (vec![("requirements-dev.txt", "pytest==8\n"), ("tests/test_a.py", "def test_a(): pass\n")], "pytest"),
            (vec![("a.py", ""), ("tests/test_a.py", "import unittest\n")], "unittest"),
            (vec![("manage.py", "import django"), ("shop/tests.py", "from django.test import TestCase")], "django"),
            (vec![("package.json", r#"{"devDependencies": {"jest": "29"}}"#), ("a.test.js", "it('a', f)")], "jest"),
            (
                vec![("package.json", r#"{"devDependencies": {"vitest": "3"}}"#), ("src/a.test.ts", "it('a', f)")],
                "vitest",
            ),
            (vec![("package.json", &package("mocha test")), ("test/a.js", "it('a', f)")], "mocha"),
            (vec![("package.json", &package("node --test")), ("test/a.test.js", "test('a', f)")], "node"),
            (vec![("go.mod", "module x"), ("a/a_test.go", "package a")], "go"),
            (vec![("Cargo.toml", "[package]"), ("src/a.rs", "#[test]\nfn a() {}")], "cargo"),
            (vec![("pom.xml", "<project/>"), ("src/test/java/ATest.java", "class ATest {}")], "maven"),
            (vec![("build.gradle", ""), ("src/test/java/ATest.java", "class ATest {}")], "gradle"),
            (
                vec![("composer.json", r#"{"require-dev": {"phpunit/phpunit": "11"}}"#), ("tests/ATest.php", "<?php")],
                "phpunit",
            ),
            (vec![("Gemfile", "gem 'rspec'"), ("spec/a_spec.rb", "describe")], "rspec"),
        ] {
            let suite = recognise(&snapshot(&files), &stacks().unwrap());
            assert_eq!(suite.map(|suite| suite.stack.id).as_deref(), Some(expected));
        }
    }

    #[test]
    fn the_root_is_where_the_project_is() {
        let tree = snapshot(&[
            ("README.md", "x"),
            ("backend/package.json", r#"{"devDependencies": {"jest": "29"}}"#),
            ("backend/src/a.test.js", "it('a', f)"),
            ("backend/src/b.test.js", "it('b', f)"),
        ]);
        let suite = recognise(&tree, &stacks().unwrap()).unwrap();
        assert_eq!(suite.root, "backend");
        assert_eq!(suite.inside("backend/src/a.test.js"), Some("src/a.test.js"));
        assert_eq!(suite.inside("README.md"), None);
        assert_eq!(suite.outside("src/a.js"), "backend/src/a.js");
    }

    #[test]
    fn a_tree_without_tests_has_no_suite() {
        let tree = snapshot(&[("requirements.txt", "pytest\n"), ("app/main.py", "x = 1")]);
        assert!(recognise(&tree, &stacks().unwrap()).is_none());
    }
}
