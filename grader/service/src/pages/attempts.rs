//! The attempts of one candidate, or of one submission, side by side.

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use grader_store::{PageRequest, Run, RunFilter, Scope};

use super::frame::{Frame, Shown, Visitor, page};
use super::queue::rows;
use super::rows::{Row, decimal, percent, signed};
use crate::api::HIDDEN;
use crate::state::App;

/// Attempts that stand beside each other.
const MOST: u32 = 12;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/candidates/{id}", get(of_candidate)).route("/submissions/{id}", get(of_submission))
}

#[derive(Template)]
#[template(path = "attempts.html")]
struct Attempts {
    frame: Frame,
    name: String,
    place: String,
    more: bool,
    /// Oldest first.
    attempts: Vec<Attempt>,
    criteria: Vec<(String, Vec<Cell>)>,
    /// The scores as a line.
    line: String,
    points: Vec<Point>,
    /// The same for those who hear it.
    spoken: String,
}

struct Attempt {
    row: Row,
    commit: String,
    delta: String,
    tone: &'static str,
    flags: Vec<String>,
}

/// A criterion's share in a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    /// In percent; absent where nothing was measured.
    pub(super) share: Option<f64>,
    pub(super) text: String,
}

struct Point {
    x: f64,
    y: f64,
    text: String,
}

async fn of_candidate(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Shown {
    let candidate = app.store.candidate(&id).await?;
    let filter = RunFilter { candidate: Some(id), ..RunFilter::default() };
    let blind = app.config.blind && !visitor.may(Scope::Admin);
    shown(&app, &visitor, &filter, Some(candidate.name).filter(|_| !blind)).await
}

async fn of_submission(State(app): State<App>, visitor: Visitor, Path(id): Path<String>) -> Shown {
    app.store.submission(&id).await?;
    shown(&app, &visitor, &RunFilter { submission: Some(id), ..RunFilter::default() }, None).await
}

async fn shown(app: &App, visitor: &Visitor, filter: &RunFilter, name: Option<String>) -> Shown {
    let found = app.store.runs(filter, &PageRequest::first(MOST)).await?;
    let more = found.next.is_some();
    let mut rows = rows(app, visitor, found.items).await?;
    rows.reverse();
    let last = rows.last();
    let name = name.or_else(|| last.map(|row| row.name.clone())).unwrap_or_else(|| "Attempts".to_owned());
    // One repository is said once; of several, each attempt's page says its own.
    let one_place = rows.windows(2).all(|pair| pair[0].run.source == pair[1].run.source);
    let place = last.filter(|row| one_place && row.run.source != HIDDEN).map(|row| row.run.source.clone());
    let (line, points) = trend(&rows);
    let spoken = points.iter().map(|point| point.text.clone()).collect::<Vec<_>>().join(", ");
    page(&Attempts {
        frame: visitor.frame(name.clone()),
        name,
        place: place.unwrap_or_default(),
        more,
        criteria: criteria(&rows),
        attempts: attempts(rows),
        line,
        points,
        spoken,
    })
}

fn attempts(rows: Vec<Row>) -> Vec<Attempt> {
    let mut before: Option<f64> = None;
    rows.into_iter()
        .map(|row| {
            let (delta, tone) = match (before, row.run.percent) {
                (Some(before), Some(now)) => signed(now - before),
                _ => (String::new(), ""),
            };
            before = row.run.percent.or(before);
            Attempt {
                commit: row.run.commit.as_deref().unwrap_or_default().chars().take(8).collect(),
                flags: flags(&row.run),
                row,
                delta,
                tone,
            }
        })
        .collect()
}

/// The red flags of a run in words.
pub(super) fn flags(run: &Run) -> Vec<String> {
    run.summary.iter().flat_map(|summary| &summary.flags).map(|flag| flag.replace('-', " ")).collect()
}

/// Every criterion that any of the runs has, with its share in each.
fn criteria(rows: &[Row]) -> Vec<(String, Vec<Cell>)> {
    let mut known: Vec<(&str, &str)> = Vec::new();
    for criterion in rows.iter().flat_map(|row| &row.run.summary).flat_map(|summary| &summary.criteria) {
        if known.iter().all(|(id, _)| *id != criterion.id) {
            known.push((&criterion.id, &criterion.title));
        }
    }
    known
        .into_iter()
        .map(|(id, title)| (title.to_owned(), rows.iter().map(|row| cell(&row.run, id)).collect()))
        .collect()
}

/// A criterion of a run.
pub(super) fn cell(run: &Run, criterion: &str) -> Cell {
    let found = run.summary.iter().flat_map(|summary| &summary.criteria).find(|one| one.id == criterion);
    match found.filter(|found| found.possible > 0.0) {
        Some(found) => Cell {
            share: Some((found.earned * 100.0 / found.possible).clamp(0.0, 100.0)),
            text: format!("{} / {}", decimal(found.earned), decimal(found.possible)),
        },
        None => Cell { share: None, text: "–".to_owned() },
    }
}

/// The scored runs as points of the picture, 0 % at y 140 and 100 % at y 20.
fn trend(rows: &[Row]) -> (String, Vec<Point>) {
    let scores: Vec<f64> = rows.iter().filter_map(|row| row.run.percent).collect();
    let step = 540.0 / (scores.len().max(2) - 1) as f64;
    let points: Vec<Point> = scores
        .iter()
        .enumerate()
        .map(|(at, score)| Point {
            x: (60.0 + step * at as f64).round(),
            y: (140.0 - score.clamp(0.0, 100.0) * 1.2).round(),
            text: percent(Some(*score)),
        })
        .collect();
    let line = points.iter().map(|point| format!("{},{}", point.x, point.y)).collect::<Vec<_>>().join(" ");
    (line, points)
}
