//! `db.not-null`: the columns of required fields do not take NULL.
//!
//! Planted defect: `db-not-null` of the FastAPI submission.

use std::sync::Arc;

use crate::traces::Trace;
use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

use crate::difference::Difference;
use crate::engine::Aspect;
use crate::schema::{Column, TableName};
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
        let mut schema = Difference::default();
        let mut look = |trace: &Trace, field: &str| {
            let column =
                trace.columns.get(field).and_then(|column| found.schema.tables.get(&trace.table)?.column(column));
            if let Some(column) = column {
                required(&mut schema, &trace.table, column);
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
                required(&mut schema, &line.table, column);
            }
        }
        let (seen, nullable) = (schema.wanted(), schema.differing());
        if seen == 0 {
            return Err(Stop::inconclusive("the columns of the required fields could not be told from their values"));
        }
        if nullable == 0 {
            return Ok(Finding::pass(self.id(), format!("None of {seen} required columns takes NULL")));
        }
        let shown = found.shown(Aspect::Columns).await?;
        #[expect(clippy::cast_precision_loss, reason = "a handful of columns")]
        let fraction = (seen - nullable) as f64 / seen as f64;
        let finding = if nullable == 1 && fraction >= 0.75 {
            Finding::partial(self.id(), 0.5, "A required column takes NULL")
        } else {
            Finding::fail(self.id(), format!("{nullable} of {seen} required columns take NULL"))
        };
        Ok(schema.tell(finding).evidence(shown))
    }
}

/// A column that no record may leave empty.
fn required(schema: &mut Difference, table: &TableName, column: &Column) {
    let found = format!("{table}.{} {}", column.name, column.kind);
    let wanted = format!("{found} NOT NULL");
    if column.nullable { schema.other(wanted, found) } else { schema.same(wanted) }
}
