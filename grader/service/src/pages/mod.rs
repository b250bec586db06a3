//! The dashboard's pages.

use axum::Router;

use crate::state::App;

/// Every page.
pub(crate) fn routes() -> Router<App> {
    Router::new()
}
