//! Reports of runs in every format.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use grader_model::Report;
use grader_report::{Audience, Format, RenderOptions, Visibility};
use grader_store::{Run, Scope};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::runs::{HIDDEN, blind};
use crate::auth::Principal;
use crate::state::App;
use crate::web::{Params, Problem, conditional};
use crate::work::rescored;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Query {
    /// `json` (the default), `html`, `markdown`, `junit`, `sarif` or `terminal`.
    format: Option<String>,
    /// `reviewer` (the default) or `candidate`, which shows no hidden probe.
    audience: Option<String>,
    /// `all` (the default) or `public`.
    visibility: Option<String>,
}

/// The report of a run, with every override on it
#[utoipa::path(get, path = "/runs/{id}/report", tag = "runs", params(("id" = String, Path), Query),
    responses((status = 200, body = Object), (status = 304), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn read(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    Path(id): Path<String>,
    Params(query): Params<Query>,
) -> Result<Response, Problem> {
    principal.need(Scope::Read)?;
    let format: Format = query
        .format
        .as_deref()
        .unwrap_or("json")
        .parse()
        .map_err(|error: grader_report::UnknownFormat| Problem::invalid_field("format", error.to_string()))?;
    let audience = match query.audience.as_deref() {
        None | Some("reviewer") => Audience::Reviewer,
        Some("candidate") => Audience::Candidate,
        Some(_) => return Err(Problem::invalid_field("audience", "must be reviewer or candidate")),
    };
    let visibility = match query.visibility.as_deref() {
        None | Some("all") => Visibility::All,
        Some("public") => Visibility::Public,
        Some(_) => return Err(Problem::invalid_field("visibility", "must be all or public")),
    };
    let (run, report) = shown(&app, &principal, &id).await?;
    let tag = format!("{}-{format}-{audience:?}-{visibility:?}-{}", run.version, run.source == HIDDEN);
    let options = RenderOptions { audience, visibility, ..RenderOptions::default() };
    let text = render(report, format, options).await?;
    Ok(conditional(&headers, &tag, || {
        let mut response = ([(header::CONTENT_TYPE, media_type(format))], text).into_response();
        if format == Format::Html {
            stands_alone(&mut response);
        }
        response
    }))
}

/// Lets a page carry its own style, since it has to stand alone; scripts and everything from outside stay shut off.
pub(super) fn stands_alone(response: &mut Response) {
    const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; \
         form-action 'none'; base-uri 'none'; sandbox";
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, header::HeaderValue::from_static(POLICY));
}

/// A run and its report as the principal may see them.
pub(crate) async fn shown(app: &App, principal: &Principal, id: &str) -> Result<(Run, Report), Problem> {
    let mut runs = [app.store.run(id).await?];
    let mut report = rescored(app, &runs[0]).await?;
    blind(app, principal, &mut runs).await?;
    let [run] = runs;
    if run.source == HIDDEN {
        HIDDEN.clone_into(&mut report.submission.source);
    }
    Ok((run, report))
}

/// Renders a report aside: it may be large.
pub(crate) async fn render(report: Report, format: Format, options: RenderOptions) -> Result<String, Problem> {
    let rendered = tokio::task::spawn_blocking(move || grader_report::render(&report, format, &options)).await;
    rendered.map_err(|_| Problem::internal())?.map_err(|error| {
        tracing::error!(%error, "a report could not be rendered");
        Problem::internal()
    })
}

fn media_type(format: Format) -> &'static str {
    match format {
        Format::Json => "application/json",
        Format::Html => "text/html; charset=utf-8",
        Format::Markdown => "text/markdown; charset=utf-8",
        Format::Junit => "application/xml",
        Format::Sarif => "application/sarif+json",
        Format::Terminal => "text/plain; charset=utf-8",
    }
}
