//! The database that the API really writes to, found once and shared by the probes.

use std::sync::Arc;

use harness_kit::{Context, DatabaseHint, DatabaseKind, Stop};
use tokio::sync::OnceCell;

use crate::clients::Clients;
use crate::connection::{Connection, Rows, SqlError};
use crate::schema::{self, Schema};
use crate::traces::{self, Traces};

/// What the probes of this family share.
pub(crate) struct Store {
    hints: Vec<DatabaseHint>,
    found: OnceCell<Result<Found, Missing>>,
    traces: OnceCell<Result<Traces, Stop>>,
}

/// The database with the marked record.
pub(crate) struct Found {
    connection: Connection,
    pub(crate) schema: Schema,
    pub(crate) hint: DatabaseHint,
    pub(crate) database: String,
}

/// Why there is none.
#[derive(Debug, Clone)]
pub(crate) enum Missing {
    /// The stack runs no database that can be read.
    None(String),
    /// It was to be looked for with a record, and none could be made.
    Stop(Stop),
}

impl Store {
    pub(crate) fn new(hints: Vec<DatabaseHint>) -> Self {
        Store { hints, found: OnceCell::new(), traces: OnceCell::new() }
    }

    /// The database, or a stop that names `db.reachable` as the cause.
    pub(crate) async fn found(&self, ctx: &Context) -> Result<&Found, Stop> {
        match self.search(ctx).await {
            Ok(found) => Ok(found),
            Err(Missing::None(why)) => Err(Stop::blocked("db.reachable", why.clone())),
            Err(Missing::Stop(stop)) => Err(stop.clone()),
        }
    }

    pub(crate) async fn search(&self, ctx: &Context) -> &Result<Found, Missing> {
        self.found
            .get_or_init(|| async {
                let found = search(ctx, &self.hints).await;
                if let Ok(found) = &found {
                    let clients = Clients::of(found.hint.clone(), found.database.clone());
                    ctx.learn(|learnt| learnt.database = Some(Arc::new(clients)));
                }
                found
            })
            .await
    }

    /// Where the probes' own records stand in the tables.
    pub(crate) async fn traces(&self, ctx: &Context) -> Result<(&Found, &Traces), Stop> {
        let found = self.found(ctx).await?;
        match self.traces.get_or_init(|| traces::follow(ctx, found)).await {
            Ok(traces) => Ok((found, traces)),
            Err(stop) => Err(stop.clone()),
        }
    }
}

impl Found {
    /// Runs a statement; trouble is the grader's, since the same connection answered before.
    pub(crate) async fn query(&self, sql: &str) -> Result<Rows, Stop> {
        self.try_query(sql)
            .await
            .map_err(|error| Stop::inconclusive(format!("the database stopped answering: {error}")))
    }

    pub(crate) async fn try_query(&self, sql: &str) -> Result<Rows, SqlError> {
        self.connection.query(sql).await
    }
}

async fn search(ctx: &Context, hints: &[DatabaseHint]) -> Result<Found, Missing> {
    let mark = traces::mark(ctx).await.map_err(Missing::Stop)?;
    let mut tried = Vec::new();
    for hint in hints {
        let place = format!("{} ({})", hint.service, name(hint.kind));
        if hint.kind != DatabaseKind::Postgres {
            tried.push(format!("{place}: this kind cannot be read yet"));
            continue;
        }
        let databases = match databases(hint).await {
            Ok(databases) => databases,
            Err(error) => {
                tried.push(format!("{place}: {error}"));
                continue;
            }
        };
        for database in databases {
            let opened = async {
                let connection = Connection::open(hint, &database).await?;
                let schema = schema::read(&connection).await?;
                Ok::<_, SqlError>((connection, schema))
            };
            match opened.await {
                Ok((connection, schema)) => {
                    let found = Found { connection, schema, hint: hint.clone(), database: database.clone() };
                    if traces::holds(&found, &mark).await {
                        return Ok(found);
                    }
                    tried.push(format!("{place}, database {database}: does not hold the record that the API took"));
                }
                Err(error) => tried.push(format!("{place}, database {database}: {error}")),
            }
        }
    }
    let why = if tried.is_empty() { "the stack runs no database that is known".to_owned() } else { tried.join("; ") };
    Err(Missing::None(why))
}

/// The databases of a server, the named one first.
async fn databases(hint: &DatabaseHint) -> Result<Vec<String>, SqlError> {
    let first = if hint.database.is_empty() { "postgres" } else { &hint.database };
    let connection = Connection::open(hint, first).await?;
    let rows = connection
        .query("SELECT datname AS name FROM pg_database WHERE NOT datistemplate AND datallowconn ORDER BY 1 LIMIT 20")
        .await?;
    let mut names = vec![first.to_owned()];
    for row in &rows.rows {
        let name = rows.cell(row, "name");
        if name != first {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

fn name(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Postgres => "PostgreSQL",
        DatabaseKind::Mysql => "MySQL",
        DatabaseKind::Mongo => "MongoDB",
        DatabaseKind::Sqlite => "SQLite",
    }
}
