//! Assessments: which there are, new versions, and which is in force.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use grader_spec::{SpecError, load};
use grader_store::{Scope, StoredSpec};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Principal;
use crate::state::{App, kept};
use crate::web::{Body, Listed, Params, Problem, conditional, once};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(read)).routes(routes!(in_force))
}

/// A version of an assessment.
#[derive(Serialize, ToSchema)]
struct SpecShape {
    /// `sha256:` and the hex digest of its text.
    digest: String,
    name: String,
    version: String,
    title: String,
    level: String,
    /// Whether new runs of this name are graded by it.
    in_force: bool,
    created_by: String,
    created_at: String,
    /// The file, where one version is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl SpecShape {
    fn of(spec: StoredSpec, whole: bool) -> Self {
        SpecShape {
            digest: spec.digest,
            name: spec.name,
            version: spec.version,
            title: spec.title,
            level: spec.level,
            in_force: spec.in_force,
            created_by: spec.created_by,
            created_at: spec.created_at.to_string(),
            text: whole.then_some(spec.text),
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Query {
    name: Option<String>,
}

/// Every version of every assessment, by name, newest first
#[utoipa::path(get, path = "/specs", tag = "specs", params(Query),
    responses((status = 200, body = Listed<SpecShape>), (status = 403, body = Problem)))]
async fn list(
    State(app): State<App>,
    principal: Principal,
    Params(query): Params<Query>,
) -> Result<Json<Listed<SpecShape>>, Problem> {
    principal.need(Scope::Read)?;
    let found = app.store.specs(query.name.as_deref()).await?;
    Ok(Json(Listed::whole(found.into_iter().map(|spec| SpecShape::of(spec, false)).collect())))
}

/// One version with its text, which holds what is hidden from candidates
#[utoipa::path(get, path = "/specs/{digest}", tag = "specs", params(("digest" = String, Path)),
    responses((status = 200, body = SpecShape), (status = 304), (status = 404, body = Problem)))]
async fn read(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    Path(digest): Path<String>,
) -> Result<Response, Problem> {
    principal.need(Scope::Review)?;
    let spec = app.store.spec(&digest).await?;
    let tag = format!("{}-{}", spec.digest, spec.in_force);
    Ok(conditional(&headers, &tag, || Json(SpecShape::of(spec, true)).into_response()))
}

/// A version to keep.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSpecShape {
    /// The file's text.
    text: String,
    /// Puts it in force at once; otherwise only where no version of its name is.
    #[serde(default)]
    in_force: bool,
}

/// Keeps a version of an assessment; every mistake in it is reported with its place
#[utoipa::path(post, path = "/specs", tag = "specs", request_body = NewSpecShape,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent twice, it is carried out once")),
    responses((status = 201, body = SpecShape), (status = 403, body = Problem), (status = 422, body = Problem)))]
async fn add(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    Body(new): Body<NewSpecShape>,
) -> Result<Response, Problem> {
    principal.need(Scope::Admin)?;
    let loaded = load("the text", &new.text).map_err(|error| match error {
        SpecError::Mistaken { mistakes, .. } => {
            let detail = mistakes.iter().take(50).map(ToString::to_string).collect::<Vec<_>>().join("\n");
            Problem::invalid_field("text", detail)
        }
        error => Problem::invalid_field("text", error.to_string()),
    })?;
    let work = async {
        let spec = app.store.add_spec(&kept(&loaded.spec, &loaded.text, &principal.name), new.in_force).await?;
        let detail = serde_json::json!({"name": spec.name, "version": spec.version, "in_force": spec.in_force});
        app.store.audit(&principal.name, "spec.add", &format!("spec/{}", spec.digest), &detail).await?;
        let place = format!("/api/v1/specs/{}", spec.digest);
        Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(SpecShape::of(spec, false))).into_response())
    };
    once(&app, &principal, &headers, ("spec.add", &new), work).await
}

/// Puts a version in force in place of the one of its name that is
#[utoipa::path(put, path = "/specs/{digest}/in-force", tag = "specs", params(("digest" = String, Path)),
    responses((status = 200, body = SpecShape), (status = 403, body = Problem), (status = 404, body = Problem)))]
async fn in_force(
    State(app): State<App>,
    principal: Principal,
    Path(digest): Path<String>,
) -> Result<Json<SpecShape>, Problem> {
    principal.need(Scope::Admin)?;
    let spec = app.store.put_in_force(&digest).await?;
    app.store.audit(&principal.name, "spec.in-force", &format!("spec/{digest}"), &serde_json::json!({})).await?;
    Ok(Json(SpecShape::of(spec, false)))
}
