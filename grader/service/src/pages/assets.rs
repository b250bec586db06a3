//! The style sheet, the script and the icon: part of the program, and asked for again only when it changes.

use std::sync::LazyLock;

use axum::Router;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest as _, Sha256};

use crate::state::App;
use crate::web::conditional;

/// The style of reports, and what the dashboard adds to it.
static STYLE: LazyLock<String> =
    LazyLock::new(|| format!("{}\n{}", grader_report::STYLE, include_str!("../../assets/dashboard.css")));
const SCRIPT: &str = include_str!("../../assets/page.js");
const ICON: &str = include_str!("../../assets/icon.svg");

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/assets/style.css", get(async |headers: HeaderMap| asset(&headers, "text/css; charset=utf-8", &STYLE)))
        .route(
            "/assets/page.js",
            get(async |headers: HeaderMap| asset(&headers, "text/javascript; charset=utf-8", SCRIPT)),
        )
        .route("/assets/icon.svg", get(async |headers: HeaderMap| asset(&headers, "image/svg+xml", ICON)))
}

fn asset(headers: &HeaderMap, media_type: &'static str, text: &'static str) -> Response {
    let digest = format!("{:x}", Sha256::digest(text));
    conditional(headers, &digest, || ([(header::CONTENT_TYPE, media_type)], text).into_response())
}
