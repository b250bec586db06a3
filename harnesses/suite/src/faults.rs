//! Small faults for application code, by syntax tree: what a slip of a programmer would look like.
//!
//! A fault changes one place so that the program still parses. Places are in function bodies of application code, on
//! lines that tests reach where that is known. Logging, releasing and texts are left alone: no test has to notice them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use grader_model::Snapshot;
use harness_syntax::{Language, Limits, Node, Tree, parse};
use regex::Regex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::coverage::Coverage;
use crate::paths::is_application;
use crate::recognise::Suite;

/// Faults that are looked for in one file.
const MOST_IN_FILE: usize = 2_000;

/// What a fault does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// `<` becomes `<=`, `==` becomes `!=`.
    Comparison,
    /// A condition is turned round.
    Condition,
    /// `and` becomes `or`.
    Logic,
    /// `+` becomes `-`.
    Arithmetic,
    /// A constant is another one.
    Constant,
    /// Nothing is given back.
    Return,
    /// A statement is gone.
    Statement,
}

/// One small fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub kind: Kind,
    /// Relative to the tree.
    pub path: String,
    /// From 1.
    pub line: u32,
    range: Range<usize>,
    /// What stands there, on one line and cut.
    pub from: String,
    pub to: String,
}

impl Fault {
    /// The text of its file with the fault in it; `None` when the text is another one.
    pub fn applied(&self, text: &str) -> Option<String> {
        let (before, after) = (text.get(..self.range.start)?, text.get(self.range.end..)?);
        Some(format!("{before}{}{after}", self.to))
    }
}

/// Up to `most` faults in the suite's application, in an order that the seed decides: no two on a line, and no kind more
/// than a third while others are left.
pub(crate) fn sample(
    suite: &Suite,
    snapshot: &Snapshot,
    coverage: Option<&Coverage>,
    seed: u64,
    most: usize,
) -> Vec<Fault> {
    let mut all = Vec::new();
    for (path, text) in suite.texts(snapshot) {
        let inside = suite.inside(path).unwrap_or(path);
        if !is_application(&suite.stack, inside) {
            continue;
        }
        let covered = coverage.map(|coverage| coverage.files.get(inside).map(|lines| &lines.covered));
        // Where coverage is known, a file that it does not name is not reached.
        if covered == Some(None) {
            continue;
        }
        let Some(language) = Language::of_path(path) else { continue };
        let Ok(tree) = parse(language, text, Limits::default()) else { continue };
        if tree.has_errors() {
            continue;
        }
        let mut found = in_file(&tree, path);
        if let Some(Some(covered)) = covered {
            found.retain(|fault| covered.contains(&fault.line));
        }
        all.append(&mut found);
    }
    all.sort_by_cached_key(|fault| {
        let place = format!("{seed} {} {} {:?} {}", fault.path, fault.range.start, fault.kind, fault.to);
        <[u8; 32]>::from(Sha256::digest(place))
    });
    chosen(all, snapshot, most)
}

fn chosen(all: Vec<Fault>, snapshot: &Snapshot, most: usize) -> Vec<Fault> {
    let share = most.div_ceil(3).max(1);
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut lines: BTreeSet<(String, u32)> = BTreeSet::new();
    let (mut chosen, mut later) = (Vec::new(), Vec::new());
    for fault in all {
        if chosen.len() == most {
            break;
        }
        if lines.contains(&(fault.path.clone(), fault.line)) || !still_parses(&fault, snapshot) {
            continue;
        }
        let count = kinds.entry(fault.kind).or_default();
        if *count >= share {
            later.push(fault);
            continue;
        }
        *count += 1;
        lines.insert((fault.path.clone(), fault.line));
        chosen.push(fault);
    }
    for fault in later {
        if chosen.len() < most && lines.insert((fault.path.clone(), fault.line)) {
            chosen.push(fault);
        }
    }
    chosen
}

fn still_parses(fault: &Fault, snapshot: &Snapshot) -> bool {
    let text = snapshot.text(&fault.path).and_then(|text| fault.applied(text));
    let tree = |text: &str| Some(!parse(Language::of_path(&fault.path)?, text, Limits::default()).ok()?.has_errors());
    text.is_some_and(|text| tree(&text) == Some(true))
}

/// Functions in which faults say nothing: texts for people, starts and ends of programs.
const LEFT_ALONE: &[&str] =
    &["main", "__repr__", "__str__", "toString", "to_s", "shutdown", "stop", "close", "fmt", "hashCode"];

fn in_file(tree: &Tree<'_>, path: &str) -> Vec<Fault> {
    // The literal is well formed.
    let Ok(talk) = Regex::new(
        r"(?i)^(await\s+)?[\w.]*(\blog(ger|ging)?\b|console\b|print\w*\b|debug\b|\binfo\b|warn\w*\b|trac(e|ing)\b|slog\b|metrics?\b|system\.(out|err))|\.(close|dispose|release|disconnect|end|unref|shutdown|cancel|flush|destroy|quit|info|warn|debug|setheader|freeze)\s*\([^()]*\)$|^super\b|^[\w.]*(settimeout|cleartimeout|defer|next)\s*\(",
    ) else {
        return Vec::new();
    };
    let functions = tree.functions();
    let alone: Vec<Range<usize>> = functions
        .iter()
        .filter(|function| function.name.is_some_and(|name| LEFT_ALONE.contains(&name)))
        .map(|function| function.node.byte_range())
        .chain(test_modules(tree))
        .collect();
    let bodies: Vec<Range<usize>> = functions.iter().filter_map(|function| Some(function.body?.byte_range())).collect();
    let mut faults = Vec::new();
    let mut walk = tree.walk();
    while let Some(visited) = walk.next() {
        let node = visited.node;
        if alone.iter().any(|range| *range == node.byte_range()) || is_no_code(node) {
            walk.skip_children();
            continue;
        }
        if faults.len() >= MOST_IN_FILE {
            break;
        }
        let range = node.byte_range();
        if !bodies.iter().any(|body| body.start <= range.start && range.end <= body.end) {
            continue;
        }
        if node.kind() == "expression_statement" && talk.is_match(tree.text(node).trim_end_matches(';')) {
            walk.skip_children();
            continue;
        }
        at_node(tree, node, &mut |kind, at: Range<usize>, line: usize, to: &str| {
            let from = tree.source().get(at.clone()).unwrap_or_default();
            faults.push(Fault {
                kind,
                path: path.to_owned(),
                line: u32::try_from(line + 1).unwrap_or(u32::MAX),
                from: one_line(from),
                to: to.to_owned(),
                range: at,
            });
        });
    }
    faults
}

/// Types, decorators, imports and texts for people.
fn is_no_code(node: Node<'_>) -> bool {
    matches!(
        node.kind(),
        "type_annotation"
            | "type"
            | "decorator"
            | "import_statement"
            | "import_from_statement"
            | "import_declaration"
            | "annotation"
            | "marker_annotation"
            | "attribute_item"
            | "type_arguments"
            | "type_parameters"
            | "assert_statement"
            | "macro_invocation"
            | "defer_statement"
            | "finally_clause"
    )
}

/// The unit tests that Rust keeps beside its code.
fn test_modules(tree: &Tree<'_>) -> Vec<Range<usize>> {
    if tree.language() != Language::Rust {
        return Vec::new();
    }
    let marked = |node: Node<'_>| {
        let before = node.prev_sibling();
        before.is_some_and(|before| before.kind() == "attribute_item" && tree.text(before).contains("test"))
    };
    let parts = tree.walk().map(|visited| visited.node);
    let parts = parts.filter(|node| matches!(node.kind(), "mod_item" | "function_item") && marked(*node));
    parts.map(|node| node.byte_range()).collect()
}

/// Takes a fault: its kind, the bytes that it replaces, their row and what comes in their place.
type Add<'a> = dyn FnMut(Kind, Range<usize>, usize, &str) + 'a;

fn at_node(tree: &Tree<'_>, node: Node<'_>, add: &mut Add<'_>) {
    let language = tree.language();
    let row = |node: Node<'_>| node.start_position().row;
    match node.kind() {
        "comparison_operator" | "binary_expression" | "boolean_operator" | "binary_operator" => {
            for at in 0..node.child_count() {
                let Some(operator) = node.child(at).filter(|child| !child.is_named()) else {
                    continue;
                };
                if let Some((kind, to)) = other_operator(language, tree.text(operator))
                    && !(kind == Kind::Arithmetic && touches_text(node))
                {
                    add(kind, operator.byte_range(), row(operator), to);
                }
            }
        }
        "if_statement" | "elif_clause" | "conditional_expression" | "ternary_expression" | "if_expression" => {
            // Python's `A if B else C` names no field.
            let condition = node.child_by_field_name("condition").or_else(|| {
                (language == Language::Python && node.kind() == "conditional_expression")
                    .then(|| node.named_child(1))
                    .flatten()
            });
            if let Some(condition) = condition.filter(|condition| !condition.kind().contains("let_")) {
                let text = tree.text(condition);
                let to = match language {
                    Language::Python => format!("(not ({text}))"),
                    _ if text.starts_with('(') => format!("(!{text})"),
                    _ => format!("!({text})"),
                };
                add(Kind::Condition, condition.byte_range(), row(condition), &to);
            }
        }
        "true" | "false" | "boolean_literal" if gives_a_value(node) => {
            let to = match tree.text(node) {
                "True" => "False",
                "False" => "True",
                "true" => "false",
                _ => "true",
            };
            add(Kind::Constant, node.byte_range(), row(node), to);
        }
        "integer" | "number" | "int_literal" | "integer_literal" | "decimal_integer_literal" if counts(node) => {
            if let Ok(value) = tree.text(node).parse::<u32>() {
                add(
                    Kind::Constant,
                    node.byte_range(),
                    row(node),
                    &u64::from(value + u32::from(value < u32::MAX)).to_string(),
                );
            }
        }
        "return_statement" => {
            let Some(value) = node.named_child(0) else { return };
            let text = tree.text(value);
            let nothing = match language {
                Language::Python => "None",
                Language::JavaScript | Language::TypeScript | Language::Tsx => "undefined",
                Language::Java => "null",
                Language::Go => "nil",
                _ => return,
            };
            if language == Language::Go {
                // Errors are what Go's functions give back last.
                let last = if value.kind() == "expression_list" { last_named(value) } else { Some(value) };
                if let Some(last) =
                    last.filter(|last| matches!(tree.text(*last), "err") || tree.text(*last).starts_with("Err"))
                {
                    add(Kind::Return, last.byte_range(), row(last), nothing);
                }
            } else if !matches!(text, "None" | "null" | "undefined" | "True" | "False" | "true" | "false") {
                add(Kind::Return, value.byte_range(), row(value), nothing);
            }
        }
        "expression_statement" => {
            let inner = node.named_child(0).map(|inner| match inner.kind() {
                "await" | "await_expression" | "try_expression" => inner.named_child(0).unwrap_or(inner),
                _ => inner,
            });
            if inner.is_some_and(|inner| matches!(inner.kind(), "call" | "call_expression" | "method_invocation")) {
                add(Kind::Statement, node.byte_range(), row(node), nothing_at_all(language));
            }
        }
        "raise_statement" | "throw_statement" => {
            add(Kind::Statement, node.byte_range(), row(node), nothing_at_all(language));
        }
        _ => {}
    }
}

fn other_operator(language: Language, operator: &str) -> Option<(Kind, &'static str)> {
    Some(match operator {
        "<" => (Kind::Comparison, "<="),
        "<=" => (Kind::Comparison, "<"),
        ">" => (Kind::Comparison, ">="),
        ">=" => (Kind::Comparison, ">"),
        "==" => (Kind::Comparison, "!="),
        "!=" => (Kind::Comparison, "=="),
        "===" => (Kind::Comparison, "!=="),
        "!==" => (Kind::Comparison, "==="),
        "is" if language == Language::Python => (Kind::Comparison, "is not"),
        "is not" => (Kind::Comparison, "is"),
        "in" if language == Language::Python => (Kind::Comparison, "not in"),
        "not in" => (Kind::Comparison, "in"),
        "and" => (Kind::Logic, "or"),
        "or" => (Kind::Logic, "and"),
        "&&" => (Kind::Logic, "||"),
        "||" => (Kind::Logic, "&&"),
        "+" => (Kind::Arithmetic, "-"),
        "-" => (Kind::Arithmetic, "+"),
        "*" => (Kind::Arithmetic, "+"),
        "/" | "//" => (Kind::Arithmetic, "*"),
        "%" => (Kind::Arithmetic, "*"),
        _ => return None,
    })
}

/// Whether an operand is a text: texts are joined by the same sign, and built for people.
fn touches_text(node: Node<'_>) -> bool {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).any(|child| child.kind().contains("string") || child.kind().contains("template"))
}

/// Whether a constant is what a function gives back or keeps.
fn gives_a_value(node: Node<'_>) -> bool {
    node.parent().is_some_and(|parent| {
        matches!(
            parent.kind(),
            "return_statement"
                | "return_expression"
                | "assignment"
                | "assignment_expression"
                | "variable_declarator"
                | "expression_list"
                | "block"
        )
    })
}

/// Whether a number takes part in a calculation or comparison.
fn counts(node: Node<'_>) -> bool {
    node.parent().is_some_and(|parent| {
        matches!(
            parent.kind(),
            "binary_expression"
                | "binary_operator"
                | "comparison_operator"
                | "return_statement"
                | "subscript"
                | "slice"
        )
    })
}

fn last_named(node: Node<'_>) -> Option<Node<'_>> {
    node.named_child(u32::try_from(node.named_child_count().checked_sub(1)?).ok()?)
}

fn nothing_at_all(language: Language) -> &'static str {
    match language {
        Language::Python => "pass",
        Language::Rust | Language::Go => "{}",
        _ => ";",
    }
}

fn one_line(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().take(40).collect();
    line.join(" ").chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::recognise;
    use crate::stack::stacks;
    use crate::testing::snapshot;

    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        let tree = snapshot(files);
        let suite = recognise(&tree, &stacks().unwrap()).unwrap();
        let mut found: Vec<String> = sample(&suite, &tree, None, 1, 100)
            .iter()
            .map(|fault| format!("{}: {} -> {}", fault.line, fault.from, fault.to))
            .collect();
        found.sort();
        found
    }

    #[test]
    fn python() {
        let text = "LIMIT = 10\n\ndef total(lines, limit=3):\n    \"\"\"Adds up.\"\"\"\n    if not lines:\n        raise ValueError('none' + 'x')\n    logger.info('adding %s', 1 + 1)\n    save(lines)\n    for line in lines:\n        size = (\n            line.price * line.count\n        )\n    return size if size >= limit else None\n";
        let found =
            faults(&[("requirements.txt", "pytest"), ("app/a.py", text), ("tests/test_a.py", "def test_a(): pass\n")]);
        for expected in [
            "5: not lines -> (not (not lines))",
            "6: raise ValueError('none' + 'x') -> pass",
            "8: save(lines) -> pass",
            "11: * -> +",
        ] {
            assert!(found.contains(&expected.to_owned()), "{expected}: {found:#?}");
        }
        assert!(
            !found.iter().any(|fault| fault.starts_with("7:") || fault.starts_with("1:") || fault.starts_with("3:")),
            "{found:#?}"
        );
        assert_eq!(found.iter().filter(|fault| fault.starts_with("13:")).count(), 1, "one a line");
    }

    #[test]
    fn every_language_of_the_issue_has_faults_of_most_kinds() {
        for (files, path, least) in [
            (
                vec![
                    ("package.json", r#"{"devDependencies": {"vitest": "3"}}"#),
                    ("a.test.ts", "test('a', () => {})"),
                    (
                        "src/a.ts",
                        "export function total(lines: Line[]): number {\n  if (lines.length === 0) {\n    throw new Error('none');\n  }\n  const sum = lines.reduce((a, l) =>\n    a + l.price * l.count, 0);\n  save(sum);\n  console.log(sum > 3);\n  return sum;\n}\n",
                    ),
                ],
                "src/a.ts",
                5,
            ),
            (
                vec![
                    ("go.mod", "module x"),
                    ("a_test.go", "package a"),
                    (
                        "a.go",
                        "package a\n\nfunc Total(n int) (int, error) {\n\tif n < 0 {\n\t\treturn 0, ErrNone\n\t}\n\tsave(n)\n\treturn n * 2, nil\n}\n",
                    ),
                ],
                "a.go",
                4,
            ),
            (
                vec![
                    ("pom.xml", "<project/>"),
                    ("src/test/java/ATest.java", "class ATest {}"),
                    (
                        "src/main/java/A.java",
                        "class A {\n  int total(int n) {\n    if (n < 0) {\n      throw new IllegalArgumentException();\n    }\n    save(n);\n    return n * 2;\n  }\n}\n",
                    ),
                ],
                "src/main/java/A.java",
                4,
            ),
            (
                vec![
                    ("Cargo.toml", "[package]"),
                    (
                        "src/lib.rs",
                        "pub fn total(n: i64) -> Option<i64> {\n    if n < 0 {\n        return None;\n    }\n    save(n);\n    Some(\n        n * 2,\n    )\n}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn a() {\n        if 1 > 2 {}\n    }\n}\n",
                    ),
                ],
                "src/lib.rs",
                3,
            ),
        ] {
            let found = faults(&files);
            assert!(found.len() >= least, "{path}: {found:#?}");
            assert!(!found.iter().any(|fault| fault.contains("console")), "{path}: {found:#?}");
            assert!(!found.iter().any(|fault| fault.starts_with("14:")), "{path}: tests are left alone: {found:#?}");
        }
    }

    #[test]
    fn the_seed_decides_and_only_covered_lines_are_taken() {
        let text = "def a(x):\n    return x + 1\n\n\ndef b(x):\n    return x - 1\n\n\ndef c(x):\n    return x * 2\n";
        let tree = snapshot(&[
            ("requirements.txt", "pytest"),
            ("app/a.py", text),
            ("tests/test_a.py", "def test_a(): pass\n"),
        ]);
        let suite = recognise(&tree, &stacks().unwrap()).unwrap();
        assert_eq!(sample(&suite, &tree, None, 7, 2), sample(&suite, &tree, None, 7, 2));
        let orders: BTreeSet<Vec<u32>> =
            (0..20).map(|seed| sample(&suite, &tree, None, seed, 3).iter().map(|fault| fault.line).collect()).collect();
        assert!(orders.len() > 1);
        let covered =
            crate::coverage::read(crate::stack::CoverageFormat::Lcov, b"SF:app/a.py\nDA:2,1\nDA:6,0\nend_of_record\n");
        let lines: BTreeSet<u32> =
            sample(&suite, &tree, covered.as_ref(), 7, 9).iter().map(|fault| fault.line).collect();
        assert_eq!(lines, BTreeSet::from([2]));
    }

    #[test]
    fn a_fault_changes_one_place() {
        let tree = snapshot(&[
            ("requirements.txt", "pytest"),
            ("a.py", "def f(x):\n    return x < 3\n"),
            ("test_a.py", "def test_a(): pass\n"),
        ]);
        let suite = recognise(&tree, &stacks().unwrap()).unwrap();
        let texts: Vec<String> = (0..9)
            .filter_map(|seed| sample(&suite, &tree, None, seed, 1).first()?.applied(tree.text("a.py")?))
            .collect();
        assert!(texts.contains(&"def f(x):\n    return x <= 3\n".to_owned()), "{texts:?}");
        assert!(texts.contains(&"def f(x):\n    return None\n".to_owned()), "{texts:?}");
    }
}
