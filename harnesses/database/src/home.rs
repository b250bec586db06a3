//! Which row *is* a record, where several tables hold a text of it: a log, an outbox or a search table repeats what the
//! record's own row says, and a schema is judged by that row alone.
//!
//! Told by what is known of the record, never by a table's name: the key that the API gave it, the other values that it
//! was given, then whether other tables refer to the row. Knows no probe.

use serde_json::{Map, Value};

use crate::schema::{Class, Table, TableName};
use crate::store::{Found, is_key};

/// Tables with the text that are weighed; a schema in which more repeat it is no candidate's.
const MOST: usize = 12;

/// How much speaks for a row, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Weight {
    /// Its key is the record's.
    keyed: bool,
    /// Values that the record is known by and the row holds.
    values: usize,
    /// Another table refers to its table.
    referred_to: bool,
    /// No other row of the table has the text: a log has it time and again.
    alone: bool,
}

/// The row of the record that `text` belongs to, and its table; `values` says how many of the record's known values a row
/// holds, `key` is the record's key where the API told it. The first table by name where nothing tells them apart.
pub(crate) async fn home(
    found: &Found,
    text: &str,
    key: Option<&str>,
    values: impl Fn(&Map<String, Value>) -> usize,
) -> Option<(TableName, Map<String, Value>)> {
    let mut best: Option<(Weight, TableName, Map<String, Value>)> = None;
    for (name, row, condition) in hits(found, text).await {
        let table = found.schema.tables.get(&name)?;
        let weight = Weight {
            keyed: key.is_some_and(|key| is_keyed(table, &row, key)),
            values: values(&row),
            referred_to: found.schema.own().any(|(other, described)| {
                *other != name && described.foreign_keys.iter().any(|foreign| foreign.refers_to == name)
            }),
            alone: found.count(&name, &condition).await == Some(1),
        };
        if best.as_ref().is_none_or(|(other, ..)| weight > *other) {
            best = Some((weight, name, row));
        }
    }
    best.map(|(_, name, row)| (name, row))
}

/// One row of each table one of whose text columns is `text`, and the condition that finds it.
async fn hits(found: &Found, text: &str) -> Vec<(TableName, Map<String, Value>, String)> {
    let mut hits = Vec::new();
    for (name, table) in found.schema.own() {
        let condition = condition(found, table, text);
        if condition.is_empty() {
            continue;
        }
        if let Some(row) = found.one_row(name, &condition).await {
            hits.push((name.clone(), row, condition));
            if hits.len() == MOST {
                break;
            }
        }
    }
    hits
}

/// The condition that one of a table's text columns is `text`; empty where it has none.
pub(crate) fn condition(found: &Found, table: &Table, text: &str) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        // Some engines' own types hold text under a name of their own, such as MariaDB's UUID or a domain.
        .filter(|column| matches!(column.class, Class::Text | Class::Other))
        .map(|column| found.holds(column, text))
        .collect();
    columns.join(" OR ")
}

/// Whether the row's primary key, or another column that is unique by itself, is `key`.
fn is_keyed(table: &Table, row: &Map<String, Value>, key: &str) -> bool {
    let unique = table.indexes.iter().filter(|index| index.unique && index.keys.len() == 1);
    let mut columns = table.single_key().into_iter().chain(unique.map(|index| index.keys[0].as_str()));
    columns.any(|column| row.get(column).is_some_and(|value| is_key(value, key)))
}

#[cfg(test)]
mod tests {
    use harness_kit::wire;
    use serde_json::json;

    use super::*;

    const IDENTITY: &str = "ann-7f3a@example.com";

    /// The table that is the account's home in a database of that schema, with what the API told of the account.
    async fn chosen(schema: &str, key: Option<&str>, told: &[Value]) -> String {
        let database = rusqlite::Connection::open_in_memory().expect("a database");
        database.execute_batch(schema).expect("the schema");
        let file = database.serialize("main").expect("a file").to_vec();
        let found = Found::of_file(file).await;
        let values = |row: &Map<String, Value>| {
            told.iter().filter(|value| row.values().any(|cell| wire::text(cell) == wire::text(value))).count()
        };
        home(&found, IDENTITY, key, values).await.expect("it is there").0.name
    }

    const LOGGED: &str = "
        CREATE TABLE audit (id INTEGER PRIMARY KEY, actor TEXT, action TEXT);
        CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT, role TEXT, secret TEXT);
        INSERT INTO audit VALUES (1, 'ann-7f3a@example.com', 'sign-up');
        INSERT INTO users VALUES ('u-1', 'ann-7f3a@example.com', 'reader', 'x');";

    #[tokio::test]
    async fn a_log_that_comes_first_is_not_the_accounts_home() {
        assert_eq!(chosen(LOGGED, Some("u-1"), &[]).await, "users");
        // Also where the API gives no key back, and only says what it keeps.
        assert_eq!(chosen(LOGGED, None, &[json!("reader")]).await, "users");
    }

    #[tokio::test]
    async fn without_any_answer_references_and_repetition_tell() {
        let referred =
            format!("{LOGGED} CREATE TABLE visits (id INTEGER PRIMARY KEY, visitor TEXT REFERENCES users (id));");
        assert_eq!(chosen(&referred, None, &[]).await, "users");
        let repeated = format!("{LOGGED} INSERT INTO audit VALUES (2, '{IDENTITY}', 'sign-in');");
        assert_eq!(chosen(&repeated, None, &[]).await, "users");
    }

    #[tokio::test]
    async fn a_number_that_happens_to_be_the_key_of_a_log_does_not_win_over_the_record() {
        let schema = "
            CREATE TABLE audit (id INTEGER PRIMARY KEY, actor TEXT);
            CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, role TEXT);
            INSERT INTO audit VALUES (7, 'ann-7f3a@example.com');
            INSERT INTO users VALUES (7, 'ann-7f3a@example.com', 'reader');";
        assert_eq!(chosen(schema, Some("7"), &[json!(7), json!("reader")]).await, "users");
    }
}
