//! Assessments: which are kept and in force, and whose score a version would move before it is put in force.

use std::collections::HashSet;

use askama::Template;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Form, Router};
use grader_model::{Report, Verdict};
use grader_scoring::what_if;
use grader_spec::{Criterion, Spec, SpecError, load};
use grader_store::{CohortFilter, PageRequest, Scope, StoredSpec};
use serde::Deserialize;

use super::frame::{Frame, PageError, Shown, Visitor, go, page, refused};
use super::queue::rows;
use super::rows::{Row, minute, percent, signed};
use crate::state::{App, kept};
use crate::web::Problem;
use crate::work::rescored;

/// Runs that are scored again for a page; the best ones of the cohort.
const RUNS: u32 = 100;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/specs", get(list).post(add))
        .route("/specs/{digest}", get(read))
        .route("/specs/{digest}/force", post(force))
}

#[derive(Template)]
#[template(path = "specs.html")]
struct Specs {
    frame: Frame,
    specs: Vec<StoredSpec>,
    may_change: bool,
    mistakes: Vec<String>,
    text: String,
}

impl Specs {
    fn short(&self, spec: &StoredSpec) -> String {
        spec.digest.chars().take(15).collect()
    }

    fn day(&self, spec: &StoredSpec) -> String {
        minute(spec.created_at)
    }
}

async fn list(State(app): State<App>, visitor: Visitor) -> Shown {
    page(&listed(&app, &visitor, Vec::new(), String::new()).await?)
}

async fn listed(app: &App, visitor: &Visitor, mistakes: Vec<String>, text: String) -> Result<Specs, PageError> {
    let specs = app.store.specs(None).await?;
    Ok(Specs { frame: visitor.frame("Assessments"), specs, may_change: visitor.may(Scope::Admin), mistakes, text })
}

#[derive(Deserialize)]
struct Adding {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    text: String,
}

async fn add(State(app): State<App>, visitor: Visitor, Form(form): Form<Adding>) -> Shown {
    visitor.sent(&form.csrf, Scope::Admin)?;
    // Browsers send line breaks in their own way; the digest is of the text that anybody would keep.
    let text = form.text.replace("\r\n", "\n");
    match load("the file", &text) {
        Ok(loaded) => {
            let new = kept(&loaded.spec, &loaded.text, &visitor.principal.name);
            let stored = app.store.add_spec(&new, false).await?;
            let detail = serde_json::json!({"name": stored.name, "version": stored.version});
            let subject = format!("spec/{}", stored.digest);
            app.store.audit(&visitor.principal.name, "spec.add", &subject, &detail).await?;
            Ok(go(&format!("/specs/{}", stored.digest)))
        }
        Err(error) => {
            let mistakes = match error {
                SpecError::Mistaken { mistakes, .. } => mistakes.iter().take(20).map(ToString::to_string).collect(),
                other => vec![other.to_string()],
            };
            refused(&listed(&app, &visitor, mistakes, text).await?)
        }
    }
}

#[derive(Template)]
#[template(path = "spec.html")]
struct SpecPage {
    frame: Frame,
    spec: StoredSpec,
    criteria: Vec<Criterion>,
    may_change: bool,
    effect: Vec<Effect>,
    runs: i64,
    undecided: usize,
    moved: usize,
    mean: String,
    crossed: usize,
}

/// What a version would make of a run.
struct Effect {
    run: String,
    name: String,
    was: String,
    would: String,
    change: String,
    tone: &'static str,
    threshold: &'static str,
    by: f64,
}

async fn read(State(app): State<App>, visitor: Visitor, Path(digest): Path<String>) -> Shown {
    let stored = app.store.spec(&digest).await?;
    let spec = load(&stored.name, &stored.text).map_err(|error| {
        tracing::error!(digest, %error, "a kept assessment is not sound any more");
        Problem::internal()
    })?;
    let filter = CohortFilter { spec: stored.name.clone(), ..CohortFilter::default() };
    let found = app.store.cohort_runs(&filter, &PageRequest::first(RUNS)).await?.items;
    let runs = app.store.cohort(&stored.name).await?.runs;
    let mut effect = Vec::new();
    let mut unseen: HashSet<String> = spec.spec.probes().map(|(_, probe)| probe.id.clone()).collect();
    for row in rows(&app, &visitor, found).await? {
        // A report that was removed for its age has nothing to score.
        let Ok(report) = rescored(&app, &row.run).await else { continue };
        for probe in report.criteria.iter().flat_map(|criterion| &criterion.probes) {
            if probe.verdict != Verdict::NotMeasured {
                unseen.remove(&probe.id);
            }
        }
        effect.push(would(&row, &report, &spec.spec));
    }
    if effect.is_empty() {
        unseen.clear();
    }
    let moved = effect.iter().filter(|row| row.by != 0.0).count();
    let mean = effect.iter().map(|row| row.by).sum::<f64>() / effect.len().max(1) as f64;
    let crossed = effect.iter().filter(|row| !row.threshold.is_empty()).count();
    effect.sort_by(|one, other| other.by.abs().total_cmp(&one.by.abs()));
    page(&SpecPage {
        frame: visitor.frame(stored.title.clone()),
        criteria: spec.spec.criteria,
        may_change: visitor.may(Scope::Admin),
        spec: stored,
        effect,
        runs,
        undecided: unseen.len(),
        moved,
        mean: signed(mean).0,
        crossed,
    })
}

fn would(row: &Row, report: &Report, spec: &Spec) -> Effect {
    let score = &report.score;
    let fail_under = spec.thresholds.fail_under.or(score.fail_under);
    let would = what_if(&report.criteria, report.spec.level, fail_under, spec).score;
    let by = ((would.percent - score.percent) * 100.0).round() / 100.0;
    let (change, tone) = signed(by);
    Effect {
        run: row.run.id.clone(),
        name: row.name.clone(),
        was: percent(Some(score.percent)),
        would: percent(Some(would.percent)),
        change,
        tone,
        threshold: match (score.passed, would.passed) {
            (Some(true), Some(false)) => "reached now, not then",
            (Some(false), Some(true)) => "not reached now, but then",
            _ => "",
        },
        by,
    }
}

#[derive(Deserialize)]
struct Bare {
    #[serde(default)]
    csrf: String,
}

async fn force(State(app): State<App>, visitor: Visitor, Path(digest): Path<String>, Form(form): Form<Bare>) -> Shown {
    visitor.sent(&form.csrf, Scope::Admin)?;
    let stored = app.store.put_in_force(&digest).await?;
    let detail = serde_json::json!({"name": stored.name, "version": stored.version});
    app.store.audit(&visitor.principal.name, "spec.force", &format!("spec/{digest}"), &detail).await?;
    Ok(go(&format!("/specs/{digest}")))
}
