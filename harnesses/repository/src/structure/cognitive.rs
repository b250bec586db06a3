//! Cognitive complexity (G. Ann Campbell, "Cognitive Complexity", SonarSource, version 1.7).
//!
//! One for each break in the flow (if, loop, switch, catch, conditional expression), one more for each such thing around
//! it; one without nesting for `else`, `else if`, each run of like logical operators, each jump to a label and for a
//! function that calls itself. Null-coalescing and early returns cost nothing.

use harness_syntax::{Function, Language, Node, Tree, is_function, walk};

/// What a node does to the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    /// One and the nesting, and nests what lies in it.
    Structural,
    /// One, whatever lies around it.
    Flat,
    /// Nothing, and nests what lies in it.
    Nesting,
}

/// The complexity of a function; `nested` says whether the functions inside it are part of it.
pub(super) fn complexity(tree: &Tree<'_>, function: &Function<'_>, nested: bool) -> u32 {
    let language = tree.language();
    let mut sum = 0_u32;
    let mut calls_itself = false;
    // Depths of what nests around the present node.
    let mut around: Vec<usize> = Vec::new();
    let mut walk = walk(function.node);
    while let Some(visited) = walk.next() {
        let (node, depth) = (visited.node, visited.depth);
        while around.last().is_some_and(|at| *at >= depth) {
            around.pop();
        }
        if depth == 0 || !node.is_named() {
            continue;
        }
        if is_function(language, node.kind()) && !nested {
            walk.skip_children();
            continue;
        }
        let effect = effect(tree, node, visited.field);
        match effect {
            Effect::Structural => {
                sum = sum.saturating_add(1 + u32::try_from(around.len()).unwrap_or(0));
                around.push(depth);
            }
            Effect::Flat => sum = sum.saturating_add(1),
            Effect::Nesting => around.push(depth),
            Effect::None => {}
        }
        calls_itself |= function.name.is_some_and(|name| is_call_of(tree, node, name));
    }
    sum + u32::from(calls_itself)
}

fn effect(tree: &Tree<'_>, node: Node<'_>, field: Option<&str>) -> Effect {
    let kind = node.kind();
    if is_function(tree.language(), kind) {
        return Effect::Nesting;
    }
    if kind == "if_statement" || kind == "if_expression" || kind == "if" {
        return if is_else_if(node, field) { Effect::Flat } else { Effect::Structural };
    }
    let effect = match kind {
        // Loops.
        "for_statement" | "while_statement" | "do_statement" | "for_in_statement" | "enhanced_for_statement"
        | "foreach_statement" | "for_expression" | "while_expression" | "loop_expression" | "for" | "while"
        | "until" | "while_modifier" | "until_modifier"
        // Choices.
        | "switch_statement" | "switch_expression" | "expression_switch_statement" | "type_switch_statement"
        | "select_statement" | "match_statement" | "match_expression" | "case" | "unless" | "if_modifier"
        | "unless_modifier"
        // Errors.
        | "except_clause" | "except_group_clause" | "catch_clause" | "rescue"
        // Conditional expressions.
        | "ternary_expression" | "conditional_expression" | "conditional" => Effect::Structural,
        "elif_clause" | "else_if_clause" | "elsif" | "goto_statement" => Effect::Flat,
        "else_clause" | "else" => {
            // `else if` counts where its `if` stands.
            let continues = node.named_child(0).is_some_and(|child| {
                node.named_child_count() == 1 && matches!(child.kind(), "if_statement" | "if_expression")
            });
            let of_choice = node.parent().is_some_and(|parent| {
                matches!(
                    parent.kind(),
                    "if_statement" | "if_expression" | "if" | "elsif" | "unless" | "for_statement" | "while_statement"
                )
            });
            if of_choice && !continues { Effect::Flat } else { Effect::None }
        }
        "break_statement" | "continue_statement" | "break_expression" | "continue_expression" => {
            let labelled = node.named_child(0).is_some_and(|child| {
                matches!(child.kind(), "statement_identifier" | "label_name" | "identifier" | "label")
            });
            if labelled { Effect::Flat } else { Effect::None }
        }
        "binary_expression" | "boolean_operator" | "binary" => match logical(tree, node) {
            Some(operator) if node.parent().and_then(|parent| logical(tree, parent)) != Some(operator) => Effect::Flat,
            _ => Effect::None,
        },
        _ => Effect::None,
    };
    // Go and Java have no node for `else`: what fills the field is it.
    let plain_else = effect == Effect::None
        && field == Some("alternative")
        && matches!(
            kind,
            "block" | "statement_block" | "expression_statement" | "return_statement" | "throw_statement"
        )
        && node.parent().is_some_and(|parent| parent.kind() == "if_statement")
        && matches!(tree.language(), Language::Go | Language::Java);
    if plain_else { Effect::Flat } else { effect }
}

/// Whether an `if` continues another one: it fills its `alternative`, or is all that its `else` holds.
fn is_else_if(node: Node<'_>, field: Option<&str>) -> bool {
    let Some(parent) = node.parent() else { return false };
    match parent.kind() {
        "if_statement" => field == Some("alternative"),
        "else_clause" => parent.named_child_count() == 1,
        _ => false,
    }
}

/// The logical operator of a node, `and` and `or` as their marks.
fn logical(tree: &Tree<'_>, node: Node<'_>) -> Option<&'static str> {
    if !matches!(node.kind(), "binary_expression" | "boolean_operator" | "binary") {
        return None;
    }
    match tree.text(node.child_by_field_name("operator")?) {
        "&&" | "and" => Some("&&"),
        "||" | "or" => Some("||"),
        _ => None,
    }
}

fn is_call_of(tree: &Tree<'_>, node: Node<'_>, name: &str) -> bool {
    if !matches!(node.kind(), "call" | "call_expression" | "method_invocation" | "function_call_expression") {
        return false;
    }
    let callee = node.child_by_field_name("function").or_else(|| node.child_by_field_name("name"));
    callee.is_some_and(|callee| callee.named_child_count() == 0 && tree.text(callee) == name)
}

#[cfg(test)]
mod tests {
    use harness_syntax::{Limits, parse};

    use super::*;

    fn of(language: Language, text: &str) -> u32 {
        let tree = parse(language, text, Limits::default()).unwrap();
        assert!(!tree.has_errors(), "{text}");
        let functions = tree.functions();
        complexity(&tree, &functions[0], true)
    }

    #[test]
    fn the_examples_of_the_definition() {
        // `sumOfPrimes` is 7, `getWords` is 1, as the paper counts them.
        let primes = "class A { int sumOfPrimes(int max) { int total = 0; OUT: for (int i = 1; i <= max; ++i) { \
                      for (int j = 2; j < i; ++j) { if (i % j == 0) { continue OUT; } } total += i; } return total; } }";
        assert_eq!(of(Language::Java, primes), 7);
        let words = "class A { String getWords(int number) { switch (number) { case 1: return \"one\"; \
                     case 2: return \"a couple\"; default: return \"lots\"; } } }";
        assert_eq!(of(Language::Java, words), 1);
        // Nested tries and lambdas: `myMethod` is 9, `myMethod2` is 2.
        let method = "class A { void myMethod() { try { if (a) { for (int i = 0; i < 10; i++) { while (b) { } } } } \
                      catch (X | Y e) { if (b) { } } } }";
        assert_eq!(of(Language::Java, method), 9);
        let lambda = "class A { void myMethod2() { Runnable r = () -> { if (a) { } }; } }";
        assert_eq!(of(Language::Java, lambda), 2);
    }

    #[test]
    fn chains_of_conditions_in_every_language() {
        // if (1), else if (1), else (1), and a nested if (2).
        for (language, text) in [
            (
                Language::Python,
                "def f(a):\n    if a:\n        pass\n    elif a > 1:\n        if a:\n            pass\n    else:\n        pass\n",
            ),
            (Language::JavaScript, "function f(a) { if (a) { } else if (a > 1) { if (a) { } } else { } }"),
            (Language::TypeScript, "const f = (a: number) => { if (a) { } else if (a > 1) { if (a) { } } else { } };"),
            (Language::Go, "package a\nfunc f(a int) { if a > 0 { } else if a > 1 { if a > 2 { } } else { } }"),
            (
                Language::Java,
                "class A { void f(int a) { if (a > 0) { } else if (a > 1) { if (a > 2) { } } else { } } }",
            ),
            (Language::Rust, "fn f(a: u8) { if a > 0 { } else if a > 1 { if a > 2 { } } else { } }"),
            (
                Language::Ruby,
                "def f(a)\n  if a\n    1\n  elsif a > 1\n    if a\n      2\n    end\n  else\n    3\n  end\nend\n",
            ),
            (Language::Php, "<?php function f($a) { if ($a) { } elseif ($a > 1) { if ($a) { } } else { } }"),
        ] {
            assert_eq!(of(language, text), 5, "{} {text}", language.name());
        }
    }

    #[test]
    fn runs_of_operators_recursion_and_what_costs_nothing() {
        assert_eq!(of(Language::JavaScript, "function f(a, b, c) { return a && b && c || a; }"), 2);
        assert_eq!(of(Language::Python, "def f(n):\n    return n and f(n - 1)\n"), 2);
        assert_eq!(of(Language::Rust, "fn f(a: Option<u8>) -> Option<u8> { let b = a?; Some(b) }"), 0);
        assert_eq!(of(Language::TypeScript, "function f(a?: string) { return a?.length ?? 0; }"), 0);
    }
}
