//! What a run tells while it goes on; progress bars, log lines and live pages all read this.

use grader_model::{Finding, Stage};
use tokio::sync::mpsc::UnboundedSender;

/// Where events go. Unbounded, since a slow reader must not slow a run.
pub type Events = UnboundedSender<Event>;

/// Something happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A stage began; `what` says with which service or source.
    Began { stage: Stage, what: String },
    /// A stage ended; milliseconds.
    Ended { stage: Stage, millis: u64 },
    /// A line of build output.
    BuildLine { service: String, line: String },
    /// Something that a person following along wants to know.
    Said(String),
    /// A probe starts.
    Probing { probe: String, number: usize, of: usize },
    /// A probe was decided.
    Decided(Box<Finding>),
}
