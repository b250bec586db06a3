//! One run, from its journal's first line to the last look that finds nothing.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::build::{self, Images};
use crate::journal::Journal;
use crate::labels::RunLabels;
use crate::stack::RunningStack;
use crate::teardown::remove_run;
use crate::{Engine, Event, EventSink, Removed, RunId, RunOptions, SandboxError, StackPlan, room, stack};

/// A run on an engine. Everything that it makes goes with [`Run::down`]; a run that is dropped without it is left to
/// the reaper and the next sweep.
#[derive(Debug, Clone)]
pub struct Run {
    inner: Arc<Inner>,
}

/// What every part of a run needs.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) options: RunOptions,
    pub(crate) labels: RunLabels,
    pub(crate) journal: Journal,
    events: EventSink,
}

impl Run {
    /// Begins a run: checks the runtime, opens the journal, tells the reaper.
    ///
    /// # Errors
    /// [`SandboxError::RuntimeMissing`], [`SandboxError::Journal`] (also for a run id that was used before),
    /// [`SandboxError::Reaper`].
    pub fn open(engine: &Engine, options: RunOptions, events: EventSink) -> Result<Run, SandboxError> {
        engine.check_runtime(options.runtime.as_deref())?;
        let labels = RunLabels {
            run: options.run_id.clone(),
            owner: options.owner.clone(),
            deadline: options.deadline,
            kept: options.keep,
        };
        let journal = Journal::open(&options.journal, &labels, engine)?;
        if let Some(reaper) = &options.reaper {
            reaper.watch(&options.run_id, &options.journal, engine)?;
        }
        Ok(Run { inner: Arc::new(Inner { engine: engine.clone(), options, labels, journal, events }) })
    }

    /// Begins a run and brings the stack up whole: [`build`](Run::build), [`up`](Run::up),
    /// [`ready`](RunningStack::ready). On an error everything is taken down again first.
    ///
    /// # Errors
    /// Those of the three steps.
    pub async fn start(
        engine: &Engine,
        options: RunOptions,
        plan: StackPlan<'_>,
        events: EventSink,
    ) -> Result<(Run, RunningStack), SandboxError> {
        let run = Run::open(engine, options, events)?;
        let begun = async {
            let images = run.build(plan).await?;
            let stack = run.up(plan, &images).await?;
            stack.ready().await?;
            Ok(stack)
        };
        match begun.await {
            Ok(stack) => Ok((run, stack)),
            Err(error) => {
                // The first error is the one to tell; what teardown leaves is the sweep's.
                let _ = run.down().await;
                Err(error)
            }
        }
    }

    /// Fetches and builds every image of the stack, those that do not depend on each other at the same time.
    ///
    /// # Errors
    /// Of images and builds: [`SandboxError::ImageNotAllowed`], [`SandboxError::ImageUnavailable`],
    /// [`SandboxError::ImageNotFound`], [`SandboxError::BuildFailed`] and their kin.
    pub async fn build(&self, plan: StackPlan<'_>) -> Result<Images, SandboxError> {
        build::all(&self.inner, plan).await
    }

    /// Makes networks, volumes and containers, and starts each service as soon as what it depends on is as it asks.
    /// Returns once all are started.
    ///
    /// # Errors
    /// Of containers: [`SandboxError::CannotStart`], and for conditions of `depends_on` those of
    /// [`ready`](RunningStack::ready).
    pub async fn up(&self, plan: StackPlan<'_>, images: &Images) -> Result<RunningStack, SandboxError> {
        stack::up(&self.inner, plan, images).await
    }

    /// Kills and removes everything of the run. May be called at any time, also after an error, and again.
    ///
    /// # Errors
    /// When the engine is away or something cannot be removed; the journal then stays for the sweep.
    pub async fn down(&self) -> Result<Vec<Removed>, SandboxError> {
        let run = &self.inner;
        let removed = remove_run(&run.engine, &run.options.run_id, &[]).await?;
        run.journal.finish()?;
        if let Some(reaper) = &run.options.reaper {
            reaper.done(&run.options.run_id)?;
        }
        Ok(removed)
    }

    /// Ends when less than [`Limits::free_disk_bytes`](crate::Limits::free_disk_bytes) of the engine's disk is left, with
    /// [`SandboxError::EngineDisk`]. Nothing that a submission does from then on can be held against it.
    pub async fn out_of_disk(&self) -> SandboxError {
        room::out(&self.inner.engine.info().data_root, &self.inner.options.limits).await
    }

    /// [`out_of_disk`](Run::out_of_disk) as it is now.
    pub fn is_out_of_disk(&self) -> Option<SandboxError> {
        room::is_out(&self.inner.engine.info().data_root, &self.inner.options.limits)
    }

    /// The run's id.
    pub fn id(&self) -> &RunId {
        &self.inner.options.run_id
    }
}

impl Inner {
    /// The name on the engine of something that the project calls `key`.
    pub(crate) fn name(&self, key: &str) -> String {
        format!("grader-{}-{key}", self.options.run_id)
    }

    /// The name of a service's container.
    pub(crate) fn container(&self, service: &str) -> String {
        self.name(&format!("service-{service}"))
    }

    /// The name of the harness's container.
    pub(crate) fn harness(&self) -> String {
        self.name("harness")
    }

    pub(crate) fn tell(&self, event: Event) {
        // Nobody may be listening any more.
        let _ = self.events.send(event);
    }

    /// Time until the run's deadline.
    pub(crate) fn remaining(&self) -> Duration {
        self.options.deadline.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO)
    }

    /// Waits for `work`, but not past the deadline.
    pub(crate) async fn within<T>(
        &self,
        doing: &str,
        work: impl Future<Output = Result<T, SandboxError>>,
    ) -> Result<T, SandboxError> {
        tokio::time::timeout(self.remaining(), work)
            .await
            .unwrap_or_else(|_| Err(SandboxError::Deadline { doing: doing.to_owned() }))
    }
}
