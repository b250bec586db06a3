//! An opened database: statements, rows as values, statements that are tried and taken back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grader_model::Evidence;
use harness_kit::protocol::{Control, ControlReply};
use harness_kit::{Context, DatabaseHint, DatabaseKind, Stop};
use serde_json::{Map, Number, Value};
use tokio::sync::RwLock;

use crate::connection::Connection;
use crate::engine::{Aspect, Dialect, Target};
use crate::schema::{Class, Column, Schema, TableName};
use crate::sql::{Rows, SqlError};

/// Bytes of a database file that are read; its log may be as long.
const FILE: u64 = 16 << 20;

/// Where a database was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A server and one of its databases.
    Server { hint: DatabaseHint, database: String },
    /// A file in a container; the host hands out its bytes.
    Contained { service: String, path: String },
    /// A file of this machine that whoever started the harness named.
    Local { path: String },
}

/// The database with the marked record.
pub(crate) struct Found {
    connection: RwLock<Arc<Connection>>,
    pub(crate) schema: Schema,
    pub(crate) source: Source,
    dialect: Dialect,
    /// Exchanges with the API at the time of the copy that is read, where it is one.
    copied_at: AtomicUsize,
}

impl Source {
    /// Opens it as it is now.
    pub(crate) async fn open(&self, ctx: &Context) -> Result<Connection, SqlError> {
        match self {
            Source::Server { .. } => self.open_server().await,
            Source::Contained { service, path } => {
                // The log first: a checkpoint between the two then only repeats what the file holds already.
                let wal = contained(ctx, service, &format!("{path}-wal")).await?;
                let main = contained(ctx, service, path).await?;
                let main =
                    main.ok_or_else(|| SqlError::connect(format!("no readable file of up to {} MiB", FILE >> 20)))?;
                Connection::open(Target::Sqlite { main, wal }).await
            }
            Source::Local { path } => {
                let wal = local(&format!("{path}-wal")).await.ok();
                Connection::open(Target::Sqlite { main: local(path).await?, wal }).await
            }
        }
    }

    /// Opens another connection to a server; a file has none.
    pub(crate) async fn open_server(&self) -> Result<Connection, SqlError> {
        let Source::Server { hint, database } = self else { return Err(SqlError::connect("a file has no server")) };
        let (hint, database) = (hint.clone(), database.clone());
        Connection::open(match hint.kind {
            DatabaseKind::Mysql => Target::Mysql { hint, database },
            _ => Target::Postgres { hint, database },
        })
        .await
    }

    fn is_copy(&self) -> bool {
        !matches!(self, Source::Server { .. })
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Server { hint, database } => write!(f, "the database {database} of {}", hint.service),
            Source::Contained { service, path } => write!(f, "the file {path} of {service}"),
            Source::Local { path } => write!(f, "the file {path}"),
        }
    }
}

async fn contained(ctx: &Context, service: &str, path: &str) -> Result<Option<Vec<u8>>, SqlError> {
    let request = Control::ReadFile { service: service.to_owned(), path: path.to_owned(), most: FILE };
    match ctx.control(request).await {
        Ok(ControlReply::File { base64 }) => {
            base64.map(|text| STANDARD.decode(text).map_err(SqlError::connect)).transpose()
        }
        Ok(_) => Err(SqlError::connect("the host gave something else")),
        Err(why) => Err(SqlError::connect(why)),
    }
}

async fn local(path: &str) -> Result<Vec<u8>, SqlError> {
    let size = tokio::fs::metadata(path).await.map_err(SqlError::connect)?.len();
    if size > FILE {
        return Err(SqlError::connect(format!("the file has more than {} MiB", FILE >> 20)));
    }
    tokio::fs::read(path).await.map_err(SqlError::connect)
}

impl Found {
    pub(crate) fn new(connection: Connection, schema: Schema, source: Source, ctx: &Context) -> Self {
        Found {
            dialect: connection.dialect(),
            connection: RwLock::new(Arc::new(connection)),
            schema,
            source,
            copied_at: AtomicUsize::new(ctx.recorder().exchanges().len()),
        }
    }

    /// A SQLite database with these bytes, without an API around it.
    #[cfg(test)]
    pub(crate) async fn of_file(bytes: Vec<u8>) -> Self {
        let connection = Connection::open(Target::Sqlite { main: bytes, wal: None }).await.expect("a database");
        let schema = connection.schema().await.expect("a schema");
        Found {
            dialect: connection.dialect(),
            connection: RwLock::new(Arc::new(connection)),
            schema,
            source: Source::Local { path: String::new() },
            copied_at: AtomicUsize::new(0),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Sees what the API has written since: where a copy is read, a new one is taken once requests were sent.
    pub(crate) async fn refresh(&self, ctx: &Context) -> Result<(), Stop> {
        let now = ctx.recorder().exchanges().len();
        if !self.source.is_copy() || self.copied_at.load(Ordering::Relaxed) == now {
            return Ok(());
        }
        let opened = self.source.open(ctx).await.map_err(|error| trouble(&error))?;
        *self.connection.write().await = Arc::new(opened);
        self.copied_at.store(now, Ordering::Relaxed);
        Ok(())
    }

    /// Runs a statement; trouble is the grader's, since the same connection answered before.
    pub(crate) async fn query(&self, sql: &str) -> Result<Rows, Stop> {
        self.try_query(sql).await.map_err(|error| trouble(&error))
    }

    pub(crate) async fn try_query(&self, sql: &str) -> Result<Rows, SqlError> {
        let connection = self.connection.read().await.clone();
        connection.query(sql).await
    }

    /// Tries a change and takes it back: what the database itself says to it.
    pub(crate) async fn trial(&self, change: &str) -> Result<Rows, SqlError> {
        match self.dialect {
            Dialect::Postgres => {
                let tried = self.try_query(&format!("BEGIN; {change}; SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK")).await;
                if tried.is_err() {
                    // A refused statement leaves its transaction open.
                    let _ = self.try_query("ROLLBACK").await;
                }
                tried
            }
            Dialect::Mysql | Dialect::Sqlite => {
                self.try_query("BEGIN").await?;
                let tried = self.try_query(change).await;
                // Whatever came of it; a connection that broke rolls back by itself.
                let _ = self.try_query("ROLLBACK").await;
                tried
            }
        }
    }

    /// One side of the schema, as evidence.
    pub(crate) async fn shown(&self, aspect: Aspect) -> Result<Evidence, Stop> {
        let sql = self.dialect.shows(aspect);
        Ok(self.query(sql).await?.evidence(sql))
    }

    /// A condition that a column holds a value, in any of the ways in which engines keep it.
    pub(crate) fn holds(&self, column: &Column, value: &str) -> String {
        self.dialect.is_one_of(&self.dialect.text(column), &forms(value))
    }

    /// How many rows are so; `None` where it cannot be told.
    pub(crate) async fn count(&self, table: &TableName, condition: &str) -> Option<i64> {
        let table = self.dialect.table(table);
        let rows = self.try_query(&format!("SELECT count(*) AS number FROM {table} WHERE {condition}")).await.ok()?;
        rows.cell(rows.rows.first()?, "number").parse().ok()
    }

    /// One row by column, as JSON values; `None` where no row is so or it cannot be told.
    pub(crate) async fn one_row(&self, table: &TableName, condition: &str) -> Option<Map<String, Value>> {
        let rows = self.try_query(&self.dialect.select_row(table, condition)).await.ok()?;
        let row = rows.rows.first()?;
        if self.dialect == Dialect::Postgres {
            return serde_json::from_str(rows.cell(row, "row")).ok();
        }
        let described = self.schema.tables.get(table)?;
        let value = |(name, cell): (&String, &Option<String>)| {
            let class = described.column(name).map_or(Class::Other, |column| column.class);
            (name.clone(), cell.as_deref().map_or(Value::Null, |text| typed(class, text)))
        };
        Some(rows.columns.iter().zip(row).map(value).collect())
    }
}

fn trouble(error: &SqlError) -> Stop {
    Stop::inconclusive(format!("the database stopped answering: {error}"))
}

fn typed(class: Class, text: &str) -> Value {
    let plain = || Value::String(text.to_owned());
    match class {
        Class::Integer | Class::Boolean | Class::Exact | Class::Float => {
            let whole = text.parse::<i64>().map(Number::from).ok();
            whole.or_else(|| Number::from_f64(text.parse().ok()?)).map_or_else(plain, Value::Number)
        }
        Class::Document => serde_json::from_str(text).unwrap_or_else(|_| plain()),
        _ => plain(),
    }
}

/// The ways in which a key is kept: as it is; a UUID with and without hyphens, as 16 bytes, and as MySQL's
/// `UUID_TO_BIN(…, 1)` turns it around so that it sorts by time; bytes as digits without the mark in front of them.
pub(crate) fn forms(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned()];
    let digits = value.strip_prefix("\\x").unwrap_or(value);
    let plain: String = digits.chars().filter(|c| *c != '-').flat_map(char::to_lowercase).collect();
    let hyphens = digits.len() - plain.len();
    if plain.len() == 32 && matches!(hyphens, 0 | 4) && plain.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let part = |from: usize, to: usize| &plain[from..to];
        forms.push(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)));
        forms.push(format!("{}{}{}{}", part(12, 16), part(8, 12), part(0, 8), part(16, 32)));
        forms.push(plain);
    } else if digits.len() < value.len() {
        forms.push(digits.to_owned());
    }
    let mut seen = Vec::new();
    forms.retain(|form| {
        !seen.contains(form) && {
            seen.push(form.clone());
            true
        }
    });
    forms
}

/// Whether a cell holds a key, in whatever form either is written.
pub(crate) fn is_key(cell: &Value, key: &str) -> bool {
    harness_kit::wire::text(cell).is_some_and(|text| {
        let wanted = forms(key);
        forms(&text).iter().any(|form| wanted.contains(form))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_uuid_is_the_same_however_it_is_kept() {
        let uuid = "110e8400-e29b-41d4-a716-446655440000";
        for kept in [
            uuid,
            "110E8400-E29B-41D4-A716-446655440000",
            "110e8400e29b41d4a716446655440000",
            "\\x110e8400e29b41d4a716446655440000",
            // SELECT HEX(UUID_TO_BIN('110e8400-e29b-41d4-a716-446655440000', 1))
            "\\x41d4e29b110e8400a716446655440000",
        ] {
            assert!(is_key(&json!(kept), uuid), "{kept}");
        }
        assert!(!is_key(&json!("110e8400-e29b-41d4-a716-446655440001"), uuid));
        assert!(is_key(&json!(7), "7") && !is_key(&json!(70), "7") && !is_key(&Value::Null, "7"));
    }

    #[test]
    fn cells_are_typed_by_their_column() {
        assert_eq!(typed(Class::Exact, "12.50"), json!(12.5));
        assert_eq!(typed(Class::Integer, "37"), json!(37));
        assert_eq!(typed(Class::Text, "37"), json!("37"));
        assert_eq!(typed(Class::Document, "{\"a\": [1]}"), json!({"a": [1]}));
    }
}
