//! Live progress: one question to the database for all who follow, as often as a person can see, and none while nobody
//! does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grader_store::{RunEvent, Store};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

/// How often the database is asked.
const EVERY: Duration = Duration::from_millis(400);
/// Events that one answer brings at most, and that a slow listener may be behind.
const AT_ONCE: u32 = 1000;

/// Those who follow runs.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    store: Store,
    stop: CancellationToken,
    followed: Mutex<HashMap<String, Followed>>,
}

struct Followed {
    to: broadcast::Sender<Arc<RunEvent>>,
    /// The last event that was passed on.
    after: i64,
}

impl Live {
    pub(crate) fn new(store: Store, stop: CancellationToken) -> Self {
        Live(Arc::new(Inner { store, stop, followed: Mutex::default() }))
    }

    /// Follows a run from the event after `after`. Whoever falls behind is told so by the channel, and reads the rest
    /// from the store.
    pub(crate) fn follow(&self, run: &str, after: i64) -> broadcast::Receiver<Arc<RunEvent>> {
        let mut followed = self.0.followed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = followed.is_empty();
        let entry = followed
            .entry(run.to_owned())
            .or_insert_with(|| Followed { to: broadcast::channel(AT_ONCE as usize).0, after });
        // One who begins earlier gets what the others have had already; each listener drops what it knows.
        entry.after = entry.after.min(after);
        let events = entry.to.subscribe();
        if is_first {
            tokio::spawn(self.clone().pass_on());
        }
        events
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
            match self.0.store.events_of(&places, AT_ONCE).await {
                Ok(events) => {
                    let mut followed = self.0.followed.lock().unwrap_or_else(PoisonError::into_inner);
                    for event in events {
                        if let Some(one) = followed.get_mut(&event.run) {
                            one.after = one.after.max(event.sequence);
                            // Nobody listens any more: the next round forgets the run.
                            let _ = one.to.send(Arc::new(event));
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
