//! Planning over many rows on MySQL and MariaDB.
//!
//! Temporary tables hide the real ones of their names until the connection ends, and DDL of theirs is of no transaction;
//! the statements themselves are planned in one that is read-only, and rolled back. MySQL refuses to name a temporary
//! table twice in one statement: such a statement is left out there.

mod fill;
mod names;
mod node;
mod tree;

use harness_kit::Context;

use super::{Planned, Plans, SELECTIVE, STATEMENTS, asked, rows};
use crate::connection::Connection;
use crate::engine::Dialect;
use crate::schema::TableName;
use crate::sql::SqlError;
use crate::statements::{self, Statement};
use crate::store::Found;
use node::{Given, Suspect};
use tree::Tree;

/// What makes filling possible, each of which one of the servers may not know: values that are cut rather than refused,
/// conditions that made values need not meet, times without gaps, and the one form of plans that is read.
const SETTINGS: &[&str] = &[
    "sql_mode = ''",
    "check_constraint_checks = 0",
    "foreign_key_checks = 0",
    "time_zone = '+00:00'",
    "explain_json_format_version = 1",
];

/// Plans statements over many rows, by the first account that may make temporary tables.
///
/// # Errors
/// Where the server answers no more. A table or a statement that it refuses is left out.
pub(super) async fn plan(ctx: &Context, found: &Found, given: &[&Statement]) -> Result<Plans, SqlError> {
    let mut last = Err(SqlError::connect("no account of the server's is known"));
    for connection in statements::accounts(ctx, found).await {
        last = match connection {
            Ok(connection) => over_many_rows(&connection, found, given).await,
            Err(error) => Err(error),
        };
        if last.as_ref().is_ok_and(|plans| !plans.tables.is_empty()) {
            break;
        }
    }
    last
}

async fn over_many_rows(connection: &Connection, found: &Found, given: &[&Statement]) -> Result<Plans, SqlError> {
    let mode = connection.query("SELECT @@SESSION.sql_mode AS mode").await?;
    let mode = mode.rows.first().map(|row| mode.cell(row, "mode").to_owned()).unwrap_or_default();
    for setting in SETTINGS {
        tried(connection.query(&format!("SET SESSION {setting}")).await)?;
    }
    let mut plans = Plans::default();
    for (at, name) in super::wanted(found, given).into_iter().enumerate() {
        let Some(table) = found.schema.tables.get(name) else { continue };
        if tried(fill::table(connection, table, name, at).await)?.is_some() {
            plans.tables.push(name.clone());
        }
    }
    connection.query(&format!("SET SESSION sql_mode = {}", Dialect::Mysql.literal(&mode))).await?;
    connection.query("START TRANSACTION READ ONLY").await?;
    let tables: Vec<&TableName> = plans.tables.iter().collect();
    for (at, statement) in given.iter().take(STATEMENTS).enumerate() {
        let Some(sql) = statements::within(statement, &tables, "") else { continue };
        if let Some(planned) = tried(one(connection, found, at, &sql, &tables).await)? {
            plans.planned.push(planned);
        }
    }
    connection.query("ROLLBACK").await?;
    Ok(plans)
}

async fn one(
    connection: &Connection,
    found: &Found,
    at: usize,
    sql: &str,
    tables: &[&TableName],
) -> Result<Planned, SqlError> {
    let printed = connection.query(&format!("{} {sql}", asked(Dialect::Mysql))).await?;
    let text: Vec<String> = printed.rows.into_iter().flatten().flatten().collect();
    let plan = Tree::read(&text.join("\n"));
    let given = Given {
        schema: &found.schema,
        names: names::named(sql, tables),
        sorting: names::sorting(sql),
        few: rows::few(SELECTIVE),
    };
    let mut scans = Vec::new();
    for suspect in node::suspects(&plan, &given) {
        if keeps_few(connection, &suspect, given.few).await? {
            scans.push(suspect.scan);
        }
    }
    let plan = if scans.is_empty() { Vec::new() } else { node::told(&plan).into_iter().take(60).collect() };
    Ok(Planned { at, scans, plan })
}

/// Whether few of a table's rows meet the condition under which it is gone through. One that the server prints in words
/// which it does not read again shows nothing.
async fn keeps_few(connection: &Connection, suspect: &Suspect, few: f64) -> Result<bool, SqlError> {
    let Some(condition) = &suspect.condition else { return Ok(true) };
    let sql = format!(
        "SELECT COUNT(*) AS kept FROM {} AS {} WHERE {}",
        Dialect::Mysql.table(&suspect.scan.table),
        Dialect::Mysql.identifier(&suspect.alias),
        condition.replace("<cache>", "")
    );
    let Some(rows) = tried(connection.query(&sql).await)? else { return Ok(false) };
    let kept = rows.rows.first().and_then(|row| rows.cell(row, "kept").parse::<f64>().ok());
    Ok(kept.is_some_and(|kept| kept <= few))
}

/// What the server refuses is left out; anything else ends the planning.
fn tried<T>(outcome: Result<T, SqlError>) -> Result<Option<T>, SqlError> {
    match outcome {
        Ok(done) => Ok(Some(done)),
        Err(SqlError::Refused { state, message }) => {
            tracing::debug!(state, message, "left out of planning");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
