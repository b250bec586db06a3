//! Filling a copy of a table of PostgreSQL with many rows made after its real ones ([`rows`]). Conditions (`CHECK`) are
//! not copied.

use crate::connection::Connection;
use crate::engine::Dialect;
use crate::plans::ROWS;
use crate::plans::rows::{self, FAN, Number, SAMPLE, STRIDE};
use crate::schema::{Column, Table, TableName};
use crate::sql::SqlError;
use crate::store::Found;

/// The number of the row in the making.
const NUMBER: &str = "g.n";

fn identifier(name: &str) -> String {
    Dialect::Postgres.identifier(name)
}

/// Makes the temporary copy of a table and fills it.
pub(super) async fn table(connection: &Connection, found: &Found, name: &TableName) -> Result<(), SqlError> {
    let Some(table) = found.schema.tables.get(name) else { return Ok(()) };
    let copy = format!("pg_temp.{}", identifier(&name.name));
    let real = Dialect::Postgres.table(name);
    connection.query(&format!("CREATE TEMPORARY TABLE {copy} (LIKE {real} INCLUDING INDEXES) ON COMMIT DROP")).await?;
    let distinct = distinct_columns(connection, table, &real).await?;
    let columns: Vec<String> = table.columns.iter().map(|column| identifier(&column.name)).collect();
    let values: Vec<String> =
        table.columns.iter().map(|column| value(table, column, distinct.contains(&column.name))).collect();
    connection
        .query(&format!(
            "WITH s AS (SELECT r.*, row_number() OVER () AS grader_row FROM (SELECT * FROM {real} LIMIT {SAMPLE}) r) \
             INSERT INTO {copy} ({}) SELECT {} FROM generate_series(1, {ROWS}) AS g(n) \
             LEFT JOIN s ON s.grader_row = g.n % (SELECT greatest(count(*), 1) FROM s) + 1",
            columns.join(", "),
            values.join(", ")
        ))
        .await?;
    connection.query(&format!("ANALYZE {copy}")).await?;
    Ok(())
}

/// Columns whose values do not repeat among the real rows, where these are enough to tell.
async fn distinct_columns(connection: &Connection, table: &Table, real: &str) -> Result<Vec<String>, SqlError> {
    let candidates: Vec<&Column> = table.columns.iter().filter(|column| made(NUMBER, &column.kind).is_some()).collect();
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let tests: Vec<String> = candidates
        .iter()
        .map(|column| {
            let column = identifier(&column.name);
            format!("(count(*) >= 3 AND count(DISTINCT r.{column}) = count(*))")
        })
        .collect();
    let sql = format!("SELECT {} FROM (SELECT * FROM {real} LIMIT {SAMPLE}) r", tests.join(", "));
    let rows = connection.query(&sql).await?;
    let row = rows.rows.into_iter().next().unwrap_or_default();
    let is_distinct = |at: usize| row.get(at).is_some_and(|cell| cell.as_deref() == Some("t"));
    Ok(candidates
        .iter()
        .enumerate()
        .filter(|(at, _)| is_distinct(*at))
        .map(|(_, column)| column.name.clone())
        .collect())
}

/// The expression for a column's value in the row with that number.
fn value(table: &Table, column: &Column, is_distinct: bool) -> String {
    let number = rows::number(table, column, is_distinct).map(|number| match number {
        Number::Own => NUMBER.to_owned(),
        Number::Shared => format!("(({NUMBER} - 1) / {FAN} + 1)"),
        Number::Strided => format!("({NUMBER} * {STRIDE} % {ROWS} + 1)"),
    });
    number.and_then(|number| made(&number, &column.kind)).unwrap_or_else(|| format!("s.{}", identifier(&column.name)))
}

/// A value of that type that only `number` gives; `None` for types of which none can be made.
fn made(number: &str, kind: &str) -> Option<String> {
    let (base, length) = rows::kind(kind);
    Some(match base {
        "uuid" => format!("md5(({number})::text)::uuid"),
        "integer" | "bigint" | "numeric" | "smallint" | "double precision" | "real" => format!("({number})"),
        "text" | "character varying" | "character" | "citext" => match length {
            Some(length) if length < 32 => format!("lpad(({number})::text, {length}, '0')"),
            _ => format!("md5(({number})::text)"),
        },
        "bytea" => format!("decode(md5(({number})::text), 'hex')"),
        "date" => format!("(date '2000-01-01' + ({number})::int)"),
        kind if kind.starts_with("timestamp") => format!("(timestamp '2024-01-01' + ({number}) * interval '1 minute')"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Class, ForeignKey};

    #[test]
    fn values_are_made_of_the_rows_number() {
        let refers_to = TableName { schema: "public".to_owned(), name: "other".to_owned() };
        let table = Table {
            primary_key: vec!["line".to_owned(), "code".to_owned()],
            foreign_keys: vec![ForeignKey { name: String::new(), columns: vec!["parent".to_owned()], refers_to }],
            ..Table::default()
        };
        let value = |name: &str, kind: &str| {
            let column = Column { name: name.to_owned(), kind: kind.to_owned(), class: Class::Other, nullable: false };
            super::value(&table, &column, false)
        };
        assert_eq!(value("parent", "uuid"), "md5((((g.n - 1) / 20 + 1))::text)::uuid");
        assert_eq!(value("line", "integer"), "(g.n)");
        assert_eq!(value("code", "character varying(13)"), "lpad((g.n)::text, 13, '0')");
        assert_eq!(value("state", "state_of_things"), "s.\"state\"");
    }
}
