//! What a caller says about a run: whose it is, how long, within what, and which stack.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use grader_compose::project::Project;
use grader_model::Snapshot;

use crate::{AddressPool, ImageAllowList, Limits, Owner, Reaper, RunId};

/// How a run is carried out.
#[derive(Debug, Clone)]
pub struct RunOptions {
    pub run_id: RunId,
    pub owner: Owner,
    /// The end of everything: no call waits past it, and a sweep may take what is left after it.
    pub deadline: SystemTime,
    pub limits: Limits,
    /// Folder of the grader's own, never a submission's; what is about to be made is written down here first.
    pub journal: PathBuf,
    /// Name of the engine's runtime, such as `runsc`; `None` is the engine's default.
    pub runtime: Option<String>,
    /// Which images may be used at all.
    pub images: ImageAllowList,
    /// Whether missing images may not be pulled.
    pub offline: bool,
    /// Where the run's subnets come from.
    pub addresses: AddressPool,
    pub build: BuildOptions,
    /// Whether the stack is to stay after the run: only a sweep on purpose, or a day, takes it.
    pub keep: bool,
    /// Cleans up when this process is killed.
    pub reaper: Option<Reaper>,
}

impl RunOptions {
    /// Options of a run of this process with a time budget and defaults otherwise.
    pub fn new(run_id: RunId, budget: Duration, journal: impl Into<PathBuf>) -> Self {
        RunOptions {
            run_id,
            owner: Owner::current(),
            deadline: SystemTime::now() + budget,
            limits: Limits::default(),
            journal: journal.into(),
            runtime: None,
            images: ImageAllowList::default(),
            offline: false,
            addresses: AddressPool::default(),
            build: BuildOptions::default(),
            keep: false,
            reaper: None,
        }
    }
}

/// How images are built. The only part of a run with a way out of the machine.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// Network of `RUN` steps: `default`, `none` or `host`. `None` is the engine's choice.
    pub network: Option<String>,
    /// Arguments given to every build besides the document's, such as `HTTPS_PROXY`. They win.
    pub args: BTreeMap<String, String>,
    /// Whether images stay for a regrade of the same tree; otherwise they go when the run does.
    pub keep: bool,
    /// Uses the engine's first-generation builder: no `RUN --mount`, no heredocs.
    pub classic: bool,
}

impl Default for BuildOptions {
    fn default() -> Self {
        BuildOptions { network: None, args: BTreeMap::new(), keep: true, classic: false }
    }
}

/// The stack to run: a project that the policy has passed, and the tree that it is about.
#[derive(Debug, Clone, Copy)]
pub struct StackPlan<'a> {
    pub project: &'a Project,
    /// Paths of the project are relative to this tree's root.
    pub files: &'a Snapshot,
}
