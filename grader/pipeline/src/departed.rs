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

/// Waits until none of `services` is up any more, and says how the last one ended. Never ends while one is up, nor once
/// something was broken on purpose: what ends then is a probe's to judge.
pub(crate) async fn all_gone(
    stack: &RunningStack,
    services: BTreeSet<String>,
    deaths: &mut Deaths,
    is_broken: impl Fn() -> bool,
) -> Box<Fault> {
    while let Some(death) = deaths.recv().await {
        if !services.contains(&death.service) {
            continue;
        }
        tokio::time::sleep(COMES_BACK).await;
        if is_broken() {
            continue;
        }
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

/// The last end with an error that nobody has looked at yet.
pub(crate) fn last(deaths: &mut Deaths) -> Option<Death> {
    std::iter::from_fn(|| deaths.try_recv().ok()).filter(|death| death.exit_code != 0 || death.out_of_memory).last()
}

/// The fault of a service that ended before it ever listened.
pub(crate) async fn before_answering(stack: &RunningStack, death: &Death) -> Fault {
    let Death { service, exit_code, .. } = death;
    let message = format!("{service} ended with exit code {exit_code} before it listened on a port");
    let fault = Fault::new(FaultSide::Candidate, Stage::Up, "stack.crashed", message);
    explained(fault, stack, death).await
}

async fn fault(stack: &RunningStack, death: &Death) -> Fault {
    let Death { service, exit_code, out_of_memory } = death;
    let (how, hint) = if *out_of_memory {
        ("ran out of memory".to_owned(), "Let it use less, or raise the mem_limit that the compose file sets.")
    } else {
        (format!("ended with exit code {exit_code}"), "An error in one request must not end the process.")
    };
    let message = format!("{service} {how} while it was probed");
    explained(Fault::new(FaultSide::Candidate, Stage::Probe, "stack.died", message).hint(hint), stack, death).await
}

/// The fault with its service and the end of that service's log.
async fn explained(fault: Fault, stack: &RunningStack, death: &Death) -> Fault {
    let log = stack.logs(&death.service, None).await.unwrap_or_default();
    let from = log.len().saturating_sub(LOG_LINES);
    fault.at(&death.service).log(log[from..].iter().map(|line| line.text.clone()).collect())
}
