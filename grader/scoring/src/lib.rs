//! Scoring: findings and a spec become a scorecard, red flags and a skill matrix. Pure: no I/O, no clock.

mod flags;
mod matrix;
mod scorecard;

pub use flags::red_flags;
pub use matrix::matrix;
pub use scorecard::{Scorecard, scorecard};
