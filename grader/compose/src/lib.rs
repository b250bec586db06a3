//! Compose text to a typed project, as the reference implementation reads it, and the sandbox policy over it.
//!
//! [`load`] reads a submission's compose files through [`ProjectFiles`] (this crate opens nothing by itself, but for
//! [`DirectoryFiles`]), and yields the [`Project`] to run, the merged [`Document`], and what the policy refuses or
//! rewrites. Pure and synchronous: no network, no engine, no clock, no environment of the process.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test stops where it fails"))]

mod consistency;
mod defaults;
pub mod document;
mod dotenv;
pub mod error;
pub mod files;
mod find;
mod interpolate;
mod load;
mod long_form;
mod merge;
mod normalize;
pub mod normalized;
mod paths;
pub mod policy;
mod ports;
pub mod project;
mod quantity;
mod scalar;
mod schema;
mod template;
mod tree_path;
mod unique;
mod volume_spec;
mod yaml;

pub use document::{Document, Place};
pub use error::{Blame, ComposeError, ComposeErrors, ErrorKind};
pub use files::{DirectoryFiles, MemoryFiles, ProjectFiles, RelPath};
pub use load::{Budget, Config, LoadOptions, Loaded, Note, config, load};
pub use policy::{Refusal, Rewrite, RuleId};
pub use project::Project;
