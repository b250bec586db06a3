//! Which probe families this binary carries.

use harness_kit::{Facts, Probe};

/// Every live probe, for the facts of one run.
pub(crate) fn live(facts: &Facts) -> Vec<Box<dyn Probe>> {
    let mut all = harness_http::probes();
    all.extend(harness_database::probes(facts));
    all
}
