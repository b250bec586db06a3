//! Functions and methods, whatever a language calls them.

use tree_sitter::Node;

use crate::tree::lines;
use crate::{Language, Tree};

/// A function, method, constructor, closure or lambda.
#[derive(Debug, Clone, Copy)]
pub struct Function<'t> {
    /// What it is called; for one without a name of its own, the variable, field or key that it is given to.
    pub name: Option<&'t str>,
    /// The type that it belongs to, where its syntax says so.
    pub owner: Option<&'t str>,
    /// The whole of it, without decorators and annotations that stand beside it.
    pub node: Node<'t>,
    pub parameters: Option<Node<'t>>,
    /// Absent where it is only declared.
    pub body: Option<Node<'t>>,
    /// Functions that lie around it.
    pub nesting: usize,
    /// From 1.
    pub first_line: u32,
    /// From 1, included.
    pub last_line: u32,
}

/// Functions of a tree, in order of the text.
pub(crate) fn of<'t>(tree: &'t Tree<'_>) -> Vec<Function<'t>> {
    let language = tree.language();
    let mut found = Vec::new();
    // What lies around the present node: types with their depth, and depths of functions.
    let mut owners: Vec<(usize, Option<&'t str>)> = Vec::new();
    let mut around: Vec<usize> = Vec::new();
    // The name that a function under the present node would get from it.
    let mut given: Vec<(usize, Option<&'t str>)> = Vec::new();
    for visited in tree.walk() {
        let (node, depth) = (visited.node, visited.depth);
        while owners.last().is_some_and(|(at, _)| *at >= depth) {
            owners.pop();
        }
        while around.last().is_some_and(|at| *at >= depth) {
            around.pop();
        }
        while given.last().is_some_and(|(at, _)| *at >= depth) {
            given.pop();
        }
        if !node.is_named() {
            continue;
        }
        if let Some(name) = type_name(tree, node) {
            owners.push((depth, name));
        } else if let Some(name) = names_its_value(tree, node) {
            given.push((depth, name));
        } else if is_function(language, node.kind()) {
            let own = node.child_by_field_name("name").map(|name| tree.text(name));
            let from_place = || given.last().filter(|(at, _)| at + 1 == depth).and_then(|(_, name)| *name);
            let (first_line, last_line) = lines(node);
            found.push(Function {
                name: own.or_else(from_place),
                // A function inside a method is not the type's own.
                owner: receiver(tree, node).or_else(|| {
                    let (at, name) = owners.last()?;
                    around.last().is_none_or(|function| function < at).then_some(*name).flatten()
                }),
                node,
                parameters: node.child_by_field_name("parameters").or_else(|| node.child_by_field_name("parameter")),
                body: node.child_by_field_name("body"),
                nesting: around.len(),
                first_line,
                last_line,
            });
            around.push(depth);
        }
    }
    found
}

/// Whether a node of this kind is a function of any sort.
pub fn is_function(language: Language, kind: &str) -> bool {
    match language {
        Language::Python => matches!(kind, "function_definition" | "lambda"),
        Language::JavaScript | Language::TypeScript | Language::Tsx => matches!(
            kind,
            "function_declaration"
                | "function_expression"
                | "arrow_function"
                | "method_definition"
                | "generator_function"
                | "generator_function_declaration"
        ),
        Language::Go => matches!(kind, "function_declaration" | "method_declaration" | "func_literal"),
        Language::Java => matches!(
            kind,
            "method_declaration" | "constructor_declaration" | "compact_constructor_declaration" | "lambda_expression"
        ),
        Language::Rust => matches!(kind, "function_item" | "closure_expression"),
        Language::Ruby => matches!(kind, "method" | "singleton_method" | "lambda"),
        Language::Php => {
            matches!(kind, "function_definition" | "method_declaration" | "anonymous_function" | "arrow_function")
        }
    }
}

/// The name of a type that methods can belong to; `Some(None)` for one without a name, `None` for any other node.
fn type_name<'t>(tree: &'t Tree<'_>, node: Node<'t>) -> Option<Option<&'t str>> {
    let field = match node.kind() {
        "class_definition"
        | "class_declaration"
        | "abstract_class_declaration"
        | "class"
        | "module"
        | "interface_declaration"
        | "enum_declaration"
        | "record_declaration"
        | "trait_declaration"
        | "trait_item" => "name",
        "impl_item" => "type",
        _ => return None,
    };
    // The root of a Python file is a `module` too, and has no name.
    let name = node.child_by_field_name(field);
    (name.is_some() || node.parent().is_some()).then(|| name.map(|name| tree.text(name)))
}

/// The name that a node gives to the function that it holds: `const NAME = () => …`, `{ NAME: function () … }`.
fn names_its_value<'t>(tree: &'t Tree<'_>, node: Node<'t>) -> Option<Option<&'t str>> {
    let field = match node.kind() {
        "variable_declarator" | "public_field_definition" => "name",
        "field_definition" => "property",
        "pair" => "key",
        "assignment_expression" | "assignment" => "left",
        "let_declaration" => "pattern",
        _ => return None,
    };
    Some(node.child_by_field_name(field).map(|name| tree.text(name)))
}

/// The type of a Go method, without its pointer and parameters.
fn receiver<'t>(tree: &'t Tree<'_>, node: Node<'t>) -> Option<&'t str> {
    let receiver = node.child_by_field_name("receiver")?;
    crate::tree::walk(receiver)
        .find(|visited| visited.node.kind() == "type_identifier")
        .map(|visited| tree.text(visited.node))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, parse};

    fn listed(language: Language, text: &str) -> Vec<String> {
        let tree = parse(language, text, Limits::default()).unwrap();
        assert!(!tree.has_errors(), "{}: {text}", language.name());
        tree.functions()
            .iter()
            .map(|function| {
                let owner = function.owner.map(|owner| format!("{owner}.")).unwrap_or_default();
                let name = function.name.unwrap_or("?");
                format!("{owner}{name}@{}-{}/{}", function.first_line, function.last_line, function.nesting)
            })
            .collect()
    }

    #[test]
    fn functions_are_found_in_every_language() {
        for (language, text, expected) in [
            (
                Language::Python,
                "class A:\n    def b(self):\n        def c(): pass\n        return lambda x: x\nasync def d(): ...\nf = lambda: 1\n",
                vec!["A.b@2-4/0", "c@3-3/1", "?@4-4/1", "d@5-5/0", "f@6-6/0"],
            ),
            (
                Language::JavaScript,
                "const a = () => 1;\nclass B { c() { [].map(x => x); } d = () => {}; }\nmodule.e = function () {};\nconst o = { f: async () => {}, g() {} };\nfunction* h() {}",
                vec!["a@1-1/0", "B.c@2-2/0", "?@2-2/1", "B.d@2-2/0", "module.e@3-3/0", "f@4-4/0", "g@4-4/0", "h@5-5/0"],
            ),
            (
                Language::TypeScript,
                "abstract class A { constructor(private b: string) {} private c = (d: number): number => d; }\nexport function e<T>(f: T): T { return <T>f; }",
                vec!["A.constructor@1-1/0", "A.c@1-1/0", "e@2-2/0"],
            ),
            (Language::Tsx, "const A = () => <p>{[1].map((x) => <b>{x}</b>)}</p>;", vec!["A@1-1/0", "?@1-1/1"]),
            (
                Language::Go,
                "package a\nfunc (s *Store[T]) Get() {}\nfunc main() { go func() {}() }\n",
                vec!["Store.Get@2-2/0", "main@3-3/0", "?@3-3/1"],
            ),
            (
                Language::Java,
                "class A {\n  A() {}\n  int b() { return list.map(x -> x); }\n}\nrecord C(int d) { C { } }\ninterface E { void f(); }",
                vec!["A.A@2-2/0", "A.b@3-3/0", "?@3-3/1", "C.C@5-5/0", "E.f@6-6/0"],
            ),
            (
                Language::Rust,
                "impl<T> Store<T> { fn get(&self) { let f = |x: u8| x; } }\ntrait B { fn c() {} }\nfn d() {}",
                vec!["Store<T>.get@1-1/0", "f@1-1/1", "B.c@2-2/0", "d@3-3/0"],
            ),
            (
                Language::Ruby,
                "module M\n  class A\n    def b; end\n    def self.c; end\n  end\nend\nd = ->(x) { x }\n",
                vec!["A.b@3-3/0", "A.c@4-4/0", "d@7-7/0"],
            ),
            (
                Language::Php,
                "<?php\nclass A { public function b() { return fn($x) => $x; } }\n$c = function () {};\nfunction d() {}\n",
                vec!["A.b@2-2/0", "?@2-2/1", "$c@3-3/0", "d@4-4/0"],
            ),
        ] {
            assert_eq!(listed(language, text), expected, "{}", language.name());
        }
    }
}
