//! `db.timestamps`: accounts and transactions carry the time of their creation, and timestamps carry a time zone.
//!
//! A creation time is a column of a date-time type that was set without being sent. Planted defect: `db-timestamps` of the
//! Express submission.

use std::sync::Arc;

use crate::schema::Column;
use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

use crate::store::Store;

pub(crate) struct Timestamps(pub(crate) Arc<Store>);

#[async_trait]
impl Probe for Timestamps {
    fn id(&self) -> &'static str {
        "db.timestamps"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let (found, traces) = self.0.traces(ctx).await?;
        let mut missing = Vec::new();
        let mut zoneless = Vec::new();
        let mut seen = 0;
        for trace in [&traces.account, &traces.transaction].into_iter().flatten() {
            let Some(table) = found.schema.tables.get(&trace.table) else { continue };
            seen += 1;
            let filled = |column: &Column| trace.row.get(&column.name).is_some_and(|value| !value.is_null());
            if !table.columns.iter().any(|column| column.is_timestamp() && filled(column)) {
                missing.push(trace.table.to_string());
            }
        }
        for (name, table) in found.schema.own() {
            for column in table.columns.iter().filter(|column| column.is_timestamp() && !column.is_zoned()) {
                zoneless.push(format!("{name}.{}", column.name));
            }
        }
        if seen == 0 {
            return Err(Stop::inconclusive("neither an account nor a transaction could be found in the tables"));
        }
        if missing.is_empty() && zoneless.is_empty() {
            return Ok(Finding::pass(self.id(), "Accounts and transactions carry a creation time, with time zone"));
        }
        let mut actual = Vec::new();
        if !missing.is_empty() {
            actual.push(format!("no creation time: {}", missing.join(", ")));
        }
        if !zoneless.is_empty() {
            actual.push(format!("without time zone: {}", zoneless.join(", ")));
        }
        let sql = crate::schema::COLUMNS;
        let rows = found.query(sql).await?;
        let summary = if missing.is_empty() {
            "Timestamps are kept without a time zone"
        } else {
            "Records do not say when they were made"
        };
        Ok(Finding::fail(self.id(), summary)
            .expected("a creation time on accounts and transactions, as timestamp with time zone")
            .actual(actual.join("\n"))
            .evidence(rows.evidence(sql)))
    }
}
