//! Following the probes' own records through the tables: which table and column holds what, by value and not by name.

use std::collections::BTreeMap;

use grader_spec::{FieldKind, Resource};
use harness_kit::wire::{self, Shape};
use harness_kit::{Account, Context, Stop, bind};
use serde_json::{Map, Value, json};

use crate::home::{self, home};
use crate::schema::TableName;
use crate::sql::SqlError;
use crate::store::{Found, is_key};

/// A text that the API was given and that no other record has.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    /// Texts of the record, longest first.
    texts: Vec<String>,
}

/// A row that holds a known record.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) table: TableName,
    /// The row as JSON, by column.
    pub(crate) row: Map<String, Value>,
    /// Spec field id to column.
    pub(crate) columns: BTreeMap<String, String>,
}

/// Where the records of the run stand.
#[derive(Debug, Clone)]
pub(crate) struct Traces {
    pub(crate) main: Trace,
    /// The first account's row.
    pub(crate) account: Option<Trace>,
    /// The transaction's row.
    pub(crate) transaction: Option<Trace>,
    /// Rows that refer to both the transaction and the main record.
    pub(crate) line: Option<Trace>,
    /// Texts that the transaction's lines are known by: the main records' keys.
    pub(crate) line_keys: Vec<String>,
    /// The quantity on the line.
    pub(crate) quantity: u32,
}

/// Makes the marked record.
pub(crate) async fn mark(ctx: &Context) -> Result<Mark, Stop> {
    let main = ctx.main()?;
    let mut values = ctx.values("database mark");
    let record = main.create(ctx, &mut values, &[]).await?;
    let texts = texts(&main.spec, &record.sent);
    if texts.is_empty() {
        return Err(Stop::inconclusive(format!("no field of {} is a text that nobody else's record has", main.id)));
    }
    Ok(Mark { texts })
}

fn texts(resource: &Resource, sent: &Map<String, Value>) -> Vec<String> {
    let mut texts: Vec<String> = sent
        .iter()
        .filter(|(id, _)| {
            // Names of people are few, and repeat.
            let unmistakable = [FieldKind::Text, FieldKind::Gtin13, FieldKind::Email, FieldKind::Username];
            resource.fields.get(*id).is_some_and(|field| unmistakable.contains(&field.kind))
        })
        .filter_map(|(_, value)| value.as_str().map(str::to_owned))
        .collect();
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    texts
}

/// Whether the database holds the marked record.
///
/// # Errors
/// When it cannot be asked any more: then it cannot be told.
pub(crate) async fn holds(found: &Found, mark: &Mark) -> Result<bool, SqlError> {
    for text in &mark.texts {
        for (name, table) in found.schema.own() {
            let condition = home::condition(found, table, text);
            if !condition.is_empty() && found.one_row(name, &condition).await.is_some() {
                return Ok(true);
            }
        }
    }
    found.try_query("SELECT 1 AS sound").await.map(|_| false)
}

/// Makes an account's transaction on fresh records and finds all of them in the tables.
pub(crate) async fn follow(ctx: &Context, found: &Found) -> Result<Traces, Stop> {
    let main = ctx.main()?;
    let mut values = ctx.values("database traces");
    let stock = ctx.spec().domain.transaction().map(|(_, _, lines)| lines.stock.clone());
    let overrides: Vec<(&str, Value)> = stock.iter().map(|field| (field.as_str(), json!(37))).collect();
    let record = main.create(ctx, &mut values, &overrides).await?;
    found.refresh(ctx).await?;
    let mut main_trace = None;
    for text in texts(&main.spec, &record.sent) {
        let values = |row: &Map<String, Value>| columns_of(&main.spec, &record.sent, row).len();
        if let Some((table, row)) = home(found, &text, Some(&record.key), values).await {
            let columns = columns_of(&main.spec, &record.sent, &row);
            main_trace = Some(Trace { table, row, columns });
            break;
        }
    }
    let Some(main_trace) = main_trace else {
        return Err(Stop::inconclusive("a record that the API took could not be found again in its database"));
    };
    let account = account(ctx, found).await;
    let key = main_trace.key(found).unwrap_or_else(|| record.key.clone());
    let mut traces = Traces {
        main: main_trace,
        account,
        transaction: None,
        line: None,
        line_keys: vec![key.clone(), record.key.clone()],
        quantity: 3,
    };
    if let Ok(resource) = ctx.transaction() {
        let line = (record.reference(&main), json!(traces.quantity));
        if let Ok(body) = resource.transaction_body(&[line]) {
            let session = ctx.writer(&resource)?;
            let answer = resource.place(ctx, body, session.as_ref()).await?;
            if let Some(made) = resource.made(Map::new(), &answer) {
                found.refresh(ctx).await?;
                traces.transaction = by_value(found, &made.key, &[&traces.main.table]).await;
                if let Some(transaction) = &traces.transaction {
                    let parent = transaction.key(found).unwrap_or(made.key);
                    traces.line = line_of(found, &parent, &key, &transaction.table).await;
                }
            }
        }
    }
    Ok(traces)
}

async fn account(ctx: &Context, found: &Found) -> Option<Trace> {
    let account = ctx.account().await.ok()?;
    found.refresh(ctx).await.ok()?;
    let accounts = &ctx.spec().domain.accounts;
    let (table, row) = find_account(ctx, found, &account).await?;
    let mut columns = BTreeMap::new();
    let column =
        row.iter().find(|(_, value)| value.as_str().is_some_and(|v| v.eq_ignore_ascii_case(&account.identity)));
    if let Some((column, _)) = column {
        columns.insert(accounts.identity.clone(), column.clone());
    }
    Some(Trace { table, row, columns })
}

/// The row of an account, in whatever case its identity is kept; told from others that name it by what the registration
/// answered.
pub(crate) async fn find_account(
    ctx: &Context,
    found: &Found,
    account: &Account,
) -> Option<(TableName, Map<String, Value>)> {
    let told: Vec<String> = bind::registered_record(ctx, account)
        .map(|record| record.values().filter_map(wire::text).collect())
        .unwrap_or_default();
    let key = bind::account_key(ctx, account).and_then(|key| wire::text(&key));
    let values =
        |row: &Map<String, Value>| told.iter().filter(|text| row.values().any(|cell| is_key(cell, text))).count();
    match home(found, &account.identity, key.as_deref(), values).await {
        Some(hit) => Some(hit),
        None => home(found, &account.identity.to_lowercase(), key.as_deref(), values).await,
    }
}

/// Which column of a row holds which field that was sent, by value; a field's own names break ties.
fn columns_of(resource: &Resource, sent: &Map<String, Value>, row: &Map<String, Value>) -> BTreeMap<String, String> {
    let mut columns = BTreeMap::new();
    for (id, value) in sent {
        let Some(field) = resource.fields.get(id) else { continue };
        let fits: Vec<&String> = row
            .iter()
            .filter(|(_, got)| {
                !got.is_null()
                    && (wire::same(field, value, got, Shape::Natural) || wire::same(field, value, got, Shape::Cents))
            })
            .map(|(column, _)| column)
            .collect();
        let named = fits.iter().find(|column| wire::is_named(column, &field.names));
        let only = if fits.len() == 1 { fits.first() } else { None };
        if let Some(column) = named.or(only) {
            columns.insert(id.clone(), (*column).clone());
        }
    }
    columns
}

/// The row one of whose key columns is `key`, in a table that is none of `others`.
async fn by_value(found: &Found, key: &str, others: &[&TableName]) -> Option<Trace> {
    for (name, _) in found.schema.own().filter(|(name, _)| !others.contains(name)) {
        if let Some(trace) = keyed(found, name, key).await {
            return Some(trace);
        }
    }
    None
}

/// The row of a table one of whose key columns is `key`: the primary key, or another column that is unique by itself, as
/// a public key is.
pub(crate) async fn keyed(found: &Found, name: &TableName, key: &str) -> Option<Trace> {
    let table = found.schema.tables.get(name)?;
    let mut candidates: Vec<&str> = table.single_key().into_iter().collect();
    for index in table.indexes.iter().filter(|index| index.unique && index.keys.len() == 1) {
        candidates.extend(table.column(&index.keys[0]).map(|column| column.name.as_str()));
    }
    for column in candidates.into_iter().filter_map(|name| table.column(name)) {
        if let Some(row) = found.one_row(name, &found.holds(column, key)).await {
            return Some(Trace { table: name.clone(), row, columns: BTreeMap::new() });
        }
    }
    None
}

/// The row that holds both keys in two columns of its own.
async fn line_of(found: &Found, parent: &str, record: &str, transaction: &TableName) -> Option<Trace> {
    for (name, table) in found.schema.own().filter(|(name, _)| *name != transaction) {
        let holding = |key: &str| {
            let columns: Vec<String> =
                table.columns.iter().filter(|c| c.may_refer()).map(|c| found.holds(c, key)).collect();
            columns.join(" OR ")
        };
        let (of_parent, of_record) = (holding(parent), holding(record));
        if of_parent.is_empty() {
            continue;
        }
        if let Some(row) = found.one_row(name, &format!("({of_parent}) AND ({of_record})")).await {
            let holds = |key: &str| row.iter().find(|(_, value)| is_key(value, key));
            let (Some((first, _)), Some((second, _))) = (holds(parent), holds(record)) else { continue };
            if first != second {
                return Some(Trace { table: name.clone(), row: row.clone(), columns: BTreeMap::new() });
            }
        }
    }
    None
}

impl Trace {
    /// The row's primary key as text, where it is one column.
    pub(crate) fn key(&self, found: &Found) -> Option<String> {
        let column = found.schema.tables.get(&self.table)?.single_key()?;
        wire::text(self.row.get(column)?)
    }

    /// A condition that names this row alone, by its primary key or else by all its scalar values.
    pub(crate) fn condition(&self, found: &Found) -> String {
        let Some(table) = found.schema.tables.get(&self.table) else { return "1 = 0".to_owned() };
        let named = |name: &&String| table.primary_key.is_empty() || table.primary_key.contains(name);
        let parts: Vec<String> = self
            .row
            .keys()
            .filter(named)
            .filter_map(|name| Some(found.holds(table.column(name)?, &wire::text(self.row.get(name)?)?)))
            .collect();
        if parts.is_empty() { "1 = 0".to_owned() } else { parts.join(" AND ") }
    }
}
