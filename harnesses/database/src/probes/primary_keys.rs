//! `db.primary-keys`: every table of the submission has a primary key.
//!
//! Planted defect: `db-primary-keys` of the Express submission.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

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
        let without: Vec<String> =
            rules::without_primary_key(&found.schema).into_iter().map(ToString::to_string).collect();
        let of = found.schema.own().count();
        if without.is_empty() {
            return Ok(Finding::pass(self.id(), format!("All {of} tables have a primary key")));
        }
        let shown = found.shown(Aspect::PrimaryKeys).await?;
        Ok(Finding::fail(self.id(), format!("{} of {of} tables have no primary key", without.len()))
            .expected("every table has a primary key")
            .actual(format!("without: {}", without.join(", ")))
            .evidence(shown))
    }
}
