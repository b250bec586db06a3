//! How alike the submissions of one cohort are: a finding for a person, never points.
//!
//! Source is read as the tokens of its syntax trees. Names and literals count as that they are and not as what they say,
//! so renaming changes nothing; comments and imports are left out. Passages are found by winnowing (Schleimer, Wilkerson,
//! Aiken: *Winnowing: Local Algorithms for Document Fingerprinting*, SIGMOD 2003), then grown as far as both sides agree,
//! so moving functions around changes little. What a starter template holds, what much of the cohort has, and what is
//! vendored, generated or a migration is not held against anybody.
//!
//! Pure: no I/O, no clock; the same trees in the same order give the same result. It knows nothing of scores, people or
//! how a result is shown.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should"))]

mod cohort;
mod fingerprint;
mod reading;
mod source;
mod tile;

pub use cohort::{Options, SimilarityError, Submission, compare, compare_readings};
pub use reading::Reading;
