//! A reviewer's word on a probe: the form with what the grader saw, and keeping the word.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Form, Router};
use grader_model::{ProbeReport, Report};
use grader_store::{NewOverride, Run, Scope};
use serde::Deserialize;

use super::frame::{Frame, Shown, Visitor, go, page, refused};
use super::rows::decimal;
use super::run::reason;
use crate::api::blind;
use crate::state::App;
use crate::web::Problem;
use crate::work::{evidence, probe, rescore, verdict};

pub(super) fn routes() -> Router<App> {
    Router::new().route("/runs/{id}/override", get(form).post(say))
}

/// The verdicts that a person can give.
const VERDICTS: [(&str, &str); 4] =
    [("pass", "Pass"), ("partial", "Partial"), ("fail", "Fail"), ("not_applicable", "Not asked for: leaves the score")];

#[derive(Template)]
#[template(path = "override.html")]
struct Overriding {
    frame: Frame,
    run: Run,
    probe: ProbeReport,
    graded: &'static str,
    graded_word: String,
    earned: String,
    points: String,
    verdicts: &'static [(&'static str, &'static str)],
    form: Fields,
    wrong: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Fields {
    csrf: String,
    probe: String,
    verdict: String,
    points: String,
    reason: String,
}

#[derive(Deserialize)]
struct Of {
    #[serde(default)]
    probe: String,
}

async fn form(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, Query(of): Query<Of>) -> Shown {
    visitor.principal.need(Scope::Review)?;
    let (run, seen) = seen(&app, &visitor, &id, &of.probe).await?;
    let mine = app.store.overrides(&id).await?;
    // One who has spoken already changes their word.
    let mine = mine.into_iter().rev().find(|word| {
        word.probe == of.probe
            && word.author == visitor.principal.name
            && word.state != grader_store::OverrideState::Withdrawn
    });
    let fields = mine.map_or_else(Fields::default, |word| Fields {
        verdict: word.verdict,
        points: word.points.map(decimal).unwrap_or_default(),
        reason: word.reason,
        ..Fields::default()
    });
    page(&filled(&visitor, run, seen, fields, String::new()))
}

/// The run and the probe as it was graded, without anybody's word on it.
async fn seen(app: &App, visitor: &Visitor, id: &str, of: &str) -> Result<(Run, ProbeReport), Problem> {
    let mut runs = [app.store.run(id).await?];
    let report: Report = serde_json::from_str(&app.store.report(id).await?).map_err(|error| {
        tracing::error!(run = id, %error, "a stored report cannot be read");
        Problem::internal()
    })?;
    blind(app, &visitor.principal, &mut runs).await?;
    let [run] = runs;
    let probe = probe(&report, of).ok_or_else(|| Problem::not_found("probe in this report"))?;
    Ok((run, probe.clone()))
}

fn filled(visitor: &Visitor, run: Run, probe: ProbeReport, form: Fields, wrong: String) -> Overriding {
    Overriding {
        frame: visitor.frame(format!("Override {}", probe.id)),
        graded: probe.verdict.as_str(),
        graded_word: probe.verdict.as_str().replace('_', " "),
        earned: decimal(probe.earned),
        points: decimal(probe.points),
        verdicts: &VERDICTS,
        run,
        probe,
        form,
        wrong,
    }
}

async fn say(State(app): State<App>, visitor: Visitor, Path(id): Path<String>, Form(form): Form<Fields>) -> Shown {
    visitor.sent(&form.csrf, Scope::Review)?;
    let (run, probe) = seen(&app, &visitor, &id, &form.probe).await?;
    let word = match word(&form, &probe, &visitor.principal.name) {
        Ok(word) => word,
        Err(problem) => return refused(&filled(&visitor, run, probe, form, problem.detail)),
    };
    app.store.add_override(&id, &word).await?;
    rescore(&app, &id).await?;
    let detail = serde_json::json!({"probe": word.probe, "verdict": word.verdict, "points": word.points});
    app.store.audit(&visitor.principal.name, "override.add", &format!("run/{id}"), &detail).await?;
    Ok(go(&format!("/runs/{id}?done=override#words")))
}

fn word(form: &Fields, probe: &ProbeReport, author: &str) -> Result<NewOverride, Problem> {
    let known = VERDICTS.iter().any(|(value, _)| *value == form.verdict);
    if !known || verdict(&form.verdict).is_none() {
        return Err(Problem::invalid_field("verdict", "must be one of those offered"));
    }
    let points = match form.points.trim().replace(',', ".").as_str() {
        "" => None,
        text => match text.parse::<f64>() {
            Ok(points) if (0.0..=probe.points).contains(&points) => Some(points),
            _ => {
                let bound = decimal(probe.points);
                return Err(Problem::invalid_field("points", format!("must be a number from 0 to {bound}")));
            }
        },
    };
    Ok(NewOverride {
        probe: probe.id.clone(),
        verdict: form.verdict.clone(),
        points,
        reason: reason(&form.reason)?,
        author: author.to_owned(),
        evidence: evidence(probe),
    })
}
