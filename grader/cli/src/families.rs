//! Which probe families this binary carries.

use harness_kit::{Facts, Probe};

/// Every live probe, for the facts of one run.
pub(crate) fn live(facts: &Facts) -> Vec<Box<dyn Probe>> {
    let mut all = harness_http::probes();
    all.extend(harness_database::probes(facts));
    all.extend(harness_resilience::probes());
    all
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use grader_spec::{ProbeState, load_named};

    use super::*;

    #[test]
    fn what_the_spec_calls_built_is_built_and_nothing_else() {
        let live = live(&Facts::default());
        let ids: Vec<&str> = live.iter().map(|probe| probe.id()).chain(harness_repository::ids()).collect();
        let built: HashSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), built.len(), "an id stands twice in the lists");
        let spec = load_named("bookstore").expect("a sound spec").spec;
        for (_, probe) in spec.probes() {
            assert_eq!(
                probe.state == ProbeState::Built,
                built.contains(probe.id.as_str()),
                "{} is built or planned, not what the spec says",
                probe.id
            );
        }
        for id in &ids {
            assert!(grader_model::catalogue_entry(id).is_some(), "the catalogue has no {id}");
        }
    }
}
