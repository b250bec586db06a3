//! SQLite, on a copy of the submission's file in memory.
//!
//! The file is hostile: it was written by code of the submission, which may have forged its pages. It is opened as the
//! library's authors advise for such files (sqlite.org/security.html): defensive mode, an untrusted schema, bounds on
//! lengths, memory and time. Changes touch the copy alone.

pub(super) mod schema;
mod wal;

use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode};

use crate::sql::{COLUMNS, ROWS, Rows, STATEMENT, SqlError, text_of};

/// Bytes that one value, statement or result may have.
const LENGTH: i32 = 8 << 20;
/// Bytes that the library may use for everything.
const HEAP: u64 = 256 << 20;
/// Virtual instructions between two looks at the clock.
const LOOK: i32 = 20_000;
/// What every file begins with.
pub(crate) const MAGIC: &str = "SQLite format 3\0";

/// An open copy.
pub(crate) struct Session {
    connection: Connection,
}

impl Session {
    pub(super) fn open(mut main: Vec<u8>, wal: Option<&[u8]>) -> Result<Self, SqlError> {
        if !main.starts_with(MAGIC.as_bytes()) || main.len() < 512 {
            return Err(SqlError::connect("the file is no SQLite database"));
        }
        if let Some(wal) = wal {
            wal::apply(&mut main, wal);
        }
        // A copy in memory has no log beside it (sqlite.org/c3ref/deserialize.html, on these two bytes).
        main[18] = 1;
        main[19] = 1;
        let open = || -> rusqlite::Result<Connection> {
            let mut connection = Connection::open_in_memory()?;
            connection.deserialize_read_exact("main", main.as_slice(), main.len(), false)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
            connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LENGTH)?;
            connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, 1 << 20)?;
            connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
            connection.execute_batch(&format!(
                "PRAGMA hard_heap_limit = {HEAP}; PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON"
            ))?;
            Ok(connection)
        };
        let connection = open().map_err(SqlError::connect)?;
        let mut session = Session { connection };
        // Whether the file is sound enough to be read at all.
        session.query("SELECT count(*) AS n FROM sqlite_schema").map_err(SqlError::connect)?;
        Ok(session)
    }

    /// Runs one statement or several and gives the rows of the last one that has any.
    pub(super) fn query(&mut self, sql: &str) -> Result<Rows, SqlError> {
        let ends = Instant::now() + STATEMENT;
        let watched = self.connection.progress_handler(LOOK, Some(move || Instant::now() > ends));
        watched.map_err(SqlError::broken)?;
        run(&self.connection, sql).map_err(|error| failed(&error))?
    }
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<Result<Rows, SqlError>> {
    let mut result = Rows::default();
    let mut batch = rusqlite::Batch::new(connection, sql);
    while let Some(mut statement) = batch.next()? {
        let width = statement.column_count();
        if width > COLUMNS {
            return Ok(Err(SqlError::broken(format!("a result with {width} columns"))));
        }
        let columns = statement.column_names().into_iter().map(str::to_owned).collect();
        let mut rows = statement.raw_query();
        let mut kept = Vec::new();
        while let Some(row) = rows.next()? {
            if kept.len() >= ROWS {
                return Ok(Err(SqlError::broken(format!("more than {ROWS} rows"))));
            }
            kept.push((0..width).map(|at| row.get_ref(at).map(cell)).collect::<rusqlite::Result<_>>()?);
        }
        if width > 0 {
            result = Rows { columns, rows: kept };
        }
    }
    Ok(Ok(result))
}

fn cell(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) => Some(text_of(bytes)),
        ValueRef::Blob(bytes) => Some(format!("\\x{}", hex::encode(bytes))),
    }
}

fn failed(error: &rusqlite::Error) -> SqlError {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => SqlError::Slow,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::OutOfMemory) => SqlError::broken(error),
        // The state that other engines give to what a constraint refuses.
        Some(ErrorCode::ConstraintViolation) => SqlError::refused("23000", &error.to_string()),
        _ => SqlError::refused("HY000", &error.to_string()),
    }
}
