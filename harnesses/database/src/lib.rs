//! The database probes: what the live schema and its rows say, read from inside the run's network.
//!
//! The database that the API really writes to is found by a marked record, not by its name. Its server is as hostile as
//! the API: every statement is bounded in time and rows.

mod clients;
mod connection;
mod difference;
mod engine;
mod hash;
mod home;
mod password;
mod plans;
mod probes;
mod rows;
mod rules;
mod schema;
mod sql;
mod statements;
mod store;
mod traces;
mod traffic;

use std::sync::Arc;

use harness_kit::{Facts, Probe};

pub use hash::{Scheme, Strength, recognize};
pub use rules::{Ruled, rule};

/// Every probe of this family, for the databases that the host knows of.
pub fn probes(facts: &Facts) -> Vec<Box<dyn Probe>> {
    probes::all(&Arc::new(store::Store::new(facts.databases.clone())))
}
