//! The schema as PostgreSQL's catalogue tells it: tables, columns, keys, indexes.

use std::collections::BTreeMap;

use crate::connection::{Connection, SqlError};

/// A table's name with its schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TableName {
    pub(crate) schema: String,
    pub(crate) name: String,
}

/// An ordinary or partitioned table of the submission.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    /// Columns of the primary key, in its order; empty where there is none.
    pub(crate) primary_key: Vec<String>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    pub(crate) indexes: Vec<Index>,
}

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// As `format_type` gives it, such as `numeric(10,2)` or `timestamp without time zone`.
    pub(crate) kind: String,
    pub(crate) nullable: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct ForeignKey {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) refers_to: TableName,
}

#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) unique: bool,
    /// Key columns in order; an expression stands as its text.
    pub(crate) keys: Vec<String>,
    /// Whether it covers only some rows.
    pub(crate) partial: bool,
}

/// Every table outside the server's own schemas, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schema {
    pub(crate) tables: BTreeMap<TableName, Table>,
}

/// Tables that migration tools keep for themselves; they are none of the candidate's design.
const BOOKKEEPING: &[&str] = &[
    "alembic_version",
    "django_migrations",
    "flyway_schema_history",
    "databasechangelog",
    "databasechangeloglock",
    "knex_migrations",
    "knex_migrations_lock",
    "sequelizemeta",
    "migrations",
    "typeorm_migrations",
    "typeorm_metadata",
    "_prisma_migrations",
    "__drizzle_migrations",
    "pgmigrations",
    "schema_migrations",
    "goose_db_version",
    "_sqlx_migrations",
    "__diesel_schema_migrations",
    "seaql_migrations",
    "ar_internal_metadata",
    "gorp_migrations",
    "__efmigrationshistory",
    "mikro_orm_migrations",
    "schema_version",
    "aerich",
    "schemaversion",
    "django_content_type",
    "django_admin_log",
    "django_session",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
];

pub(crate) const COLUMNS: &str = "\
SELECT n.nspname AS schema, c.relname AS tab, a.attname AS col, format_type(a.atttypid, a.atttypmod) AS kind, \
a.attnotnull AS required \
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition \
AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%' \
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

const INDEXES: &str = "\
SELECT n.nspname AS schema, c.relname AS tab, i.relname AS name, x.indisunique AS uniq, \
(x.indpred IS NOT NULL) AS partial, pg_get_indexdef(x.indexrelid, pos, true) AS key \
FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid \
JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL generate_series(1, x.indnkeyatts) AS pos \
WHERE x.indisvalid AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%' \
ORDER BY 1, 2, 3, pos LIMIT 5000";

/// Reads the whole schema.
pub(crate) async fn read(connection: &Connection) -> Result<Schema, SqlError> {
    let mut schema = Schema::default();
    let rows = connection.query(COLUMNS).await?;
    for row in &rows.rows {
        let cell = |column: &str| rows.cell(row, column).to_owned();
        let table = TableName { schema: cell("schema"), name: cell("tab") };
        schema.tables.entry(table).or_default().columns.push(Column {
            name: cell("col"),
            kind: cell("kind"),
            nullable: cell("required") != "t",
        });
    }
    let rows = connection.query(CONSTRAINTS).await?;
    for row in &rows.rows {
        let cell = |column: &str| rows.cell(row, column).to_owned();
        let name = TableName { schema: cell("schema"), name: cell("tab") };
        let Some(table) = schema.tables.get_mut(&name) else { continue };
        if cell("type") == "p" {
            table.primary_key.push(cell("col"));
            continue;
        }
        match table.foreign_keys.last_mut().filter(|key| key.name == cell("name")) {
            Some(key) => key.columns.push(cell("col")),
            None => table.foreign_keys.push(ForeignKey {
                name: cell("name"),
                columns: vec![cell("col")],
                refers_to: TableName { schema: cell("fschema"), name: cell("ftab") },
            }),
        }
    }
    let rows = connection.query(INDEXES).await?;
    for row in &rows.rows {
        let cell = |column: &str| rows.cell(row, column).to_owned();
        let name = TableName { schema: cell("schema"), name: cell("tab") };
        let Some(table) = schema.tables.get_mut(&name) else { continue };
        let key = cell("key").trim_matches('"').to_owned();
        match table.indexes.last_mut().filter(|index| index.name == cell("name")) {
            Some(index) => index.keys.push(key),
            None => table.indexes.push(Index {
                name: cell("name"),
                unique: cell("uniq") == "t",
                keys: vec![key],
                partial: cell("partial") == "t",
            }),
        }
    }
    Ok(schema)
}

impl Schema {
    /// The candidate's own tables: all but those of migration tools and frameworks.
    pub(crate) fn own(&self) -> impl Iterator<Item = (&TableName, &Table)> {
        self.tables.iter().filter(|(name, _)| !BOOKKEEPING.contains(&name.name.to_lowercase().as_str()))
    }
}

impl Table {
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The only column of the primary key.
    pub(crate) fn single_key(&self) -> Option<&str> {
        match self.primary_key.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Whether an index leads with exactly these columns, in any order among themselves.
    pub(crate) fn leads(&self, columns: &[String]) -> bool {
        self.indexes.iter().any(|index| {
            !index.partial
                && index.keys.len() >= columns.len()
                && index.keys[..columns.len()].iter().all(|key| columns.contains(key))
        })
    }
}

impl Column {
    pub(crate) fn is_text(&self) -> bool {
        ["text", "character", "varchar", "citext", "bpchar", "name"].iter().any(|kind| self.kind.starts_with(kind))
            && !self.is_array()
    }

    pub(crate) fn is_array(&self) -> bool {
        self.kind.ends_with("[]")
    }

    pub(crate) fn is_document(&self) -> bool {
        self.kind.starts_with("json") || self.kind == "hstore" || self.kind == "xml"
    }

    pub(crate) fn is_float(&self) -> bool {
        self.kind == "double precision" || self.kind == "real"
    }

    pub(crate) fn is_timestamp(&self) -> bool {
        self.kind.starts_with("timestamp") && !self.is_array()
    }

    pub(crate) fn is_zoned(&self) -> bool {
        self.kind.contains("with time zone")
    }
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.schema == "public" { f.write_str(&self.name) } else { write!(f, "{}.{}", self.schema, self.name) }
    }
}

impl TableName {
    /// The quoted name for statements.
    pub(crate) fn sql(&self) -> String {
        let quote = crate::connection::identifier;
        format!("{}.{}", quote(&self.schema), quote(&self.name))
    }
}
