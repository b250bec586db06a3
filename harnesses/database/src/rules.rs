//! Rules that need nothing but a schema: probes judge by them, and benches compare them with the catalogues of others.

use harness_kit::{DatabaseHint, DatabaseKind};

use crate::connection::Connection;
use crate::engine::Target;
use crate::schema::{ForeignKey, Schema, TableName};

/// Tables without a primary key.
pub(crate) fn without_primary_key(schema: &Schema) -> Vec<&TableName> {
    schema.own().filter(|(_, table)| table.primary_key.is_empty()).map(|(name, _)| name).collect()
}

/// Every foreign key with its table, and whether an index leads with its columns.
pub(crate) fn foreign_keys(schema: &Schema) -> Vec<(&TableName, &ForeignKey, bool)> {
    let of = |(name, table)| {
        let table: &crate::schema::Table = table;
        table.foreign_keys.iter().map(move |key| (name, key, table.leads(&key.columns)))
    };
    schema.own().flat_map(of).collect()
}

/// What the rules say of a database that somebody names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruled {
    /// Tables that are judged.
    pub tables: usize,
    /// Foreign keys that are judged.
    pub foreign_keys: usize,
    /// Tables without a primary key.
    pub without_primary_key: Vec<String>,
    /// Foreign keys that no index serves, as table and constraint.
    pub unindexed: Vec<(String, String)>,
}

/// Reads the schema of a database and applies the rules of `db.primary-keys` and `db.foreign-key-indexes`.
///
/// # Errors
/// A sentence where the database cannot be read, or is of a kind that is read by its file.
pub async fn rule(hint: &DatabaseHint) -> Result<Ruled, String> {
    let target = match hint.kind {
        DatabaseKind::Postgres => Target::Postgres { hint: hint.clone(), database: hint.database.clone() },
        DatabaseKind::Mysql => Target::Mysql { hint: hint.clone(), database: hint.database.clone() },
        DatabaseKind::Mongo | DatabaseKind::Sqlite => return Err("only servers with a catalogue are read".to_owned()),
    };
    let connection = Connection::open(target).await.map_err(|error| error.to_string())?;
    let schema = connection.schema().await.map_err(|error| error.to_string())?;
    let keys = foreign_keys(&schema);
    let bare = keys.iter().filter(|(_, _, served)| !served);
    Ok(Ruled {
        tables: schema.own().count(),
        foreign_keys: keys.len(),
        without_primary_key: without_primary_key(&schema).into_iter().map(ToString::to_string).collect(),
        unindexed: bare.map(|(table, key, _)| (table.to_string(), key.name.clone())).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Index, Table};

    fn name(name: &str) -> TableName {
        TableName { schema: "public".to_owned(), name: name.to_owned() }
    }

    fn table(primary_key: &[&str], keys: &[&[&str]], indexes: &[&[&str]]) -> Table {
        let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let key = |names: &&[&str]| ForeignKey { name: names.join("_"), columns: columns(names), refers_to: name("a") };
        let index =
            |names: &&[&str]| Index { name: String::new(), unique: false, keys: columns(names), partial: false };
        Table {
            columns: Vec::new(),
            primary_key: columns(primary_key),
            foreign_keys: keys.iter().map(key).collect(),
            indexes: indexes.iter().map(index).collect(),
        }
    }

    #[test]
    fn keys_are_judged_by_what_leads_an_index() {
        let schema = Schema {
            tables: [
                (name("a"), table(&["id"], &[], &[&["id"]])),
                (name("b"), table(&["a", "c"], &[&["a"], &["c"], &["c", "a"]], &[&["a", "c"]])),
                (name("log"), table(&[], &[], &[])),
                (name("alembic_version"), table(&[], &[], &[])),
            ]
            .into(),
        };
        assert_eq!(without_primary_key(&schema), [&name("log")], "a tool's own table is nobody's design");
        let judged: Vec<(String, bool)> =
            foreign_keys(&schema).into_iter().map(|(_, key, served)| (key.name.clone(), served)).collect();
        let expected = [("a", true), ("c", false), ("c_a", true)].map(|(name, served)| (name.to_owned(), served));
        assert_eq!(judged, expected);
    }
}
