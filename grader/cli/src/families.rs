//! Which probe families this binary carries.

use grader_spec::Spec;
use harness_kit::{Facts, Probe};

/// Every live probe, for the facts of one run; those that the spec writes itself come last.
pub(crate) fn live(spec: &Spec, facts: &Facts) -> Vec<Box<dyn Probe>> {
    let mut all = harness_http::probes();
    all.extend(harness_database::probes(facts));
    all.extend(harness_resilience::probes());
    all.extend(harness_custom::probes(spec));
    all
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use grader_spec::{ProbeState, load_named};

    use super::*;

    #[test]
    fn what_the_specs_call_built_is_built_and_nothing_else() {
        for (name, _) in grader_spec::BUILT_IN {
            let spec = load_named(name).expect("a sound spec").spec;
            let live = live(&spec, &Facts::default());
            let ids: Vec<&str> = live.iter().map(|probe| probe.id()).chain(harness_repository::ids()).collect();
            let mut built: HashSet<&str> = ids.iter().copied().collect();
            assert_eq!(ids.len(), built.len(), "an id stands twice in the lists");
            // How many tests there are is read from the tree where the suite cannot be run: that id stands in both.
            built.extend(grader_pipeline::suite_ids());
            for (_, probe) in spec.probes() {
                assert_eq!(
                    probe.state == ProbeState::Built,
                    built.contains(probe.id.as_str()),
                    "{name}: {} is built or planned, not what the spec says",
                    probe.id
                );
            }
            for id in ids.iter().filter(|id| !id.starts_with(grader_spec::custom::PREFIX)) {
                assert!(grader_model::catalogue_entry(id).is_some(), "the catalogue has no {id}");
            }
        }
    }
}
