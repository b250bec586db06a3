//! The dashboard as people use it: through HTTP for what works without scripts, and in a real browser.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod browser;
mod forms;
mod house;
mod looks;
