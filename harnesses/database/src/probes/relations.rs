//! References between tables, found by following the keys of known records.

use std::fmt;

use harness_kit::wire;

use crate::schema::TableName;
use crate::store::{Found, is_key};
use crate::traces::{Trace, Traces};

/// A column that holds another table's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) table: TableName,
    pub(crate) column: String,
    pub(crate) to: TableName,
    /// Whether a foreign key says so.
    pub(crate) declared: bool,
}

/// The references among the rows of one transaction: to its account, from its lines to it, and to what they are about.
pub(crate) fn followed(found: &Found, traces: &Traces) -> Vec<Reference> {
    let mut references = Vec::new();
    let mut add = |from: Option<&Trace>, to: Option<&Trace>| {
        if let (Some(from), Some(to)) = (from, to) {
            references.extend(reference(found, from, to));
        }
    };
    let (account, transaction, line) = (traces.account.as_ref(), traces.transaction.as_ref(), traces.line.as_ref());
    add(transaction, account);
    add(line, transaction);
    add(line, Some(&traces.main));
    references
}

/// The column of `from` that holds the key of `to`. Among several with the value, a declared one or one that is named
/// after the table is meant; small integers that merely coincide are not.
fn reference(found: &Found, from: &Trace, to: &Trace) -> Option<Reference> {
    let key = to.key(found)?;
    let table = found.schema.tables.get(&from.table)?;
    let holds: Vec<&str> = from
        .row
        .iter()
        .filter(|(column, value)| is_key(value, &key) && table.single_key() != Some(column.as_str()))
        .map(|(column, _)| column.as_str())
        .collect();
    let declared = holds.iter().find(|column| {
        table
            .foreign_keys
            .iter()
            .any(|known| known.refers_to == to.table && known.columns.iter().any(|name| name == *column))
    });
    if let Some(column) = declared {
        return Some(Reference {
            table: from.table.clone(),
            column: (*column).to_owned(),
            to: to.table.clone(),
            declared: true,
        });
    }
    let is_small = key.len() < 6 && key.chars().all(|c| c.is_ascii_digit());
    let stem = wire::plain(&to.table.name);
    let stem = stem.strip_suffix("ies").or_else(|| stem.strip_suffix('s')).unwrap_or(&stem);
    let column = holds.iter().find(|column| wire::plain(column).contains(stem)).or(if is_small {
        None
    } else {
        holds.first()
    })?;
    Some(Reference { table: from.table.clone(), column: (*column).to_owned(), to: to.table.clone(), declared: false })
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} -> {}", self.table, self.column, self.to)
    }
}
