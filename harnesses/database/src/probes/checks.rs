//! `db.checks`: the database itself refuses negative amounts, stocks and quantities.
//!
//! Tried, not read: an UPDATE to -1 inside a transaction that is rolled back. A constraint, a domain or a trigger all
//! count. Planted defect: `db-checks` of the FastAPI submission.

use std::sync::Arc;

use crate::difference::Difference;
use crate::sql::SqlError;
use crate::traces::Trace;
use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

use crate::store::Store;

pub(crate) struct Checks(pub(crate) Arc<Store>);

#[async_trait]
impl Probe for Checks {
    fn id(&self) -> &'static str {
        "db.checks"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let (found, traces) = self.0.traces(ctx).await?;
        let mut columns: Vec<(&Trace, String)> = Vec::new();
        let fields = ctx.spec().domain.main_resource().into_iter().flat_map(|main| &main.fields);
        for (id, _) in fields.filter(|(_, field)| field.min.is_some_and(|min| min >= 0.0)) {
            if let Some(column) = traces.main.columns.get(id) {
                columns.push((&traces.main, column.clone()));
            }
        }
        if let Some(line) = &traces.line {
            // The quantity is the only number of the line with the value that was ordered.
            let fits: Vec<&String> = line
                .row
                .iter()
                .filter(|(_, value)| {
                    value.as_f64().is_some_and(|number| (number - f64::from(traces.quantity)).abs() < 1e-9)
                })
                .map(|(column, _)| column)
                .collect();
            if let [only] = fits.as_slice() {
                columns.push((line, (*only).clone()));
            }
        }
        if columns.is_empty() {
            return Err(Stop::inconclusive(
                "the columns of amounts and quantities could not be told from their values",
            ));
        }
        let mut schema = Difference::default();
        let mut shown = None;
        for (trace, column) in &columns {
            let table = &trace.table;
            let condition = trace.condition(found);
            let (quoted, name) = (found.dialect().table(table), found.dialect().identifier(column));
            let update = format!("UPDATE {quoted} SET {name} = -1 WHERE {condition}");
            // Positive control: writing the value that is there works, so that a refusal is about the value.
            let control = found.trial(&format!("UPDATE {quoted} SET {name} = {name} WHERE {condition}")).await;
            control.map_err(|error| Stop::inconclusive(format!("{table} cannot be changed at all: {error}")))?;
            match found.trial(&update).await {
                Ok(rows) => {
                    schema.other(format!("{table}.{column} >= 0"), format!("{table}.{column} = -1 is taken"));
                    shown.get_or_insert_with(|| rows.evidence(&format!("BEGIN; {update}; ROLLBACK")));
                }
                Err(SqlError::Refused { .. }) => schema.same(format!("{table}.{column} >= 0")),
                Err(error) => return Err(Stop::inconclusive(format!("the database stopped answering: {error}"))),
            }
        }
        let (of, taken) = (columns.len(), schema.differing());
        if taken == 0 {
            return Ok(Finding::pass(
                self.id(),
                format!("The database refuses -1 in all {of} columns of amounts and quantities"),
            ));
        }
        #[expect(clippy::cast_precision_loss, reason = "a handful of columns")]
        let fraction = (of - taken) as f64 / of as f64;
        let finding =
            Finding::partial(self.id(), fraction, format!("The database takes -1 in {taken} of {of} columns"));
        Ok(schema.tell(finding).evidences(shown))
    }
}
