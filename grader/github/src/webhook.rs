//! Webhook deliveries: from raw bytes to what has to be done.
//!
//! Nothing here waits or talks: a delivery is verified, read and turned into [`Step`]s by pure functions, so that it can
//! be answered at once and the steps carried out afterwards.

mod decide;
mod payload;
mod signature;

pub use decide::{Cancel, Decision, Known, Policy, PullKey, PullState, Step, Target, decide};
pub use payload::{
    Branch, CheckRunEvent, CheckSuiteEvent, Event, InstallationEvent, PayloadError, PullRef, PullRequest,
    PullRequestEvent, RepositoriesEvent, Repository,
};
pub use signature::{SignatureError, sign, verify};

/// The header with the signature over the raw body.
pub const SIGNATURE_HEADER: &str = "x-hub-signature-256";
/// The header with the event's name.
pub const EVENT_HEADER: &str = "x-github-event";
/// The header with the delivery's id, the same for every attempt to deliver it.
pub const DELIVERY_HEADER: &str = "x-github-delivery";
