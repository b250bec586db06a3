//! The database that the API really writes to, found once and shared by the probes.

mod found;
mod search;

use std::sync::Arc;

use harness_kit::{Context, DatabaseHint, Stop};
use tokio::sync::OnceCell;

use crate::clients::Clients;
use crate::traces::{self, Traces};
use crate::traffic::{self, Traffic};

pub(crate) use found::{Found, Source, is_key};
pub(crate) use search::Missing;

/// What the probes of this family share.
pub(crate) struct Store {
    hints: Vec<DatabaseHint>,
    found: OnceCell<Result<Found, Missing>>,
    traces: OnceCell<Result<Traces, Stop>>,
    traffic: OnceCell<Result<Traffic, Stop>>,
}

impl Store {
    pub(crate) fn new(hints: Vec<DatabaseHint>) -> Self {
        Store { hints, found: OnceCell::new(), traces: OnceCell::new(), traffic: OnceCell::new() }
    }

    /// The database as it is now, or a stop that names `db.reachable` as the cause.
    pub(crate) async fn found(&self, ctx: &Context) -> Result<&Found, Stop> {
        match self.search(ctx).await {
            Ok(found) => {
                found.refresh(ctx).await?;
                Ok(found)
            }
            Err(missing) => Err(missing.stop()),
        }
    }

    pub(crate) async fn search(&self, ctx: &Context) -> &Result<Found, Missing> {
        self.found
            .get_or_init(|| async {
                let found = search::search(ctx, &self.hints).await;
                if let Ok(found) = &found {
                    let clients = Clients::of(found.source.clone(), ctx);
                    ctx.learn(|learnt| learnt.database = Some(Arc::new(clients)));
                }
                found
            })
            .await
    }

    /// Where the probes' own records stand in the tables.
    pub(crate) async fn traces(&self, ctx: &Context) -> Result<(&Found, &Traces), Stop> {
        let found = self.found(ctx).await?;
        match self.traces.get_or_init(|| traces::follow(ctx, found)).await {
            Ok(traces) => Ok((found, traces)),
            Err(stop) => Err(stop.clone()),
        }
    }

    /// What the API sends to the database for lists and look-ups.
    pub(crate) async fn traffic(&self, ctx: &Context) -> Result<&Traffic, Stop> {
        let found = self.found(ctx).await?;
        self.traffic.get_or_init(|| traffic::observe(ctx, found)).await.as_ref().map_err(Stop::clone)
    }
}
