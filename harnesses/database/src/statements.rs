//! The statements that the server received from the submission, told apart by request.
//!
//! A watch writes marks between requests and reads back what the server received between them. How it does so is each
//! engine's own business ([`postgres_log`], [`mysql_log`]); what probes get is a list of statements per request. The
//! submission is not restarted, and what the watch changed is put back, also when a probe is given up.

mod log;
mod mysql_log;
mod postgres_log;
mod text;

use harness_kit::{Context, Stop};

use crate::connection::Connection;
use crate::engine::Dialect;
use crate::sql::SqlError;
use crate::store::Found;
pub(crate) use text::{shape, tables, within};

/// A statement as the server received it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) text: String,
    /// Values of its placeholders, in their order; `None` is NULL.
    pub(crate) parameters: Vec<Option<String>>,
    /// Whose words it is written in.
    pub(crate) dialect: Dialect,
}

impl Statement {
    /// Whether it reads or writes records: what frames a transaction, sets a session up, pings, or reads the server's own
    /// catalogue does not.
    pub(crate) fn is_work(&self) -> bool {
        let shape = self.shape().to_lowercase();
        let first = shape.split(' ').next().unwrap_or("");
        let reads = matches!(first, "select" | "with" | "table" | "values");
        let writes = matches!(first, "insert" | "update" | "delete" | "merge" | "call" | "execute");
        let of_server = ["pg_catalog", "information_schema", "pg_type", "pg_class", "performance_schema"]
            .iter()
            .any(|name| shape.contains(name));
        !of_server && (writes || (reads && shape.split(' ').any(|word| word == "from")))
    }

    /// Its text without what differs from call to call.
    pub(crate) fn shape(&self) -> String {
        shape(&self.text, self.dialect)
    }
}

/// Connections to a server of MySQL's kind by each account that may be allowed more than the API is, likeliest first.
pub(crate) async fn accounts(ctx: &Context, found: &Found) -> Vec<Result<Connection, SqlError>> {
    mysql_log::connections(ctx, found).await
}

/// Statements between two marks.
pub(crate) type Window = Vec<Statement>;

/// A server that is being watched.
pub(crate) enum Watch<'a> {
    Postgres(postgres_log::Watch<'a>),
    Mysql(mysql_log::Watch),
}

impl<'a> Watch<'a> {
    /// Begins to watch.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] where the server's statements cannot be seen: the grader's trouble, whoever set it up so.
    pub(crate) async fn begin(ctx: &'a Context, found: &'a Found) -> Result<Self, Stop> {
        match found.dialect() {
            Dialect::Postgres => postgres_log::Watch::begin(ctx, found).await.map(Watch::Postgres),
            Dialect::Mysql => mysql_log::Watch::begin(ctx, found).await.map(Watch::Mysql),
            Dialect::Sqlite => {
                Err(Stop::inconclusive("SQLite runs inside the API: what it is asked cannot be seen from outside"))
            }
        }
    }

    /// Ends the window before it and begins the next.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] where the database stopped answering.
    pub(crate) async fn mark(&mut self) -> Result<(), Stop> {
        match self {
            Watch::Postgres(watch) => watch.mark().await,
            Watch::Mysql(watch) => watch.mark().await,
        }
    }

    /// Puts back what was changed and gives the windows between the marks, in order.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] where what the server received could not be read back.
    pub(crate) async fn end(self) -> Result<Vec<Window>, Stop> {
        match self {
            Watch::Postgres(watch) => watch.end().await,
            Watch::Mysql(watch) => watch.end().await,
        }
    }
}
