//! Reviewers' words on the probes of a run.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use grader_model::Verdict;
use grader_scoring::agreement;
use grader_store::{NewOverride, Override, OverrideState, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::text;
use super::reports::shown;
use crate::auth::Principal;
use crate::state::App;
use crate::web::{Body, Problem, once};
use crate::work::{evidence, probe, rescore, verdict, words_on};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(withdraw))
}

/// A reviewer's word on a probe.
#[derive(Serialize, ToSchema)]
struct OverrideShape {
    id: String,
    probe: String,
    /// The verdict that the reviewer gives.
    verdict: String,
    points: Option<f64>,
    reason: String,
    author: String,
    /// `active`, `stale` where the evidence changed since it was said, or `withdrawn`.
    state: String,
    /// The word on the run before from which it was carried over.
    carried_from: Option<String>,
    created_at: String,
}

impl From<Override> for OverrideShape {
    fn from(word: Override) -> Self {
        OverrideShape {
            id: word.id,
            probe: word.probe,
            verdict: word.verdict,
            points: word.points,
            reason: word.reason,
            author: word.author,
            state: word.state.to_string(),
            carried_from: word.carried_from,
            created_at: word.created_at.to_string(),
        }
    }
}

/// How far two reviewers agree.
#[derive(Serialize, ToSchema)]
struct AgreementShape {
    reviewers: (String, String),
    /// On how many probes both have spoken.
    probes: usize,
    /// On how many they give the same verdict.
    agreed: usize,
    /// Cohen's kappa; absent where both give one verdict throughout.
    kappa: Option<f64>,
}

/// Every word on a run.
#[derive(Serialize, ToSchema)]
struct Words {
    items: Vec<OverrideShape>,
    agreement: Vec<AgreementShape>,
}

/// Every word on the probes of a run, oldest first, and how far reviewers agree
#[utoipa::path(get, path = "/runs/{id}/overrides", tag = "overrides", params(("id" = String, Path)),
    responses((status = 200, body = Words), (status = 404, body = Problem)))]
async fn list(State(app): State<App>, principal: Principal, Path(id): Path<String>) -> Result<Json<Words>, Problem> {
    principal.need(Scope::Read)?;
    app.store.run(&id).await?;
    let words = app.store.overrides(&id).await?;
    let agreement = agreement(&words_on(&words)).into_iter().map(|one| AgreementShape {
        reviewers: one.reviewers,
        probes: one.probes,
        agreed: one.agreed,
        kappa: one.kappa,
    });
    Ok(Json(Words { agreement: agreement.collect(), items: words.into_iter().map(OverrideShape::from).collect() }))
}

/// A word to give.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewWord {
    probe: String,
    /// `pass`, `partial`, `fail`, `not_applicable` or `inconclusive`; the grader's own to agree with it.
    verdict: String,
    /// Points inside the criterion, where the verdict alone does not say it.
    points: Option<f64>,
    /// Why; never left out.
    reason: String,
}

/// Gives a word on a probe of a finished run; the caller's earlier one on it is withdrawn
#[utoipa::path(post, path = "/runs/{id}/overrides", tag = "overrides", params(("id" = String, Path),
    ("Idempotency-Key" = Option<String>, Header, description = "Sent twice, it is carried out once")),
    request_body = NewWord,
    responses((status = 201, body = OverrideShape), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem)))]
async fn add(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    Path(id): Path<String>,
    Body(new): Body<NewWord>,
) -> Result<Response, Problem> {
    principal.need(Scope::Review)?;
    let work = async {
        let word = give(&app, &principal, &id, &new.probe, &new.verdict, new.points, &new.reason).await?;
        let place = format!("/api/v1/runs/{id}/overrides/{}", word.id);
        Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(OverrideShape::from(word))).into_response())
    };
    once(&app, &principal, &headers, (&format!("override.add {id}"), &new), work).await
}

/// Gives a word on a probe of a run, and counts the run's score anew.
///
/// # Errors
/// 404, 409 while the run is not finished, 422 for what is wrong with the word.
pub(crate) async fn give(
    app: &App,
    principal: &Principal,
    run: &str,
    id: &str,
    given: &str,
    points: Option<f64>,
    reason: &str,
) -> Result<Override, Problem> {
    let given = verdict(given).filter(|given| !matches!(given, Verdict::Blocked | Verdict::NotMeasured));
    let given = given.ok_or_else(|| {
        Problem::invalid_field("verdict", "must be pass, partial, fail, not_applicable or inconclusive")
    })?;
    let reason = text("reason", reason, 2000)?;
    let (_, report) = shown(app, principal, run).await?;
    let Some(seen) = probe(&report, id) else {
        return Err(Problem::invalid_field("probe", "the report has no such probe"));
    };
    if let Some(points) = points
        && !(0.0..=seen.points).contains(&points)
    {
        return Err(Problem::invalid_field("points", format!("must be 0 to {}", seen.points)));
    }
    // The digest is of what the grader saw, not of what others made of it.
    let graded = crate::work::graded_report(app, run).await?;
    let word = NewOverride {
        probe: id.to_owned(),
        verdict: given.as_str().to_owned(),
        points,
        reason: reason.to_owned(),
        author: principal.name.clone(),
        evidence: probe(&graded, id).map(evidence).unwrap_or_default(),
    };
    let kept = app.store.add_override(run, &word).await?;
    rescore(app, run).await?;
    let detail = serde_json::json!({"probe": id, "verdict": given, "points": points, "reason": reason});
    app.store.audit(&principal.name, "override.add", &format!("run/{run}"), &detail).await?;
    let words = app.store.overrides(run).await?;
    words.into_iter().find(|word| word.id == kept).ok_or_else(Problem::internal)
}

/// Withdraws a word; it stays in the list
#[utoipa::path(delete, path = "/runs/{id}/overrides/{word}", tag = "overrides",
    params(("id" = String, Path), ("word" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn withdraw(
    State(app): State<App>,
    principal: Principal,
    Path((id, word)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    principal.need(Scope::Review)?;
    take_back(&app, &principal, &id, &word).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Withdraws a word of the principal's own, or anybody's as an administrator, and counts the run's score anew.
///
/// # Errors
/// 403 for another's word, 404.
pub(crate) async fn take_back(app: &App, principal: &Principal, run: &str, word: &str) -> Result<(), Problem> {
    let words = app.store.overrides(run).await?;
    let Some(kept) = words.iter().find(|kept| kept.id == word && kept.state != OverrideState::Withdrawn) else {
        return Err(Problem::not_found("override"));
    };
    if kept.author != principal.name {
        principal.need(Scope::Admin)?;
    }
    app.store.withdraw_override(run, word).await?;
    rescore(app, run).await?;
    let detail = serde_json::json!({"probe": kept.probe, "author": kept.author});
    Ok(app.store.audit(&principal.name, "override.withdraw", &format!("run/{run}"), &detail).await?)
}
