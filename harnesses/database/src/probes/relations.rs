//! References between tables, found by following the values of known rows: a column that holds another row's key refers
//! to it, whatever it is called.

use std::fmt;

use harness_kit::wire;

use crate::schema::{Table, TableName};
use crate::store::{Found, is_key};
use crate::traces::{Trace, Traces};

/// Tables whose keys are looked through.
const MOST_TABLES: usize = 60;

/// A column that holds another table's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) table: TableName,
    pub(crate) column: String,
    pub(crate) to: TableName,
    /// Whether a foreign key says so.
    pub(crate) declared: bool,
}

/// The references in the rows of the run's own records, one for each column. Where a value is a key of several tables, the
/// declared one is meant, else the one that the column is named after, else the first.
pub(crate) async fn followed(found: &Found, traces: &Traces) -> Vec<Reference> {
    let rows = [Some(&traces.main), traces.account.as_ref(), traces.transaction.as_ref(), traces.line.as_ref()];
    let mut references: Vec<Reference> = Vec::new();
    for trace in rows.into_iter().flatten() {
        let Some(table) = found.schema.tables.get(&trace.table) else { continue };
        let mut targets: Vec<(String, TableName)> = Vec::new();
        for (name, other) in found.schema.own().take(MOST_TABLES).filter(|(name, _)| **name != trace.table) {
            targets
                .extend(held(found, trace, table, name, other).await.into_iter().map(|column| (column, name.clone())));
        }
        for column in &table.columns {
            let to: Vec<&TableName> =
                targets.iter().filter(|(held, _)| *held == column.name).map(|(_, to)| to).collect();
            let keys = table.foreign_keys.iter().filter(|key| key.columns.contains(&column.name));
            let declared = keys.map(|key| &key.refers_to).find(|refers_to| to.contains(refers_to));
            let named = || to.iter().find(|to| is_named_after(&column.name, to)).copied();
            let Some(to) = declared.or_else(named).or(to.first().copied()) else { continue };
            let reference = Reference {
                table: trace.table.clone(),
                column: column.name.clone(),
                to: to.clone(),
                declared: declared.is_some(),
            };
            if !references.contains(&reference) {
                references.push(reference);
            }
        }
    }
    references
}

/// The columns of a row that hold the key of a row of `other`. A small number is a key only by its column's name or by
/// declaration: it coincides with too much.
async fn held(found: &Found, trace: &Trace, table: &Table, name: &TableName, other: &Table) -> Vec<String> {
    let Some(key) = other.single_key().and_then(|key| other.column(key)) else { return Vec::new() };
    let candidates: Vec<(&str, String)> = table
        .columns
        .iter()
        .filter(|column| column.may_refer() && !column.is_float() && table.single_key() != Some(&column.name))
        .filter_map(|column| Some((column.name.as_str(), wire::text(trace.row.get(&column.name)?)?)))
        .filter(|(column, value)| {
            let small = value.len() < 6 || value.len() < 9 && value.bytes().all(|byte| byte.is_ascii_digit());
            let declared = || {
                let mut keys = table.foreign_keys.iter();
                keys.any(|key| key.refers_to == *name && key.columns.iter().any(|one| one == column))
            };
            !value.is_empty() && value.len() <= 200 && (!small || is_named_after(column, name) || declared())
        })
        .collect();
    if candidates.is_empty() {
        return Vec::new();
    }
    let holds: Vec<String> = candidates.iter().map(|(_, value)| found.holds(key, value)).collect();
    let dialect = found.dialect();
    let sql =
        format!("SELECT {} AS k FROM {} WHERE {} LIMIT 50", dialect.text(key), dialect.table(name), holds.join(" OR "));
    let Ok(rows) = found.try_query(&sql).await else { return Vec::new() };
    let keys: Vec<&str> = rows.rows.iter().map(|row| rows.cell(row, "k")).collect();
    let is_one = |value: &str| keys.iter().any(|key| is_key(&serde_json::Value::String((*key).to_owned()), value));
    candidates.into_iter().filter(|(_, value)| is_one(value)).map(|(column, _)| column.to_owned()).collect()
}

/// Whether a column is called after a table, as `user_id` after `users`.
fn is_named_after(column: &str, table: &TableName) -> bool {
    let stem = wire::plain(&table.name);
    let stem = stem.strip_suffix("ies").or_else(|| stem.strip_suffix('s')).unwrap_or(&stem);
    !stem.is_empty() && wire::plain(column).contains(stem)
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} -> {}", self.table, self.column, self.to)
    }
}
