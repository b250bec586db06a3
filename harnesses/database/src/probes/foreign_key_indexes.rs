//! `db.foreign-key-indexes`: an index leads with the columns of every foreign key. A composite primary key whose first column is the
//! foreign key does index it.
//!
//! Planted defect: `db-foreign-key-indexes` of the Express submission.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

use crate::engine::Aspect;
use crate::rules;
use crate::store::Store;

pub(crate) struct ForeignKeyIndexes(pub(crate) Arc<Store>);

#[async_trait]
impl Probe for ForeignKeyIndexes {
    fn id(&self) -> &'static str {
        "db.foreign-key-indexes"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let found = self.0.found(ctx).await?;
        let keys = rules::foreign_keys(&found.schema);
        let all = keys.len();
        let bare: Vec<String> = keys
            .iter()
            .filter(|(_, _, served)| !served)
            .map(|(table, key, _)| format!("{table} ({}) -> {}", key.columns.join(", "), key.refers_to))
            .collect();
        if all == 0 {
            return Err(Stop::blocked("db.foreign-keys", "the schema has no foreign keys"));
        }
        if bare.is_empty() {
            return Ok(Finding::pass(
                self.id(),
                format!("An index leads with the columns of each of the {all} foreign keys"),
            ));
        }
        let shown = found.shown(Aspect::Indexes).await?;
        Ok(Finding::fail(self.id(), format!("{} of {all} foreign keys have no index", bare.len()))
            .expected("an index leads with the columns of every foreign key")
            .actual(format!("without: {}", bare.join("\n")))
            .evidence(shown))
    }
}
