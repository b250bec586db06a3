//! Notices that what is probed has ended and stays away, so that nobody asks an address that answers no more until the
//! run's time is over. Knows nothing of probes: what was decided before stands.

use std::collections::BTreeSet;
use std::time::Duration;

use grader_model::{Fault, FaultSide, Stage};
use grader_sandbox::RunningStack;
use tokio::sync::mpsc::UnboundedReceiver;

/// How long a service that ended may take to be back, by its restart policy.
const COMES_BACK: Duration = Duration::from_secs(5);

/// Lines of its log that explain an end.
const LOG_LINES: usize = 40;

/// The end of a service's process that nobody asked for.
#[derive(Debug, Clone)]
pub(crate) struct Death {
    pub(crate) service: String,
    pub(crate) exit_code: i64,
    pub(crate) out_of_memory: bool,
}

pub(crate) type Deaths = UnboundedReceiver<Death>;

/// Waits until none of `services` is up any more, and says how the last one ended. Never ends while one is up.
pub(crate) async fn all_gone(stack: &RunningStack, services: BTreeSet<String>, deaths: &mut Deaths) -> Box<Fault> {
    while let Some(death) = deaths.recv().await {
        if !services.contains(&death.service) {
            continue;
        }
        tokio::time::sleep(COMES_BACK).await;
        // A container that does not run has no address. An engine that does not answer says nothing about the stack.
        let up = stack.endpoints().await.map_or(true, |all| {
            all.iter().any(|endpoint| services.contains(&endpoint.service) && !endpoint.addresses.is_empty())
        });
        if !up {
            return Box::new(fault(stack, &death).await);
        }
    }
    std::future::pending().await
}

async fn fault(stack: &RunningStack, death: &Death) -> Fault {
    let Death { service, exit_code, out_of_memory } = death;
    let (how, hint) = if *out_of_memory {
        ("ran out of memory".to_owned(), "Let it use less, or raise the mem_limit that the compose file sets.")
    } else {
        (format!("ended with exit code {exit_code}"), "An error in one request must not end the process.")
    };
    let log = stack.logs(service, None).await.unwrap_or_default();
    let from = log.len().saturating_sub(LOG_LINES);
    Fault::new(FaultSide::Candidate, Stage::Probe, "stack.died", format!("{service} {how} while it was probed"))
        .at(service)
        .hint(hint)
        .log(log[from..].iter().map(|line| line.text.clone()).collect())
}
