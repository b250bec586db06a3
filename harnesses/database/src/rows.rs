//! How many rows each table holds, and what was added to them.

use std::collections::BTreeMap;

use harness_kit::{Context, Stop};

use crate::schema::{Column, TableName};
use crate::store::Found;

/// Tables that are counted.
const TABLES: usize = 60;

/// Rows by table, counted exactly.
pub(crate) type Counts = BTreeMap<TableName, i64>;

/// Counts the rows of every table of the submission's own, in one statement: all at the same moment.
pub(crate) async fn count(ctx: &Context, found: &Found) -> Result<Counts, Stop> {
    found.refresh(ctx).await?;
    let tables: Vec<&TableName> = found.schema.own().map(|(name, _)| name).take(TABLES).collect();
    if tables.is_empty() {
        return Ok(Counts::new());
    }
    let parts: Vec<String> = tables
        .iter()
        .enumerate()
        .map(|(at, table)| format!("SELECT {at} AS tab, count(*) AS number FROM {}", found.dialect().table(table)))
        .collect();
    let rows = found.query(&parts.join(" UNION ALL ")).await?;
    let mut counts = Counts::new();
    for row in &rows.rows {
        let at: Option<usize> = rows.cell(row, "tab").parse().ok();
        if let (Some(table), Ok(number)) = (at.and_then(|at| tables.get(at)), rows.cell(row, "number").parse()) {
            counts.insert((*table).clone(), number);
        }
    }
    Ok(counts)
}

/// Tables that hold more rows than before, with how many more.
pub(crate) fn added(before: &Counts, after: &Counts) -> BTreeMap<TableName, i64> {
    let more = |(table, now): (&TableName, &i64)| {
        let added = now - before.get(table).copied().unwrap_or(0);
        (added > 0).then(|| (table.clone(), added))
    };
    after.iter().filter_map(more).collect()
}

/// The statement that counts the rows of a table one of whose columns is `value`.
pub(crate) fn counting(found: &Found, table: &TableName, column: &Column, value: &str) -> String {
    let table = found.dialect().table(table);
    format!("SELECT count(*) AS number FROM {table} WHERE {}", found.holds(column, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_told_by_table() {
        let name = |name: &str| TableName { schema: "public".to_owned(), name: name.to_owned() };
        let before = Counts::from([(name("a"), 3), (name("b"), 0), (name("c"), 9)]);
        let after = Counts::from([(name("a"), 3), (name("b"), 2), (name("c"), 8), (name("d"), 1)]);
        assert_eq!(added(&before, &after), BTreeMap::from([(name("b"), 2), (name("d"), 1)]));
    }
}
