//! One parse within limits, and the walk over what it gave.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tree_sitter::{Node, ParseOptions, ParseState, Parser, TreeCursor};

use crate::{Function, Language, Token, functions, tokens};

/// What one parse may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text.
    pub bytes: usize,
    /// Wall clock.
    pub time: Duration,
}

impl Default for Limits {
    /// 512 KiB and two seconds: a hundred times what a file that somebody wrote needs.
    fn default() -> Self {
        Limits { bytes: 512 * 1024, time: Duration::from_secs(2) }
    }
}

/// Why a text has no tree. A text with syntax errors has one, with error nodes in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// More text than the limit.
    #[error("{bytes} bytes are more than the {limit} that are parsed")]
    TooLarge { bytes: usize, limit: usize },
    /// The limit of time was reached.
    #[error("not parsed within {} ms", limit.as_millis())]
    TooSlow { limit: Duration },
    /// The grammar does not fit the library: a mistake in this crate.
    #[error("the grammar of {} cannot be loaded", language.name())]
    Grammar { language: Language },
}

/// A text and its syntax tree.
#[derive(Debug, Clone)]
pub struct Tree<'a> {
    text: &'a str,
    language: Language,
    tree: tree_sitter::Tree,
}

/// Parses a text.
///
/// # Errors
/// [`SyntaxError`].
pub fn parse(language: Language, text: &str, limits: Limits) -> Result<Tree<'_>, SyntaxError> {
    if text.len() > limits.bytes {
        return Err(SyntaxError::TooLarge { bytes: text.len(), limit: limits.bytes });
    }
    let mut parser = Parser::new();
    parser.set_language(&language.grammar()).map_err(|_| SyntaxError::Grammar { language })?;
    let began = Instant::now();
    let mut in_time = |_: &ParseState| {
        if began.elapsed() < limits.time { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let mut read = |offset: usize, _| text.as_bytes().get(offset..).unwrap_or_default();
    let options = ParseOptions::new().progress_callback(&mut in_time);
    let tree = parser.parse_with_options(&mut read, None, Some(options));
    tree.map(|tree| Tree { text, language, tree }).ok_or(SyntaxError::TooSlow { limit: limits.time })
}

impl<'a> Tree<'a> {
    /// What it was parsed as.
    pub fn language(&self) -> Language {
        self.language
    }

    /// What was parsed.
    pub fn source(&self) -> &'a str {
        self.text
    }

    /// The node that stands for the whole text.
    pub fn root(&self) -> Node<'_> {
        self.tree.root_node()
    }

    /// The text of a node of this tree; empty for a node of another.
    pub fn text(&self, node: Node<'_>) -> &'a str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    /// Whether the grammar met something that it does not know.
    pub fn has_errors(&self) -> bool {
        self.root().has_error()
    }

    /// Every node, parents before their children, in order of the text.
    pub fn walk(&self) -> Walk<'_> {
        walk(self.root())
    }

    /// Every function and method, those without a name and those inside others included, in order of the text.
    pub fn functions(&self) -> Vec<Function<'_>> {
        functions::of(self)
    }

    /// Every token but comments and documentation strings, in order of the text; a string is one token.
    pub fn tokens(&self) -> Vec<Token<'a>> {
        tokens::of(self)
    }
}

/// The first and last line of a node, from 1.
pub(crate) fn lines(node: Node<'_>) -> (u32, u32) {
    let line = |row: usize| u32::try_from(row + 1).unwrap_or(u32::MAX);
    (line(node.start_position().row), line(node.end_position().row))
}

/// The nodes under and including `node`, parents before their children.
pub fn walk(node: Node<'_>) -> Walk<'_> {
    Walk { cursor: node.walk(), depth: 0, ended: false, skip: false, first: true }
}

/// A node met on a walk.
#[derive(Debug, Clone, Copy)]
pub struct Visited<'t> {
    pub node: Node<'t>,
    /// How many nodes lie above it, from where the walk began.
    pub depth: usize,
    /// The field of its parent that it fills, such as `name` or `body`.
    pub field: Option<&'t str>,
}

/// See [`Tree::walk`].
pub struct Walk<'t> {
    cursor: TreeCursor<'t>,
    depth: usize,
    ended: bool,
    skip: bool,
    first: bool,
}

impl Walk<'_> {
    /// Leaves out what lies under the node that was just given.
    pub fn skip_children(&mut self) {
        self.skip = true;
    }

    fn advance(&mut self) {
        if self.first {
            self.first = false;
            return;
        }
        let skip = std::mem::take(&mut self.skip);
        if !skip && self.cursor.goto_first_child() {
            self.depth += 1;
            return;
        }
        while self.depth > 0 {
            if self.cursor.goto_next_sibling() {
                return;
            }
            self.cursor.goto_parent();
            self.depth -= 1;
        }
        self.ended = true;
    }
}

impl<'t> Iterator for Walk<'t> {
    type Item = Visited<'t>;

    fn next(&mut self) -> Option<Visited<'t>> {
        if self.ended {
            return None;
        }
        self.advance();
        (!self.ended).then(|| Visited { node: self.cursor.node(), depth: self.depth, field: self.cursor.field_name() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_text_is_refused() {
        let limits = Limits { bytes: 3, ..Limits::default() };
        let refused = parse(Language::Python, "a = 1", limits).unwrap_err();
        assert_eq!(refused, SyntaxError::TooLarge { bytes: 5, limit: 3 });
    }

    #[test]
    fn a_parse_ends_with_its_time() {
        let text = "x = [1, 2, {'a': (3, 4)}]\n".repeat(10_000);
        let limits = Limits { time: Duration::ZERO, ..Limits::default() };
        assert!(matches!(parse(Language::Python, &text, limits), Err(SyntaxError::TooSlow { .. })));
    }

    #[test]
    fn nesting_of_any_depth_is_walked_without_a_stack() {
        let deep = format!("x = {}1{}\n", "(".repeat(20_000), ")".repeat(20_000));
        let limits = Limits { time: Duration::from_secs(30), ..Limits::default() };
        let tree = parse(Language::Python, &deep, limits).unwrap();
        assert!(tree.walk().map(|visited| visited.depth).max().unwrap() >= 20_000);
    }

    #[test]
    fn what_lies_under_a_node_can_be_left_out() {
        let tree = parse(Language::JavaScript, "f(a, b); g(c);", Limits::default()).unwrap();
        let mut seen = Vec::new();
        let mut walk = tree.walk();
        while let Some(visited) = walk.next() {
            match visited.node.kind() {
                "call_expression" => {
                    seen.push(tree.text(visited.node).to_owned());
                    walk.skip_children();
                }
                "identifier" => seen.push("met".to_owned()),
                _ => {}
            }
        }
        assert_eq!(seen, ["f(a, b)", "g(c)"]);
    }

    #[test]
    fn a_text_with_errors_has_a_tree_and_says_so() {
        assert!(parse(Language::Go, "package a\nfunc (", Limits::default()).unwrap().has_errors());
        assert!(!parse(Language::Go, "package a\nfunc f() {}\n", Limits::default()).unwrap().has_errors());
    }
}
