//! The schema as PostgreSQL's catalogue tells it.

use super::super::Aspect;
use super::Session;
use crate::schema::{Class, Column, Schema, TableName, Zone};
use crate::sql::SqlError;

const COLUMNS: &str = "\
SELECT n.nspname AS schema, c.relname AS tab, a.attname AS col, \
CASE WHEN d.typtype = 'd' THEN format_type(d.typbasetype, d.typtypmod) ELSE format_type(a.atttypid, a.atttypmod) END \
AS kind, (a.attnotnull OR d.typnotnull) AS required \
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
JOIN pg_type d ON d.oid = a.atttypid \
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition \
AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%' \
AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e') \
ORDER BY 1, 2, a.attnum LIMIT 5000";

const CONSTRAINTS: &str = "\
SELECT n.nspname AS schema, c.relname AS tab, k.conname AS name, k.contype AS type, a.attname AS col, \
fn.nspname AS fschema, fc.relname AS ftab \
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY AS u(num, pos) \
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.num \
LEFT JOIN pg_class fc ON fc.oid = k.confrelid LEFT JOIN pg_namespace fn ON fn.oid = fc.relnamespace \
WHERE k.contype IN ('p', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1, 2, 3, u.pos LIMIT 5000";

/// An index that leaves out the rows without a value finds every row that has one.
const INDEXES: &str = "\
SELECT n.nspname AS schema, c.relname AS tab, i.relname AS name, x.indisunique AS uniq, \
(x.indpred IS NOT NULL AND pg_get_expr(x.indpred, x.indrelid) !~* '^[(]?\"?[a-z0-9_]+\"? is not null[)]?$') AS partial, pg_get_indexdef(x.indexrelid, pos, true) AS key \
FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid \
JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL generate_series(1, x.indnkeyatts) AS pos \
WHERE x.indisvalid AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%' \
ORDER BY 1, 2, 3, pos LIMIT 5000";

/// Reads the whole schema. What extensions bring is none of the candidate's design.
pub(crate) async fn read(session: &mut Session) -> Result<Schema, SqlError> {
    let mut schema = Schema::default();
    let rows = session.query(COLUMNS).await?;
    for row in &rows.rows {
        let cell = |column: &str| rows.cell(row, column).to_owned();
        let table = TableName { schema: cell("schema"), name: cell("tab") };
        let kind = cell("kind");
        schema.tables.entry(table).or_default().columns.push(Column {
            name: cell("col"),
            class: class(&kind),
            kind,
            nullable: cell("required") != "t",
        });
    }
    let rows = session.query(CONSTRAINTS).await?;
    for row in &rows.rows {
        let cell = |column: &str| rows.cell(row, column).to_owned();
        let name = TableName { schema: cell("schema"), name: cell("tab") };
        let Some(table) = schema.tables.get_mut(&name) else { continue };
        if cell("type") == "p" {
            table.primary_key.push(cell("col"));
            continue;
        }
        let refers_to = TableName { schema: cell("fschema"), name: cell("ftab") };
        table.add_to_foreign_key(&cell("name"), cell("col"), refers_to);
    }
    let rows = session.query(INDEXES).await?;
    for row in &rows.rows {
        let cell = |column: &str| rows.cell(row, column).to_owned();
        let name = TableName { schema: cell("schema"), name: cell("tab") };
        let Some(table) = schema.tables.get_mut(&name) else { continue };
        let key = cell("key").trim_matches('"').to_owned();
        table.add_to_index(&cell("name"), key, cell("uniq") == "t", cell("partial") == "t");
    }
    Ok(schema)
}

/// What `format_type` writes, in the model's terms.
fn class(kind: &str) -> Class {
    let begins = |words: &[&str]| words.iter().any(|word| kind.starts_with(word));
    if kind.ends_with("[]") {
        Class::List
    } else if begins(&["json", "hstore", "xml"]) {
        Class::Document
    } else if kind == "bytea" {
        Class::Binary
    } else if begins(&["double precision", "real"]) {
        Class::Float
    } else if kind.starts_with("timestamp") {
        Class::Timestamp(if kind.contains("with time zone") { Zone::Kept } else { Zone::Lost })
    } else if begins(&["numeric", "money"]) {
        Class::Exact
    } else if begins(&["smallint", "integer", "bigint"]) {
        Class::Integer
    } else if kind == "boolean" {
        Class::Boolean
    } else if begins(&["text", "character", "citext", "name", "\"char\""]) {
        Class::Text
    } else {
        Class::Other
    }
}

pub(crate) fn shows(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Columns => COLUMNS,
        Aspect::PrimaryKeys => {
            "SELECT conrelid::regclass AS tab, pg_get_constraintdef(oid) AS primary_key FROM pg_constraint \
             WHERE contype = 'p' AND connamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema') \
             ORDER BY 1 LIMIT 100"
        }
        Aspect::ForeignKeys => {
            "SELECT conrelid::regclass AS tab, conname AS name, pg_get_constraintdef(oid) AS definition \
             FROM pg_constraint WHERE contype = 'f' ORDER BY 1, 2 LIMIT 100"
        }
        Aspect::Indexes => {
            "SELECT tablename AS tab, indexname AS name, indexdef AS definition FROM pg_indexes \
             WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2 LIMIT 100"
        }
    }
}
