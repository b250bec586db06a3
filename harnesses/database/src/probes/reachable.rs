//! `db.reachable`: the database that the API really writes to is found, by a record made through the API and looked for in
//! every database of the stack.
//!
//! Fails when the stack runs no database that can be read or none of them holds the record: then nothing was kept where
//! the brief asks for it. A record that could not be made is another probe's finding.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Evidence;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

use crate::store::{Missing, Store};

pub(crate) struct Reachable(pub(crate) Arc<Store>);

#[async_trait]
impl Probe for Reachable {
    fn id(&self) -> &'static str {
        "db.reachable"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        match self.0.search(ctx).await {
            Ok(found) => Ok(Finding::pass(
                self.id(),
                format!("The API keeps its records in the database {} of {}", found.database, found.hint.service),
            )
            .evidence(Evidence::note(format!("{} tables of the submission's own", found.schema.own().count())))),
            Err(Missing::None(why)) => {
                Ok(Finding::fail(self.id(), "The database that the API writes to could not be found")
                    .expected("a record made through the API stands in a database of the stack")
                    .actual(why.clone()))
            }
            Err(Missing::Stop(stop)) => Err(stop.clone()),
        }
    }
}
