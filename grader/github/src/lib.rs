//! Everything between the grader and GitHub: the App that keeps one check run per head commit and one comment per pull
//! request, the webhook that drives it, the workflow tokens by which an Action proves where it runs, and the Action's
//! own inputs and outputs.
//!
//! It decides and talks; it stores nothing and grades nothing. What it has to remember it asks of a [`Ledger`], and
//! whoever embeds it carries out the [`webhook::Step`]s that it decides on. What is published comes from a
//! [`grader_report::CandidateView`] alone, so that nothing hidden can be.
//!
//! # Why no ready-made client
//! octocrab was looked at first. Its plain retry repeats every failed request, also those that make something, so an
//! answer lost on the way makes a second check run or comment; its rate-limit retry leaves broken connections alone and
//! waits for no secondary limit that comes as a 403 without headers. Both decide below the caller, who alone knows
//! whether a request may be repeated. The seven requests that are made here need less code than working round that:
//! each says whether it may be repeated ([`app`]).
//!
//! # Security
//! Payloads, tokens and answers are bounded in size before they are read. Secrets are compared in constant time and
//! have no `Debug` that shows them.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that panics has failed"))]

pub mod action;
pub mod app;
pub mod config;
pub mod escape;
mod ledger;
pub mod limits;
pub mod oidc;
mod place;
mod secret;
#[cfg(feature = "testing")]
pub mod testing;
pub mod told;
pub mod webhook;

pub use ledger::{Ledger, LedgerError, MemoryLedger, Once};
pub use secret::Secret;
