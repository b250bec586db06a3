//! The repository probes and the facts that the tree gives to the live ones. Works on a snapshot: opens no file.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should"))]

mod code;
mod credentials;
mod documents;
mod env_text;
mod migrations;
mod probes;
mod readme;
mod routes;
mod signing;
mod structure;
#[cfg(test)]
mod testing;
mod tree;

use std::collections::BTreeMap;

use grader_model::{Finding, Snapshot};
use grader_spec::Spec;
use harness_kit::Facts;

/// The ids of every repository probe.
pub fn ids() -> impl Iterator<Item = &'static str> {
    probes::ids()
}

/// Findings of every repository probe that the spec asks for, in the order of the list.
pub fn findings(spec: &Spec, snapshot: &Snapshot) -> Vec<Finding> {
    probes::run(spec, snapshot)
}

/// How many tests the tree has by their syntax, whatever their runner.
pub fn tests(snapshot: &Snapshot) -> usize {
    probes::tests(snapshot)
}

/// What the tree tells the live probes. `environment` is what the compose file gives to each service.
///
/// The databases of the stack stay empty: where they listen is known only once it runs.
pub fn facts(snapshot: &Snapshot, environment: &BTreeMap<String, BTreeMap<String, String>>) -> Facts {
    Facts {
        routes: routes::read(snapshot),
        documents: documents::read(snapshot),
        privileged: credentials::read(snapshot, environment),
        secrets: signing::read(snapshot, environment),
        databases: Vec::new(),
        migrations: migrations::read(snapshot),
        readme: Some(readme::read(snapshot)),
    }
}
