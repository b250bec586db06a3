//! Submissions: handing in, and reading what was.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use grader_store::{Scope, SubmissionFilter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::shapes::SubmissionShape;
use crate::auth::Principal;
use crate::state::App;
use crate::web::{Body, Listed, PageQuery, Params, Problem, once};
use crate::work::{NewAsk, ask};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, hand_in)).routes(routes!(read, remove))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Query {
    candidate: Option<String>,
    spec: Option<String>,
    /// The exact URL.
    source: Option<String>,
}

/// Submissions, newest first
#[utoipa::path(get, path = "/submissions", tag = "submissions", params(Query, PageQuery),
    responses((status = 200, body = Listed<SubmissionShape>), (status = 422, body = Problem)))]
async fn list(
    State(app): State<App>,
    principal: Principal,
    Params(query): Params<Query>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Listed<SubmissionShape>>, Problem> {
    principal.need(Scope::Read)?;
    let filter = SubmissionFilter { candidate: query.candidate, spec: query.spec, source: query.source };
    let found = app.store.submissions(&filter, &page.request()?).await?;
    Ok(Json(Listed::of(found, |submission| shown(&app, &principal, submission.into()))))
}

/// A submission to grade.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HandIn {
    /// A git URL on a public host.
    #[schema(example = "https://git.example/candidate/api.git")]
    source: String,
    /// Branch, tag or commit.
    reference: Option<String>,
    /// The folder inside the repository.
    subdir: Option<String>,
    /// The assessment's name; the service's default where it is not given.
    spec: Option<String>,
    /// `junior`, `mid` or `senior`, in place of the assessment's.
    level: Option<String>,
    /// A bindings file's text.
    bindings: Option<String>,
    /// A candidate's id.
    candidate: Option<String>,
    seed: Option<u64>,
}

/// What was taken.
#[derive(Serialize, ToSchema)]
struct HandedIn {
    id: String,
    /// The run that was put into the queue for it.
    run: String,
}

/// Hands a submission in and puts a run of it into the queue
#[utoipa::path(post, path = "/submissions", tag = "submissions", request_body = HandIn,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent twice, it is carried out once")),
    responses((status = 201, body = HandedIn), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn hand_in(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    Body(new): Body<HandIn>,
) -> Result<Response, Problem> {
    principal.need(Scope::Submit)?;
    new.check()?;
    let work = async {
        let asked = NewAsk {
            source: new.source.clone(),
            reference: new.reference.clone(),
            subdir: new.subdir.clone(),
            spec: new.spec.clone(),
            level: new.level.clone(),
            bindings: new.bindings.clone(),
            candidate: new.candidate.clone(),
            seed: new.seed,
            ..NewAsk::default()
        };
        let asked = ask(&app, asked, &principal.name).await?;
        let detail = serde_json::json!({"source": new.source, "run": asked.run});
        app.store
            .audit(&principal.name, "submission.add", &format!("submission/{}", asked.submission), &detail)
            .await?;
        let place = format!("/api/v1/submissions/{}", asked.submission);
        let body = Json(HandedIn { id: asked.submission, run: asked.run });
        Ok((StatusCode::CREATED, [(header::LOCATION, place)], body).into_response())
    };
    once(&app, &principal, &headers, ("submission.add", &new), work).await
}

impl HandIn {
    fn check(&self) -> Result<(), Problem> {
        let short = [("reference", &self.reference), ("subdir", &self.subdir), ("spec", &self.spec)];
        for (pointer, value) in short {
            if let Some(value) = value {
                super::access::text(pointer, value, 300)?;
            }
        }
        if self.reference.as_deref().is_some_and(|reference| reference.starts_with('-')) {
            return Err(Problem::invalid_field("reference", "must not begin with `-`"));
        }
        if self.level.as_deref().is_some_and(|level| !["junior", "mid", "senior"].contains(&level)) {
            return Err(Problem::invalid_field("level", "must be junior, mid or senior"));
        }
        if self.bindings.as_ref().is_some_and(|bindings| bindings.len() > 64 << 10) {
            return Err(Problem::invalid_field("bindings", "must have 64 KiB at most"));
        }
        Ok(())
    }
}

/// One submission
#[utoipa::path(get, path = "/submissions/{id}", tag = "submissions", params(("id" = String, Path)),
    responses((status = 200, body = SubmissionShape), (status = 404, body = Problem)))]
async fn read(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<SubmissionShape>, Problem> {
    principal.need(Scope::Read)?;
    Ok(Json(shown(&app, &principal, app.store.submission(&id).await?.into())))
}

/// Removes a submission with its runs, unless one is under way or counts in its cohort
#[utoipa::path(delete, path = "/submissions/{id}", tag = "submissions", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn remove(State(app): State<App>, principal: Principal, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    principal.need(Scope::Admin)?;
    app.store.remove_submission(&id).await?;
    app.store.audit(&principal.name, "submission.remove", &format!("submission/{id}"), &serde_json::json!({})).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A submission does not say whether its runs are decided on: blind reviewers see no name here at all.
fn shown(app: &App, principal: &Principal, mut shape: SubmissionShape) -> SubmissionShape {
    if app.config.blind && !principal.scopes.has(Scope::Admin) {
        shape.candidate_name = None;
        shape.source = super::runs::HIDDEN.to_owned();
    }
    shape
}
