//! Follows what the engine says about a run's containers.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptions;
use futures_util::StreamExt;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::run::Inner;
use crate::{Event, disk, labels};

/// The followers of one run; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    seen: Arc<Seen>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Debug, Default)]
struct Seen {
    changed: Notify,
    out_of_memory: Mutex<HashSet<String>>,
    /// Services that we end ourselves.
    expected: Mutex<HashSet<String>>,
}

impl Watch {
    pub(crate) fn begin(run: Arc<Inner>) -> Self {
        let seen = Arc::new(Seen::default());
        let events = tokio::spawn(follow(run.clone(), seen.clone()));
        let disk = tokio::spawn(disk::weigh(run));
        Watch { seen, tasks: [events, disk] }
    }

    /// Waits this long, or until something happens to a container.
    pub(crate) async fn pause(&self, time: Duration) {
        let _ = tokio::time::timeout(time, self.seen.changed.notified()).await;
    }

    pub(crate) fn ran_out_of_memory(&self, service: &str) -> bool {
        set(&self.seen.out_of_memory).contains(service)
    }

    /// From now on the service's end is our doing, or no longer.
    pub(crate) fn expect_end(&self, service: &str, expected: bool) {
        let mut services = set(&self.seen.expected);
        if expected {
            services.insert(service.to_owned());
        } else {
            services.remove(service);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn set(set: &Mutex<HashSet<String>>) -> std::sync::MutexGuard<'_, HashSet<String>> {
    // A set of names cannot be left half-written.
    set.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn follow(run: Arc<Inner>, seen: Arc<Seen>) {
    let mut filters = labels::filter(labels::RUN, Some(run.options.run_id.as_str()));
    filters.insert("type".to_owned(), vec!["container".to_owned()]);
    filters.insert("event".to_owned(), ["die", "oom", "start", "restart"].map(str::to_owned).to_vec());
    loop {
        let options = EventsOptions { filters: Some(filters.clone()), ..EventsOptions::default() };
        let mut stream = std::pin::pin!(run.engine.docker.events(Some(options)));
        let mut starts: HashMap<String, i64> = HashMap::new();
        while let Some(Ok(message)) = stream.next().await {
            take(&run, &seen, &mut starts, message);
        }
        // The engine was restarted, perhaps; looks go on meanwhile.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn take(run: &Inner, seen: &Seen, starts: &mut HashMap<String, i64>, message: EventMessage) {
    let attributes = message.actor.and_then(|actor| actor.attributes).unwrap_or_default();
    let Some(service) = attributes.get(labels::SERVICE).cloned() else { return };
    match message.action.as_deref() {
        Some("oom") => {
            set(&seen.out_of_memory).insert(service);
        }
        Some("start") => {
            let count = starts.entry(service.clone()).or_insert(0);
            *count += 1;
            if *count > 1 && !set(&seen.expected).contains(&service) {
                run.tell(Event::Restarted { service, count: *count - 1 });
            }
        }
        Some("die") => {
            let exit_code = attributes.get("exitCode").and_then(|code| code.parse().ok()).unwrap_or(-1);
            if !set(&seen.expected).contains(&service) {
                let out_of_memory = set(&seen.out_of_memory).contains(&service);
                run.tell(Event::Died { service, exit_code, out_of_memory });
            }
        }
        _ => {}
    }
    seen.changed.notify_waiters();
}
