//! The Action's side: what a workflow's step is given, what it decides to do, and what it leaves behind.
//!
//! It reads no environment itself: the binary hands in what the runner set, so that every case can be tried. It grades
//! nothing either; a view comes from the pipeline or, by [`Remote`], from a service.

mod inputs;
mod outputs;
mod remote;
mod trigger;

pub use inputs::{InputError, Inputs};
pub use outputs::{Left, Outcome, Publish, annotation_lines, step_summary};
pub use remote::{Answer, Asked, Remote, RemoteError, RunState, Stop};
pub use trigger::{Plan, Pull, Trigger, TriggerError};
