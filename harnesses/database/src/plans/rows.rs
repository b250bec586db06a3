//! What made rows hold: keys after the row's number, and references after the number of the row that they refer to, so
//! that the copies of tables join as the originals do.
//!
//! Some twenty rows share the first reference of a table (an account's transactions, a transaction's lines); one each
//! refers to each further row. What else may not repeat, or does not among the real rows, is made distinct; everything
//! else is taken from real rows in turn. Knows no engine: how a value is made of a number is each engine's own.

use super::ROWS;
use crate::schema::{Class, Column, Table};

/// Real rows that are taken after.
pub(super) const SAMPLE: usize = 200;
/// Rows that share the first reference.
pub(super) const FAN: usize = 20;
/// Without a common divisor with [`ROWS`]: the numbers of all rows in another order.
pub(super) const STRIDE: usize = 7_919;

/// The number that a made value is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// The row's own, from 1 to [`ROWS`].
    Own,
    /// One for each [`FAN`] rows in turn.
    Shared,
    /// All of them in another order.
    Strided,
}

/// What number a column's value is made of; `None` where it is taken from a real row.
pub(super) fn number(table: &Table, column: &Column, is_distinct: bool) -> Option<Number> {
    let references: Vec<&str> = table
        .foreign_keys
        .iter()
        .filter_map(|key| if let [only] = key.columns.as_slice() { Some(only.as_str()) } else { None })
        .collect();
    let alone = table.indexes.iter().any(|index| index.unique && index.keys == [column.name.clone()]);
    if let Some(place) = references.iter().position(|name| *name == column.name) {
        return Some(if place == 0 && !alone { Number::Shared } else { Number::Strided });
    }
    // An amount may have room for few digits, and repeats without harm.
    let is_distinct = is_distinct && !matches!(column.class, Class::Exact | Class::Float);
    let in_key = table.primary_key.contains(&column.name);
    let in_unique =
        table.indexes.iter().any(|index| index.unique && index.keys.iter().any(|key| names(key, &column.name)));
    (in_key || alone || is_distinct || (in_unique && !column.nullable)).then_some(Number::Own)
}

/// A type's name, and the length that it is given.
pub(super) fn kind(kind: &str) -> (&str, Option<usize>) {
    match kind.split_once('(') {
        Some((base, rest)) => (base.trim(), rest.split([',', ')']).next().and_then(|n| n.trim().parse().ok())),
        None => (kind, None),
    }
}

/// Whether an index's key is the column, or an expression over it.
fn names(key: &str, column: &str) -> bool {
    key.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == column)
}

/// At most so many rows are few.
pub(super) fn few(of: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand rows")]
    let rows = ROWS as f64;
    rows / of
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{ForeignKey, Index, TableName};

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
        let number = |name: &str, class: Class, nullable: bool, distinct: bool| {
            let column = Column { name: name.to_owned(), kind: String::new(), class, nullable };
            number(&table, &column, distinct)
        };
        assert_eq!(number("parent", Class::Other, false, false), Some(Number::Shared));
        assert_eq!(number("thing", Class::Integer, false, false), Some(Number::Strided));
        assert_eq!(number("line", Class::Integer, false, false), Some(Number::Own));
        assert_eq!(number("code", Class::Text, false, false), Some(Number::Own));
        assert_eq!(number("token", Class::Text, true, false), None, "what may be missing is as in the real rows");
        assert_eq!(number("name", Class::Text, false, true), Some(Number::Own));
        assert_eq!(number("price", Class::Exact, false, true), None);
        assert_eq!(number("state", Class::Other, false, false), None);
    }

    #[test]
    fn a_type_is_read_with_its_length() {
        assert_eq!(kind("character varying(13)"), ("character varying", Some(13)));
        assert_eq!(kind("numeric(10,2)"), ("numeric", Some(10)));
        assert_eq!(kind("text"), ("text", None));
    }

    #[test]
    fn the_stride_meets_every_row_once() {
        let mut met: Vec<usize> = (1..=ROWS).map(|i| i * STRIDE % ROWS + 1).collect();
        met.sort_unstable();
        assert_eq!(met, (1..=ROWS).collect::<Vec<_>>());
    }
}
