//! PostgreSQL, over a counted stream.

pub(super) mod schema;

use futures_util::StreamExt as _;
use harness_kit::DatabaseHint;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::metered::{Meter, Metered};
use crate::sql::{COLUMNS, ROWS, Rows, SqlError};

/// An open connection.
pub(crate) struct Session {
    client: Client,
    meter: Meter,
}

impl Session {
    pub(super) async fn open(hint: &DatabaseHint, database: &str) -> Result<Self, SqlError> {
        let mut config = tokio_postgres::Config::new();
        config.user(&hint.user).dbname(database).application_name("grader");
        if !hint.password.is_empty() {
            config.password(&hint.password);
        }
        let (stream, meter) = Metered::connect(&hint.host, hint.port).await?;
        let connecting = config.connect_raw(stream, NoTls).await;
        let (client, connection) = connecting.map_err(|error| match error.as_db_error() {
            Some(refused) => SqlError::connect(refused.message()),
            None => SqlError::connect(reason(&error)),
        })?;
        tokio::spawn(async move {
            // The end of the connection shows in the statements that wait for it.
            let _ = connection.await;
        });
        let mut opened = Session { client, meter };
        opened.query("SET statement_timeout = '8s'; SET lock_timeout = '3s'").await?;
        Ok(opened)
    }

    pub(super) async fn query(&mut self, sql: &str) -> Result<Rows, SqlError> {
        self.meter.reset();
        let mut messages = std::pin::pin!(self.client.simple_query_raw(sql).await.map_err(|error| failed(&error))?);
        let mut result = Rows::default();
        while let Some(message) = messages.next().await {
            match message.map_err(|error| failed(&error))? {
                SimpleQueryMessage::RowDescription(columns) => {
                    if columns.len() > COLUMNS {
                        return Err(SqlError::broken(format!("a result with {} columns", columns.len())));
                    }
                    result = Rows {
                        columns: columns.iter().map(|column| column.name().to_owned()).collect(),
                        rows: Vec::new(),
                    };
                }
                SimpleQueryMessage::Row(row) => {
                    if result.rows.len() >= ROWS {
                        return Err(SqlError::broken(format!("more than {ROWS} rows")));
                    }
                    let cell =
                        |at: usize| row.try_get(at).map_err(|error| failed(&error)).map(|c| c.map(str::to_owned));
                    result.rows.push((0..row.len()).map(cell).collect::<Result<_, _>>()?);
                }
                _ => {}
            }
        }
        Ok(result)
    }
}

fn failed(error: &tokio_postgres::Error) -> SqlError {
    match error.as_db_error() {
        Some(refused) => SqlError::refused(refused.code().code(), refused.message()),
        None => SqlError::broken(reason(error)),
    }
}

fn reason(error: &tokio_postgres::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
