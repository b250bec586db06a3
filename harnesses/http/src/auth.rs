//! Authentication and security: accounts, tokens, rights, limits.

use harness_kit::Probe;

pub(crate) fn probes() -> Vec<Box<dyn Probe>> {
    vec![]
}
