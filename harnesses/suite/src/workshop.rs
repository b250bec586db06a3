//! What examining a suite needs from whoever has the container: run, put a file, take one, count rows.
//!
//! This crate knows no engine; the pipeline implements this over the sandbox.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

/// Rows by table of the throw-away database, each table with its database's name before it.
pub type Rows = BTreeMap<String, u64>;

/// What a command did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Both streams, the last of each, bounded.
    pub output: String,
    /// `None` when it did not end in time, and was ended.
    pub exit: Option<i64>,
    /// How long it had said nothing when it ended.
    pub quiet: Duration,
    /// The engine's or the sandbox's limits ended it: out of memory, or too much written.
    pub over_limits: bool,
}

/// Why the place where tests run is of no more use: never the candidate's loss.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

/// A place where a suite's tests run: the project's root in a container, with a database of its own.
#[async_trait]
pub trait Workshop: Send + Sync {
    /// Runs a line of shell in the project's root with these arguments, and with what it left behind still there. One
    /// that does not end within `time` is ended together with everything that it started.
    async fn run(
        &self,
        script: &str,
        arguments: &[String],
        environment: &[(String, String)],
        time: Duration,
    ) -> Result<Said, Trouble>;

    /// Writes a file, replacing one that is there: `path` from the project's root, or absolute.
    async fn put(&self, path: &str, bytes: &[u8]) -> Result<(), Trouble>;

    /// Reads a file's first `most` bytes; `None` when there is none.
    async fn take(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, Trouble>;

    /// Counts the rows of the throw-away database; `None` without one that can be asked.
    async fn rows(&self) -> Option<Rows>;
}
