//! Files that a run left, such as logs.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use grader_store::{Artefact, Scope};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Principal;
use crate::state::App;
use crate::web::{Listed, Problem, conditional};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read))
}

/// A kept file.
#[derive(Serialize, ToSchema)]
struct ArtefactShape {
    id: String,
    name: String,
    media_type: String,
    /// Bytes.
    size: i64,
    created_at: String,
}

impl From<Artefact> for ArtefactShape {
    fn from(artefact: Artefact) -> Self {
        ArtefactShape {
            id: artefact.id,
            name: artefact.name,
            media_type: artefact.media_type,
            size: artefact.size,
            created_at: artefact.created_at.to_string(),
        }
    }
}

/// The files that a run left, by name, until they are too old
#[utoipa::path(get, path = "/runs/{id}/artefacts", tag = "runs", params(("id" = String, Path)),
    responses((status = 200, body = Listed<ArtefactShape>), (status = 404, body = Problem)))]
async fn list(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<Listed<ArtefactShape>>, Problem> {
    principal.need(Scope::Read)?;
    app.store.run(&id).await?;
    let found = app.store.artefacts(&id).await?;
    Ok(Json(Listed::whole(found.into_iter().map(ArtefactShape::from).collect())))
}

/// One file that a run left, as a download
#[utoipa::path(get, path = "/runs/{id}/artefacts/{artefact}", tag = "runs",
    params(("id" = String, Path), ("artefact" = String, Path)),
    responses((status = 200, content_type = "text/plain", body = String), (status = 304), (status = 404, body = Problem)))]
async fn read(
    State(app): State<App>,
    principal: Principal,
    headers: HeaderMap,
    Path((id, artefact)): Path<(String, String)>,
) -> Result<Response, Problem> {
    principal.need(Scope::Read)?;
    let (kept, body) = app.store.artefact(&id, &artefact).await?;
    Ok(conditional(&headers, &kept.id, || {
        let mut response = body.into_response();
        let headers = response.headers_mut();
        // Its text is a submission's: it is saved, never shown as a page. The name is of our making.
        let kind = HeaderValue::from_str(&kept.media_type);
        headers.insert(header::CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream")));
        let name = kept.name.rsplit('/').next().unwrap_or("artefact");
        let saved = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
        headers.insert(header::CONTENT_DISPOSITION, saved.unwrap_or(HeaderValue::from_static("attachment")));
        response
    }))
}
