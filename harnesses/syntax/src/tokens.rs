//! The leaves of a syntax tree as tokens whose names and literals are told from what the language itself writes.
//!
//! For readers that compare programs: comments and documentation strings are left out, a string is one token whatever is
//! in it. It knows nothing of what is compared with what.

use tree_sitter::Node;

use crate::{Language, Tree};

/// What a token is to the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenClass {
    /// A name that somebody chose, or a type's or member's that a library chose.
    Name,
    /// A number, a character, a regular expression or a whole string with its interpolations.
    Literal,
    /// A keyword, an operator or punctuation.
    Word,
}

/// A token of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    pub class: TokenClass,
    pub text: &'a str,
    /// The line that it begins on, from 1.
    pub line: u32,
    /// Whether it stands in an import, a package clause or the like: what every program of a stack writes alike.
    pub import: bool,
}

/// The tokens of a tree, in order of the text.
pub(crate) fn of<'a>(tree: &Tree<'a>) -> Vec<Token<'a>> {
    let mut tokens = Vec::new();
    let mut import: Option<usize> = None;
    let mut walk = tree.walk();
    while let Some(visited) = walk.next() {
        let (node, depth) = (visited.node, visited.depth);
        if import.is_some_and(|around| around >= depth) {
            import = None;
        }
        if is_comment(node) || (tree.language() == Language::Python && is_docstring(node)) {
            walk.skip_children();
            continue;
        }
        if import.is_none() && is_import(node.kind()) {
            import = Some(depth);
        }
        let literal = is_literal(node);
        if literal {
            walk.skip_children();
        } else if node.child_count() > 0 {
            continue;
        }
        let text = tree.text(node);
        // Python's indents and whatever the parser supplied itself have no text.
        if text.trim().is_empty() {
            continue;
        }
        let class = match () {
            () if literal => TokenClass::Literal,
            () if node.is_named() && is_name(node.kind()) => TokenClass::Name,
            () => TokenClass::Word,
        };
        let line = u32::try_from(node.start_position().row + 1).unwrap_or(u32::MAX);
        tokens.push(Token { class, text, line, import: import.is_some() });
    }
    tokens
}

fn is_comment(node: Node<'_>) -> bool {
    node.is_extra() && node.kind().contains("comment")
}

/// A string that stands as a statement of its own.
fn is_docstring(node: Node<'_>) -> bool {
    node.kind() == "expression_statement"
        && node.named_child_count() == 1
        && node.named_child(0).is_some_and(|child| child.kind() == "string")
}

fn is_import(kind: &str) -> bool {
    matches!(
        kind,
        "import_statement"
            | "import_from_statement"
            | "future_import_statement"
            | "import_declaration"
            | "package_declaration"
            | "package_clause"
            | "use_declaration"
            | "extern_crate_declaration"
            | "namespace_definition"
            | "namespace_use_declaration"
    )
}

fn is_literal(node: Node<'_>) -> bool {
    let kind = node.kind();
    node.is_named()
        && (matches!(
            kind,
            "string"
                | "template_string"
                | "concatenated_string"
                | "encapsed_string"
                | "heredoc"
                | "nowdoc"
                | "heredoc_body"
                | "string_array"
                | "symbol_array"
                | "simple_symbol"
                | "delimited_symbol"
                | "regex"
                | "number"
                | "integer"
                | "float"
                | "character"
                | "jsx_text"
        ) || kind.ends_with("_literal") && is_plain_literal(kind))
}

/// Kinds that end in `_literal` and are one value; others hold code.
fn is_plain_literal(kind: &str) -> bool {
    ["string", "char", "int", "float", "integer", "rune", "imaginary", "floating_point", "raw"]
        .iter()
        .any(|part| kind.contains(part))
}

fn is_name(kind: &str) -> bool {
    kind.ends_with("identifier")
        || matches!(
            kind,
            "name" | "constant" | "instance_variable" | "class_variable" | "global_variable" | "hash_key_symbol"
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, parse};

    /// Names as `n`, literals as `l`, the language's own words as they stand.
    fn shape(language: Language, text: &str) -> String {
        let tree = parse(language, text, Limits::default()).unwrap();
        let shown = of(&tree).into_iter().map(|token| match token.class {
            _ if token.import => "i",
            TokenClass::Name => "n",
            TokenClass::Literal => "l",
            TokenClass::Word => token.text,
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_and_literals_are_told_from_the_languages_own_words() {
        for (language, text, expected) in [
            (
                Language::Python,
                "import os\ndef f(a):\n    \"\"\"Says.\"\"\"\n    # why\n    return a.b + f'{a} {1}'\n",
                "i i def n ( n ) : return n . n + l",
            ),
            (Language::JavaScript, "import a from 'b';\nconst c = `x${d}` + 1; // e", "i i i i i const n = l + l ;"),
            (Language::TypeScript, "class A { b: string = /x/; }", "class n { n : string = l ; }"),
            (Language::Go, "package a\nfunc f(b int) string { return \"c\" }", "i i func n ( n n ) n { return l }"),
            (
                Language::Java,
                "package a; class B { int c = 1; String d = \"e\"; }",
                "i i i class n { int n = l ; n n = l ; }",
            ),
            (Language::Rust, "use a::b;\nfn c() -> u8 { d!(\"e\", 1) }", "i i i i i fn n ( ) -> u8 { n ! ( l , l ) }"),
            (Language::Ruby, "def a(b)\n  @c = :d\n  \"e #{b}\"\nend\n", "def n ( n ) n = l l end"),
            (
                Language::Php,
                "<?php function a($b) { return 'c' . $b; }",
                "<?php function n ( $ n ) { return l . $ n ; }",
            ),
        ] {
            assert_eq!(shape(language, text), expected, "{}", language.name());
        }
    }

    #[test]
    fn lines_are_counted_from_one() {
        let tree = parse(Language::Python, "a = 1\n\nb = 2\n", Limits::default()).unwrap();
        let lines: Vec<u32> = of(&tree).iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 1, 1, 3, 3, 3]);
    }
}
