//! Handing a submission in.

use askama::Template;
use axum::extract::State;
use axum::routing::get;
use axum::{Form, Router};
use grader_store::{Candidate, CandidateChange, CandidateFilter, PageRequest, Scope, StoredSpec};
use serde::Deserialize;

use super::frame::{Frame, Shown, Visitor, go, page, refused};
use crate::state::App;
use crate::work::{NewAsk, ask};

pub(super) fn routes() -> Router<App> {
    Router::new().route("/submit", get(form).post(hand_in))
}

#[derive(Template)]
#[template(path = "submit.html")]
struct Submit {
    frame: Frame,
    form: Fields,
    specs: Vec<StoredSpec>,
    candidates: Vec<Candidate>,
    wrong: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Fields {
    csrf: String,
    source: String,
    reference: String,
    subdir: String,
    spec: String,
    level: String,
    candidate: String,
    name: String,
    bindings: String,
}

async fn form(State(app): State<App>, visitor: Visitor) -> Shown {
    visitor.principal.need(Scope::Submit)?;
    let fields = Fields { spec: app.config.default_spec.clone(), ..Fields::default() };
    page(&filled(&app, &visitor, fields, String::new()).await?)
}

async fn filled(app: &App, visitor: &Visitor, form: Fields, wrong: String) -> Result<Submit, super::frame::PageError> {
    let mut specs = app.store.specs(None).await?;
    specs.retain(|spec| spec.in_force);
    // A blind reviewer picks nobody by name.
    let blind = app.config.blind && !visitor.may(Scope::Admin);
    let candidates = if blind {
        Vec::new()
    } else {
        let mut candidates =
            app.store.candidates(&CandidateFilter::default(), &PageRequest::first(PageRequest::MOST)).await?.items;
        candidates.sort_by(|one, other| one.name.cmp(&other.name));
        candidates
    };
    Ok(Submit { frame: visitor.frame("Hand in"), form, specs, candidates, wrong })
}

async fn hand_in(State(app): State<App>, visitor: Visitor, Form(form): Form<Fields>) -> Shown {
    visitor.sent(&form.csrf, Scope::Submit)?;
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let wrong = if form.name.chars().count() > 200 || form.name.chars().any(char::is_control) {
        Some("A candidate's name has at most 200 characters, all of them visible.")
    } else if given(&form.name).is_some() && given(&form.candidate).is_some() {
        Some("Choose a known candidate or name a new one, not both.")
    } else if given(&form.level).is_some_and(|level| !["junior", "mid", "senior"].contains(&level.as_str())) {
        Some("A level is junior, mid or senior.")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        return refused(&filled(&app, &visitor, form, wrong.to_owned()).await?);
    }
    // A candidate is kept only once the rest is known to be good.
    let mut new = NewAsk {
        source: form.source.trim().to_owned(),
        reference: given(&form.reference),
        subdir: given(&form.subdir),
        spec: given(&form.spec),
        level: given(&form.level),
        bindings: given(&form.bindings),
        candidate: given(&form.candidate),
        join: true,
        ..NewAsk::default()
    };
    if let Err(problem) = crate::work::check_source(&new.source, app.config.allow_private_sources).await {
        return refused(&filled(&app, &visitor, form, problem.detail).await?);
    }
    if let Some(name) = given(&form.name) {
        let change = CandidateChange { name, ..CandidateChange::default() };
        new.candidate = Some(app.store.add_candidate(&change).await?.id);
    }
    match ask(&app, new, &visitor.principal.name).await {
        Ok(asked) => {
            let subject = format!("run/{}", asked.run);
            app.store.audit(&visitor.principal.name, "run.add", &subject, &serde_json::json!({})).await?;
            Ok(go(&format!("/runs/{}", asked.run)))
        }
        Err(problem) if problem.status == 422 => refused(&filled(&app, &visitor, form, problem.detail).await?),
        Err(problem) => Err(problem.into()),
    }
}
