//! The service over its HTTP interface and its queue, with a fast stand-in for grading.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod api;
mod overrides;
mod safety;
mod similarity;
mod streams;
mod support;
mod workers;
