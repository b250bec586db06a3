//! Why the store could not do something.

/// An error of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The URL is neither `sqlite:` nor `postgres:`.
    #[error("`{0}` is no database URL; use sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME")]
    Url(String),
    /// What is asked for is not there.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// It contradicts what is there, such as a second record of a unique value.
    #[error("{0}")]
    Conflict(String),
    /// A record was changed by somebody else since it was read.
    #[error("the {0} was changed by somebody else in the meantime")]
    Changed(&'static str),
    /// A stored value cannot be read back: the database was changed by hand, or by a newer version.
    #[error("a stored {what} cannot be read: {why}")]
    Unreadable { what: &'static str, why: String },
    /// The migrations could not be applied.
    #[error("the database cannot be brought to this version's form")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The database did not answer, or refused.
    #[error("the database does not answer as it should")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether trying again may help: the server was not reached, is starting or stopping, or gave way to another.
    pub fn is_passing(&self) -> bool {
        match self {
            StoreError::Database(sqlx::Error::Database(error)) => {
                let code = error.code().unwrap_or_default().into_owned();
                // PostgreSQL's classes 08 (connection), 40 (rolled back), 53 (resources), 57 (operator), and SQLite's
                // busy and locked with their extended codes.
                matches!(code.get(..2), Some("08" | "40" | "53" | "57"))
                    || code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6))
            }
            StoreError::Database(sqlx::Error::RowNotFound | sqlx::Error::ColumnNotFound(_)) => false,
            StoreError::Database(
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::WorkerCrashed,
            ) => true,
            _ => false,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(inner) = &error {
            if inner.is_unique_violation() {
                return StoreError::Conflict("a record with this value is there already".to_owned());
            }
            if inner.is_foreign_key_violation() {
                return StoreError::Conflict("it refers to a record that is not there, or is referred to".to_owned());
            }
        }
        StoreError::Database(error)
    }
}
