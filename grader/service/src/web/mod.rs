//! What every answer has in common: problems, limits, headers, live streams, metrics.

mod body;
mod caller;
mod etag;
mod health;
mod idempotent;
mod layers;
mod limiter;
mod live;
mod metrics;
mod paging;
mod problem;
mod serve;

pub(crate) use body::Body;
pub(crate) use caller::Caller;
pub(crate) use etag::{conditional, if_match};
pub(crate) use idempotent::once;
pub(crate) use limiter::Limiter;
pub(crate) use live::Live;
pub(crate) use metrics::Metrics;
pub(crate) use paging::{Listed, PageQuery, Params};
pub use problem::Problem;
pub use serve::{ServeError, health_router, router, serve};
