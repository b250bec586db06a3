//! The schema as MySQL's and MariaDB's `information_schema` tells it.

use super::super::Aspect;
use super::Session;
use crate::schema::{Class, Column, Schema, TableName, Zone};
use crate::sql::SqlError;

const COLUMNS: &str = "\
SELECT c.TABLE_NAME AS tab, c.COLUMN_NAME AS col, c.COLUMN_TYPE AS kind, c.IS_NULLABLE AS nullable \
FROM information_schema.COLUMNS c JOIN information_schema.TABLES t \
ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME AND t.TABLE_TYPE = 'BASE TABLE' \
WHERE c.TABLE_SCHEMA = DATABASE() ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION LIMIT 5000";

/// Foreign keys that lead to another database are left out: no table of this one stands at their end.
const KEYS: &str = "\
SELECT TABLE_NAME AS tab, CONSTRAINT_NAME AS name, COLUMN_NAME AS col, REFERENCED_TABLE_NAME AS ftab \
FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() \
AND (CONSTRAINT_NAME = 'PRIMARY' OR REFERENCED_TABLE_SCHEMA = DATABASE()) \
ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION LIMIT 5000";

const INDEXES: &str = "\
SELECT * FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() \
ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX LIMIT 5000";

/// Reads the whole schema of the connection's database.
pub(crate) async fn read(session: &mut Session) -> Result<Schema, SqlError> {
    let mut schema = Schema::default();
    let named = |name: &str| TableName { schema: String::new(), name: name.to_owned() };
    let rows = session.query(COLUMNS).await?;
    for row in &rows.rows {
        let kind = rows.cell(row, "kind").to_lowercase();
        schema.tables.entry(named(rows.cell(row, "tab"))).or_default().columns.push(Column {
            name: rows.cell(row, "col").to_owned(),
            class: class(&kind),
            kind,
            nullable: rows.cell(row, "nullable") == "YES",
        });
    }
    let rows = session.query(KEYS).await?;
    for row in &rows.rows {
        let Some(table) = schema.tables.get_mut(&named(rows.cell(row, "tab"))) else { continue };
        let column = rows.cell(row, "col").to_owned();
        match rows.cell(row, "ftab") {
            "" => table.primary_key.push(column),
            other => table.add_to_foreign_key(rows.cell(row, "name"), column, named(other)),
        }
    }
    let rows = session.query(INDEXES).await?;
    for row in &rows.rows {
        let Some(table) = schema.tables.get_mut(&named(rows.cell(row, "TABLE_NAME"))) else { continue };
        // Keys over expressions have no column; only MySQL has them, in a view's column that MariaDB lacks.
        let key = match rows.cell(row, "COLUMN_NAME") {
            "" => rows.cell(row, "EXPRESSION").replace('`', ""),
            column => column.to_owned(),
        };
        // One over the first characters alone guards no whole value.
        let whole = rows.cell(row, "SUB_PART").is_empty();
        let unique = rows.cell(row, "NON_UNIQUE") == "0" && whole;
        table.add_to_index(rows.cell(row, "INDEX_NAME"), key, unique, false);
    }
    Ok(schema)
}

/// What `COLUMN_TYPE` says, in the model's terms.
fn class(kind: &str) -> Class {
    let name: String = kind.chars().take_while(char::is_ascii_lowercase).collect();
    match name.as_str() {
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" => Class::Text,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Class::Binary,
        "json" => Class::Document,
        "float" | "double" | "real" => Class::Float,
        "decimal" | "numeric" => Class::Exact,
        "tinyint" if kind.starts_with("tinyint(1)") => Class::Boolean,
        "tinyint" | "smallint" | "mediumint" | "int" | "integer" | "bigint" | "year" => Class::Integer,
        "bit" => Class::Boolean,
        // A TIMESTAMP is kept in UTC and ends in 2038; DATETIME keeps no zone, and nothing else reaches further.
        "timestamp" => Class::Timestamp(Zone::Kept),
        "datetime" => Class::Timestamp(Zone::Unknown),
        _ => Class::Other,
    }
}

pub(crate) fn shows(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Columns => COLUMNS,
        Aspect::PrimaryKeys => {
            "SELECT TABLE_NAME AS tab, COLUMN_NAME AS col FROM information_schema.KEY_COLUMN_USAGE \
             WHERE TABLE_SCHEMA = DATABASE() AND CONSTRAINT_NAME = 'PRIMARY' \
             ORDER BY TABLE_NAME, ORDINAL_POSITION LIMIT 100"
        }
        Aspect::ForeignKeys => {
            "SELECT TABLE_NAME AS tab, CONSTRAINT_NAME AS name, COLUMN_NAME AS col, REFERENCED_TABLE_NAME AS refers_to \
             FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() \
             AND REFERENCED_TABLE_NAME IS NOT NULL ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION LIMIT 100"
        }
        Aspect::Indexes => {
            "SELECT TABLE_NAME AS tab, INDEX_NAME AS name, COLUMN_NAME AS col, NON_UNIQUE AS repeats \
             FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() \
             ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX LIMIT 100"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_by_their_first_word() {
        for (kind, expected) in [
            ("varchar(255)", Class::Text),
            ("enum('a','b')", Class::Text),
            ("binary(16)", Class::Binary),
            ("double unsigned", Class::Float),
            ("decimal(10,2)", Class::Exact),
            ("tinyint(1)", Class::Boolean),
            ("int(10) unsigned", Class::Integer),
            ("datetime(6)", Class::Timestamp(Zone::Unknown)),
            ("timestamp", Class::Timestamp(Zone::Kept)),
            ("uuid", Class::Other),
        ] {
            assert_eq!(class(kind), expected, "{kind}");
        }
    }
}
