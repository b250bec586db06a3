//! Filling a copy of a table with many rows made after its real ones.
//!
//! Keys are made from the row's number, and references from the number of the row that they refer to, so that the copies
//! join as the originals do: some twenty rows to the first reference of a table (an account's transactions, a
//! transaction's lines), one to each further. What else may not repeat, or does not among the real rows, is made distinct;
//! everything else is taken from real rows in turn. Conditions (`CHECK`) are not copied.

use crate::connection::Connection;
use crate::engine::Dialect;
use crate::plans::ROWS;
use crate::schema::{Column, Table, TableName};
use crate::sql::SqlError;
use crate::store::Found;

/// Real rows that are taken after.
const SAMPLE: usize = 200;
/// Rows that share the first reference.
const FAN: usize = 20;
/// Without a common divisor with [`ROWS`]: the numbers of all rows in another order.
const STRIDE: usize = 7_919;

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
    let sampled = format!("s.{}", identifier(&column.name));
    let references: Vec<&str> = table
        .foreign_keys
        .iter()
        .filter_map(|key| if let [only] = key.columns.as_slice() { Some(only.as_str()) } else { None })
        .collect();
    let alone = table.indexes.iter().any(|index| index.unique && index.keys == [column.name.clone()]);
    if let Some(place) = references.iter().position(|name| *name == column.name) {
        let number = if place == 0 && !alone {
            format!("(({NUMBER} - 1) / {FAN} + 1)")
        } else {
            format!("({NUMBER} * {STRIDE} % {ROWS} + 1)")
        };
        return made(&number, &column.kind).unwrap_or(sampled);
    }
    // An amount may have room for few digits, and repeats without harm.
    let is_distinct = is_distinct && !["numeric", "real", "double"].iter().any(|kind| column.kind.starts_with(kind));
    let in_key = table.primary_key.contains(&column.name);
    let in_unique =
        table.indexes.iter().any(|index| index.unique && index.keys.iter().any(|key| names(key, &column.name)));
    if in_key || alone || is_distinct || (in_unique && !column.nullable) {
        return made(NUMBER, &column.kind).unwrap_or(sampled);
    }
    sampled
}

/// Whether an index's key is the column, or an expression over it.
fn names(key: &str, column: &str) -> bool {
    key.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == column)
}

/// A value of that type that only `number` gives; `None` for types of which none can be made.
fn made(number: &str, kind: &str) -> Option<String> {
    let (base, length) = match kind.split_once('(') {
        Some((base, rest)) => (base.trim(), rest.split([',', ')']).next().and_then(|n| n.trim().parse::<usize>().ok())),
        None => (kind, None),
    };
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
    use crate::schema::{Class, ForeignKey, Index};

    fn column(name: &str, kind: &str, nullable: bool) -> Column {
        Column { name: name.to_owned(), kind: kind.to_owned(), class: Class::Other, nullable }
    }

    fn index(keys: &[&str], unique: bool) -> Index {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        Index { name: String::new(), unique, keys, partial: false }
    }

    fn refers(column: &str) -> ForeignKey {
        let refers_to = TableName { schema: "public".to_owned(), name: "other".to_owned() };
        ForeignKey { name: String::new(), columns: vec![column.to_owned()], refers_to }
    }

    #[test]
    fn what_may_not_repeat_does_not_and_references_fan_out() {
        let table = Table {
            columns: Vec::new(),
            primary_key: vec!["parent".to_owned(), "line".to_owned()],
            foreign_keys: vec![refers("parent"), refers("thing")],
            indexes: vec![
                index(&["parent", "line"], true),
                index(&["lower(code)"], true),
                index(&["parent", "token"], true),
            ],
        };
        let value = |name: &str, kind: &str, nullable: bool, distinct: bool| {
            super::value(&table, &column(name, kind, nullable), distinct)
        };
        assert_eq!(value("parent", "uuid", false, false), "md5((((g.n - 1) / 20 + 1))::text)::uuid");
        assert_eq!(value("thing", "integer", false, false), "((g.n * 7919 % 8000 + 1))");
        assert_eq!(value("line", "integer", false, false), "(g.n)");
        assert_eq!(value("code", "character varying(13)", false, false), "lpad((g.n)::text, 13, '0')");
        assert_eq!(value("token", "text", true, false), "s.\"token\"", "what may be missing is as in the real rows");
        assert_eq!(value("name", "text", false, true), "md5((g.n)::text)");
        assert_eq!(value("price", "numeric(4,2)", false, true), "s.\"price\"");
        assert_eq!(value("state", "state_of_things", false, true), "s.\"state\"");
    }

    #[test]
    fn the_stride_meets_every_row_once() {
        let mut met: Vec<usize> = (1..=ROWS).map(|i| i * STRIDE % ROWS + 1).collect();
        met.sort_unstable();
        assert_eq!(met, (1..=ROWS).collect::<Vec<_>>());
    }
}
