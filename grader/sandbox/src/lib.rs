//! The sandbox: builds a submission's images, brings its stack up behind walls, and takes everything away again.
//!
//! The only crate that talks to a container engine. Nothing of a submission runs outside containers, nothing here
//! follows a path of a submission on the host, and nothing is left behind whatever dies. It must not know probes,
//! scores or reports.
//!
//! ```text
//! Engine::connect ─▶ Run::open ─▶ build ─▶ up ─▶ RunningStack::ready ─▶ start_harness, logs, control ─▶ Run::down
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that panics has failed"))]

mod build;
mod containers;
mod control;
mod disk;
mod engine;
mod errors;
mod events;
mod files;
mod harness;
mod images;
mod inventory;
mod journal;
mod labels;
mod limits;
mod network;
mod options;
mod ready;
mod reaper;
mod retention;
mod room;
mod run;
mod stack;
mod sweep;
mod teardown;
mod tree;
mod vantage;
mod watch;

pub use build::{BuiltImage, Images, review};
pub use control::{ExecOptions, ExecOutput, LogLine, LogMark, LogStream};
pub use engine::{ConnectOptions, Engine, EngineInfo};
pub use errors::SandboxError;
pub use events::{Event, EventSink, Step};
pub use files::FoundFile;
pub use harness::{HarnessImage, HarnessIo};
pub use images::ImageAllowList;
pub use labels::{Owner, RunId};
pub use limits::Limits;
pub use network::AddressPool;
pub use options::{BuildOptions, RunOptions, StackPlan};
pub use ready::{Proof, ServiceReadiness};
pub use reaper::{Reaper, reaper_main};
pub use retention::Retention;
pub use run::Run;
pub use stack::{Endpoint, RunningStack};
pub use sweep::{Removed, SweepOptions, SweepReport, sweep};
