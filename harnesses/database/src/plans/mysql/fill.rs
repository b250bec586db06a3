//! Filling a copy of a table of MySQL or MariaDB with many rows made after its real ones ([`rows`]).
//!
//! A temporary table hides the real one of its name, and is not made like it under that name: the copy is filled under
//! another and renamed. Foreign keys are not copied, their indexes are. Generated columns fill themselves.

use crate::connection::Connection;
use crate::engine::Dialect;
use crate::plans::ROWS;
use crate::plans::rows::{self, FAN, Number, SAMPLE, STRIDE};
use crate::schema::{Column, Table, TableName};
use crate::sql::{Rows, SqlError};

/// The number of the row in the making.
const NUMBER: &str = "g.n";
/// The twenty digits of which three make every number from 1 to [`ROWS`].
const DIGITS: usize = 20;

fn identifier(name: &str) -> String {
    Dialect::Mysql.identifier(name)
}

/// Makes the temporary copy of a table, fills it and puts it in the real one's place. `at` tells copies apart.
pub(super) async fn table(connection: &Connection, table: &Table, name: &TableName, at: usize) -> Result<(), SqlError> {
    let real = Dialect::Mysql.table(name);
    let (sample, copy) = (identifier(&format!("grader_sample_{at}")), identifier(&format!("grader_copy_{at}")));
    connection
        .query(&format!(
            "CREATE TEMPORARY TABLE {sample} (PRIMARY KEY (grader_row)) AS \
             SELECT ROW_NUMBER() OVER () AS grader_row, r.* FROM (SELECT * FROM {real} LIMIT {SAMPLE}) AS r"
        ))
        .await?;
    connection.query(&format!("CREATE TEMPORARY TABLE {copy} LIKE {real}")).await?;
    let generated = first(
        &connection
            .query(&format!(
                "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() \
                 AND TABLE_NAME = {} AND GENERATION_EXPRESSION <> ''",
                Dialect::Mysql.literal(&name.name)
            ))
            .await?,
    );
    let columns: Vec<&Column> = table.columns.iter().filter(|column| !generated.contains(&column.name)).collect();
    let distinct = distinct_columns(connection, &columns, &sample).await?;
    let names: Vec<String> = columns.iter().map(|column| identifier(&column.name)).collect();
    let values: Vec<String> =
        columns.iter().map(|column| value(table, column, distinct.contains(&column.name))).collect();
    let count = first(&connection.query(&format!("SELECT COUNT(*) FROM {sample}")).await?);
    let count = count.first().and_then(|count| count.parse::<usize>().ok()).unwrap_or(0).clamp(1, SAMPLE);
    connection
        .query(&format!(
            "INSERT INTO {copy} ({}) SELECT {} FROM ({}) AS g LEFT JOIN {sample} AS s ON s.grader_row = {NUMBER} % {count} + 1",
            names.join(", "),
            values.join(", "),
            numbers()
        ))
        .await?;
    connection.query(&format!("DROP TEMPORARY TABLE {sample}")).await?;
    connection.query(&format!("ALTER TABLE {copy} RENAME TO {real}")).await?;
    connection.query(&format!("ANALYZE TABLE {real}")).await?;
    Ok(())
}

/// Every number from 1 to [`ROWS`], as `n`.
fn numbers() -> String {
    let digits: Vec<String> = (0..DIGITS).map(|digit| format!("SELECT {digit} AS d")).collect();
    let digits = digits.join(" UNION ALL ");
    format!(
        "SELECT a.d + {DIGITS} * b.d + {} * c.d + 1 AS n FROM ({digits}) AS a, ({digits}) AS b, ({digits}) AS c",
        DIGITS * DIGITS
    )
}

/// Columns whose values do not repeat among the real rows, where these are enough to tell.
async fn distinct_columns(connection: &Connection, columns: &[&Column], sample: &str) -> Result<Vec<String>, SqlError> {
    let candidates: Vec<&&Column> = columns.iter().filter(|column| made(NUMBER, &column.kind).is_some()).collect();
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let tests: Vec<String> = candidates
        .iter()
        .map(|column| format!("(COUNT(*) >= 3 AND COUNT(DISTINCT {}) = COUNT(*))", identifier(&column.name)))
        .collect();
    let rows = connection.query(&format!("SELECT {} FROM {sample}", tests.join(", "))).await?;
    let row = rows.rows.into_iter().next().unwrap_or_default();
    let is_distinct = |at: usize| row.get(at).is_some_and(|cell| cell.as_deref() == Some("1"));
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
        Number::Shared => format!("(({NUMBER} - 1) DIV {FAN} + 1)"),
        Number::Strided => format!("({NUMBER} * {STRIDE} % {ROWS} + 1)"),
    });
    number.and_then(|number| made(&number, &column.kind)).unwrap_or_else(|| format!("s.{}", identifier(&column.name)))
}

/// A value of that type that only `number` gives; `None` for types of which none can be made.
fn made(number: &str, kind: &str) -> Option<String> {
    let (base, length) = rows::kind(kind);
    Some(match base.split(' ').next().unwrap_or(base) {
        "int" | "integer" | "bigint" | "mediumint" | "smallint" | "decimal" | "numeric" | "float" | "double" => {
            format!("({number})")
        }
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => match length {
            Some(length) if length < 32 => format!("LPAD({number}, {length}, '0')"),
            _ => format!("MD5({number})"),
        },
        "uuid" => format!("MD5({number})"),
        "binary" | "varbinary" if length.is_some_and(|length| length < 16) => return None,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => format!("UNHEX(MD5({number}))"),
        "date" => format!("('2000-01-01' + INTERVAL {number} DAY)"),
        "datetime" | "timestamp" => format!("('2024-01-01 00:00:00' + INTERVAL {number} MINUTE)"),
        _ => return None,
    })
}

/// The first cell of every row.
fn first(rows: &Rows) -> Vec<String> {
    rows.rows.iter().filter_map(|row| row.first().cloned().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Class, ForeignKey};

    #[test]
    fn the_digits_make_every_row() {
        assert_eq!(DIGITS.pow(3), ROWS);
        assert_eq!(numbers().matches("SELECT 19 AS d").count(), 3);
    }

    #[test]
    fn values_are_made_of_the_rows_number() {
        let refers_to = TableName { schema: String::new(), name: "other".to_owned() };
        let table = Table {
            primary_key: ["line", "code", "at", "id"].map(str::to_owned).to_vec(),
            foreign_keys: vec![ForeignKey { name: String::new(), columns: vec!["parent".to_owned()], refers_to }],
            ..Table::default()
        };
        let value = |name: &str, kind: &str| {
            let column = Column { name: name.to_owned(), kind: kind.to_owned(), class: Class::Other, nullable: false };
            super::value(&table, &column, false)
        };
        assert_eq!(value("parent", "char(36)"), "MD5(((g.n - 1) DIV 20 + 1))");
        assert_eq!(value("line", "int(10) unsigned"), "(g.n)");
        assert_eq!(value("line", "bigint unsigned"), "(g.n)");
        assert_eq!(value("code", "varchar(13)"), "LPAD(g.n, 13, '0')");
        assert_eq!(value("id", "binary(16)"), "UNHEX(MD5(g.n))");
        assert_eq!(value("at", "timestamp(3)"), "('2024-01-01 00:00:00' + INTERVAL g.n MINUTE)");
        assert_eq!(value("code", "enum('a','b')"), "s.`code`");
        assert_eq!(value("state", "varchar(20)"), "s.`state`");
    }
}
