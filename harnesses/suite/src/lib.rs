//! The submission's own tests, really run and challenged: which runner they are for, what their own report says, whether
//! it can be believed, and whether the tests notice small faults.
//!
//! ```text
//! recognise ─▶ recipe (an image with the development dependencies) ─▶ examine (in a workshop) ─▶ findings
//! ```
//!
//! Runners are data in `stacks/`. This crate knows no container engine: whoever has one implements [`Workshop`]. All
//! that comes out of a workshop was written by the submission's programs; it is bounded and believed only as far as a
//! test of ours beside theirs, the exit code and their own sources bear it out.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should"))]

mod coverage;
mod examine;
mod faults;
mod lint;
mod paths;
mod probes;
mod recipe;
mod recognise;
mod results;
mod stack;
#[cfg(test)]
mod testing;
mod units;
mod words;
mod workshop;

pub use coverage::{Coverage, Lines};
pub use examine::{Canary, Challenge, Examined, Fate, Plan, Run, Tried, examine};
pub use faults::{Fault, Kind};
pub use lint::{LINTERS_TEXT, Linted, with_linter};
pub use probes::{Told, findings, ids, sensitivity};
pub use recipe::{Recipe, TREE, recipe};
pub use recognise::{Suite, recognise};
pub use results::{BadReport, Case, Outcome, Results};
pub use stack::{BadStack, Stack, stacks};
pub use units::{Test, tests};
pub use workshop::{Rows, Said, Trouble, Workshop};
