//! `db.primary-keys`: every table of the submission has a primary key.
//!
//! Planted defect: `db-primary-keys` of the Express submission.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

use crate::difference::Difference;
use crate::engine::Aspect;
use crate::rules;
use crate::store::Store;

pub(crate) struct PrimaryKeys(pub(crate) Arc<Store>);

#[async_trait]
impl Probe for PrimaryKeys {
    fn id(&self) -> &'static str {
        "db.primary-keys"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let found = self.0.found(ctx).await?;
        let without = rules::without_primary_key(&found.schema);
        let mut schema = Difference::default();
        for (table, columns) in found.schema.own() {
            if without.contains(&table) {
                schema.other(format!("{table} PRIMARY KEY (its id)"), format!("{table} without a primary key"));
            } else {
                schema.same(format!("{table} PRIMARY KEY ({})", columns.primary_key.join(", ")));
            }
        }
        let of = schema.wanted();
        if schema.differing() == 0 {
            return Ok(Finding::pass(self.id(), format!("All {of} tables have a primary key")));
        }
        let shown = found.shown(Aspect::PrimaryKeys).await?;
        let summary = format!("{} of {of} tables have no primary key", schema.differing());
        Ok(schema.tell(Finding::fail(self.id(), summary)).evidence(shown))
    }
}
