//! Two runs held against each other: two attempts, or two candidates.

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use grader_report::comparison_fragment;
use serde::Deserialize;

use super::frame::{Frame, Shown, Visitor, page};
use crate::api::compared;
use crate::state::App;
use crate::web::Problem;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/compare", get(read))
}

#[derive(Template)]
#[template(path = "compare.html")]
struct Compared {
    frame: Frame,
    before: String,
    after: String,
    /// HTML of the report's renderer, which escapes.
    comparison: String,
}

#[derive(Deserialize)]
struct Two {
    #[serde(default)]
    before: String,
    #[serde(default)]
    after: String,
}

async fn read(State(app): State<App>, visitor: Visitor, Query(two): Query<Two>) -> Shown {
    if two.before.is_empty() || two.after.is_empty() {
        return Err(Problem::invalid_field("before", "choose an earlier and a later run with a report").into());
    }
    let runs = (two.before.as_str(), two.after.as_str());
    let ((before, after), comparison) = compared(&app, &visitor.principal, runs, comparison_fragment).await?;
    page(&Compared { frame: visitor.frame("Two runs compared"), before: before.id, after: after.id, comparison })
}
