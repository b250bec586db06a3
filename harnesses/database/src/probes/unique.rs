//! `db.unique`: a unique constraint or index guards every field that may not repeat: the login, and what the spec calls
//! unique. One over an expression such as `lower(email)`, or over the rows that are not deleted, does.
//!
//! Planted defect: `db-unique` of the Express submission.

use std::sync::Arc;

use crate::traces::Trace;
use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

use crate::difference::Difference;
use crate::engine::Aspect;
use crate::store::Store;

pub(crate) struct Unique(pub(crate) Arc<Store>);

#[async_trait]
impl Probe for Unique {
    fn id(&self) -> &'static str {
        "db.unique"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let (found, traces) = self.0.traces(ctx).await?;
        let mut wanted: Vec<(String, &Trace)> = Vec::new();
        let domain = &ctx.spec().domain;
        if let Some(account) = &traces.account {
            wanted.push((domain.accounts.identity.clone(), account));
        }
        if let Some(main) = domain.main_resource() {
            for (id, _) in main.fields.iter().filter(|(_, field)| field.unique) {
                wanted.push((id.clone(), &traces.main));
            }
        }
        let mut schema = Difference::default();
        for (field, trace) in &wanted {
            let Some(column) = trace.columns.get(field) else { continue };
            let Some(table) = found.schema.tables.get(&trace.table) else { continue };
            let guarded = table.indexes.iter().any(|index| {
                index.unique && index.keys.len() == 1 && (index.keys[0] == *column || mentions(&index.keys[0], column))
            });
            let wanted = format!("UNIQUE INDEX ON {} ({column})", trace.table);
            if guarded { schema.same(wanted) } else { schema.missing(wanted) }
        }
        let (seen, unguarded) = (schema.wanted(), schema.differing());
        if seen == 0 {
            return Err(Stop::inconclusive("the columns of the unique fields could not be told from their values"));
        }
        if unguarded == 0 {
            return Ok(Finding::pass(self.id(), format!("All {seen} fields that may not repeat have a unique index")));
        }
        let shown = found.shown(Aspect::Indexes).await?;
        #[expect(clippy::cast_precision_loss, reason = "a handful of fields")]
        let fraction = (seen - unguarded) as f64 / seen as f64;
        // Half of the guards is no guard: one duplicate is enough to break a login or a catalogue.
        let finding = if fraction > 0.75 {
            Finding::partial(self.id(), fraction, "Some fields that may not repeat have no unique index")
        } else {
            Finding::fail(self.id(), format!("{unguarded} of {seen} fields that may not repeat have no unique index"))
        };
        Ok(schema.tell(finding).evidence(shown))
    }
}

/// Whether an index expression such as `lower((email)::text)` is about that column.
fn mentions(expression: &str, column: &str) -> bool {
    expression.contains('(') && expression.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == column)
}
