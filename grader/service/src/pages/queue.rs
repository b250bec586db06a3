//! The queue with its positions, and the list of all runs.

use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use grader_store::{PageRequest, Run, RunFilter, RunState, Scope};
use serde::Deserialize;

use super::frame::{Frame, PageError, Shown, Visitor, page};
use super::rows::{OUTCOMES, Row};
use crate::api::blind;
use crate::state::App;
use crate::web::{Listed, PageQuery};

/// Waiting runs that are shown.
const WAITING: u32 = 100;
/// Runs that ended lately that are shown.
const ENDED: usize = 10;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/", get(queue)).route("/runs", get(runs))
}

#[derive(Template)]
#[template(path = "queue.html")]
struct Queue {
    frame: Frame,
    may_submit: bool,
    idle: bool,
    waiting_all: i64,
    running_all: i64,
    workers: usize,
    slots: i64,
    running: Vec<Row>,
    waiting: Vec<Row>,
    ended: Vec<Row>,
}

async fn queue(State(app): State<App>, visitor: Visitor) -> Shown {
    let of = |state| RunFilter { state: Some(state), ..RunFilter::default() };
    let running = app.store.runs(&of(RunState::Running), &PageRequest::first(100)).await?.items;
    let waiting = app.store.waiting(WAITING).await?;
    let ended = app.store.runs(&of(RunState::Finished), &PageRequest::first(ENDED as u32)).await?.items;
    let (waiting_all, running_all) = app.store.in_progress().await?;
    let workers = app.store.workers(Duration::from_secs(60)).await?;
    let page_of = Queue {
        frame: visitor.frame("Queue"),
        may_submit: visitor.may(Scope::Submit),
        idle: waiting_all + running_all == 0,
        waiting_all,
        running_all,
        workers: workers.len(),
        slots: workers.iter().map(|worker| worker.slots).sum(),
        running: rows(&app, &visitor, running).await?,
        waiting: rows(&app, &visitor, waiting).await?,
        ended: rows(&app, &visitor, ended).await?,
    };
    page(&page_of)
}

/// Runs as rows, without what a blind reviewer may not know.
pub(super) async fn rows(app: &App, visitor: &Visitor, mut runs: Vec<Run>) -> Result<Vec<Row>, PageError> {
    blind(app, &visitor.principal, &mut runs).await?;
    Ok(Row::all(runs))
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Filter {
    state: String,
    outcome: String,
    spec: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "runs.html")]
struct Runs {
    frame: Frame,
    query: Filter,
    states: Vec<&'static str>,
    outcomes: &'static [(&'static str, &'static str)],
    specs: Vec<String>,
    rows: Vec<Row>,
    next: Option<String>,
}

async fn runs(State(app): State<App>, visitor: Visitor, Query(query): Query<Filter>) -> Shown {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let filter = RunFilter {
        // A word that is no state filters nothing: the form knows them all.
        state: query.state.parse().ok(),
        outcome: given(&query.outcome),
        spec: given(&query.spec),
        ..RunFilter::default()
    };
    let request = PageQuery::of(given(&query.cursor), None).request()?;
    let found = app.store.runs(&filter, &request).await?;
    let cursor = Listed::<()>::cursor(found.next.as_deref());
    let next = cursor.map(|cursor| {
        let mut link = url::form_urlencoded::Serializer::new("/runs?".to_owned());
        for (name, value) in [("state", &query.state), ("outcome", &query.outcome), ("spec", &query.spec)] {
            if !value.is_empty() {
                link.append_pair(name, value);
            }
        }
        link.append_pair("cursor", &cursor).finish()
    });
    let runs = Runs {
        frame: visitor.frame("Runs"),
        states: RunState::ALL.iter().map(|state| state.as_str()).collect(),
        outcomes: &OUTCOMES,
        specs: spec_names(&app).await?,
        rows: rows(&app, &visitor, found.items).await?,
        next,
        query,
    };
    page(&runs)
}

/// The names of the assessments that are kept.
pub(super) async fn spec_names(app: &App) -> Result<Vec<String>, PageError> {
    let mut names: Vec<String> = app.store.specs(None).await?.into_iter().map(|spec| spec.name).collect();
    names.dedup();
    Ok(names)
}
