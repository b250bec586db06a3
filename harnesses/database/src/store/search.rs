//! Looking for the marked record in every database of the stack: on its servers first, then in files.

use std::time::Duration;

use harness_kit::protocol::{Control, ControlReply};
use harness_kit::{Context, DatabaseHint, DatabaseKind, Stop};
use tokio::time::Instant;

use super::{Found, Source};
use crate::connection::Connection;
use crate::engine::{self, Dialect, Target, sqlite};
use crate::sql::SqlError;
use crate::traces::{self, Mark};

/// Longest time for the whole search.
const SEARCH: Duration = Duration::from_secs(60);
/// Databases of one server that are looked into.
const DATABASES: usize = 20;
/// Names of databases that come with a server.
const SYSTEM: &[&str] = &["information_schema", "mysql", "performance_schema", "sys"];

/// Why the database was not found.
#[derive(Debug, Clone)]
pub(crate) enum Missing {
    /// Every database of the stack was looked into, and none holds the record.
    Nowhere(String),
    /// The stack runs databases of a kind that is not read, and none that is holds the record.
    Unread(DatabaseKind, String),
    /// A database that may hold it did not let itself be read.
    Unreadable(String),
    /// It was to be looked for with a record, and none could be made.
    Stop(Stop),
}

impl Missing {
    /// What it means for a probe that needs the database.
    pub(crate) fn stop(&self) -> Stop {
        match self {
            Missing::Nowhere(why) | Missing::Unread(_, why) => Stop::blocked("db.reachable", why.clone()),
            Missing::Unreadable(why) => Stop::inconclusive(format!("the database could not be read: {why}")),
            Missing::Stop(stop) => stop.clone(),
        }
    }
}

/// What the search has seen so far.
struct Seen {
    tried: Vec<String>,
    unreadable: Vec<String>,
    ends: Instant,
}

pub(super) async fn search(ctx: &Context, hints: &[DatabaseHint]) -> Result<Found, Missing> {
    let mark = traces::mark(ctx).await.map_err(Missing::Stop)?;
    let mut seen = Seen { tried: Vec::new(), unreadable: Vec::new(), ends: Instant::now() + SEARCH };
    let mut sources = Vec::new();
    let mut opened = Vec::new();
    for hint in hints {
        let place = format!("{} ({})", hint.service, engine::name(hint.kind));
        match hint.kind {
            DatabaseKind::Mongo => {}
            DatabaseKind::Sqlite => sources.push(Source::Local { path: hint.database.clone() }),
            // Another way into a server that let itself be read already.
            _ if opened.contains(&&hint.service) => {}
            DatabaseKind::Postgres | DatabaseKind::Mysql => match seen.within(databases(hint)).await {
                Ok(names) => {
                    opened.push(&hint.service);
                    sources.extend(names.into_iter().map(|database| Source::Server { hint: hint.clone(), database }));
                }
                Err(error) => seen.unreadable.push(format!("{place}: {error}")),
            },
        }
    }
    if let Some(found) = seen.look(ctx, &mark, sources).await {
        return Ok(found);
    }
    // One that lets itself be read by other credentials is no trouble.
    seen.unreadable.retain(|why| !opened.iter().any(|service| why.starts_with(&format!("{service} ("))));
    let files = contained(ctx).await;
    if let Some(found) = seen.look(ctx, &mark, files).await {
        return Ok(found);
    }
    Err(seen.missing(hints))
}

impl Seen {
    async fn within<T>(&self, work: impl Future<Output = Result<T, SqlError>>) -> Result<T, SqlError> {
        tokio::time::timeout_at(self.ends, work).await.unwrap_or(Err(SqlError::Slow))
    }

    /// The first of the sources that holds the mark.
    async fn look(&mut self, ctx: &Context, mark: &Mark, sources: Vec<Source>) -> Option<Found> {
        for source in sources {
            let work = async {
                let connection = source.open(ctx).await?;
                let schema = connection.schema().await?;
                let found = Found::new(connection, schema, source.clone(), ctx);
                let holds = traces::holds(&found, mark).await?;
                Ok((found, holds))
            };
            match self.within(work).await {
                Ok((found, true)) => return Some(found),
                Ok((_, false)) => self.tried.push(format!("{source} does not hold the record that the API took")),
                Err(error) => self.unreadable.push(format!("{source}: {error}")),
            }
        }
        None
    }

    fn missing(self, hints: &[DatabaseHint]) -> Missing {
        if !self.unreadable.is_empty() {
            return Missing::Unreadable(self.unreadable.join("; "));
        }
        if let Some(unread) = hints.iter().find(|hint| hint.kind == DatabaseKind::Mongo) {
            let mut why = self.tried;
            why.insert(0, format!("the stack runs {} ({})", engine::name(unread.kind), unread.service));
            return Missing::Unread(unread.kind, why.join("; "));
        }
        Missing::Nowhere(if self.tried.is_empty() {
            "the stack runs no database and its containers keep no database file".to_owned()
        } else {
            self.tried.join("; ")
        })
    }
}

/// The databases of a server, the named one first.
async fn databases(hint: &DatabaseHint) -> Result<Vec<String>, SqlError> {
    let (target, sql) = match hint.kind {
        DatabaseKind::Mysql => {
            let database = hint.database.clone();
            (
                Target::Mysql { hint: hint.clone(), database },
                "SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA ORDER BY 1 LIMIT 100",
            )
        }
        _ => {
            let database = if hint.database.is_empty() { "postgres" } else { &hint.database };
            let sql =
                "SELECT datname AS name FROM pg_database WHERE NOT datistemplate AND datallowconn ORDER BY 1 LIMIT 100";
            (Target::Postgres { hint: hint.clone(), database: database.to_owned() }, sql)
        }
    };
    let connection = Connection::open(target).await?;
    let rows = connection.query(sql).await?;
    let system = |name: &str| connection.dialect() == Dialect::Mysql && SYSTEM.contains(&name.to_lowercase().as_str());
    let mut names: Vec<String> =
        rows.rows.iter().map(|row| rows.cell(row, "name").to_owned()).filter(|name| !system(name)).collect();
    names.sort_by_key(|name| *name != hint.database);
    names.truncate(DATABASES);
    Ok(names)
}

/// Database files in the submission's containers; none where nobody can look.
async fn contained(ctx: &Context) -> Vec<Source> {
    match ctx.control(Control::FindFiles { begins_with: sqlite::MAGIC.to_owned() }).await {
        Ok(ControlReply::Files { files }) => {
            files.into_iter().map(|file| Source::Contained { service: file.service, path: file.path }).collect()
        }
        Ok(_) => Vec::new(),
        Err(why) => {
            tracing::debug!(%why, "no files of containers");
            Vec::new()
        }
    }
}
