//! The schema model that every engine's catalogue is read into: tables, columns, keys, indexes. Knows no engine.

use std::collections::BTreeMap;

/// A table's name with its schema; the schema is empty where the engine has none inside of a database.
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
    /// As the engine writes it, such as `numeric(10,2)` or `timestamp without time zone`.
    pub(crate) kind: String,
    pub(crate) class: Class,
    pub(crate) nullable: bool,
}

/// What a column's type means, whatever the engine calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Text,
    Binary,
    /// JSON and its kin.
    Document,
    List,
    /// Binary floating point.
    Float,
    /// Decimal of a given scale.
    Exact,
    Integer,
    Boolean,
    Timestamp(Zone),
    Other,
}

/// What a timestamp's type does with time zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// A value is one moment, whatever the session's zone.
    Kept,
    /// The engine has a type that keeps it, and this is not it.
    Lost,
    /// The engine has none for the whole range of dates; applications write UTC.
    Unknown,
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

    /// Adds the next column of a foreign key; catalogues give them in order, a row each.
    pub(crate) fn add_to_foreign_key(&mut self, name: &str, column: String, refers_to: TableName) {
        match self.foreign_keys.last_mut().filter(|key| key.name == name) {
            Some(key) => key.columns.push(column),
            None => {
                self.foreign_keys.push(ForeignKey { name: name.to_owned(), columns: vec![column], refers_to });
            }
        }
    }

    /// Adds the next key of an index; catalogues give them in order, a row each.
    pub(crate) fn add_to_index(&mut self, name: &str, key: String, unique: bool, partial: bool) {
        match self.indexes.last_mut().filter(|index| index.name == name) {
            Some(index) => index.keys.push(key),
            None => self.indexes.push(Index { name: name.to_owned(), unique, keys: vec![key], partial }),
        }
    }
}

impl Column {
    pub(crate) fn is_text(&self) -> bool {
        self.class == Class::Text
    }

    pub(crate) fn is_binary(&self) -> bool {
        self.class == Class::Binary
    }

    pub(crate) fn is_array(&self) -> bool {
        self.class == Class::List
    }

    pub(crate) fn is_document(&self) -> bool {
        self.class == Class::Document
    }

    pub(crate) fn is_float(&self) -> bool {
        self.class == Class::Float
    }

    pub(crate) fn is_timestamp(&self) -> bool {
        matches!(self.class, Class::Timestamp(_))
    }

    /// Whether a timestamp's zone is lost although the engine could keep it.
    pub(crate) fn loses_zone(&self) -> bool {
        self.class == Class::Timestamp(Zone::Lost)
    }

    /// Whether it may hold another record's key.
    pub(crate) fn may_refer(&self) -> bool {
        !self.is_document() && !self.is_array() && !self.is_timestamp()
    }
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if matches!(self.schema.as_str(), "" | "public") {
            f.write_str(&self.name)
        } else {
            write!(f, "{}.{}", self.schema, self.name)
        }
    }
}
