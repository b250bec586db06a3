//! The cohort of an assessment: its runs in the order of scores, and what they add up to.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use grader_store::{CohortFilter, Scope};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::runs::blind;
use super::shapes::RunShape;
use crate::auth::Principal;
use crate::state::App;
use crate::web::{Listed, PageQuery, Params, Problem, conditional};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(statistics)).routes(routes!(list))
}

/// What the cohort of an assessment adds up to. One run counts per submission: the newest that has a score. Scores are
/// in percent, to a tenth.
#[derive(Serialize, ToSchema)]
struct Statistics {
    spec: String,
    runs: i64,
    mean: f64,
    median: f64,
    lower_quartile: f64,
    upper_quartile: f64,
    lowest: f64,
    highest: f64,
    /// Runs in each tenth of the scale, 0 to 10 percent first; 100 belongs to the last.
    tenths: Vec<i64>,
    criteria: Vec<Mean>,
    /// How many runs have each red flag, most frequent first.
    flags: Vec<Count>,
    outcomes: Vec<Count>,
}

/// The mean share that is earned of a criterion, in percent.
#[derive(Serialize, ToSchema)]
struct Mean {
    id: String,
    mean: f64,
}

/// How many runs have something.
#[derive(Serialize, ToSchema)]
struct Count {
    id: String,
    runs: i64,
}

/// What the cohort of an assessment adds up to
#[utoipa::path(get, path = "/cohorts/{spec}", tag = "cohorts", params(("spec" = String, Path)),
    responses((status = 200, body = Statistics), (status = 304), (status = 404, body = Problem)))]
async fn statistics(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    Path(spec): Path<String>,
) -> Result<Response, Problem> {
    principal.need(Scope::Read)?;
    app.store.spec_in_force(&spec).await?;
    let cohort = app.store.cohort(&spec).await?;
    let tenth = |value: f64| (value * 10.0).round() / 10.0;
    let counts = |list: Vec<(String, i64)>| list.into_iter().map(|(id, runs)| Count { id, runs }).collect();
    let statistics = Statistics {
        spec,
        runs: cohort.runs,
        mean: tenth(cohort.mean),
        median: cohort.median,
        lower_quartile: cohort.lower_quartile,
        upper_quartile: cohort.upper_quartile,
        lowest: cohort.lowest,
        highest: cohort.highest,
        tenths: cohort.tenths.to_vec(),
        criteria: cohort.criteria.into_iter().map(|(id, mean)| Mean { id, mean: tenth(mean) }).collect(),
        flags: counts(cohort.flags),
        outcomes: counts(cohort.outcomes),
    };
    let text = serde_json::to_vec(&statistics).map_err(|_| Problem::internal())?;
    let tag = format!("{:x}", Sha256::digest(&text));
    Ok(conditional(&headers, &tag[..32], || Json(statistics).into_response()))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Query {
    /// In percent, inclusive.
    lowest: Option<f64>,
    /// In percent, inclusive.
    highest: Option<f64>,
    /// `desc` (best first, the default) or `asc`.
    order: Option<String>,
}

/// A run of a cohort.
#[derive(Serialize, ToSchema)]
struct Ranked {
    /// The share of the cohort that scored lower, in percent; equals count half.
    percentile: f64,
    run: RunShape,
}

/// The runs that count, by score
#[utoipa::path(get, path = "/cohorts/{spec}/runs", tag = "cohorts",
    params(("spec" = String, Path), Query, PageQuery),
    responses((status = 200, body = Listed<Ranked>), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn list(
    State(app): State<App>,
    principal: Principal,
    Path(spec): Path<String>,
    Params(query): Params<Query>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Listed<Ranked>>, Problem> {
    principal.need(Scope::Read)?;
    app.store.spec_in_force(&spec).await?;
    let ascending = match query.order.as_deref() {
        None | Some("desc") => false,
        Some("asc") => true,
        Some(_) => return Err(Problem::invalid_field("order", "must be desc or asc")),
    };
    let cohort = app.store.cohort(&spec).await?;
    let filter = CohortFilter { spec, lowest: query.lowest, highest: query.highest, ascending };
    let mut found = app.store.cohort_runs(&filter, &page.request()?).await?;
    blind(&app, &principal, &mut found.items).await?;
    Ok(Json(Listed::of(found, |run| {
        let percentile = cohort.standing(run.percent.unwrap_or_default()).percentile;
        Ranked { percentile: (percentile * 10.0).round() / 10.0, run: run.into() }
    })))
}
