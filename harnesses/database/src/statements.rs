//! The statements that the server received from the submission, told apart by request.
//!
//! A watch writes marks between requests and reads back what the server received between them. How it does so is each
//! engine's own business ([`postgres_log`] for PostgreSQL); what probes get is a list of statements per request. The
//! submission is not restarted, and what the watch changed is put back, also when a probe is given up.

mod log;
mod postgres_log;
mod text;

use harness_kit::{Context, Stop};

use crate::engine::Dialect;
use crate::store::Found;
pub(crate) use text::{shape, tables, within};

/// A statement as the server received it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) text: String,
    /// Values of its placeholders, in their order; `None` is NULL.
    pub(crate) parameters: Vec<Option<String>>,
}

impl Statement {
    /// Whether it reads or writes records: what frames a transaction, sets a session up, pings, or reads the server's own
    /// catalogue does not.
    pub(crate) fn is_work(&self) -> bool {
        let shape = self.shape().to_lowercase();
        let first = shape.split(' ').next().unwrap_or("");
        let reads = matches!(first, "select" | "with" | "table" | "values");
        let writes = matches!(first, "insert" | "update" | "delete" | "merge" | "call" | "execute");
        let of_server =
            ["pg_catalog", "information_schema", "pg_type", "pg_class"].iter().any(|name| shape.contains(name));
        !of_server && (writes || (reads && shape.split(' ').any(|word| word == "from")))
    }

    /// Its text without what differs from call to call.
    pub(crate) fn shape(&self) -> String {
        shape(&self.text)
    }
}

/// Statements between two marks.
pub(crate) type Window = Vec<Statement>;

/// A server that is being watched.
pub(crate) struct Watch<'a> {
    log: postgres_log::Watch<'a>,
}

impl<'a> Watch<'a> {
    /// Begins to watch.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] where the server's statements cannot be seen: the grader's trouble, whoever set it up so.
    pub(crate) async fn begin(ctx: &'a Context, found: &'a Found) -> Result<Self, Stop> {
        match found.dialect() {
            Dialect::Postgres => Ok(Watch { log: postgres_log::Watch::begin(ctx, found).await? }),
            other => {
                let why = format!("what {} receives from the API cannot be seen from outside yet", other.name());
                Err(Stop::inconclusive(why))
            }
        }
    }

    /// Ends the window before it and begins the next.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] where the database stopped answering.
    pub(crate) async fn mark(&mut self) -> Result<(), Stop> {
        self.log.mark().await
    }

    /// Puts back what was changed and gives the windows between the marks, in order.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] where what the server received could not be read back.
    pub(crate) async fn end(self) -> Result<Vec<Window>, Stop> {
        self.log.end().await
    }
}
