//! The HTTP probes: what can be decided by requests to the API alone. One file per probe; [`probes`] names them all.

mod api;
mod auth;
mod doc;
mod error;
mod support;

use harness_kit::Probe;

/// Every probe of this family. Within a phase they run in this order.
pub fn probes() -> Vec<Box<dyn Probe>> {
    let mut all = api::probes();
    all.extend(auth::probes());
    all.extend(error::probes());
    all.extend(doc::probes());
    all
}
