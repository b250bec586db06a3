//! The submission's own tests: their image, a stack of their own, and what examining them brought.
//!
//! They run after the probed stack is gone, so that neither takes the other's processor while times are measured, in a
//! run of their own on the engine: internal network, fresh databases, nothing kept.

mod kept;
mod project;
mod rows;
mod workshop;

use std::time::{Duration, SystemTime};

use grader_compose::Project;
use grader_model::Snapshot;
use grader_sandbox::{Engine, Run, RunId, RunOptions, SandboxError, StackPlan};
use grader_spec::Spec;
use harness_suite::{Plan, Stack, Suite, Told, sensitivity};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(crate) use self::kept::Shelf;
use crate::{Event, Events};

/// Time of a run that teardown and the report need.
const RESERVED: Duration = Duration::from_secs(15);

/// Less than this and starting is of no use.
const LEAST: Duration = Duration::from_secs(20);

/// What running the tests needs to know.
pub(crate) struct SuiteRequest<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) snapshot: &'a Snapshot,
    /// The submission's compose project.
    pub(crate) project: &'a Project,
    pub(crate) engine: &'a Engine,
    /// Those of the probed stack; its run id is not used again.
    pub(crate) options: RunOptions,
    pub(crate) seed: u64,
    /// Hex id of the graded tree.
    pub(crate) tree: &'a str,
    /// What earlier runs of the same tree brought.
    pub(crate) shelf: Shelf,
    /// Runs everything again, whatever is on the shelf.
    pub(crate) fresh: bool,
    pub(crate) cancel: CancellationToken,
}

/// The suite of a tree; `None` without tests for a runner that a stack describes.
pub(crate) fn suite_of(snapshot: &Snapshot) -> Option<Suite> {
    // A test reads every stack; without them no suite is known.
    let stacks: Vec<Stack> = harness_suite::stacks().unwrap_or_default();
    harness_suite::recognise(snapshot, &stacks)
}

/// Brings the tests' stack up, examines the suite, and takes the stack down whatever came before.
///
/// `true` beside it when that is what an earlier run of the same tree brought.
pub(crate) async fn examine(request: &SuiteRequest<'_>, suite: &Suite, events: &Events) -> (Told, bool) {
    let left = request.options.deadline.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(RESERVED);
    if left < LEAST {
        return (Told::NotRun { why: "the run's budget of time was used up before".to_owned() }, false);
    }
    let mut options = request.options.clone();
    options.run_id = RunId::random();
    // Tests are not the stack that a reviewer wants to look at.
    options.keep = false;
    let (sink, mut dropped) = mpsc::unbounded_channel();
    let relay = {
        let events = events.clone();
        tokio::spawn(async move {
            while let Some(event) = dropped.recv().await {
                if let grader_sandbox::Event::BuildLine { service, line } = event {
                    let _ = events.send(Event::BuildLine { service, line });
                }
            }
        })
    };
    let run = match Run::open(request.engine, options, sink) {
        Ok(run) => run,
        Err(error) => return (Told::NotRun { why: error.to_string() }, false),
    };
    let told = tokio::select! {
        told = steps(request, suite, &run, events) => told,
        () = request.cancel.cancelled() => (Told::NotRun { why: "the run was interrupted".to_owned() }, false),
    };
    if let Err(error) = run.down().await {
        let text = format!("tests    not everything could be removed: {error}; `grader sweep` removes the rest");
        let _ = events.send(Event::Said(text));
    }
    drop(run);
    let _ = tokio::time::timeout(Duration::from_secs(1), relay).await;
    told
}

async fn steps(request: &SuiteRequest<'_>, suite: &Suite, run: &Run, events: &Events) -> (Told, bool) {
    let say = |text: String| {
        let _ = events.send(Event::Said(text));
    };
    say(format!("tests    {} in {} files, building", suite.stack.title, suite.files.len()));
    let made = project::for_tests(request.project, suite, request.snapshot);
    let plan = StackPlan { project: &made.project, files: request.snapshot };
    let images = match run.build(plan).await {
        Ok(images) => images,
        Err(error) => return not_run(&error),
    };
    let asked = request.spec.probe("test.sensitivity");
    let faults = asked.map_or(0, |probe| sensitivity::faults(&probe.params));
    let at_least = asked.map_or(0, |probe| sensitivity::at_least(&probe.params));
    let key =
        kept::Key { tree: request.tree, seed: request.seed, faults, suite, project: &made.project, images: &images };
    let kept = if request.fresh { None } else { request.shelf.find(&key) };
    if let Some(kept) = kept.filter(|kept| kept.settled(at_least)) {
        say(told_in_short(&kept) + ", as before: the same tree and images");
        return (Told::Examined(Box::new(kept)), true);
    }
    let stack = match run.up(plan, &images).await {
        Ok(stack) => stack,
        Err(error) => return not_run(&error),
    };
    for database in made.databases.iter().map(|database| database.service.as_str()) {
        if let Err(error) = stack.service_ready(database).await {
            return not_run(&error);
        }
    }
    let workshop = match workshop::Room::enter(stack, &made).await {
        Ok(workshop) => workshop,
        Err(trouble) => return (Told::NotRun { why: trouble.to_string() }, false),
    };
    rows::prepare(&workshop, &made, suite, request.snapshot).await;
    let left = request.options.deadline.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(RESERVED);
    let plan = Plan {
        budget: left.min(Duration::from_secs(request.spec.limits.tests_seconds)),
        seed: request.seed,
        faults,
        // A run's id is letters and digits that nobody could guess.
        secret: format!("g{}", RunId::random()),
    };
    say("tests    running".to_owned());
    let examined = harness_suite::examine(suite, request.snapshot, &workshop, &plan).await;
    say(told_in_short(&examined));
    if examined.settled(at_least) {
        request.shelf.keep(&key, &examined);
    }
    (Told::Examined(Box::new(examined)), false)
}

/// Why there is no stack for the tests. The submission's own parts of it were up before, so that it is ours to bear.
fn not_run(error: &SandboxError) -> (Told, bool) {
    (Told::NotRun { why: error.fault().message }, false)
}

fn told_in_short(examined: &harness_suite::Examined) -> String {
    let count = examined.first.results.as_ref().map_or(0, harness_suite::Results::run);
    let faults = examined.challenge.as_ref().map(|challenge| {
        let (noticed, tried) = challenge.score();
        format!(", {noticed} of {tried} small faults noticed")
    });
    format!("tests    {count} run{}", faults.unwrap_or_default())
}
