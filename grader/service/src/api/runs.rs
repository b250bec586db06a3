//! Runs: lists, one, another one of the same submission, and cancelling.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use grader_store::{Decision, DecisionKind, NewRun, Run, RunFilter, RunState, Scope, StoreError, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shapes::RunShape;
use crate::auth::Principal;
use crate::state::App;
use crate::web::{Body, Listed, PageQuery, Params, Problem, conditional, once};

/// What a blind reviewer sees in place of what would tell a name.
pub(crate) const HIDDEN: &str = "(hidden until you have decided)";

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, again))
        .routes(routes!(read))
        .routes(routes!(cancel))
        .routes(routes!(decisions))
        .routes(routes!(decide))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Query {
    /// `queued`, `running`, `finished`, `cancelled` or `abandoned`.
    state: Option<String>,
    spec: Option<String>,
    candidate: Option<String>,
    submission: Option<String>,
    /// `graded`, `does_not_start`, `refused` or `not_graded`.
    outcome: Option<String>,
}

/// Runs, newest first
#[utoipa::path(get, path = "/runs", tag = "runs", params(Query, PageQuery),
    responses((status = 200, body = Listed<RunShape>), (status = 422, body = Problem)))]
async fn list(
    State(app): State<App>,
    principal: Principal,
    Params(query): Params<Query>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Listed<RunShape>>, Problem> {
    principal.need(Scope::Read)?;
    let state = query.state.as_deref().map(str::parse::<RunState>).transpose();
    let filter = RunFilter {
        state: state.map_err(|why| Problem::invalid_field("state", why))?,
        spec: query.spec,
        spec_digest: None,
        candidate: query.candidate,
        submission: query.submission,
        outcome: query.outcome,
    };
    let mut found = app.store.runs(&filter, &page.request()?).await?;
    blind(&app, &principal, &mut found.items).await?;
    Ok(Json(Listed::of(found, RunShape::from)))
}

/// Another run.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Again {
    /// The submission's id.
    submission: String,
    /// Branch, tag or commit in place of the submission's.
    reference: Option<String>,
    seed: Option<u64>,
}

/// Puts another run of a submission into the queue, by the assessment that is in force now
#[utoipa::path(post, path = "/runs", tag = "runs", request_body = Again,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent twice, it is carried out once")),
    responses((status = 201, body = RunShape), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn again(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    Body(asked): Body<Again>,
) -> Result<Response, Problem> {
    principal.need(Scope::Submit)?;
    if let Some(reference) = &asked.reference {
        super::access::text("reference", reference, 300)?;
    }
    let work = async {
        let submission = match app.store.submission(&asked.submission).await {
            Err(StoreError::Missing(_)) => {
                return Err(Problem::invalid_field("submission", "there is no such submission"));
            }
            other => other?,
        };
        let run = NewRun {
            submission: submission.id,
            spec_digest: app.store.spec_in_force(&submission.spec).await?.digest,
            reference: asked.reference.clone(),
            seed: asked.seed.unwrap_or(1),
            origin: serde_json::json!({}),
            priority: 0,
            requested_by: principal.name.clone(),
        };
        let id = app.store.enqueue(&run).await?;
        app.store.audit(&principal.name, "run.add", &format!("run/{id}"), &serde_json::json!({})).await?;
        let mut runs = [app.store.run(&id).await?];
        blind(&app, &principal, &mut runs).await?;
        let [run] = runs;
        let place = format!("/api/v1/runs/{id}");
        Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(RunShape::from(run))).into_response())
    };
    once(&app, &principal, &headers, ("run.add", &asked), work).await
}

/// One run, with its place in the queue while it waits
#[utoipa::path(get, path = "/runs/{id}", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = RunShape), (status = 304), (status = 404, body = Problem)))]
async fn read(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    principal.need(Scope::Read)?;
    let mut runs = [app.store.run(&id).await?];
    blind(&app, &principal, &mut runs).await?;
    let [run] = runs;
    let position = app.store.queue_position(&id).await?;
    let hidden = if run.source == HIDDEN { "-hidden" } else { "" };
    let tag = format!("{}-{}{hidden}", run.version, position.unwrap_or(-1));
    let shape = RunShape { position, ..run.into() };
    Ok(conditional(&headers, &tag, || Json(shape).into_response()))
}

/// The state that a run is in then.
#[derive(Serialize, ToSchema)]
struct Cancelled {
    /// `cancelled`, or `running` until its worker has torn everything down; another where it was over before.
    state: String,
}

/// Cancels a run
#[utoipa::path(post, path = "/runs/{id}/cancel", tag = "runs", params(("id" = String, Path)),
    responses((status = 202, body = Cancelled), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn cancel(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Cancelled>), Problem> {
    principal.need(Scope::Submit)?;
    let state = app.store.cancel(&id).await?;
    app.store.audit(&principal.name, "run.cancel", &format!("run/{id}"), &serde_json::json!({})).await?;
    Ok((StatusCode::ACCEPTED, Json(Cancelled { state: state.to_string() })))
}

/// What a reviewer decided on a run.
#[derive(Serialize, ToSchema)]
struct DecisionShape {
    reviewer: String,
    /// `advance`, `hold` or `reject`.
    decision: String,
    reason: String,
    decided_at: String,
}

impl From<Decision> for DecisionShape {
    fn from(decision: Decision) -> Self {
        DecisionShape {
            reviewer: decision.reviewer,
            decision: decision.decision.to_string(),
            reason: decision.reason,
            decided_at: decision.decided_at.to_string(),
        }
    }
}

/// What was decided on a run, by whom
#[utoipa::path(get, path = "/runs/{id}/decisions", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = Listed<DecisionShape>), (status = 404, body = Problem)))]
async fn decisions(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<Listed<DecisionShape>>, Problem> {
    principal.need(Scope::Read)?;
    app.store.run(&id).await?;
    let found = app.store.decisions(&id).await?;
    Ok(Json(Listed::whole(found.into_iter().map(DecisionShape::from).collect())))
}

/// A decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDecision {
    /// `advance`, `hold` or `reject`.
    decision: String,
    reason: String,
}

/// Decides on a run, in place of what the caller decided before
#[utoipa::path(put, path = "/runs/{id}/decision", tag = "runs", params(("id" = String, Path)),
    request_body = NewDecision,
    responses((status = 200, body = DecisionShape), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn decide(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
    Body(new): Body<NewDecision>,
) -> Result<Json<DecisionShape>, Problem> {
    principal.need(Scope::Review)?;
    let run = app.store.run(&id).await?;
    let kind: DecisionKind = new.decision.parse().map_err(|why: String| Problem::invalid_field("decision", why))?;
    if !run.state.is_over() {
        return Err(Problem::conflict("A run is decided on once it is over."));
    }
    let decision = Decision {
        run: id.clone(),
        reviewer: principal.name.clone(),
        decision: kind,
        reason: super::access::text("reason", &new.reason, 2000)?.to_owned(),
        decided_at: Timestamp::now(),
    };
    app.store.decide(&decision).await?;
    let detail = serde_json::json!({"decision": kind});
    app.store.audit(&principal.name, "run.decide", &format!("run/{id}"), &detail).await?;
    Ok(Json(decision.into()))
}

/// Takes out what would tell a blind reviewer who a candidate is, on runs that they have not decided on.
pub(crate) async fn blind(app: &App, principal: &Principal, runs: &mut [Run]) -> Result<(), Problem> {
    if !app.config.blind || principal.scopes.has(Scope::Admin) {
        return Ok(());
    }
    let ids: Vec<String> = runs.iter().map(|run| run.id.clone()).collect();
    let decided = app.store.decided_by(&principal.name, &ids).await?;
    for run in runs.iter_mut().filter(|run| !decided.contains(&run.id)) {
        run.candidate_name = None;
        run.source = HIDDEN.to_owned();
        run.requested_by = HIDDEN.to_owned();
    }
    Ok(())
}
