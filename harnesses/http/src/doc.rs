//! Documents against the running API.

mod api;
mod known;
mod truth;

use harness_kit::Probe;

pub(crate) fn probes() -> Vec<Box<dyn Probe>> {
    vec![Box::new(truth::Truth), Box::new(api::Described)]
}
