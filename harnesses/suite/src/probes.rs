//! The suite probes: one file each, and one table that names them all.
//!
//! A probe sees what the tests' text shows and what examining them brought, and yields one finding.

mod assertions;
mod coverage;
mod isolation;
mod kinds;
mod pass;
mod present;
pub mod sensitivity;

use grader_model::{Finding, Snapshot};
use grader_spec::{Params, ProbeState, Spec};
use regex::Regex;

use crate::examine::{Examined, trustworthy};
use crate::recognise::Suite;
use crate::results::Case;
use crate::units::{self, Test};

/// What is known of a submission's tests beside their text.
#[derive(Debug, Clone)]
pub enum Told {
    /// They were run.
    Examined(Box<Examined>),
    /// They could not be run, and it is not for the submission to answer for.
    NotRun { why: String },
    /// They were not run, on request.
    Skipped,
    /// They could not be run because of what another finding or fault names.
    Blocked { by: String, why: String },
}

/// What every probe is given.
pub(crate) struct View<'a> {
    pub(crate) suite: &'a Suite,
    /// Tests by syntax.
    pub(crate) tests: Vec<Test>,
    pub(crate) told: &'a Told,
    pub(crate) snapshot: &'a Snapshot,
}

impl View<'_> {
    /// What examining brought, or the finding of a probe that needs it.
    pub(crate) fn examined(&self, probe: &str) -> Result<&Examined, Box<Finding>> {
        Err(Box::new(match self.told {
            Told::Examined(examined) => return Ok(examined),
            Told::Skipped => Finding::not_measured(probe, "The tests were left out on request"),
            Told::NotRun { why } => Finding::inconclusive(probe, format!("The tests could not be run: {why}")),
            Told::Blocked { by, why } => Finding::blocked(probe, by, format!("The tests could not be run: {why}")),
        }))
    }

    /// What examining tests brought that pass in the first place, or the finding of a probe that challenges them.
    pub(crate) fn passed(&self, probe: &str) -> Result<&Examined, Box<Finding>> {
        let examined = self.examined(probe)?;
        let first = &examined.first;
        if first.exit.is_none() && first.results.is_none() && !first.over_limits {
            return Err(Box::new(Finding::inconclusive(probe, "The first run of the tests did not come to an end")));
        }
        if !first.all_passed() || !trustworthy(examined) {
            return Err(Box::new(Finding::blocked(probe, pass::ID, "The tests do not pass in the first place")));
        }
        Ok(examined)
    }
}

struct Probe {
    id: &'static str,
    run: fn(&View<'_>, &Params) -> Option<Finding>,
}

/// Every probe of this family, in the order in which their findings come.
const PROBES: &[Probe] = &[
    Probe { id: present::ID, run: present::run },
    Probe { id: pass::ID, run: |view, params| Some(pass::run(view, params)) },
    Probe { id: kinds::ID, run: |view, params| Some(kinds::run(view, params)) },
    Probe { id: isolation::ID, run: |view, params| Some(isolation::run(view, params)) },
    Probe { id: coverage::ID, run: |view, params| Some(coverage::run(view, params)) },
    Probe { id: assertions::ID, run: |view, params| Some(assertions::run(view, params)) },
    Probe { id: sensitivity::ID, run: |view, params| Some(sensitivity::run(view, params)) },
];

/// The ids of the table.
pub fn ids() -> impl Iterator<Item = &'static str> {
    PROBES.iter().map(|probe| probe.id)
}

/// Findings of every probe of the table that the spec asks for. Without a suite, `test.present` is left to whoever
/// counts tests by their text, and `tests_by_syntax` is what that found: a tree without tests is one finding, which blocks
/// the others; tests for a runner that no stack describes leave a question.
pub fn findings(
    spec: &Spec,
    snapshot: &Snapshot,
    suite: Option<&Suite>,
    told: &Told,
    tests_by_syntax: usize,
) -> Vec<Finding> {
    let asked = |id: &str| spec.probe(id).filter(|probe| probe.state == ProbeState::Built);
    let probes = PROBES.iter().filter_map(|probe| Some((probe, asked(probe.id)?)));
    let Some(suite) = suite else {
        return probes
            .filter(|(probe, _)| probe.id != present::ID)
            .map(|(probe, _)| match tests_by_syntax {
                0 => Finding::blocked(probe.id, present::ID, "There is no test to look at"),
                _ => Finding::inconclusive(probe.id, "The grader knows no way to run these tests"),
            })
            .collect();
    };
    let view = View { suite, tests: units::tests(suite, snapshot), told, snapshot };
    probes.filter_map(|(probe, asked)| (probe.run)(&view, &asked.params)).collect()
}

/// A whole number of the spec's parameters.
fn number(params: &Params, name: &str, default: u64) -> u64 {
    params.get(name).and_then(serde_json::Value::as_u64).unwrap_or(default)
}

/// `1 test`, `3 tests`.
fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// Of one text, what stays the same from run to run: addresses, ids, times and ports are left out.
fn steady(text: &str) -> String {
    let Ok(volatile) = Regex::new(
        r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|0x[0-9a-f]+|\b[0-9a-f]{12,}\b|\b\d+(\.\d+)? ?m?s\b|\b\d{4,}\b|/tmp/\S+",
    ) else {
        return String::new();
    };
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    volatile.replace_all(line, "…").chars().take(200).collect()
}

/// A failed test as evidence names it.
fn failure(case: &Case) -> String {
    let why = steady(&case.message);
    let name = steady(&case.name);
    if why.is_empty() { name } else { format!("{name}: {why}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_from_run_to_run_is_left_out() {
        assert_eq!(
            steady(
                "\n  connect to 127.0.0.1:49152 failed after 1.25 s (id 0f8fad5b-d9cb-469f-a165-70867728950e)\nmore"
            ),
            "connect to 127.0.0.1:… failed after … (id …)"
        );
        assert_eq!(steady("expected 409 to be 201"), "expected 409 to be 201");
    }
}
