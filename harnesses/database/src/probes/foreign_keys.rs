//! `db.foreign-keys`: columns that refer to another table by value are declared as foreign keys.
//!
//! References are found by following the values of real rows (a record, its account, a transaction and its line), not by
//! the names of columns: one that holds another row's key refers to it.
//! Planted defect: `db-foreign-keys` of the FastAPI submission.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

use crate::difference::Difference;
use crate::engine::Aspect;
use crate::probes::relations;
use crate::store::Store;

pub(crate) struct ForeignKeys(pub(crate) Arc<Store>);

#[async_trait]
impl Probe for ForeignKeys {
    fn id(&self) -> &'static str {
        "db.foreign-keys"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let (found, traces) = self.0.traces(ctx).await?;
        let references = relations::followed(found, traces).await;
        if references.is_empty() {
            return Err(match traces.transaction {
                // Its lines must be somewhere.
                Some(_) => Stop::blocked("db.normalized", "no row refers to another record by a column of its own"),
                None => Stop::inconclusive("no row that is known refers to another record"),
            });
        }
        let mut schema = Difference::default();
        for reference in &references {
            let column = format!("{}.{}", reference.table, reference.column);
            let wanted = format!("{column} REFERENCES {}", reference.to);
            if reference.declared { schema.same(wanted) } else { schema.other(wanted, column) }
        }
        let of = references.len();
        if schema.differing() == 0 {
            return Ok(Finding::pass(self.id(), format!("All {of} references that were followed are foreign keys")));
        }
        let shown = found.shown(Aspect::ForeignKeys).await?;
        let summary = format!("{} of {of} references are no foreign keys", schema.differing());
        Ok(schema.tell(Finding::fail(self.id(), summary)).evidence(shown))
    }
}
