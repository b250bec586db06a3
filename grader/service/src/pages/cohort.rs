//! A cohort: how its scores lie, and its submissions as a table that can be sorted and filtered.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::routing::get;
use grader_model::Outcome;
use grader_report::{CohortRow, cohort_csv};
use grader_store::{Cohort, Run};
use serde::Deserialize;

use super::cohort_table::{Head, TableRow, heads, matrix, sorted, table, wanted};
use super::frame::{Frame, PageError, Shown, Visitor, page};
use super::queue::{rows, spec_names};
use super::rows::{Row, percent};
use crate::state::App;
use crate::web::{Listed, PageQuery, Problem};

/// The largest cohort that is read as a whole, to be sorted and filtered by anything; of larger ones pages are read, by
/// score.
const WHOLE: i64 = 400;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/cohort/{spec}", get(read)).route("/cohort/{spec}/export.csv", get(export))
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    /// `score`, `name` or a criterion's id.
    pub(super) sort: String,
    /// `asc` or `desc`.
    pub(super) order: String,
    pub(super) least: String,
    pub(super) most: String,
    pub(super) flag: String,
    pub(super) search: String,
    pub(super) cursor: String,
}

#[derive(Template)]
#[template(path = "cohort.html")]
struct CohortPage {
    frame: Frame,
    spec: String,
    specs: Vec<String>,
    cohort: Cohort,
    bins: Vec<Bin>,
    median_x: f64,
    figures: Vec<(&'static str, String)>,
    /// The histogram for those who hear it.
    spoken: String,
    query: Asked,
    whole: bool,
    heads: Vec<Head>,
    rows: Vec<TableRow>,
    next: Option<String>,
    areas: Vec<String>,
    matrix: Vec<(String, Vec<&'static str>)>,
}

/// A tenth of the scale in the picture.
struct Bin {
    x: f64,
    y: f64,
    height: f64,
    runs: i64,
    from: usize,
}

async fn read(State(app): State<App>, visitor: Visitor, Path(spec): Path<String>, Query(query): Query<Asked>) -> Shown {
    let specs = spec_names(&app).await?;
    if !specs.contains(&spec) {
        return Err(Problem::not_found("assessment").into());
    }
    let cohort = app.store.cohort(&spec).await?;
    let whole = cohort.runs <= WHOLE;
    let (found, next) =
        if whole { (everything(&app, &spec, &query).await?, None) } else { a_page(&app, &spec, &query).await? };
    let mut rows = rows(&app, &visitor, found).await?;
    if whole {
        rows.retain(|row| wanted(row, &query));
        sorted(&mut rows, &query);
    }
    let (areas, matrix) = matrix(&rows);
    let figures = vec![
        ("Median", percent(Some(cohort.median))),
        ("Mean", percent(Some(cohort.mean))),
        (
            "Middle half",
            format!("{} to {}", percent(Some(cohort.lower_quartile)), percent(Some(cohort.upper_quartile))),
        ),
        ("Lowest", percent(Some(cohort.lowest))),
        ("Highest", percent(Some(cohort.highest))),
    ];
    let spoken = cohort.tenths.iter().enumerate().filter(|(_, runs)| **runs > 0);
    let spoken = spoken.map(|(at, runs)| format!("{runs} from {} %", at * 10)).collect::<Vec<_>>().join(", ");
    page(&CohortPage {
        frame: visitor.frame(format!("Cohort of {spec}")),
        bins: bins(&cohort),
        median_x: cohort.median * 4.0,
        figures,
        spoken: format!("Distribution of scores: {spoken}"),
        heads: heads(&spec, &rows, &query, whole),
        rows: table(rows, &cohort),
        next,
        areas,
        matrix,
        specs,
        cohort,
        spec,
        query,
        whole,
    })
}

/// All runs of a cohort that is small enough, between the bounds.
async fn everything(app: &App, spec: &str, query: &Asked) -> Result<Vec<Run>, PageError> {
    let filter = query.filter(spec)?;
    let mut request = PageQuery::of(None, Some(200)).request()?;
    let mut all = Vec::new();
    loop {
        let found = app.store.cohort_runs(&filter, &request).await?;
        all.extend(found.items);
        match found.next {
            Some(next) if (all.len() as i64) < 2 * WHOLE => request.after = Some(next),
            _ => return Ok(all),
        }
    }
}

async fn a_page(app: &App, spec: &str, query: &Asked) -> Result<(Vec<Run>, Option<String>), PageError> {
    let cursor = Some(query.cursor.clone()).filter(|cursor| !cursor.is_empty());
    let request = PageQuery::of(cursor, None).request()?;
    let found = app.store.cohort_runs(&query.filter(spec)?, &request).await?;
    let next = Listed::<()>::cursor(found.next.as_deref()).map(|cursor| query.link(spec, &[("cursor", &cursor)]));
    Ok((found.items, next))
}

/// The histogram, at most 110 high above its base at y 140.
fn bins(cohort: &Cohort) -> Vec<Bin> {
    let most = cohort.tenths.iter().copied().max().unwrap_or(0).max(1) as f64;
    cohort
        .tenths
        .iter()
        .enumerate()
        .map(|(at, runs)| {
            let height = (*runs as f64 * 110.0 / most).round();
            Bin { x: 40.0 * at as f64 + 2.0, y: 140.0 - height, height, runs: *runs, from: at * 10 }
        })
        .collect()
}

/// The whole cohort as CSV, at most 10,000 rows.
async fn export(
    State(app): State<App>,
    visitor: Visitor,
    Path(spec): Path<String>,
    Query(query): Query<Asked>,
) -> Shown {
    let filter = query.filter(&spec)?;
    let cohort = app.store.cohort(&spec).await?;
    let mut request = PageQuery::of(None, Some(200)).request()?;
    let mut lines: Vec<CohortRow> = Vec::new();
    loop {
        let found = app.store.cohort_runs(&filter, &request).await?;
        let rows = rows(&app, &visitor, found.items).await?;
        for row in &rows {
            lines.push(line(&app, row, &cohort).await?);
        }
        match found.next {
            Some(next) if lines.len() < 10_000 => request.after = Some(next),
            _ => break,
        }
    }
    let csv = cohort_csv(&lines).map_err(|error| {
        tracing::error!(%error, "a cohort could not be written");
        Problem::internal()
    })?;
    // The name of an assessment is made of letters, digits and hyphens; whatever else stands here is left out.
    let name: String = spec.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.csv\"")),
    ];
    Ok((headers, csv).into_response())
}

async fn line(app: &App, row: &Row, cohort: &Cohort) -> Result<CohortRow, PageError> {
    let run = &row.run;
    let spec = app.store.submission(&run.submission).await?;
    let level = match spec.level {
        Some(level) => level,
        None => app.store.spec(&run.spec_digest).await?.level,
    };
    Ok(CohortRow {
        candidate: row.name.clone(),
        source: run.source.clone(),
        commit: run.commit.clone().unwrap_or_default(),
        level: serde_json::from_value(serde_json::Value::String(level)).unwrap_or(grader_model::Level::Mid),
        outcome: if run.outcome.as_deref() == Some("does_not_start") { Outcome::DoesNotStart } else { Outcome::Graded },
        percent: run.percent,
        percentile: run.percent.map(|percent| cohort.standing(percent).percentile),
        criteria: run
            .summary
            .iter()
            .flat_map(|summary| &summary.criteria)
            .map(|criterion| (criterion.title.clone(), criterion.earned, criterion.possible))
            .collect(),
        red_flags: run.summary.iter().flat_map(|summary| summary.flags.clone()).collect(),
    })
}
