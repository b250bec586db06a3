//! One run from a source to a report.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use grader_intake::{ChildCommand, Credentials, Intake, IntakeError, IntakeRequest, Limits, Source};
use grader_model::{
    Facility, Fault, FaultSide, Finding, Level, Note, NoteKind, Outcome, Report, Snapshot, Stage, SubmissionRef,
    Timings, Visibility, catalogue_entry,
};
use grader_sandbox::{ConnectOptions, Engine, ImageAllowList, Reaper, RunId, RunOptions};
use grader_spec::{LoadedSpec, ProbeState, Spec};
use harness_kit::bind::Overrides;
use harness_kit::protocol::Start;
use harness_suite::Told;
use tokio_util::sync::CancellationToken;

use crate::live::{Live, LiveRequest, live};
use crate::plan::{environment, plan, reviewed};
use crate::probe::millis;
use crate::suite::{Shelf, SuiteRequest, examine, suite_of};
use crate::{Event, Events, Parts, assemble};

/// What a report says whose tests were not run for it.
const KEPT: &str = "The submission's own tests were not run again: what they brought is that of an earlier run of the \
                    same tree in the same images. `--fresh` runs them again.";

/// What to grade, and how.
#[derive(Clone)]
pub struct GradeRequest {
    pub source: String,
    /// What the source's server is shown, where the source itself holds no credentials.
    pub credentials: Option<Credentials>,
    pub reference: Option<String>,
    pub subdir: Option<String>,
    pub spec: LoadedSpec,
    pub level: Level,
    pub fail_under: Option<f64>,
    pub bindings: Overrides,
    pub public_only: bool,
    pub seed: u64,
    pub keep: bool,
    pub offline: bool,
    pub runtime: Option<String>,
    /// Image patterns allowed besides the default ones.
    pub allow_images: Vec<String>,
    pub build_network: Option<String>,
    /// What taking the source in may cost.
    pub intake: Limits,
    /// Whether the source may lie at a private, loopback or other special address: a person's own machine may ask for it,
    /// a service that takes sources from others may not.
    pub allow_private: bool,
    /// Folder of the grader's own for journals.
    pub state: PathBuf,
    /// The binary that plays intake's child, the reaper and the harness: usually the running one.
    pub binary: PathBuf,
    /// Leaves the submission's own tests unrun.
    pub skip_tests: bool,
    /// Runs the submission's own tests also where `state` holds what an earlier run of the same tree brought.
    pub fresh: bool,
    pub cancel: CancellationToken,
}

/// A finished run.
#[derive(Debug, Clone)]
pub struct Graded {
    pub report: Report,
    /// By service, oldest line first.
    pub logs: Vec<(String, Vec<String>)>,
    /// The graded tree; absent when the source could not be taken in.
    pub tree: Option<Arc<Snapshot>>,
    pub interrupted: bool,
}

/// What a run leaves besides its report.
#[derive(Default)]
struct Left {
    logs: Vec<(String, Vec<String>)>,
    tree: Option<Arc<Snapshot>>,
    interrupted: bool,
}

/// Grades a submission. Never fails: what goes wrong is in the report, with whose fault it is.
pub async fn grade(request: GradeRequest, events: Events) -> Graded {
    let started = Instant::now();
    let mut parts = Parts::begin(SubmissionRef {
        source: request.source.clone(),
        commit: String::new(),
        tree: String::new(),
        subdir: request.subdir.clone().unwrap_or_default(),
        seed: request.seed,
    });
    let mut left = Left::default();
    if let Err(fault) = stages(&request, &events, &mut parts, &mut left).await {
        if !left.interrupted {
            let _ = events.send(Event::Said(format!("{:<8} failed: {}", fault.stage, fault.message)));
        }
        parts.outcome = outcome(&fault);
        parts.fault = Some(*fault);
    }
    if parts.outcome == Outcome::DoesNotStart {
        block_the_rest(&request, &mut parts);
    }
    parts.timings.total = millis(started.elapsed());
    let report = assemble(&request.spec, request.level, request.fail_under, parts);
    Graded { report, logs: left.logs, tree: left.tree, interrupted: left.interrupted }
}

/// How a run ends by a fault. Only the candidate's own faults are scored.
fn outcome(fault: &Fault) -> Outcome {
    match fault.side {
        FaultSide::Candidate => Outcome::DoesNotStart,
        FaultSide::Policy => Outcome::Refused,
        FaultSide::Grader | FaultSide::Drift => Outcome::NotGraded,
    }
}

async fn stages(request: &GradeRequest, events: &Events, parts: &mut Parts, left: &mut Left) -> Result<(), Box<Fault>> {
    let deadline = std::time::SystemTime::now() + Duration::from_secs(request.spec.spec.limits.run_seconds);

    let intake = tokio::select! {
        intake = take(request, events, parts) => intake.map_err(|error| Box::new(error.fault()))?,
        () = request.cancel.cancelled() => {
            left.interrupted = true;
            let message = "the run was interrupted";
            return Err(Box::new(Fault::new(FaultSide::Grader, Stage::Clone, "run.interrupted", message)));
        }
    };
    parts.submission.source = intake.source_display.clone();
    parts.submission.commit = intake.commit.clone();
    parts.submission.tree = intake.tree.clone();
    parts.notes.extend(intake.notes.clone());
    let snapshot = Arc::new(intake.snapshot);
    left.tree = Some(snapshot.clone());

    // The tree is read while the stack comes up.
    let spec = request.spec.spec.clone();
    let public_only = request.public_only;
    let reading = {
        let snapshot = snapshot.clone();
        tokio::task::spawn_blocking(move || harness_repository::findings(&spec, &snapshot))
    };
    let planned = plan(&snapshot).and_then(|plan| {
        let images = allow_list(request);
        reviewed(&plan, &snapshot, &images).map(|()| plan)
    });
    let environment = planned.as_ref().map(environment).unwrap_or_default();
    let facts = {
        let snapshot = snapshot.clone();
        let reading = tokio::task::spawn_blocking(move || harness_repository::facts(&snapshot, &environment));
        async move { reading.await.unwrap_or_default() }
    };

    let suite = {
        let snapshot = snapshot.clone();
        tokio::task::spawn_blocking(move || suite_of(&snapshot))
    };

    let mut told = Told::NotRun { why: "the stack could not be brought up".to_owned() };
    let mut suite_found = None;
    let mut cut_short = false;
    let brought = match planned {
        Ok(plan) => {
            parts.notes.extend(plan.notes.clone());
            parts.stack.rewrites.clone_from(&plan.rewrites);
            match prepare(request, deadline).await {
                Ok((engine, options)) => {
                    let live_request = LiveRequest {
                        engine: &engine,
                        options: options.clone(),
                        plan: &plan,
                        harness: request.binary.clone(),
                        keep: request.keep,
                        cancel: request.cancel.clone(),
                    };
                    let start = |facts| Start {
                        spec: Spec { level: request.level, ..request.spec.spec.clone() },
                        endpoints: Vec::new(),
                        facts,
                        seed: request.seed,
                        bindings: request.bindings.clone(),
                        budget_seconds: 0,
                        public_only,
                    };
                    let live = live(live_request, events, facts, start).await;
                    suite_found = suite.await.unwrap_or_default();
                    if let Some(suite) = &suite_found {
                        let tests = SuiteRequest {
                            spec: &request.spec.spec,
                            snapshot: &snapshot,
                            project: &plan.loaded.project,
                            engine: &engine,
                            options,
                            seed: request.seed,
                            tree: &parts.submission.tree,
                            shelf: Shelf::in_folder(&request.state),
                            fresh: request.fresh,
                            cancel: request.cancel.clone(),
                        };
                        let kept;
                        (told, kept) = match out_of_reach(request, &live) {
                            Some(why) => (why, false),
                            None => examine(&tests, suite, events).await,
                        };
                        if kept {
                            parts.notes.push(Note::new(NoteKind::Environment, KEPT));
                        }
                        // A run whose tests were cut short is as interrupted as one without probes.
                        cut_short = request.cancel.is_cancelled();
                    }
                    Ok(live)
                }
                Err(fault) => Err(fault),
            }
        }
        Err(fault) => {
            suite_found = suite.await.unwrap_or_default();
            told = Told::Blocked { by: fault.code.clone(), why: fault.message.clone() };
            Err(fault)
        }
    };

    let mut read = reading.await.unwrap_or_default();
    let by_syntax = harness_repository::tests(&snapshot);
    let of_tests = harness_suite::findings(&request.spec.spec, &snapshot, suite_found.as_ref(), &told, by_syntax);
    // What the runner counted stands before what was counted by syntax.
    read.retain(|finding| !of_tests.iter().any(|other| other.probe == finding.probe));
    read.extend(of_tests);
    let linted = match &told {
        Told::Examined(examined) => examined.linted.as_ref(),
        _ => None,
    };
    read = read.into_iter().map(|finding| harness_suite::with_linter(finding, linted)).collect();
    if public_only {
        read.retain(|finding| {
            request.spec.spec.probe(&finding.probe).is_some_and(|probe| probe.visibility == Visibility::Public)
        });
    }
    for finding in &read {
        let _ = events.send(Event::Decided(Box::new(finding.clone())));
    }
    parts.findings.extend(read);
    let live = brought?;
    parts.findings.extend(live.heard.findings);
    parts.bindings = live.heard.bindings;
    parts.notes.extend(live.notes);
    parts.notes.extend(live.heard.notes);
    parts.stack.services = live.services;
    parts.timings = Timings { clone: parts.timings.clone, ..live.timings };
    left.logs = live.logs;
    left.interrupted = live.interrupted || cut_short;
    match live.fault {
        Some(fault) => Err(Box::new(fault)),
        None => Ok(()),
    }
}

async fn take(request: &GradeRequest, events: &Events, parts: &mut Parts) -> Result<Intake, IntakeError> {
    let began = Instant::now();
    let source = Source::parse(&request.source)?;
    let child = ChildCommand { program: request.binary.clone(), args: vec!["intake-child".into()] };
    let mut intake = IntakeRequest::new(source, child);
    intake.credentials.clone_from(&request.credentials);
    intake.reference.clone_from(&request.reference);
    intake.subdir.clone_from(&request.subdir);
    intake.limits = request.intake.clone();
    intake.allow_private = request.allow_private;
    let shown = intake.source.to_string();
    let _ = events.send(Event::Began { stage: Stage::Clone, what: shown });
    let taken = grader_intake::take(intake).await;
    parts.timings.clone = millis(began.elapsed());
    let _ = events.send(Event::Ended { stage: Stage::Clone, millis: parts.timings.clone });
    taken
}

/// Why the tests are not run although there is an engine.
fn out_of_reach(request: &GradeRequest, live: &Live) -> Option<Told> {
    let spec = &request.spec.spec;
    let wanted = harness_suite::ids().filter_map(|id| spec.probe(id)).any(|probe| {
        let counted =
            probe.state == ProbeState::Built && (!request.public_only || probe.visibility == Visibility::Public);
        // Tests are counted without a run, if need be.
        counted && probe.id != "test.present"
    });
    match &live.fault {
        _ if request.skip_tests || !wanted => Some(Told::Skipped),
        _ if live.interrupted => Some(Told::NotRun { why: "the run was interrupted".to_owned() }),
        // What cannot be built has no image to run tests in.
        Some(fault) if fault.side == FaultSide::Candidate && fault.stage == Stage::Build => {
            Some(Told::Blocked { by: fault.code.clone(), why: fault.message.clone() })
        }
        Some(fault) if fault.side != FaultSide::Candidate => Some(Told::NotRun { why: fault.message.clone() }),
        _ => None,
    }
}

/// The engine and the options of the run on it.
async fn prepare(request: &GradeRequest, deadline: std::time::SystemTime) -> Result<(Engine, RunOptions), Box<Fault>> {
    let fault = |error: grader_sandbox::SandboxError| Box::new(error.fault());
    let engine = Engine::connect(ConnectOptions::default()).await.map_err(fault)?;
    let reaper = Reaper::spawn(&request.binary, &["reaper"]).map_err(fault)?;
    let mut options = RunOptions::new(RunId::random(), Duration::ZERO, request.state.join("journal"));
    options.deadline = deadline;
    let limits = &request.spec.spec.limits;
    options.limits.stack_memory = limits.memory_mib << 20;
    options.limits.disk_bytes = limits.disk_mib << 20;
    options.limits.volume_bytes = limits.disk_mib << 21;
    options.limits.service_cpus = limits.cpus;
    options.limits.ready = Duration::from_secs(limits.ready_seconds);
    options.runtime.clone_from(&request.runtime);
    options.offline = request.offline;
    options.images = allow_list(request);
    options.build.network.clone_from(&request.build_network);
    options.keep = request.keep;
    options.reaper = if request.keep { None } else { Some(reaper) };
    Ok((engine, options))
}

fn allow_list(request: &GradeRequest) -> ImageAllowList {
    request.allow_images.iter().fold(ImageAllowList::default(), |list, pattern| list.and(pattern))
}

/// A submission that does not start demonstrates nothing live: those probes earn nothing and are blocked by the one
/// cause, which the fault names.
fn block_the_rest(request: &GradeRequest, parts: &mut Parts) {
    let Some(fault) = &parts.fault else { return };
    let (cause, why) = (fault.code.clone(), fault.message.clone());
    let tree_was_read = !parts.submission.tree.is_empty();
    for (_, probe) in request.spec.spec.probes().filter(|(_, probe)| probe.state == ProbeState::Built) {
        // What the tree alone shows is not for want of a stack that it is missing.
        if tree_was_read && needs_only_the_tree(&probe.id) {
            continue;
        }
        if request.public_only && probe.visibility != Visibility::Public {
            continue;
        }
        if !parts.findings.iter().any(|finding| finding.probe == probe.id) {
            parts.findings.push(Finding::blocked(&probe.id, &cause, format!("Does not start: {why}")));
        }
    }
}

fn needs_only_the_tree(probe: &str) -> bool {
    catalogue_entry(probe).is_some_and(|entry| entry.facilities == [Facility::Repository])
}
