//! A run: its progress while it goes on, its report with reviewers' words once it is over, and what can be done about it.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::routing::{get, post};
use axum::{Form, Router};
use grader_model::{ReviewerWord, Verdict, WordState};
use grader_report::{RenderOptions, html_fragment};
use grader_scoring::agreement;
use grader_store::{
    Decision, DecisionKind, NewRun, Override, OverrideState, PageRequest, Run, RunFilter, RunState, Scope, Timestamp,
};
use serde::Deserialize;
use serde_json::Value;

use super::frame::{Frame, PageError, Shown, Visitor, go, page};
use super::rows::{Row, decimal, minute};
use crate::api::{HIDDEN, blind, shown};
use crate::state::App;
use crate::web::Problem;
use crate::work::rescore;

/// Lines of progress that a page shows; scripts add what comes.
const LINES: usize = 300;
/// The kinds of events that workers write, by which a browser listens for them.
const KINDS: &str = "began ended build said probing decided";
const FORMATS: [(&str, &str); 5] =
    [("html", "Report alone"), ("json", "JSON"), ("markdown", "Markdown"), ("sarif", "SARIF"), ("junit", "JUnit")];

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/runs/{id}", get(read))
        .route("/runs/{id}/cancel", post(cancel))
        .route("/runs/{id}/again", post(again))
        .route("/runs/{id}/decision", post(decide))
        .route("/runs/{id}/withdraw", post(withdraw))
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    frame: Frame,
    row: Row,
    run: Run,
    over: bool,
    position: Option<i64>,
    progress: Vec<Line>,
    kinds: &'static str,
    /// The number of the last event in `progress`.
    after: i64,
    notice: &'static str,
    /// HTML of the report's renderer, which escapes; empty without a report.
    report: String,
    formats: &'static [(&'static str, &'static str)],
    /// The attempt before, if it has a report.
    before: Option<String>,
    percentile: Option<String>,
    words: Vec<Word>,
    agreement: Vec<String>,
    decisions: Vec<Decision>,
    blind: bool,
    may_review: bool,
    may_submit: bool,
}

/// A line of progress.
struct Line {
    at: String,
    text: String,
}

/// A reviewer's word on a probe.
struct Word {
    id: String,
    probe: String,
    author: String,
    at: String,
    reason: String,
    /// From the grader's verdict to the reviewer's.
    change: String,
    state: &'static str,
    class: &'static str,
    mine: bool,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    done: String,
}

async fn read(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, Query(said): Query<Said>) -> Shown {
    let mut runs = [app.store.run(&id).await?];
    blind(&app, &visitor.principal, &mut runs).await?;
    let [run] = runs;
    let row = Row::of(run.clone());
    let mut shown_run = RunPage {
        frame: visitor.frame(row.name.clone()),
        over: run.state.is_over(),
        position: app.store.queue_position(&id).await?,
        progress: Vec::new(),
        kinds: KINDS,
        after: 0,
        notice: notice(&said.done),
        report: String::new(),
        formats: &FORMATS,
        before: None,
        percentile: None,
        words: Vec::new(),
        agreement: Vec::new(),
        decisions: app.store.decisions(&id).await?,
        blind: run.source == HIDDEN,
        may_review: visitor.may(Scope::Review),
        may_submit: visitor.may(Scope::Submit),
        row,
        run,
    };
    if !shown_run.over {
        (shown_run.progress, shown_run.after) = progress(&app, &shown_run.run).await?;
    }
    if shown_run.run.state == RunState::Finished {
        with_report(&app, &visitor, &mut shown_run).await?;
    }
    page(&shown_run)
}

async fn with_report(app: &App, visitor: &Visitor, page: &mut RunPage) -> Result<(), PageError> {
    let id = page.run.id.clone();
    let (_, report) = shown(app, &visitor.principal, &id).await?;
    page.words = words(&app.store.overrides(&id).await?, &report.overrides, &visitor.principal.name);
    page.agreement = agreement(&report.overrides)
        .into_iter()
        .map(|pair| {
            let kappa = pair.kappa.map_or(String::new(), |kappa| format!(", Cohen’s kappa {}", decimal(kappa)));
            let (one, other) = pair.reviewers;
            format!("{one} and {other} agree on {} of {} probes{kappa}.", pair.agreed, pair.probes)
        })
        .collect();
    let review = page.may_review.then(|| format!("/runs/{id}/override?probe="));
    let rendered =
        tokio::task::spawn_blocking(move || html_fragment(&report, &RenderOptions::default(), review.as_deref()));
    page.report = rendered.await.map_err(|_| Problem::internal())?.map_err(|error| {
        tracing::error!(%error, "a report could not be rendered");
        Problem::internal()
    })?;
    if let Some(percent) = page.run.percent.filter(|_| page.run.counted) {
        page.percentile = Some(format!("{:.0}", app.store.cohort(&page.run.spec).await?.standing(percent).percentile));
    }
    let filter = RunFilter {
        submission: Some(page.run.submission.clone()),
        state: Some(RunState::Finished),
        ..RunFilter::default()
    };
    let others = app.store.runs(&filter, &PageRequest::first(PageRequest::MOST)).await?.items;
    page.before = others.into_iter().find(|other| other.number < page.run.number).map(|other| other.id);
    Ok(())
}

/// The words on a run, each with what became of it.
fn words(kept: &[Override], reported: &[ReviewerWord], me: &str) -> Vec<Word> {
    let verdict_word = |verdict: Verdict| verdict.as_str().replace('_', " ");
    kept.iter()
        .map(|word| {
            let told = reported.iter().find(|told| {
                told.probe == word.probe && told.author == word.author && word.state != OverrideState::Withdrawn
            });
            let (state, class) = match (word.state, told.map(|told| told.state)) {
                (OverrideState::Withdrawn, _) => ("withdrawn", ""),
                (_, Some(WordState::Applied)) => ("applied", "applied"),
                (_, Some(WordState::Disputed)) => ("disputed: the grader’s verdict stands", "disputed"),
                _ => ("stale: said of other evidence", "stale"),
            };
            let points = word.points.map_or(String::new(), |points| format!(", {} points", decimal(points)));
            let from = told.map_or(String::new(), |told| format!("{} → ", verdict_word(told.graded_verdict)));
            Word {
                id: word.id.clone(),
                probe: word.probe.clone(),
                author: word.author.clone(),
                at: minute(word.created_at),
                reason: word.reason.clone(),
                change: format!("{from}{}{points}", word.verdict.replace('_', " ")),
                state,
                class,
                mine: word.author == me && word.state != OverrideState::Withdrawn,
            }
        })
        .collect()
}

async fn progress(app: &App, run: &Run) -> Result<(Vec<Line>, i64), PageError> {
    // Only the present attempt: what an earlier one told is void.
    let after = grader_store::RunEvent::sequence(run.attempt, 0);
    let events = app.store.events(&run.id, after, 5000).await?;
    let skipped = events.len().saturating_sub(LINES);
    let line = |event: &grader_store::RunEvent| Line {
        at: event.at.to_string().get(11..19).unwrap_or_default().to_owned(),
        text: told(&event.kind, &event.data),
    };
    let last = events.last().map_or(after, |event| event.sequence);
    Ok((events[skipped..].iter().map(line).collect(), last))
}

/// An event in words: its text, or the values that it has.
fn told(kind: &str, data: &str) -> String {
    const LONGEST: usize = 300;
    let data: Value = serde_json::from_str(data).unwrap_or_default();
    let text = match data.get("text").and_then(Value::as_str) {
        Some(text) => text.to_owned(),
        None => {
            let values = data.as_object().into_iter().flatten().filter_map(|(_, value)| match value {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            });
            let values = values.collect::<Vec<_>>().join(" · ");
            if values.is_empty() { kind.to_owned() } else { format!("{kind}: {values}") }
        }
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}

fn notice(done: &str) -> &'static str {
    match done {
        "override" => "Your word is kept.",
        "withdrawn" => "Your word is withdrawn.",
        "decision" => "Your decision is kept.",
        "cancel" => "It is being cancelled.",
        _ => "",
    }
}

/// What a form without fields of its own carries.
#[derive(Deserialize)]
struct Bare {
    #[serde(default)]
    csrf: String,
}

async fn cancel(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, Form(form): Form<Bare>) -> Shown {
    visitor.sent(&form.csrf, Scope::Submit)?;
    app.store.cancel(&id).await?;
    app.store.audit(&visitor.principal.name, "run.cancel", &format!("run/{id}"), &serde_json::json!({})).await?;
    Ok(go(&format!("/runs/{id}?done=cancel")))
}

async fn again(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, Form(form): Form<Bare>) -> Shown {
    visitor.sent(&form.csrf, Scope::Submit)?;
    let run = app.store.run(&id).await?;
    let new = NewRun {
        spec_digest: app.store.spec_in_force(&run.spec).await?.digest,
        submission: run.submission,
        reference: run.reference,
        seed: run.seed,
        origin: serde_json::json!({}),
        priority: 0,
        requested_by: visitor.principal.name.clone(),
    };
    let new = app.store.enqueue(&new).await?;
    app.store.audit(&visitor.principal.name, "run.add", &format!("run/{new}"), &serde_json::json!({})).await?;
    Ok(go(&format!("/runs/{new}")))
}

#[derive(Deserialize)]
struct Deciding {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    decision: String,
    #[serde(default)]
    reason: String,
}

async fn decide(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, Form(form): Form<Deciding>) -> Shown {
    visitor.sent(&form.csrf, Scope::Review)?;
    if !app.store.run(&id).await?.state.is_over() {
        return Err(Problem::conflict("A run is decided on once it is over.").into());
    }
    let kind: DecisionKind = form.decision.parse().map_err(|why: String| Problem::invalid_field("decision", why))?;
    let decision = Decision {
        run: id.clone(),
        reviewer: visitor.principal.name.clone(),
        decision: kind,
        reason: reason(&form.reason)?,
        decided_at: Timestamp::now(),
    };
    app.store.decide(&decision).await?;
    let detail = serde_json::json!({"decision": kind});
    app.store.audit(&visitor.principal.name, "run.decide", &format!("run/{id}"), &detail).await?;
    Ok(go(&format!("/runs/{id}?done=decision#decision")))
}

/// A reason as it is kept: never empty, bounded, in lines.
///
/// # Errors
/// A 422 page.
pub(super) fn reason(text: &str) -> Result<String, Problem> {
    let text = text.trim().replace("\r\n", "\n");
    let unseen = text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    if text.is_empty() || text.chars().count() > 2000 || unseen {
        return Err(Problem::invalid_field("reason", "must have 1 to 2000 characters, all of them visible"));
    }
    Ok(text)
}

#[derive(Deserialize)]
struct Withdrawing {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    id: String,
}

async fn withdraw(
    State(app): State<App>,
    visitor: Visitor,
    Path(run): Path<String>,
    Form(form): Form<Withdrawing>,
) -> Shown {
    visitor.sent(&form.csrf, Scope::Review)?;
    let words = app.store.overrides(&run).await?;
    let mine = words.iter().any(|word| word.id == form.id && word.author == visitor.principal.name);
    if !mine && !visitor.may(Scope::Admin) {
        return Err(Problem::not_found("override of yours").into());
    }
    app.store.withdraw_override(&run, &form.id).await?;
    rescore(&app, &run).await?;
    let detail = serde_json::json!({"override": form.id});
    app.store.audit(&visitor.principal.name, "override.withdraw", &format!("run/{run}"), &detail).await?;
    Ok(go(&format!("/runs/{run}?done=withdrawn#words")))
}
