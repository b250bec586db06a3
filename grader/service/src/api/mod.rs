//! The REST API under `/api/v1`, one file per resource, and its OpenAPI description.

mod access;
mod artefacts;
mod candidates;
mod cohorts;
mod compare;
mod description;
mod events;
mod overrides;
mod reports;
mod runs;
mod shapes;
mod specs;
mod submissions;

pub(crate) use compare::compared;
pub(crate) use description::routes;
pub(crate) use reports::shown;
pub(crate) use runs::{HIDDEN, blind};
