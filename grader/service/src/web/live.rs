//! Live progress: one question to the database for all who follow, as often as a person can see, and none while nobody
//! does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grader_store::{RunEvent, RunState, Store, StoreError};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

/// How often the database is asked.
const EVERY: Duration = Duration::from_millis(400);
/// Events that one answer brings at most.
const AT_ONCE: u32 = 1000;
/// How many events a slow listener may be behind.
const BEHIND: usize = 256;

/// Those who follow runs.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    store: Store,
    stop: CancellationToken,
    followed: Mutex<HashMap<String, Followed>>,
}

/// What somebody hears who follows a run.
pub(crate) struct Following {
    pub(crate) events: broadcast::Receiver<Arc<RunEvent>>,
    pub(crate) state: watch::Receiver<Option<RunState>>,
}

struct Followed {
    to: broadcast::Sender<Arc<RunEvent>>,
    state: watch::Sender<Option<RunState>>,
    /// The last event that was passed on.
    after: i64,
}

impl Live {
    pub(crate) fn new(store: Store, stop: CancellationToken) -> Self {
        Live(Arc::new(Inner { store, stop, followed: Mutex::default() }))
    }

    /// Follows a run's state, and its events after `after`. Whoever falls behind is told so by the channel, and reads the
    /// rest from the store. When a state comes, every event before it has been passed on or can be read there.
    pub(crate) fn follow(&self, run: &str, after: i64) -> Following {
        let mut followed = self.0.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = followed.is_empty();
        let entry = followed.entry(run.to_owned()).or_insert_with(|| Followed {
            to: broadcast::channel(BEHIND).0,
            state: watch::channel(None).0,
            after,
        });
        // One who begins earlier gets what the others have had already; each listener drops what it knows.
        entry.after = entry.after.min(after);
        let following = Following { events: entry.to.subscribe(), state: entry.state.subscribe() };
        if is_first {
            tokio::spawn(self.clone().pass_on());
        }
        following
    }

    /// How many follow.
    pub(crate) fn listeners(&self) -> usize {
        let followed = self.0.followed.lock().unwrap_or_else(PoisonError::into_inner);
        followed.values().map(|one| one.to.receiver_count()).sum()
    }

    /// Runs while anybody follows anything.
    async fn pass_on(self) {
        loop {
            let places = {
                let mut followed = self.0.followed.lock().unwrap_or_else(PoisonError::into_inner);
                followed.retain(|_, one| one.to.receiver_count() > 0);
                if followed.is_empty() || self.0.stop.is_cancelled() {
                    followed.clear();
                    return;
                }
                followed.iter().map(|(run, one)| (run.clone(), one.after)).collect::<Vec<_>>()
            };
            // States first: what was told before one came is then among the events.
            let runs: Vec<String> = places.iter().map(|(run, _)| run.clone()).collect();
            let asked = async {
                let states = self.0.store.states_of(&runs).await?;
                Ok::<_, StoreError>((states, self.0.store.events_of(&places, AT_ONCE).await?))
            };
            match asked.await {
                Ok((states, events)) => {
                    let mut followed = self.0.followed.lock().unwrap_or_else(PoisonError::into_inner);
                    for event in events {
                        if let Some(one) = followed.get_mut(&event.run) {
                            one.after = one.after.max(event.sequence);
                            // Nobody listens any more: the next round forgets the run.
                            let _ = one.to.send(Arc::new(event));
                        }
                    }
                    for (run, state) in states {
                        if let Some(one) = followed.get(&run) {
                            one.state.send_if_modified(|present| present.replace(state) != Some(state));
                        }
                    }
                }
                Err(error) => tracing::debug!(%error, "live progress waits for the database"),
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = self.0.stop.cancelled() => {}
            }
        }
    }
}
