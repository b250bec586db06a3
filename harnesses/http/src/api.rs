//! API design: operations, methods, status codes, round trips, pagination, transactions.

mod status_create;
mod status_unknown;

use harness_kit::Probe;

pub(crate) fn probes() -> Vec<Box<dyn Probe>> {
    vec![Box::new(status_create::StatusCreate), Box::new(status_unknown::StatusUnknown)]
}
