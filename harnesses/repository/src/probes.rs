//! The repository probes: one file each, and one table that names them all.
//!
//! A probe sees the tree and its history as plain data and yields one finding. Nothing here runs a submission's code.

mod auth_secrets;
mod db_migrations_safe;
mod doc_decisions;
mod doc_readme;
mod org_configuration;
mod org_container;
mod org_duplication;
mod org_history;
mod org_hygiene;
mod org_layers;
mod org_lint;
mod org_proportion;
mod org_size;
mod runners;
mod test_automation;
mod test_present;

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use grader_model::{Finding, Snapshot};
use grader_spec::{Params, ProbeState, Spec};

use crate::structure::{self, Unit};
use crate::tree::{self, Language};

/// What every probe is given: the snapshot, its texts read once, and the brief.
pub(crate) struct Tree<'a> {
    pub(crate) snapshot: &'a Snapshot,
    /// Text files of the submission's own, in order of path.
    pub(crate) texts: Vec<(&'a str, &'a str)>,
    /// Source files that are no tests.
    pub(crate) sources: Vec<(&'a str, &'a str, Language)>,
    /// The brief that candidates get.
    pub(crate) brief: &'a str,
    units: OnceCell<Vec<Unit>>,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot, brief: &'a str) -> Self {
        Tree { snapshot, texts: tree::texts(snapshot), sources: tree::sources(snapshot), brief, units: OnceCell::new() }
    }

    /// The service's sources by syntax tree, read when first asked for.
    pub(crate) fn units(&self) -> &[Unit] {
        self.units.get_or_init(|| structure::read(&self.sources))
    }

    pub(crate) fn text(&self, path: &str) -> Option<&'a str> {
        self.texts.iter().find(|(known, _)| *known == path).map(|(_, text)| *text)
    }

    /// The compose files nearest to the root.
    pub(crate) fn compose_files(&self) -> Vec<(&'a str, &'a str)> {
        let is_compose = |path: &str| {
            let name = tree::file_name(path).to_ascii_lowercase();
            let yaml = matches!(tree::extension(&name), "yml" | "yaml");
            yaml && (name.starts_with("compose.") || name.starts_with("docker-compose")) && !tree::is_test(path)
        };
        let found = self.texts.iter().filter(|(path, _)| is_compose(path));
        let depth = found.clone().map(|(path, _)| path.matches('/').count()).min().unwrap_or(0);
        found.filter(|(path, _)| path.matches('/').count() == depth).copied().collect()
    }
}

struct Probe {
    id: &'static str,
    run: fn(&Tree<'_>, &Params) -> Finding,
}

/// Every probe of this family, in the order in which their findings come.
const PROBES: &[Probe] = &[
    Probe { id: test_present::ID, run: test_present::run },
    Probe { id: test_automation::ID, run: test_automation::run },
    Probe { id: org_layers::ID, run: org_layers::run },
    Probe { id: org_size::ID, run: org_size::run },
    Probe { id: org_duplication::ID, run: org_duplication::run },
    Probe { id: org_configuration::ID, run: org_configuration::run },
    Probe { id: org_hygiene::ID, run: org_hygiene::run },
    Probe { id: org_lint::ID, run: org_lint::run },
    Probe { id: org_container::ID, run: org_container::run },
    Probe { id: org_history::ID, run: org_history::run },
    Probe { id: org_proportion::ID, run: org_proportion::run },
    Probe { id: db_migrations_safe::ID, run: db_migrations_safe::run },
    Probe { id: auth_secrets::ID, run: auth_secrets::run },
    Probe { id: doc_readme::ID, run: doc_readme::run },
    Probe { id: doc_decisions::ID, run: doc_decisions::run },
];

/// The ids of the table.
pub(crate) fn ids() -> impl Iterator<Item = &'static str> {
    PROBES.iter().map(|probe| probe.id)
}

/// Findings of every probe of the table that the spec asks for.
pub(crate) fn run(spec: &Spec, snapshot: &Snapshot) -> Vec<Finding> {
    let tree = Tree::new(snapshot, &spec.brief);
    let asked = |id: &str| spec.probe(id).filter(|probe| probe.state == ProbeState::Built);
    PROBES
        .iter()
        .filter_map(|probe| Some((probe, asked(probe.id)?)))
        .map(|(probe, asked)| {
            let began = Instant::now();
            // A fault of one probe is the grader's own and must not take the other findings with it.
            let mut finding =
                catch_unwind(AssertUnwindSafe(|| (probe.run)(&tree, &asked.params))).unwrap_or_else(|_| {
                    Finding::inconclusive(probe.id, "The grader failed while reading the tree for this probe")
                });
            finding.millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            finding
        })
        .collect()
}

/// Tests of the tree by their syntax.
pub(crate) fn tests(snapshot: &Snapshot) -> usize {
    test_present::by_file(&tree::texts(snapshot)).values().map(|(count, _)| count).sum()
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

#[cfg(test)]
pub(super) fn over(files: &[(&str, &str)], probe: fn(&Tree<'_>, &Params) -> Finding) -> Finding {
    let snapshot = crate::testing::snapshot(files);
    probe(&Tree::new(&snapshot, ""), &Params::new())
}
