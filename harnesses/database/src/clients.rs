//! How many clients the API's database has at a moment, as its server counts them: what other families may ask.

use async_trait::async_trait;
use harness_kit::{Context, DatabaseKind, LiveDatabase, Table};
use tokio::sync::Mutex;

use crate::connection::Connection;
use crate::sql::SqlError;
use crate::store::Source;

/// Clients of this database but for the grader's own connections, which come from one address under one name: a
/// submission that took the name would still come from another address.
const POSTGRES: &str = "SELECT count(*) AS clients FROM pg_stat_activity WHERE datname = current_database() \
    AND coalesce(backend_type, 'client backend') = 'client backend' \
    AND NOT (coalesce(application_name, '') = 'grader' AND client_addr IS NOT DISTINCT FROM inet_client_addr())";

/// The same where connections have no name: none from the grader's address.
const MYSQL: &str = "SELECT count(*) AS clients FROM information_schema.PROCESSLIST p WHERE p.DB = DATABASE() \
    AND SUBSTRING_INDEX(p.HOST, ':', 1) <> (SELECT SUBSTRING_INDEX(own.HOST, ':', 1) \
    FROM information_schema.PROCESSLIST own WHERE own.ID = CONNECTION_ID())";

/// Counts on a connection of its own, opened when it is first asked and again after it broke.
pub(crate) struct Clients {
    source: Source,
    service: String,
    connection: Mutex<Option<Connection>>,
}

impl Clients {
    pub(crate) fn of(source: Source, ctx: &Context) -> Self {
        let service = match &source {
            Source::Server { hint, .. } => hint.service.clone(),
            Source::Contained { service, .. } => service.clone(),
            Source::Local { .. } => ctx.endpoint().service.clone(),
        };
        Clients { source, service, connection: Mutex::default() }
    }

    async fn count(&self, sql: &str) -> Result<u32, SqlError> {
        let mut open = self.connection.lock().await;
        let connection = match open.take() {
            Some(connection) => connection,
            None => self.source.open_server().await?,
        };
        let rows = connection.query(sql).await?;
        *open = Some(connection);
        let clients = rows.rows.first().map(|row| rows.cell(row, "clients")).unwrap_or_default();
        clients.parse().map_err(|_| SqlError::broken(format!("it counts {clients:?} clients")))
    }
}

#[async_trait]
impl LiveDatabase for Clients {
    fn service(&self) -> &str {
        &self.service
    }

    fn kind(&self) -> DatabaseKind {
        match &self.source {
            Source::Server { hint, .. } => hint.kind,
            Source::Contained { .. } | Source::Local { .. } => DatabaseKind::Sqlite,
        }
    }

    fn counted_by(&self) -> Option<&str> {
        match self.kind() {
            DatabaseKind::Postgres => Some(POSTGRES),
            DatabaseKind::Mysql => Some(MYSQL),
            DatabaseKind::Mongo | DatabaseKind::Sqlite => None,
        }
    }

    async fn read(&self, ctx: &Context, sql: &str) -> Result<Table, String> {
        let said = |error: SqlError| error.to_string();
        let connection = self.source.open(ctx).await.map_err(said)?;
        let read_only = match self.kind() {
            DatabaseKind::Postgres => Some("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"),
            DatabaseKind::Mysql => Some("SET SESSION TRANSACTION READ ONLY"),
            // A copy is read: nothing that is done to it reaches the submission.
            DatabaseKind::Mongo | DatabaseKind::Sqlite => None,
        };
        if let Some(read_only) = read_only {
            connection.query(read_only).await.map_err(said)?;
        }
        let rows = connection.query(sql).await.map_err(said)?;
        Ok(Table { columns: rows.columns, rows: rows.rows })
    }

    async fn connections(&self) -> Result<u32, String> {
        let sql = self.counted_by().ok_or("a file has no clients to count")?;
        self.count(sql).await.map_err(|error| error.to_string())
    }
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the source: it may hold a password.
        f.debug_struct("Clients").field("service", &self.service).finish_non_exhaustive()
    }
}
