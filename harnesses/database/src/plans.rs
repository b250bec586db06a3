//! Query plans over many rows, without a row being left behind.
//!
//! The tables that the statements name are made again as temporary tables, with the same columns and indexes, and filled
//! with rows made after the real ones. Temporary tables stand before all others, so that the very statements that the API
//! sent are planned over them, with the values that it sent. It happens on a connection of its own, whose temporary tables
//! end with it; nothing is executed but what fills the tables and counts their rows. How a plan is asked for and read is
//! each engine's own business.

mod mysql;
mod postgres;
mod rows;

use harness_kit::Context;

use crate::engine::Dialect;
use crate::schema::TableName;
use crate::sql::SqlError;
use crate::statements::{self, Statement};
use crate::store::Found;

/// Rows that each table gets: enough for any index to be worth its while.
pub(crate) const ROWS: usize = 8_000;
/// Tables that are made, and statements that are planned.
const TABLES: usize = 12;
const STATEMENTS: usize = 60;
/// A scan that keeps at most one row in so many is for the sake of a few.
const SELECTIVE: f64 = 10.0;

/// Why going through the whole table was not needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A condition that an index answers keeps few of its rows.
    Filter,
    /// Few of its rows meet what they are joined with.
    Join,
    /// All of it is sorted for its first few rows.
    Sort,
}

/// A whole table gone through for a few rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scan {
    pub(crate) table: TableName,
    pub(crate) cause: Cause,
    /// The table's columns in the condition, or those that it is sorted by.
    pub(crate) columns: Vec<String>,
}

/// A statement with the whole-table scans in its plan that an index would spare.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// Its place among the statements that were given.
    pub(crate) at: usize,
    pub(crate) scans: Vec<Scan>,
    /// The plan as text, without costs.
    pub(crate) plan: Vec<String>,
}

/// What planning came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plans {
    /// Statements that could be planned.
    pub(crate) planned: Vec<Planned>,
    /// Tables that were filled.
    pub(crate) tables: Vec<TableName>,
}

/// Plans statements over many rows.
///
/// # Errors
/// Where the server answers no more, or has no such plans. A table or a statement that it refuses is left out.
pub(crate) async fn plan(ctx: &Context, found: &Found, statements: &[&Statement]) -> Result<Plans, SqlError> {
    match found.dialect() {
        Dialect::Postgres => postgres::plan(found, statements).await,
        Dialect::Mysql => mysql::plan(ctx, found, statements).await,
        Dialect::Sqlite => Err(SqlError::connect("a file has no server that would plan")),
    }
}

/// How a plan is asked for, as evidence shows it.
pub(crate) fn asked(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Mysql => "EXPLAIN FORMAT=JSON",
        Dialect::Postgres | Dialect::Sqlite => "EXPLAIN (COSTS OFF)",
    }
}

/// The tables that statements name, in their order.
fn wanted<'f>(found: &'f Found, given: &[&Statement]) -> Vec<&'f TableName> {
    let mut wanted: Vec<&TableName> = Vec::new();
    for statement in given {
        for table in statements::tables(statement, &found.schema) {
            if !wanted.contains(&table) && wanted.len() < TABLES {
                wanted.push(table);
            }
        }
    }
    wanted
}
