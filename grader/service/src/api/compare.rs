//! Two runs side by side, as `grader diff` and the page compare them: what was won, lost and found, never a comparison of
//! the API's own.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use grader_report::{Comparison, ComparisonFormat, RenderOptions, compare as compare_reports, render_comparison};
use grader_store::{Run, Scope};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::reports::{shown, stands_alone};
use crate::auth::Principal;
use crate::state::App;
use crate::web::{Params, Problem};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(compare))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Query {
    /// The id of the earlier run.
    before: String,
    /// The id of the later run: another attempt, or another candidate's.
    after: String,
    /// `json` (the default, in the form `grader.comparison/1`), `html`, `markdown` or `terminal`.
    format: Option<String>,
}

/// Compares two finished runs, with every override on them
#[utoipa::path(get, path = "/comparisons", tag = "runs", params(Query),
    responses((status = 200, body = Object), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn compare(
    State(app): State<App>,
    principal: Principal,
    Params(query): Params<Query>,
) -> Result<Response, Problem> {
    principal.need(Scope::Read)?;
    let format: ComparisonFormat =
        query.format.as_deref().unwrap_or("json").parse().map_err(
            |error: grader_report::UnknownComparisonFormat| Problem::invalid_field("format", error.to_string()),
        )?;
    let options = RenderOptions::default();
    let (_, text) = compared(&app, &principal, (&query.before, &query.after), move |comparison| {
        render_comparison(comparison, format, &options)
    })
    .await?;
    let mut response = ([(header::CONTENT_TYPE, media_type(format))], text).into_response();
    if format == ComparisonFormat::Html {
        stands_alone(&mut response);
    }
    Ok(response)
}

/// Two runs and their comparison as the principal may see it, written by `write`, which runs aside: reports may be large.
///
/// # Errors
/// 404 for a run without a report.
pub(crate) async fn compared(
    app: &App,
    principal: &Principal,
    (before, after): (&str, &str),
    write: impl FnOnce(&Comparison) -> Result<String, grader_report::RenderError> + Send + 'static,
) -> Result<((Run, Run), String), Problem> {
    let (before, was) = shown(app, principal, before).await?;
    let (after, is) = shown(app, principal, after).await?;
    let written =
        tokio::task::spawn_blocking(move || write(&compare_reports(&was, &is, &RenderOptions::default())?)).await;
    let text = written.map_err(|_| Problem::internal())?.map_err(|error| {
        tracing::error!(%error, "a comparison could not be rendered");
        Problem::internal()
    })?;
    Ok(((before, after), text))
}

fn media_type(format: ComparisonFormat) -> &'static str {
    match format {
        ComparisonFormat::Json => "application/json",
        ComparisonFormat::Html => "text/html; charset=utf-8",
        ComparisonFormat::Markdown => "text/markdown; charset=utf-8",
        ComparisonFormat::Terminal => "text/plain; charset=utf-8",
    }
}
