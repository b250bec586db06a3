//! The routes with their description: what is not described is not routed.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use crate::state::App;
use crate::web::{Problem, conditional};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "grader",
        description = "Grades backend take-home submissions. Errors are RFC 9457 problems. Lists come in pages: pass \
                       `next` as `cursor`. A POST may carry an `Idempotency-Key`; an answer carries `RateLimit-*`.",
        license(name = "Apache-2.0"),
    ),
    servers((url = "/api/v1")),
    components(schemas(Problem)),
    modifiers(&Bearer),
    security(("bearer" = [])),
)]
struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let scheme =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("A token, or a session's secret"));
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme.build()));
    }
}

/// Every route of the API.
pub(crate) fn routes() -> Router<App> {
    let (router, mut description) = OpenApiRouter::with_openapi(Description::openapi())
        .merge(super::access::routes())
        .merge(super::submissions::routes())
        .merge(super::runs::routes())
        .merge(super::events::routes())
        .merge(super::reports::routes())
        .merge(super::artefacts::routes())
        .merge(super::overrides::routes())
        .merge(super::compare::routes())
        .merge(super::candidates::routes())
        .merge(super::cohorts::routes())
        .merge(super::specs::routes())
        .split_for_parts();
    description.info.version = env!("CARGO_PKG_VERSION").to_owned();
    // The description is one of the program's own types: it is JSON.
    let text = description.to_json().unwrap_or_default();
    let tag = format!("{:x}", Sha256::digest(&text));
    let described = async move |State(_): State<App>, headers: HeaderMap| -> Response {
        conditional(&headers, &tag, || ([(header::CONTENT_TYPE, "application/json")], text.clone()).into_response())
    };
    Router::new().nest("/api/v1", router).route("/api/v1/openapi.json", get(described))
}
