//! `api.status.create`: creating answers 201 Created (RFC 9110, 15.3.2). 200 is partial: nothing is lost, but a client
//! cannot tell a creation from a repetition.
//!
//! Planted defect: `api-status-create` of the FastAPI submission.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Probe, Stop};

pub(crate) struct StatusCreate;

#[async_trait]
impl Probe for StatusCreate {
    fn id(&self) -> &'static str {
        "api.status.create"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let main = ctx.main()?;
        let mut values = ctx.values(self.id());
        let record = main.create(ctx, &mut values, &[]).await?;
        let evidence = ctx.recorder().evidence(&record.answer);
        let status = record.answer.status_line();
        let finding = match record.answer.status() {
            201 => Finding::pass(self.id(), format!("Creating a {} answers 201 Created", main.id)),
            200 => Finding::partial(
                self.id(),
                0.5,
                format!("Creating a {} answers 200 OK instead of 201 Created", main.id),
            ),
            _ => Finding::fail(self.id(), format!("Creating a {} answers {status}", main.id)),
        };
        Ok(finding.expected("201 Created").actual(status).evidence(evidence))
    }
}
