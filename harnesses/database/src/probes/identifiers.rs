//! `db.identifiers`: public identifiers do not count up: a client cannot learn from its own record how many there are, or
//! guess the next one. Sequential integers are partial, never a red flag.
//!
//! Planted defect: `db-identifiers` of the Express submission.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

pub(crate) struct Identifiers;

#[async_trait]
impl Probe for Identifiers {
    fn id(&self) -> &'static str {
        "db.identifiers"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let main = ctx.main()?;
        let mut values = ctx.values(self.id());
        let first = main.create(ctx, &mut values, &[]).await?;
        let second = main.create(ctx, &mut values, &[]).await?;
        let numbers = (first.key.parse::<i64>(), second.key.parse::<i64>());
        let evidence = ctx.recorder().evidence(&second.answer);
        // The key may be a code that the client chose: then nothing is counted.
        let chosen = second.sent.values().any(|value| value.as_str() == Some(second.key.as_str()));
        match numbers {
            (Ok(one), Ok(two)) if !chosen && (1..=50).contains(&(two - one)) => {
                Ok(Finding::partial(self.id(), 0.5, "Public identifiers count up")
                    .expected("identifiers that tell nothing, such as UUIDs")
                    .actual("sequential integers")
                    .evidence(evidence))
            }
            _ => Ok(Finding::pass(self.id(), "Public identifiers do not count up").evidence(evidence)),
        }
    }
}
