//! `db.persistence`: a record written before the API's container is restarted is read back unchanged afterwards.
//!
//! The container itself is kept, as `docker restart` keeps it, so files in it survive: only what lived in the process, or
//! what a start wipes, is gone. Sessions may end with the process; whoever reads signs in again. An API that does not
//! answer any more after the restart has its data out of everybody's reach.
//! Planted defects: `db-persistence` of both submissions.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

use super::shutdown::grace;
use crate::cycle::{Cycle, Seen};

pub(crate) struct Persistence(pub(crate) Arc<Cycle>);

#[async_trait]
impl Probe for Persistence {
    fn id(&self) -> &'static str {
        "db.persistence"
    }

    fn phase(&self) -> Phase {
        Phase::Break
    }

    fn needs_host(&self) -> bool {
        true
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let seen = self.0.seen(ctx, grace(ctx)).await?;
        let expected = "the record reads the same after the API's container was restarted";
        let recorder = ctx.recorder();
        let Some(wrong) = wrong(ctx, seen)? else {
            return Ok(Finding::pass(self.id(), "A record is still there after the API's container was restarted")
                .expected(expected)
                .actual(expected)
                .evidence(recorder.evidence(&seen.after)));
        };
        Ok(Finding::fail(self.id(), format!("Data is gone after the API's container was restarted: {wrong}"))
            .expected(expected)
            .actual(wrong)
            .evidence(recorder.evidence(&seen.before))
            .evidence(recorder.evidence(&seen.after)))
    }
}

/// What is wrong with the record afterwards.
fn wrong(ctx: &Context, seen: &Seen) -> Result<Option<String>, Stop> {
    let after = &seen.after;
    if after.status() == 0 {
        return Ok(Some("the API does not answer any more".to_owned()));
    }
    if !after.is_success() {
        return Ok(Some(format!("reading the record is answered {}", after.status_line())));
    }
    let main = ctx.main()?;
    let Some(record) = main.record_in(after) else {
        return Ok(Some("the answer holds no record".to_owned()));
    };
    let changed = |(field, sent): (&String, &serde_json::Value)| {
        let was = main.record_in(&seen.before).and_then(|before| main.carries(before, field, sent));
        // What did not read back as sent before the restart is not the restart's doing.
        was == Some(true) && main.carries(record, field, sent) == Some(false)
    };
    let fields: Vec<&str> =
        seen.record.sent.iter().filter(|member| changed(*member)).map(|(field, _)| field.as_str()).collect();
    Ok((!fields.is_empty()).then(|| format!("the record has another {}", fields.join(", "))))
}
