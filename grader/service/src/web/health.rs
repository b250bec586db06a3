//! Whether the service lives, is ready, and what it counts.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::Problem;
use super::metrics::Reading;
use crate::state::App;

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "alive\n"
}

/// The database answers and is in this version's form, the engine answers where this process grades, and nothing is
/// stopping.
pub(super) async fn ready(State(app): State<App>) -> Response {
    if app.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    match tokio::time::timeout(Duration::from_secs(3), app.store.ready()).await {
        Ok(Ok(())) => match app.grade() {
            None => "ready\n".into_response(),
            Some(grade) => match tokio::time::timeout(Duration::from_secs(3), grade.ready()).await {
                Ok(Ok(())) => "ready\n".into_response(),
                Ok(Err(why)) => {
                    tracing::warn!(why, "not ready");
                    (StatusCode::SERVICE_UNAVAILABLE, "runs cannot be graded here\n").into_response()
                }
                Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the engine does not answer within 3 s\n").into_response(),
            },
        },
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database is not ready\n").into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer within 3 s\n").into_response(),
    }
}

/// The numbers, for Prometheus. They name no submission and no person, so that they need no token.
pub(super) async fn metrics(State(app): State<App>) -> Response {
    let text = app.metrics.text(&reading(&app).await);
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}

async fn reading(app: &App) -> Reading {
    let listeners = app.live.listeners();
    let read = async {
        let (waiting, running) = app.store.in_progress().await?;
        let workers = app.store.workers(Duration::from_secs(60)).await?.len();
        let outcomes = app.store.ended().await?;
        Ok::<_, grader_store::StoreError>(Reading { waiting, running, workers, listeners, outcomes, database_up: true })
    };
    match tokio::time::timeout(Duration::from_secs(3), read).await {
        Ok(Ok(reading)) => reading,
        _ => Reading { listeners, ..Reading::default() },
    }
}

/// Whatever is no route.
pub(super) async fn nowhere() -> Problem {
    Problem::not_found("page")
}
