//! What stands around every route: limits, headers that browsers act on, a log line, a count.

use std::net::SocketAddr;
use std::time::Instant;

use axum::extract::{ConnectInfo, FromRequestParts as _, MatchedPath, Request, State};
use axum::http::header::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::limiter::Allowance;
use super::{Caller, Problem};
use crate::auth::Principal;
use crate::state::App;

/// No script or style but our own files, no frames, no foreign forms: what a stored text might smuggle in is inert.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const HEADERS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

/// Adds what every answer carries. A handler that chose its own policy or caching keeps it.
pub(super) async fn headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry("content-security-policy").or_insert(HeaderValue::from_static(POLICY));
    headers.entry("cache-control").or_insert(HeaderValue::from_static("no-store"));
    if app.config.secure_cookies() {
        headers.insert("strict-transport-security", HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// Counts and logs an answer. Neither queries nor headers are logged: they may hold secrets.
pub(super) async fn observed(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let response = next.run(request).await;
    let took = began.elapsed();
    let status = response.status().as_u16();
    // A method may be any word.
    let known = if route.is_some() { method.as_str() } else { "other" };
    app.metrics.answered(known, route.as_deref().unwrap_or("none"), status, took);
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(target: "grader::http", %method, path = %path.escape_debug(), status, millis, "answered");
    response
}

/// Refuses what no database can be asked: PostgreSQL's texts hold no NUL, and nothing is called so.
pub(super) async fn askable(request: Request, next: Next) -> Response {
    if request.uri().path_and_query().is_some_and(|asked| asked.as_str().contains("%00")) {
        return Problem::malformed("the path and the query may hold no NUL byte").into_response();
    }
    next.run(request).await
}

/// Bounds how often somebody asks: by who they are, or by where they are while nobody knows.
pub(super) async fn limited(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    // Whoever is not known is counted before anything is looked up for them.
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let caller = Caller::of(&parts.headers, peer, app.config.proxies);
    let principal = match Option::<Principal>::from_request_parts(&mut parts, &app).await {
        Ok(principal) => principal,
        Err(problem) => return problem.into_response(),
    };
    let who = match &principal {
        Some(principal) => format!("principal {}", principal.name),
        None => format!("address {}", caller.0),
    };
    match app.limiter.take(&who) {
        Ok(allowance) => {
            let mut response = next.run(Request::from_parts(parts, body)).await;
            tell(&mut response, allowance);
            response
        }
        Err(wait) => {
            let mut response = Problem::too_many(wait.retry_after).into_response();
            tell(&mut response, Allowance { limit: wait.limit, remaining: 0, reset: wait.retry_after });
            response
        }
    }
}

fn tell(response: &mut Response, allowance: Allowance) {
    let headers = response.headers_mut();
    headers.insert("ratelimit-limit", HeaderValue::from(allowance.limit));
    headers.insert("ratelimit-remaining", HeaderValue::from(allowance.remaining));
    headers.insert("ratelimit-reset", HeaderValue::from(allowance.reset));
}
