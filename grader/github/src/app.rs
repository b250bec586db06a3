//! The App's side of GitHub's API: who it is (a signed token), whom it acts for (installations), and the requests that
//! keep a check run and a comment.
//!
//! Every request says whether it may be repeated. One that makes something (a check run, a comment) is repeated only
//! where it certainly was not carried out; otherwise the caller looks for what it may have made.

mod auth;
mod checks;
mod client;
mod clone;
mod comments;
mod retry;

pub use auth::{AppKey, KeyError};
pub use checks::Begin;
pub use client::{App, GithubError, Pace, bounded};
pub use clone::CLONE_USER;
