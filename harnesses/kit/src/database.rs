//! What the family that reads the API's database lets the others know of it: where it is, and how many clients it has.

use async_trait::async_trait;

use crate::{Context, DatabaseKind};

/// What a statement gave; `None` is NULL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
}

/// The database that holds the API's records.
#[async_trait]
pub trait LiveDatabase: std::fmt::Debug + Send + Sync {
    /// The stack's service that runs it; the API's own where it is kept in a file.
    fn service(&self) -> &str;

    fn kind(&self) -> DatabaseKind;

    /// The statement that counts connections, for a reviewer to repeat; `None` where there is no server to count at.
    fn counted_by(&self) -> Option<&str>;

    /// Open connections of clients other than the grader, as the server counts them at this moment.
    ///
    /// # Errors
    /// The server's or the driver's words.
    async fn connections(&self) -> Result<u32, String>;

    /// Runs one statement in a session that may only read.
    ///
    /// # Errors
    /// The server's or the driver's words.
    async fn read(&self, ctx: &Context, sql: &str) -> Result<Table, String>;
}
