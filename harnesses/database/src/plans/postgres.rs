//! Planning over many rows on PostgreSQL: temporary tables stand before all others, so that the very statements that the
//! API sent are planned over them. All of it happens in one transaction that is rolled back.

mod fill;
mod node;

use serde_json::Value;

use super::{Cause, Planned, Plans, STATEMENTS};
use crate::connection::Connection;
use crate::engine::Dialect;
use crate::schema::TableName;
use crate::sql::SqlError;
use crate::statements::{self, Statement};
use crate::store::Found;

/// Plans in which an index, where there is one that serves, is all that is left.
const INDEXES_ONLY: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off; \
                            SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_hashjoin = off; \
                            SET LOCAL enable_mergejoin = off";

/// Plans statements over many rows.
///
/// # Errors
/// Where the server answers no more. A table or a statement that it refuses is left out.
pub(super) async fn plan(found: &Found, statements: &[&Statement]) -> Result<Plans, SqlError> {
    let connection = found.source.open_server().await?;
    connection.query("BEGIN; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off").await?;
    let plans = over_many_rows(&connection, found, statements).await;
    // The connection is closed with what it prepared; where it broke, the server has rolled back already.
    let _ = connection.query("ROLLBACK").await;
    plans
}

async fn over_many_rows(connection: &Connection, found: &Found, given: &[&Statement]) -> Result<Plans, SqlError> {
    let mut plans = Plans::default();
    for table in super::wanted(found, given) {
        let filled = within(connection, fill::table(connection, found, table)).await?;
        if filled.is_some() {
            plans.tables.push(table.clone());
        }
    }
    let tables: Vec<&TableName> = plans.tables.iter().collect();
    for (at, statement) in given.iter().take(STATEMENTS).enumerate() {
        let Some(sql) = statements::within(statement, &tables, "pg_temp") else { continue };
        if let Some(planned) =
            within(connection, one(connection, found, at, &sql, &statement.parameters, &tables)).await?
        {
            plans.planned.push(planned);
        }
    }
    Ok(plans)
}
/// Runs `work` between savepoints: what the server refuses of it leaves the transaction as it was.
async fn within<T>(
    connection: &Connection,
    work: impl Future<Output = Result<T, SqlError>>,
) -> Result<Option<T>, SqlError> {
    connection.query("SAVEPOINT before").await?;
    match work.await {
        Ok(done) => {
            connection.query("RELEASE SAVEPOINT before").await?;
            Ok(Some(done))
        }
        Err(SqlError::Refused { state, message }) => {
            tracing::debug!(state, message, "left out of planning");
            connection.query("ROLLBACK TO SAVEPOINT before").await?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn one(
    connection: &Connection,
    found: &Found,
    at: usize,
    sql: &str,
    parameters: &[Option<String>],
    tables: &[&TableName],
) -> Result<Planned, SqlError> {
    let name = format!("grader_{at}");
    connection.query(&format!("PREPARE {name} AS {sql}")).await?;
    let values: Vec<String> =
        parameters.iter().map(|value| value.as_deref().map_or_else(|| "NULL".to_owned(), literal)).collect();
    let execute =
        if values.is_empty() { format!("EXECUTE {name}") } else { format!("EXECUTE {name} ({})", values.join(", ")) };
    // The plan for these values, as the server makes it for a statement that it has seen a few times at the most.
    connection.query("SET LOCAL plan_cache_mode = force_custom_plan").await?;
    let plan = explain(connection, &execute).await?;
    let mut scans = node::scans(&plan, &found.schema, tables);
    let mut text = Vec::new();
    if !scans.is_empty() {
        let rows = connection.query(&format!("EXPLAIN (COSTS OFF) {execute}")).await?;
        text = rows.rows.into_iter().flatten().flatten().take(60).collect();
        connection.query(INDEXES_ONLY).await?;
        let only = explain(connection, &execute).await?;
        connection.query(&INDEXES_ONLY.replace("= off", "TO DEFAULT")).await?;
        scans.retain(|scan| scan.cause == Cause::Sort || !node::is_served(&only, &scan.table));
    }
    connection.query(&format!("DEALLOCATE {name}")).await?;
    Ok(Planned { at, scans, plan: text })
}

fn literal(text: &str) -> String {
    Dialect::Postgres.literal(text)
}

async fn explain(connection: &Connection, execute: &str) -> Result<Value, SqlError> {
    let rows = connection.query(&format!("EXPLAIN (FORMAT JSON) {execute}")).await?;
    let text: Vec<String> = rows.rows.into_iter().flatten().flatten().collect();
    // A plan that cannot be read shows no scan.
    Ok(serde_json::from_str(&text.join("\n")).unwrap_or_default())
}
