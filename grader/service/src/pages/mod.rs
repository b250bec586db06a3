//! The dashboard's pages: rendered here, usable without scripts, one style sheet.
//!
//! A page shows what the store and the reports say and changes things by the same functions as the API. It decides no
//! point. What it knows of grading are words.

mod access;
mod assets;
mod attempts;
mod cohort;
mod cohort_table;
mod compare;
mod frame;
mod overriding;
mod queue;
mod rows;
mod run;
mod similarity;
mod specs;
mod submit;

use axum::Router;

use crate::state::App;

/// Every page.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .merge(access::routes())
        .merge(assets::routes())
        .merge(attempts::routes())
        .merge(cohort::routes())
        .merge(compare::routes())
        .merge(overriding::routes())
        .merge(queue::routes())
        .merge(run::routes())
        .merge(similarity::routes())
        .merge(specs::routes())
        .merge(submit::routes())
}
