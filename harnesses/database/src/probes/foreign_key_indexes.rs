//! `db.foreign-key-indexes`: an index leads with the columns of every foreign key. A composite primary key whose first column is the
//! foreign key does index it.
//!
//! Planted defect: `db-foreign-key-indexes` of the Express submission.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

use crate::difference::Difference;
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
        let mut schema = Difference::default();
        for (table, key, served) in keys {
            let wanted = format!("INDEX ON {table} ({}) for its key of {}", key.columns.join(", "), key.refers_to);
            if served { schema.same(wanted) } else { schema.missing(wanted) }
        }
        if all == 0 {
            return Err(Stop::blocked("db.foreign-keys", "the schema has no foreign keys"));
        }
        if schema.differing() == 0 {
            return Ok(Finding::pass(
                self.id(),
                format!("An index leads with the columns of each of the {all} foreign keys"),
            ));
        }
        let shown = found.shown(Aspect::Indexes).await?;
        let summary = format!("{} of {all} foreign keys have no index", schema.differing());
        Ok(schema.tell(Finding::fail(self.id(), summary)).evidence(shown))
    }
}
