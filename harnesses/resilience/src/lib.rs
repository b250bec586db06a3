//! The probes that watch a submission under load, while something of its stack is broken on purpose, and what it says of
//! itself in its log.
//!
//! What is broken is mended again by whoever broke it, also when a probe is given up in between. Requests of loads, of
//! polling and of broken times stay outside the run's record: an answer to them says nothing to probes that look back.

mod cycle;
mod log_line;
mod machine;
mod outage;
mod percentile;
mod probes;
mod reads;
mod rounds;
mod services;

use std::sync::Arc;

use harness_kit::Probe;

use crate::cycle::Cycle;
use crate::outage::Outage;

/// Every probe of this family. Within a phase they run in this order: what ends the API's process comes after what needs
/// its connections.
pub fn probes() -> Vec<Box<dyn Probe>> {
    let cycle = Arc::new(Cycle::default());
    let outage = Arc::new(Outage::default());
    vec![
        Box::new(probes::load::Load),
        Box::new(probes::connections::Connections),
        Box::new(probes::dependency_down::DependencyDown(outage.clone())),
        Box::new(probes::shutdown::Shutdown(cycle.clone())),
        Box::new(probes::persistence::Persistence(cycle)),
        Box::new(probes::logging::Logging(outage)),
    ]
}
