//! The database engines that can be read: how each is spoken to, and how it spells what probes ask.
//!
//! Probes know no engine. They ask a [`Dialect`] for expressions, and get rows of text and one schema model from all.

pub(crate) mod metered;
pub(crate) mod mysql;
pub(crate) mod postgres;
pub(crate) mod sqlite;

use harness_kit::{DatabaseHint, DatabaseKind};

use crate::schema::{Column, Schema, TableName};
use crate::sql::{Rows, SqlError};

/// What to connect to.
pub(crate) enum Target {
    Postgres {
        hint: DatabaseHint,
        database: String,
    },
    Mysql {
        hint: DatabaseHint,
        database: String,
    },
    /// A copy of a file: its bytes and those of its write-ahead log.
    Sqlite {
        main: Vec<u8>,
        wal: Option<Vec<u8>>,
    },
}

/// An engine's own words for what probes ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    #[default]
    Postgres,
    Mysql,
    Sqlite,
}

/// An open connection of one engine. Lives on a thread of its own.
pub(crate) enum Session {
    Postgres(postgres::Session),
    Mysql(Box<mysql::Session>),
    Sqlite(sqlite::Session),
}

/// What a finding shows of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aspect {
    Columns,
    PrimaryKeys,
    ForeignKeys,
    Indexes,
}

impl Target {
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Target::Postgres { .. } => Dialect::Postgres,
            Target::Mysql { .. } => Dialect::Mysql,
            Target::Sqlite { .. } => Dialect::Sqlite,
        }
    }
}

impl Session {
    pub(crate) async fn open(target: Target) -> Result<Self, SqlError> {
        match target {
            Target::Postgres { hint, database } => {
                postgres::Session::open(&hint, &database).await.map(Session::Postgres)
            }
            Target::Mysql { hint, database } => {
                mysql::Session::open(&hint, &database).await.map(|session| Session::Mysql(Box::new(session)))
            }
            Target::Sqlite { main, wal } => sqlite::Session::open(main, wal.as_deref()).map(Session::Sqlite),
        }
    }

    pub(crate) async fn query(&mut self, sql: &str) -> Result<Rows, SqlError> {
        match self {
            Session::Postgres(session) => session.query(sql).await,
            Session::Mysql(session) => session.query(sql).await,
            Session::Sqlite(session) => session.query(sql),
        }
    }

    pub(crate) async fn schema(&mut self) -> Result<Schema, SqlError> {
        match self {
            Session::Postgres(session) => postgres::schema::read(session).await,
            Session::Mysql(session) => mysql::schema::read(session).await,
            Session::Sqlite(session) => sqlite::schema::read(session),
        }
    }
}

impl Dialect {
    /// The engine's name as people write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Dialect::Postgres => "PostgreSQL",
            Dialect::Mysql => "MySQL",
            Dialect::Sqlite => "SQLite",
        }
    }

    /// A string as an SQL literal.
    pub(crate) fn literal(self, text: &str) -> String {
        let quoted = text.replace('\'', "''").replace('\0', "");
        match self {
            Dialect::Postgres if quoted.contains('\\') => format!("E'{}'", quoted.replace('\\', "\\\\")),
            // Backslashes escape unless a mode says otherwise; sessions are opened in the default one.
            Dialect::Mysql => format!("'{}'", quoted.replace('\\', "\\\\")),
            Dialect::Postgres | Dialect::Sqlite => format!("'{quoted}'"),
        }
    }

    /// A name as an SQL identifier.
    pub(crate) fn identifier(self, name: &str) -> String {
        match self {
            Dialect::Mysql => format!("`{}`", name.replace('`', "``")),
            Dialect::Postgres | Dialect::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }

    /// A table's quoted name.
    pub(crate) fn table(self, name: &TableName) -> String {
        if name.schema.is_empty() {
            return self.identifier(&name.name);
        }
        format!("{}.{}", self.identifier(&name.schema), self.identifier(&name.name))
    }

    /// A column's value as text that compares byte by byte; bytes as lower-case hexadecimal digits.
    pub(crate) fn text(self, column: &Column) -> String {
        let quoted = self.identifier(&column.name);
        match self {
            Dialect::Postgres if column.is_binary() => format!("encode({quoted}, 'hex')"),
            Dialect::Postgres => format!("{quoted}::text"),
            Dialect::Mysql if column.is_binary() => format!("LOWER(HEX({quoted}))"),
            Dialect::Mysql => format!("CAST({quoted} AS CHAR CHARACTER SET utf8mb4) COLLATE utf8mb4_bin"),
            // Any column holds any type.
            Dialect::Sqlite => {
                format!("CASE WHEN typeof({quoted}) = 'blob' THEN lower(hex({quoted})) ELSE CAST({quoted} AS TEXT) END")
            }
        }
    }

    /// Whether a text expression is one of these texts.
    pub(crate) fn is_one_of(self, text: &str, values: &[String]) -> String {
        let values: Vec<String> = values.iter().map(|value| self.literal(value)).collect();
        format!("{text} IN ({})", values.join(", "))
    }

    /// Whether a text expression contains a text.
    pub(crate) fn contains(self, text: &str, part: &str) -> String {
        let part = self.literal(part);
        match self {
            Dialect::Postgres => format!("strpos({text}, {part}) > 0"),
            Dialect::Mysql => format!("LOCATE({part}, {text}) > 0"),
            Dialect::Sqlite => format!("instr({text}, {part}) > 0"),
        }
    }

    /// A query that gives one row as typed values; read with [`Dialect::row`].
    pub(crate) fn select_row(self, table: &TableName, condition: &str) -> String {
        let what = if self == Dialect::Postgres { "row_to_json(t)::text AS row" } else { "t.*" };
        format!("SELECT {what} FROM {} t WHERE {condition} LIMIT 1", self.table(table))
    }

    /// The statement that shows one side of the schema to a reader of the report.
    pub(crate) fn shows(self, aspect: Aspect) -> &'static str {
        match self {
            Dialect::Postgres => postgres::schema::shows(aspect),
            Dialect::Mysql => mysql::schema::shows(aspect),
            Dialect::Sqlite => sqlite::schema::shows(aspect),
        }
    }
}

/// How a kind of database is called.
pub(crate) fn name(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Postgres => "PostgreSQL",
        DatabaseKind::Mysql => "MySQL",
        DatabaseKind::Mongo => "MongoDB",
        DatabaseKind::Sqlite => "SQLite",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_quotes() {
        let evil = r"\' OR 1=1 --";
        assert_eq!(Dialect::Postgres.literal("it's"), "'it''s'");
        assert_eq!(Dialect::Postgres.literal(evil), r"E'\\'' OR 1=1 --'");
        assert_eq!(Dialect::Mysql.literal(evil), r"'\\'' OR 1=1 --'");
        assert_eq!(Dialect::Sqlite.literal(evil), r"'\'' OR 1=1 --'");
        assert_eq!(Dialect::Postgres.identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(Dialect::Mysql.identifier("a`b"), "`a``b`");
    }
}
