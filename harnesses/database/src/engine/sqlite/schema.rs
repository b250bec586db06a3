//! The schema as SQLite's pragmas tell it. They are asked as table-valued functions, a statement each.
//!
//! SQLite keeps any value in any column: what a column is declared as is its author's word, and it is graded by that.

use super::super::Aspect;
use super::Session;
use crate::schema::{Class, Column, Index, Schema, TableName, Zone};
use crate::sql::SqlError;

const COLUMNS: &str = "\
SELECT m.name AS tab, c.name AS col, c.type AS kind, c.\"notnull\" AS required, c.pk AS pk \
FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
ORDER BY m.name, c.cid LIMIT 5000";

const FOREIGN_KEYS: &str = "\
SELECT m.name AS tab, f.id AS name, f.\"from\" AS col, f.\"table\" AS ftab FROM sqlite_schema m \
JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' ORDER BY m.name, f.id, f.seq LIMIT 5000";

const INDEXES: &str = "\
SELECT m.name AS tab, i.name AS name, i.\"unique\" AS uniq, i.partial AS partial, k.name AS col, \
(SELECT sql FROM sqlite_schema d WHERE d.type = 'index' AND d.name = i.name) AS definition \
FROM sqlite_schema m JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) k \
WHERE m.type = 'table' ORDER BY m.name, i.name, k.seqno LIMIT 5000";

/// Reads the whole schema.
pub(crate) fn read(session: &mut Session) -> Result<Schema, SqlError> {
    let mut schema = Schema::default();
    let named = |name: &str| TableName { schema: String::new(), name: name.to_owned() };
    let rows = session.query(COLUMNS)?;
    for row in &rows.rows {
        let table = schema.tables.entry(named(rows.cell(row, "tab"))).or_default();
        let (name, kind) = (rows.cell(row, "col").to_owned(), rows.cell(row, "kind").to_lowercase());
        if let Ok(place @ 1..) = rows.cell(row, "pk").parse::<usize>() {
            // In the key's own order, which need not be the table's.
            let at = table.primary_key.len().min(place - 1);
            table.primary_key.insert(at, name.clone());
        }
        table.columns.push(Column {
            name,
            class: class(&kind),
            kind,
            nullable: rows.cell(row, "required") == "0" && rows.cell(row, "pk") == "0",
        });
    }
    let rows = session.query(FOREIGN_KEYS)?;
    for row in &rows.rows {
        let refers_to = rows.cell(row, "ftab");
        // Names are written as the author likes; the table they mean is one.
        let refers_to = schema.tables.keys().find(|name| name.name.eq_ignore_ascii_case(refers_to)).cloned();
        let (Some(refers_to), Some(table)) = (refers_to, schema.tables.get_mut(&named(rows.cell(row, "tab")))) else {
            continue;
        };
        let column = rows.cell(row, "col");
        let column = table.columns.iter().find(|known| known.name.eq_ignore_ascii_case(column));
        if let Some(column) = column.map(|known| known.name.clone()) {
            table.add_to_foreign_key(rows.cell(row, "name"), column, refers_to);
        }
    }
    let rows = session.query(INDEXES)?;
    for row in &rows.rows {
        let Some(table) = schema.tables.get_mut(&named(rows.cell(row, "tab"))) else { continue };
        let name = rows.cell(row, "name");
        let at = table.indexes.last().filter(|index| index.name == name).map_or(0, |index| index.keys.len());
        let key = match rows.cell(row, "col") {
            "" => expression(rows.cell(row, "definition"), at),
            column => column.to_owned(),
        };
        table.add_to_index(name, key, rows.cell(row, "uniq") == "1", rows.cell(row, "partial") == "1");
    }
    for table in schema.tables.values_mut() {
        // The row's own number needs no index beside the table.
        if !table.primary_key.is_empty() && !table.leads(&table.primary_key) {
            let keys = table.primary_key.clone();
            table.indexes.push(Index { name: "primary key".to_owned(), unique: true, keys, partial: false });
        }
    }
    Ok(schema)
}

/// The expression at a place in an index's definition, such as `lower(email)` in `… ON t (lower(email), b)`.
fn expression(definition: &str, at: usize) -> String {
    let Some((_, keys)) = definition.split_once('(') else { return "(expression)".to_owned() };
    let (mut depth, mut place, mut found) = (0_usize, 0, String::new());
    for c in keys.chars() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => break,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                place += 1;
                continue;
            }
            _ => {}
        }
        if place == at && c != '"' {
            found.push(c);
        }
    }
    found.trim().to_owned()
}

/// What a declared type says: its author's intent before SQLite's affinity (section 3.1 of its document on datatypes).
fn class(kind: &str) -> Class {
    let has = |words: &[&str]| words.iter().any(|word| kind.contains(word));
    if has(&["bool"]) {
        Class::Boolean
    } else if has(&["timestamp", "datetime"]) {
        // There is no type for time at all.
        Class::Timestamp(Zone::Unknown)
    } else if has(&["json"]) {
        Class::Document
    } else if has(&["int"]) {
        Class::Integer
    } else if has(&["char", "clob", "text", "uuid", "enum", "string"]) || kind.is_empty() {
        Class::Text
    } else if has(&["blob", "binary"]) {
        Class::Binary
    } else if has(&["real", "floa", "doub"]) {
        Class::Float
    } else if has(&["dec", "num", "money"]) {
        Class::Exact
    } else {
        Class::Other
    }
}

pub(crate) fn shows(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Columns | Aspect::PrimaryKeys | Aspect::ForeignKeys => {
            "SELECT name AS tab, sql AS definition FROM sqlite_schema WHERE type = 'table' ORDER BY name LIMIT 100"
        }
        Aspect::Indexes => {
            "SELECT tbl_name AS tab, name, sql AS definition FROM sqlite_schema WHERE type IN ('table', 'index') \
             ORDER BY tbl_name, name LIMIT 100"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_say_what_their_author_meant() {
        for (kind, expected) in [
            ("varchar(255)", Class::Text),
            ("", Class::Text),
            ("decimal(10, 2)", Class::Exact),
            ("numeric(10, 2)", Class::Exact),
            ("double precision", Class::Float),
            ("bigint", Class::Integer),
            ("datetime", Class::Timestamp(Zone::Unknown)),
            ("boolean", Class::Boolean),
            ("blob", Class::Binary),
        ] {
            assert_eq!(class(kind), expected, "{kind}");
        }
    }

    #[test]
    fn keys_and_indexes_are_read_in_their_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("app.db");
        let made = rusqlite::Connection::open(&path).expect("a database");
        made.execute_batch(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL);
             CREATE UNIQUE INDEX u ON users (lower(email));
             CREATE TABLE lines (n INT NOT NULL, order_id INT NOT NULL, user INT REFERENCES Users (id),
                                 price DECIMAL(10, 2), PRIMARY KEY (order_id, n));
             CREATE INDEX part ON lines (user) WHERE n > 3;",
        )
        .expect("statements");
        drop(made);
        let bytes = std::fs::read(&path).expect("a file");
        let schema = read(&mut Session::open(bytes, None).expect("a copy")).expect("a schema");
        let table = |name: &str| {
            let name = TableName { schema: String::new(), name: name.to_owned() };
            schema.tables.get(&name).unwrap_or_else(|| panic!("{name}"))
        };
        let (users, lines) = (table("users"), table("lines"));
        assert_eq!(lines.primary_key, ["order_id", "n"]);
        assert_eq!((lines.foreign_keys.len(), lines.foreign_keys[0].refers_to.name.as_str()), (1, "users"));
        assert!(lines.leads(&["order_id".to_owned()]) && !lines.leads(&["user".to_owned()]));
        assert!(users.leads(&["id".to_owned()]), "the row's own number is an index");
        let unique = users.indexes.iter().find(|index| index.name == "u").expect("the index");
        assert_eq!((unique.unique, unique.keys.as_slice()), (true, &["lower(email)".to_owned()][..]));
        assert_eq!(lines.column("price").map(|column| (column.class, column.nullable)), Some((Class::Exact, true)));
    }

    #[test]
    fn an_expressions_text_is_taken_from_the_definition() {
        let definition = "CREATE UNIQUE INDEX u ON users (lower(trim(\"email\", ' ')), tenant)";
        assert_eq!(expression(definition, 0), "lower(trim(email, ' '))");
        assert_eq!(expression(definition, 1), "tenant");
        assert_eq!(expression("", 0), "(expression)");
    }
}
