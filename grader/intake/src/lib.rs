//! Taking in submissions: cloning and reading repositories that may be hostile.
//!
//! [`take`] turns a [`Source`] into a [`grader_model::Snapshot`] held in memory, so that no later stage opens a path
//! that a submission could have planted a link under.
//!
//! # Security
//! libgit2 and everything else that reads bytes of a repository or its server run in a child process
//! ([`child_main`]), under a hard deadline, a limit on its address space, and limits on every count. Nothing is checked
//! out. No submodule, filter, hook, LFS object, alternate or configuration (the machine's or the repository's) is
//! followed: the child speaks git's transfer protocol itself, feeds the pack to libgit2's indexer and reads objects from
//! a bare object store without a configuration. The parent owns the temporary folder, kills the child's whole process
//! group, and checks each of the child's words again.
//!
//! This crate knows nothing of compose files, sandboxes or probes.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test that unwraps fails as it should"))]

mod child;
mod error;
mod history;
mod limits;
mod local;
mod objects;
mod parent;
mod paths;
mod refs;
mod remote;
mod scratch;
mod source;
mod tree;
mod wire;

pub use child::child_main;
pub use error::IntakeError;
pub use limits::Limits;
pub use parent::{ChildCommand, Intake, IntakeRequest, Progress, Stats, take};
pub use scratch::sweep_scratch;
pub use source::{Credentials, Source};
