//! Two runs held against each other: two attempts, or two candidates.

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use grader_report::{RenderOptions, compare, comparison_fragment};
use serde::Deserialize;

use super::frame::{Frame, Shown, Visitor, page};
use crate::api::shown;
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
    let (before, was) = shown(&app, &visitor.principal, &two.before).await?;
    let (after, is) = shown(&app, &visitor.principal, &two.after).await?;
    let rendered =
        tokio::task::spawn_blocking(move || comparison_fragment(&compare(&was, &is, &RenderOptions::default())?));
    let comparison = rendered.await.map_err(|_| Problem::internal())?.map_err(|error| {
        tracing::error!(%error, "a comparison could not be rendered");
        Problem::internal()
    })?;
    page(&Compared { frame: visitor.frame("Two runs compared"), before: before.id, after: after.id, comparison })
}
