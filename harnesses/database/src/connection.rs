//! One connection to a PostgreSQL server of the submission. Results are text, rows are few, and nothing waits long.

use std::time::Duration;

use grader_model::Evidence;
use harness_kit::DatabaseHint;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// Longest time for one statement.
const STATEMENT: Duration = Duration::from_secs(10);
/// Rows of one result that are kept; statements ask for fewer.
const ROWS: usize = 10_000;

/// Why a database could not be read. Whose doing it is depends on what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SqlError {
    #[error("no connection: {0}")]
    Connect(String),
    #[error("no answer within {} s", STATEMENT.as_secs())]
    Slow,
    /// The server's own words, with its SQLSTATE.
    #[error("{message} (SQLSTATE {state})")]
    Refused { state: String, message: String },
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// An open connection.
pub(crate) struct Connection {
    client: Client,
}

/// A result as text; `None` is NULL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

impl Connection {
    pub(crate) async fn open(hint: &DatabaseHint, database: &str) -> Result<Self, SqlError> {
        let mut config = tokio_postgres::Config::new();
        config
            .host(&hint.host)
            .port(hint.port)
            .user(&hint.user)
            .dbname(database)
            .application_name("grader")
            .connect_timeout(Duration::from_secs(5));
        if !hint.password.is_empty() {
            config.password(&hint.password);
        }
        let connecting = tokio::time::timeout(STATEMENT, config.connect(NoTls));
        let (client, connection) =
            connecting.await.map_err(|_| SqlError::Slow)?.map_err(|error| SqlError::Connect(reason(&error)))?;
        tokio::spawn(async move {
            // The end of the connection shows in the statements that wait for it.
            let _ = connection.await;
        });
        let opened = Connection { client };
        opened.query("SET statement_timeout = '8s'; SET lock_timeout = '3s'").await?;
        Ok(opened)
    }

    /// Runs one statement or several and gives the rows of the last one that has any.
    pub(crate) async fn query(&self, sql: &str) -> Result<Rows, SqlError> {
        let messages = tokio::time::timeout(STATEMENT, self.client.simple_query(sql))
            .await
            .map_err(|_| SqlError::Slow)?
            .map_err(|error| match error.as_db_error() {
                Some(refused) => SqlError::Refused {
                    state: refused.code().code().to_owned(),
                    message: refused.message().chars().take(500).collect(),
                },
                None => SqlError::Broken(reason(&error)),
            })?;
        let mut result = Rows::default();
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    result = Rows {
                        columns: columns.iter().map(|column| column.name().to_owned()).collect(),
                        rows: Vec::new(),
                    };
                }
                SimpleQueryMessage::Row(row) if result.rows.len() < ROWS => {
                    result.rows.push((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect());
                }
                _ => {}
            }
        }
        Ok(result)
    }
}

fn reason(error: &tokio_postgres::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string().chars().take(300).collect()
}

impl Rows {
    /// The cell in a row by its column's name; empty where it is NULL or missing.
    pub(crate) fn cell<'a>(&self, row: &'a [Option<String>], column: &str) -> &'a str {
        self.columns.iter().position(|name| name == column).and_then(|at| row.get(at)?.as_deref()).unwrap_or("")
    }

    /// The result as evidence under the statement that gave it.
    pub(crate) fn evidence(&self, query: &str) -> Evidence {
        const SHOWN: usize = 20;
        let cell = |value: &Option<String>| match value {
            Some(text) => text.chars().take(200).collect(),
            None => "NULL".to_owned(),
        };
        Evidence::Sql {
            query: query.to_owned(),
            columns: self.columns.clone(),
            rows: self.rows.iter().take(SHOWN).map(|row| row.iter().map(cell).collect()).collect(),
            truncated: self.rows.len() > SHOWN,
        }
    }
}

/// A string as an SQL literal.
pub(crate) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''").replace('\0', "");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// A name as an SQL identifier.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_quotes() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"\' OR 1=1 --"), r"E'\\'' OR 1=1 --'");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
    }
}
