//! What a run tells while it goes on.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

/// Where events go. Unbounded, since a slow reader must not slow the run; what a submission prints is cut before.
pub type EventSink = UnboundedSender<Event>;

/// What a run is doing with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Its image is being fetched.
    Pull,
    /// Its image is being built.
    Build,
    /// Its container is being made and started.
    Start,
    /// Its health is being waited for.
    Ready,
}

/// Something happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A step began.
    Began { service: String, step: Step },
    /// A step ended well.
    Done { service: String, step: Step, took: Duration },
    /// A built image was there from an earlier run of the same tree.
    Reused { service: String },
    /// A line of a build's output, cut at 1 KiB; at most 5,000 a build.
    BuildLine { service: String, line: String },
    /// A container ended while nobody asked it to.
    Died { service: String, exit_code: i64, out_of_memory: bool },
    /// The engine starts a container again, as the document's restart policy asks.
    Restarted { service: String, count: i64 },
    /// A service wrote more than it may and was killed; counting ended at `bytes`.
    DiskFull { service: String, bytes: u64 },
    /// Something of the document was done in another way than it asks for.
    Adapted { service: String, what: String },
}
