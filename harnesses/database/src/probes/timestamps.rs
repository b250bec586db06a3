//! `db.timestamps`: accounts and transactions carry the time of their creation, and timestamps carry a time zone.
//!
//! A creation time is a column of a date-time type that was set without being sent. Engines differ: MySQL's TIMESTAMP is a
//! moment and its DATETIME the only type beyond 2038, and SQLite has no type for time, so that a text or a number that
//! tells the present does; neither is charged for a zone that the engine cannot keep. Planted defect: `db-timestamps` of the
//! Express submission.

use std::sync::Arc;

use crate::schema::Column;
use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop, wire};
use serde_json::Value;

use crate::difference::Difference;
use crate::engine::{Aspect, Dialect};
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
        let mut schema = Difference::default();
        let (mut seen, mut missing) = (0, 0);
        for trace in [&traces.account, &traces.transaction].into_iter().flatten() {
            let Some(table) = found.schema.tables.get(&trace.table) else { continue };
            seen += 1;
            let told = |column: &Column| {
                let value = trace.row.get(&column.name).unwrap_or(&Value::Null);
                let typeless = found.dialect() == Dialect::Sqlite;
                !value.is_null() && (column.is_timestamp() || typeless && is_present(value))
            };
            if !table.columns.iter().any(told) {
                missing += 1;
                schema.other(
                    format!("{} with a creation time of each row", trace.table),
                    format!("{} without a creation time", trace.table),
                );
            }
        }
        for (name, table) in found.schema.own() {
            for column in table.columns.iter().filter(|column| column.is_timestamp()) {
                let of = |kind: &str| format!("{name}.{} {kind}", column.name);
                if column.loses_zone() {
                    schema.other(of("timestamp with time zone"), of(&column.kind));
                } else {
                    schema.same(of(&column.kind));
                }
            }
        }
        if seen == 0 {
            return Err(Stop::inconclusive("neither an account nor a transaction could be found in the tables"));
        }
        if schema.differing() == 0 {
            let zone = if found.dialect() == Dialect::Postgres { ", with time zone" } else { "" };
            return Ok(Finding::pass(self.id(), format!("Accounts and transactions carry a creation time{zone}")));
        }
        let shown = found.shown(Aspect::Columns).await?;
        let summary = if missing == 0 {
            "Timestamps are kept without a time zone"
        } else {
            "Records do not say when they were made"
        };
        Ok(schema.tell(Finding::fail(self.id(), summary)).evidence(shown))
    }
}

/// Whether a value without a type tells a time of these days: ISO 8601's date and time, or seconds or milliseconds
/// since 1970.
fn is_present(value: &Value) -> bool {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    if let Some(number) = wire::number(value) {
        return [number, number / 1_000.0].iter().any(|seconds| (seconds - now).abs() < 2.0 * 86_400.0);
    }
    let shape = |text: &str| -> String {
        text.chars()
            .take(16)
            .map(|c| {
                if c.is_ascii_digit() {
                    '0'
                } else if c == 'T' {
                    ' '
                } else {
                    c
                }
            })
            .collect()
    };
    value.as_str().is_some_and(|text| shape(text) == "0000-00-00 00:00")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_is_told_without_a_type() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
        for value in [json!(now), json!(now * 1_000), json!("2026-01-02T03:04:05Z"), json!("2026-01-02 03:04:05.123")] {
            assert!(is_present(&value), "{value}");
        }
        for value in [json!(37), json!("a text"), json!("2026-01-02"), json!("9780306406157"), json!(null)] {
            assert!(!is_present(&value), "{value}");
        }
    }
}
