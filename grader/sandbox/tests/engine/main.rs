//! The sandbox against a real engine. Without one these tests fail: run `cargo xtask setup` first.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod applied;
mod builds;
mod control;
mod documents;
mod faults;
mod harness;
mod leaks;
mod mounts;
mod readiness;
mod soak;
mod support;
mod walls;
