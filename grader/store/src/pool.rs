//! The database behind the store: which of the two it is, how it is opened, and how a query text reaches either.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use crate::StoreError;

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// The service's memory. Cheap to clone; all clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) pool: Pool,
}

#[derive(Debug, Clone)]
pub(crate) enum Pool {
    /// SQLite has one writer at a time: one connection writes, so that writers of this process queue up in order
    /// instead of trying again and again; the others read.
    Sqlite {
        write: SqlitePool,
        read: SqlitePool,
    },
    Postgres(PgPool),
}

/// Runs the same expression against whichever pool reads.
macro_rules! reading {
    ($store:expr, |$db:ident| $body:expr) => {
        match &$store.pool {
            $crate::pool::Pool::Sqlite { read: $db, .. } => $body,
            $crate::pool::Pool::Postgres($db) => $body,
        }
    };
}
pub(crate) use reading;

/// Runs the same expression against whichever pool writes, without a transaction around it.
macro_rules! writing {
    ($store:expr, |$db:ident| $body:expr) => {
        match &$store.pool {
            $crate::pool::Pool::Sqlite { write: $db, .. } => $body,
            $crate::pool::Pool::Postgres($db) => $body,
        }
    };
}
pub(crate) use writing;

/// Runs a block in one transaction, committed when the block ends in `Ok`. SQLite takes its write lock at the start: a
/// transaction that reads first and writes later could be refused in the middle.
macro_rules! transaction {
    ($store:expr, |$tx:ident| $body:block) => {
        match &$store.pool {
            $crate::pool::Pool::Sqlite { write, .. } => {
                let mut $tx = write.begin_with("BEGIN IMMEDIATE").await?;
                let result = $body;
                $tx.commit().await?;
                result
            }
            $crate::pool::Pool::Postgres(pool) => {
                let mut $tx = pool.begin().await?;
                let result = $body;
                $tx.commit().await?;
                result
            }
        }
    };
}
pub(crate) use transaction;

impl Store {
    /// Opens the database that `url` names (`sqlite:PATH`, made when it is not there, or `postgres://…`) and brings it
    /// to this version's form. `connections` bounds how many this process holds open, 2 to 100.
    ///
    /// # Errors
    /// [`StoreError::Url`], [`StoreError::Migration`], or [`StoreError::Database`] when it cannot be reached.
    pub async fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        let connections = connections.clamp(2, 100);
        let pool = if url.starts_with("sqlite:") {
            sqlite(url, connections).await?
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            postgres(url, connections).await?
        } else {
            return Err(StoreError::Url(without_password(url)));
        };
        Ok(Store { pool })
    }

    pub fn backend(&self) -> Backend {
        match self.pool {
            Pool::Sqlite { .. } => Backend::Sqlite,
            Pool::Postgres(_) => Backend::Postgres,
        }
    }

    /// Whether the database answers and has every migration of this version.
    ///
    /// # Errors
    /// When it does not answer, or has not.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let applied: i64 = reading!(self, |db| {
            sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations WHERE success").fetch_one(db).await?
        });
        let wanted = match self.backend() {
            Backend::Sqlite => SQLITE.iter().count(),
            Backend::Postgres => POSTGRES.iter().count(),
        };
        if usize::try_from(applied).is_ok_and(|applied| applied >= wanted) {
            Ok(())
        } else {
            Err(StoreError::Unreadable { what: "schema", why: format!("{applied} of {wanted} migrations are applied") })
        }
    }

    /// Writes a whole and consistent copy of a SQLite database to `path` while it is in use.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for PostgreSQL, whose own `pg_dump` does this; else when the file exists or cannot be
    /// written.
    pub async fn backup(&self, path: &str) -> Result<(), StoreError> {
        match &self.pool {
            Pool::Sqlite { read, .. } => {
                sqlx::query("VACUUM INTO $1").bind(path).execute(read).await?;
                Ok(())
            }
            Pool::Postgres(_) => Err(StoreError::Conflict(
                "a PostgreSQL database is backed up by its own tool: pg_dump --format=custom --file=FILE URL"
                    .to_owned(),
            )),
        }
    }

    /// Closes the connections and waits for what is under way on them.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

async fn sqlite(url: &str, connections: u32) -> Result<Pool, StoreError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| StoreError::Url(url.to_owned()))?
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL mode a power cut may lose the last commits, never the database; a lost commit of a run is a run again.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(15))
        .pragma("cache_size", "-2048")
        .pragma("journal_size_limit", "67108864");
    let write = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
    // Two processes that start together must not both apply them.
    migrate_sqlite(&write).await?;
    let read = SqlitePoolOptions::new()
        .max_connections(connections.saturating_sub(1).clamp(1, 4))
        .connect_with(options)
        .await?;
    Ok(Pool::Sqlite { write, read })
}

/// SQLite's migrator has no lock of its own: whoever comes second finds the tables there, and looks again.
async fn migrate_sqlite(pool: &SqlitePool) -> Result<(), StoreError> {
    let mut tries = 0;
    loop {
        match SQLITE.run(pool).await {
            Ok(()) => return Ok(()),
            Err(error) if tries >= 5 => return Err(error.into()),
            Err(_) => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(200 * tries)).await;
            }
        }
    }
}

async fn postgres(url: &str, connections: u32) -> Result<Pool, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|_| StoreError::Url(without_password(url)))?;
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(10))
        .connect_with(options)
        .await?;
    POSTGRES.run(&pool).await?;
    Ok(Pool::Postgres(pool))
}

/// The URL as it may be shown.
fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rfind('@')) {
        (Some((scheme, _)), Some(at)) => format!("{scheme}://…@{}", &url[at + 1..]),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_strange_url_is_named_without_its_password() {
        let error = Store::open("mysql://me:secret@host/db", 2).await.expect_err("no such backend");
        assert!(error.to_string().starts_with("`mysql://…@host/db` is no database URL"), "{error}");
    }
}
