//! The routes put together, and listening until told to stop.

use std::any::Any;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::response::IntoResponse as _;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use super::{Problem, health, layers};
use crate::state::App;
use crate::{api, pages};

/// How long answers that are under way may take once the service stops.
const GRACE: Duration = Duration::from_secs(10);

/// Why the service cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct ServeError {
    pub address: SocketAddr,
    #[source]
    source: std::io::Error,
}

/// Every route of the service. `extra` are an integration's own, such as a webhook: they stand outside of the limits by
/// caller, since they prove themselves in their own way.
pub fn router(app: App, extra: Router<App>) -> Router {
    let known = Router::new()
        .merge(api::routes())
        .merge(pages::routes())
        .route_layer(middleware::from_fn_with_state(app.clone(), layers::limited));
    let around = ServiceBuilder::new()
        .layer(middleware::from_fn(layers::askable))
        .layer(middleware::from_fn_with_state(app.clone(), layers::observed))
        .layer(middleware::from_fn_with_state(app.clone(), layers::headers))
        .layer(CatchPanicLayer::custom(|panic: Box<dyn Any + Send>| {
            let what = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            tracing::error!(what = what.unwrap_or("unknown"), "a request made the service panic");
            Problem::internal().into_response()
        }));
    health_routes()
        .merge(known)
        .merge(extra)
        .fallback(health::nowhere)
        .method_not_allowed_fallback(async || {
            let detail = "This path does not know this method; Allow lists those that it knows.";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", detail)
        })
        // A stream's headers come at once; how long it goes on is not bounded by this.
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, app.config.request_timeout))
        .layer(DefaultBodyLimit::max(app.config.body_limit))
        .layer(around)
        .with_state(app)
}

/// What a worker answers that serves nothing else.
pub fn health_router(app: App) -> Router {
    health_routes().with_state(app)
}

fn health_routes() -> Router<App> {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
}

/// Listens until `stop` is cancelled, then lets what is under way end.
///
/// # Errors
/// [`ServeError`] when the address cannot be had.
pub async fn serve(routes: Router, address: SocketAddr, stop: CancellationToken) -> Result<(), ServeError> {
    let failed = |source| ServeError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tracing::info!(address = %bound, "listening");
    let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
    let stopping = stop.clone();
    let server = axum::serve(listener, routes).with_graceful_shutdown(async move { stopping.cancelled().await });
    let bounded = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = server => served.map_err(failed),
        () = bounded => {
            tracing::warn!("answers that were still under way were cut off");
            Ok(())
        }
    }
}
