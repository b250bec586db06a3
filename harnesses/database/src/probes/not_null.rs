//! `db.not-null`: the columns of required fields do not take NULL.
//!
//! Planted defect: `db-not-null` of the FastAPI submission.

use std::sync::Arc;

use crate::traces::Trace;
use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

use crate::engine::Aspect;
use crate::store::Store;

pub(crate) struct NotNull(pub(crate) Arc<Store>);

#[async_trait]
impl Probe for NotNull {
    fn id(&self) -> &'static str {
        "db.not-null"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let (found, traces) = self.0.traces(ctx).await?;
        let domain = &ctx.spec().domain;
        let mut nullable = Vec::new();
        let mut seen = 0;
        let mut look = |trace: &Trace, field: &str| {
            let column =
                trace.columns.get(field).and_then(|column| found.schema.tables.get(&trace.table)?.column(column));
            if let Some(column) = column {
                seen += 1;
                if column.nullable {
                    nullable.push(format!("{}.{}", trace.table, column.name));
                }
            }
        };
        if let Some(main) = domain.main_resource() {
            for (id, _) in main.fields.iter().filter(|(_, field)| field.required) {
                look(&traces.main, id);
            }
        }
        if let Some(account) = &traces.account {
            look(account, &domain.accounts.identity);
        }
        if let (Some(line), Some(table)) =
            (&traces.line, traces.line.as_ref().and_then(|line| found.schema.tables.get(&line.table)))
        {
            for column in table.foreign_keys.iter().flat_map(|key| &key.columns).filter_map(|name| table.column(name)) {
                seen += 1;
                if column.nullable {
                    nullable.push(format!("{}.{}", line.table, column.name));
                }
            }
        }
        if seen == 0 {
            return Err(Stop::inconclusive("the columns of the required fields could not be told from their values"));
        }
        if nullable.is_empty() {
            return Ok(Finding::pass(self.id(), format!("None of {seen} required columns takes NULL")));
        }
        let shown = found.shown(Aspect::Columns).await?;
        #[expect(clippy::cast_precision_loss, reason = "a handful of columns")]
        let fraction = (seen - nullable.len()) as f64 / seen as f64;
        let finding = if nullable.len() == 1 && fraction >= 0.75 {
            Finding::partial(self.id(), 0.5, "A required column takes NULL")
        } else {
            Finding::fail(self.id(), format!("{} of {seen} required columns take NULL", nullable.len()))
        };
        Ok(finding
            .expected("NOT NULL on every required column")
            .actual(format!("takes NULL: {}", nullable.join(", ")))
            .evidence(shown))
    }
}
