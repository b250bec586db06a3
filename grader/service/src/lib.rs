//! The service: REST API, dashboard, live progress, and the workers that take runs from the queue.
//!
//! It knows the store, specs and reports. How a run is graded it does not know: a worker is given something that does
//! ([`Grade`]). Which database it is, the store alone knows.
//!
//! # Security
//! Everything but signing in, health and the API's description asks for a token or a session. What a submission wrote
//! reaches a browser only escaped by a report's renderer, as text, or as a download.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that panics has failed"))]

mod api;
mod auth;
mod config;
mod github;
mod pages;
mod similar;
mod state;
mod web;
mod work;

pub use auth::{Principal, issue_token, set_password};
pub use config::{Secret, ServiceConfig};
pub use github::{Github, GithubSetupError};
pub use state::App;
pub use web::{Problem, ServeError, health_router, router, serve};
pub use work::{
    Asked, Grade, GradeJob, GradeResult, NewAsk, RunChange, RunObserver, SourceKey, SourceKeys, WorkerConfig, announce,
    ask, keep_house, work,
};
