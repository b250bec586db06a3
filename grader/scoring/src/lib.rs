//! Scoring: findings and a spec become a scorecard, red flags, a skill matrix and questions for the interview. Pure: no
//! I/O, no clock.

mod cohort;
mod flags;
mod matrix;
mod questions;
mod review;
mod scorecard;
#[cfg(test)]
mod testing;
mod what_if;

pub use cohort::{Distribution, distribution, percentile};
pub use flags::red_flags;
pub use matrix::matrix;
pub use questions::questions;
pub use review::{Agreement, agreement, review};
pub use scorecard::{Scorecard, scorecard};
pub use what_if::what_if;
