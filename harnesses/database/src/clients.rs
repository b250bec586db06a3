//! How many clients the API's database has at a moment, as its server counts them: what other families may ask.

use async_trait::async_trait;
use harness_kit::{DatabaseHint, DatabaseKind, LiveDatabase};
use tokio::sync::OnceCell;

use crate::connection::{Connection, SqlError};

/// Clients of this database but for the grader's own connections, which come from one address under one name: a
/// submission that took the name would still come from another address.
const COUNT: &str = "SELECT count(*) AS clients FROM pg_stat_activity WHERE datname = current_database() \
    AND coalesce(backend_type, 'client backend') = 'client backend' \
    AND NOT (coalesce(application_name, '') = 'grader' AND client_addr IS NOT DISTINCT FROM inet_client_addr())";

/// Counts on a connection of its own, opened when it is first asked.
pub(crate) struct Clients {
    hint: DatabaseHint,
    database: String,
    connection: OnceCell<Connection>,
}

impl Clients {
    pub(crate) fn of(hint: DatabaseHint, database: String) -> Self {
        Clients { hint, database, connection: OnceCell::new() }
    }

    async fn count(&self) -> Result<u32, SqlError> {
        let connection = self.connection.get_or_try_init(|| Connection::open(&self.hint, &self.database)).await?;
        let rows = connection.query(COUNT).await?;
        let clients = rows.rows.first().map(|row| rows.cell(row, "clients")).unwrap_or_default();
        clients.parse().map_err(|_| SqlError::Broken(format!("it counts {clients:?} clients")))
    }
}

#[async_trait]
impl LiveDatabase for Clients {
    fn service(&self) -> &str {
        &self.hint.service
    }

    fn kind(&self) -> DatabaseKind {
        self.hint.kind
    }

    fn counted_by(&self) -> Option<&str> {
        Some(COUNT)
    }

    async fn connections(&self) -> Result<u32, String> {
        self.count().await.map_err(|error| error.to_string())
    }
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not the hint: it holds a password.
        f.debug_struct("Clients").field("service", &self.hint.service).finish_non_exhaustive()
    }
}
