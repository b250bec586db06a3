//! `db.normalized`: the lines of a transaction are rows, and single facts are single values: nothing that belongs in a table is
//! kept as JSON, an array or a comma list. Decided by contents: a document or array that holds a known record's key.
//!
//! A price copied onto a line is right and required. Planted defect: `db-normalized` of the Express submission.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

use crate::engine::Aspect;
use crate::store::Store;

pub(crate) struct Normalized(pub(crate) Arc<Store>);

#[async_trait]
impl Probe for Normalized {
    fn id(&self) -> &'static str {
        "db.normalized"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let (found, traces) = self.0.traces(ctx).await?;
        let mut packed: Vec<String> = Vec::new();
        for (name, table) in found.schema.own() {
            for column in table.columns.iter().filter(|c| c.is_document() || c.is_array() || c.is_text()) {
                let text = found.dialect().text(column);
                let holds: Vec<String> = traces
                    .line_keys
                    .iter()
                    // A short number is inside of anything; and a column that is the key itself holds nothing else.
                    .filter(|key| key.len() >= 6 || column.is_array())
                    .map(|key| {
                        let (holds, whole) = (found.dialect().contains(&text, key), found.holds(column, key));
                        format!("({holds} AND NOT {whole})")
                    })
                    .collect();
                if holds.is_empty() {
                    continue;
                }
                // A cached answer, as idempotency keys keep, is a copy of an answer and no table of its own.
                if is_cache(&name.name) || is_cache(&column.name) {
                    continue;
                }
                let sql = format!(
                    "SELECT 1 AS hit FROM {} WHERE {} LIMIT 1",
                    found.dialect().table(name),
                    holds.join(" OR ")
                );
                if found.try_query(&sql).await.is_ok_and(|rows| !rows.rows.is_empty()) {
                    packed.push(format!("{name}.{} ({}) holds the keys of other records", column.name, column.kind));
                }
            }
        }
        let main = &traces.main;
        if let Some(table) = found.schema.tables.get(&main.table) {
            for (field, column) in &main.columns {
                if let Some(column) = table.column(column).filter(|c| c.is_document() || c.is_array()) {
                    packed.push(format!("{}.{} ({}) holds the {field}", main.table, column.name, column.kind));
                }
            }
        }
        packed.sort();
        packed.dedup();
        if packed.is_empty() && traces.transaction.is_some() && traces.line.is_none() && ctx.transaction().is_ok() {
            return Ok(Finding::fail(self.id(), "No row ties a transaction to what it is about")
                .expected("one row per line, with the keys of both records")
                .actual("no table has a row with both keys"));
        }
        if packed.is_empty() {
            return Ok(Finding::pass(self.id(), "Lines are rows of their own, and no list is packed into a column"));
        }
        let shown = found.shown(Aspect::Columns).await?;
        Ok(Finding::fail(self.id(), "Records are packed into a column instead of standing in a table")
            .expected("one row per line, one value per column")
            .actual(packed.join("\n"))
            .evidence(shown))
    }
}

fn is_cache(name: &str) -> bool {
    let name = name.to_lowercase();
    ["idempoten", "cache", "response", "audit", "outbox", "event", "log", "payload", "snapshot"]
        .iter()
        .any(|word| name.contains(word))
}
