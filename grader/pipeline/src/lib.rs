//! The way through the house: source, checkout, plan, stack, findings, scorecard, report.
//!
//! [`grade`] reads like that line. Nothing here knows how any stage works, only their order, their budget of time, whose
//! fault an error is, and that teardown happens whatever came before.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should"))]

mod assemble;
mod conversation;
mod departed;
mod events;
mod grade;
mod hands;
mod live;
mod plan;
mod probe;
mod reach;
mod suite;

pub use assemble::{Parts, assemble};
pub use events::{Event, Events};
pub use grade::{GradeRequest, Graded, grade};
pub use harness_suite::ids as suite_ids;
pub use plan::{Plan, environment, plan, reviewed};
pub use probe::{ProbeRequest, ProbeTrouble, probe};
