//! Telling whoever asked from outside what becomes of their run.
//!
//! A worker on another machine may end it: so the service reads from the store what it has not told yet, and notes what
//! it has. Told twice is possible (when the service dies between the two), never is not.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grader_store::Run;

use crate::state::App;

/// A state that a run came into.
#[derive(Debug, Clone)]
pub struct RunChange {
    /// Its state, and the origin that the asker gave.
    pub run: Run,
    /// The report as JSON, with the overrides on it; for a finished run.
    pub report: Option<String>,
}

/// Somebody who is told of runs with an origin.
#[async_trait]
pub trait RunObserver: Send + Sync {
    /// Whether the run is this observer's, by its origin.
    fn cares(&self, origin: &serde_json::Value) -> bool;

    /// Takes notice. States may be left out when they follow fast, and come twice after a crash.
    ///
    /// # Errors
    /// A sentence; the change is told again later.
    async fn changed(&self, change: &RunChange) -> Result<(), String>;
}

/// Tells the observers until the service stops.
pub async fn announce(app: App, observers: Vec<Arc<dyn RunObserver>>) {
    let mut wait = Duration::ZERO;
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = app.stop.cancelled() => return,
        }
        wait = match round(&app, &observers).await {
            Ok(true) => Duration::from_millis(500),
            Ok(false) => Duration::from_secs(2),
            Err(why) => {
                tracing::warn!(why, "a change of a run could not be announced yet");
                Duration::from_secs(10)
            }
        };
    }
}

/// Whether there was anything to tell.
async fn round(app: &App, observers: &[Arc<dyn RunObserver>]) -> Result<bool, String> {
    let words = |error: grader_store::StoreError| error.to_string();
    let runs = app.store.unannounced(50).await.map_err(words)?;
    let any = !runs.is_empty();
    let mut failed = None;
    for run in runs {
        let state = run.state;
        let id = run.id.clone();
        let report = match state {
            grader_store::RunState::Finished => {
                Some(super::result::current_report(app, &run).await.map_err(|problem| problem.detail)?)
            }
            _ => None,
        };
        let change = RunChange { run, report };
        let mut told = true;
        for observer in observers.iter().filter(|observer| observer.cares(&change.run.origin)) {
            if let Err(why) = observer.changed(&change).await {
                // The others' runs are not held up by one that cannot be told.
                failed = Some(why);
                told = false;
            }
        }
        if told {
            app.store.announced(&id, state).await.map_err(words)?;
        }
    }
    failed.map_or(Ok(any), Err)
}
