//! Syntax trees of a submission's source files: which language, one parse within limits, and ways to walk a tree.
//!
//! The only crate that names the grammars. It knows nodes and functions; what a test, a handler or a fault is, its users
//! know. Source text is hostile: parsing is bounded in bytes and time, and no walk recurses, so that nesting of any
//! depth costs memory and no stack.
//!
//! ```
//! use harness_syntax::{Language, Limits, parse};
//!
//! let text = "def total(lines):\n    return sum(line.price for line in lines)\n";
//! let tree = parse(Language::Python, text, Limits::default())?;
//! let names: Vec<_> = tree.functions().iter().filter_map(|function| function.name).collect();
//! assert_eq!(names, ["total"]);
//! # Ok::<(), harness_syntax::SyntaxError>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should"))]

mod functions;
mod language;
mod tokens;
mod tree;

pub use functions::{Function, is_function};
pub use language::Language;
pub use tokens::{Token, TokenClass};
pub use tree::{Limits, SyntaxError, Tree, Visited, Walk, parse, walk};
/// A node of a tree; its methods are the grammar library's.
pub use tree_sitter::Node;
