//! The part of a run that needs the engine: build, up, ready, the harness inside, logs, and teardown whatever came before.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use grader_model::{Fault, FaultSide, Note, NoteKind, ServiceReport, Stage, Timings};
use grader_sandbox::{Engine, HarnessImage, Images, Run, RunOptions, RunningStack, SandboxError, StackPlan, Step};
use harness_kit::Facts;
use harness_kit::protocol::Start;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::conversation::{Broken, Heard, converse};
use crate::departed::{self, Death, Deaths, all_gone};
use crate::hands::Hands;
use crate::plan::Plan;
use crate::probe::millis;
use crate::{Event, Events, reach};

/// Lines of one service's log that a run keeps.
const LOG_LINES: usize = 5_000;

/// What the live part needs to know.
pub(crate) struct LiveRequest<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) options: RunOptions,
    pub(crate) plan: &'a Plan,
    /// The binary that plays the harness.
    pub(crate) harness: PathBuf,
    pub(crate) keep: bool,
    pub(crate) cancel: CancellationToken,
}

/// What the live part brought, as far as it came.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) heard: Heard,
    pub(crate) fault: Option<Fault>,
    pub(crate) services: Vec<ServiceReport>,
    pub(crate) notes: Vec<Note>,
    pub(crate) timings: Timings,
    /// By service, oldest line first.
    pub(crate) logs: Vec<(String, Vec<String>)>,
    pub(crate) interrupted: bool,
}

/// Brings the stack up, lets the harness probe it, and takes it down. `start` makes the harness's first line once it is
/// known where the services listen.
pub(crate) async fn live(
    request: LiveRequest<'_>,
    events: &Events,
    facts: impl Future<Output = Facts>,
    start: impl FnOnce(Facts) -> Start,
) -> Live {
    let mut live = Live::default();
    let (sink, relayed) = mpsc::unbounded_channel();
    let (died, mut deaths) = mpsc::unbounded_channel();
    let relay = tokio::spawn(relay(relayed, events.clone(), died));
    let run = match Run::open(request.engine, request.options.clone(), sink) {
        Ok(run) => run,
        Err(error) => {
            live.fault = Some(error.fault());
            return live;
        }
    };
    let cancel = request.cancel.clone();
    let outcome = tokio::select! {
        outcome = steps(&request, &run, events, facts, start, &mut deaths, &mut live) => outcome,
        full = run.out_of_disk() => Err(Box::new(full.fault())),
        () = cancel.cancelled() => {
            Err(Box::new(Fault::new(FaultSide::Grader, Stage::Probe, "run.interrupted", "the run was interrupted")))
        }
    };
    live.interrupted = request.cancel.is_cancelled();
    if let Err(fault) = outcome {
        // Whatever ends on a full disk may have ended for it.
        let full = run.is_out_of_disk().filter(|_| fault.side == FaultSide::Candidate);
        live.fault = Some(full.map_or(*fault, |full| full.fault()));
    }
    if request.keep && live.fault.is_none() {
        let text = format!(
            "The stack was kept: containers labelled grader.run={} (remove them with `grader sweep`)",
            run.id().as_str()
        );
        let _ = events.send(Event::Said(text.clone()));
        live.notes.push(Note::new(NoteKind::Environment, text));
    } else {
        let began = Instant::now();
        let _ = events.send(Event::Began { stage: Stage::Down, what: String::new() });
        if let Err(error) = run.down().await {
            // The result stands; what is left is the sweep's, and a reader should know.
            let text = format!("Not everything of the run could be removed: {error}; `grader sweep` removes the rest");
            live.notes.push(Note::new(NoteKind::Environment, text));
        }
        live.timings.down = millis(began.elapsed());
        let _ = events.send(Event::Ended { stage: Stage::Down, millis: live.timings.down });
    }
    drop(run);
    // The relay ends with the run's sink, which the run held.
    let _ = tokio::time::timeout(Duration::from_secs(1), relay).await;
    live
}

async fn steps(
    request: &LiveRequest<'_>,
    run: &Run,
    events: &Events,
    facts: impl Future<Output = Facts>,
    start: impl FnOnce(Facts) -> Start,
    deaths: &mut Deaths,
    live: &mut Live,
) -> Result<(), Box<Fault>> {
    let plan = StackPlan { project: &request.plan.loaded.project, files: &request.plan.tree };
    let fault = |error: SandboxError| Box::new(error.fault());

    let began = Instant::now();
    let _ = events.send(Event::Began { stage: Stage::Build, what: String::new() });
    // The harness's image and the facts are made while the submission's images are.
    let (images, harness, facts) =
        tokio::join!(run.build(plan), HarnessImage::prepare(request.engine, &request.harness), facts);
    live.timings.build = millis(began.elapsed());
    let images = images.map_err(fault)?;
    let harness = harness.map_err(fault)?;
    describe(&images, live);
    let _ = events.send(Event::Ended { stage: Stage::Build, millis: live.timings.build });

    let began = Instant::now();
    let _ = events.send(Event::Began { stage: Stage::Up, what: String::new() });
    let stack = match run.up(plan, &images).await {
        Ok(stack) => stack,
        Err(error) => {
            live.timings.up = millis(began.elapsed());
            return Err(fault(error));
        }
    };
    let ready = stack.ready().await;
    live.timings.up = millis(began.elapsed());
    if let Err(error) = ready {
        live.logs = logs(&stack, LOG_LINES).await;
        return Err(fault(error));
    }
    let _ = events.send(Event::Ended { stage: Stage::Up, millis: live.timings.up });

    let began = Instant::now();
    let probed = probe(request, &stack, &images, &harness, events, facts, start, deaths, live).await;
    live.timings.probe = millis(began.elapsed());
    live.logs = logs(&stack, LOG_LINES).await;
    probed?;
    let _ = events.send(Event::Ended { stage: Stage::Probe, millis: live.timings.probe });
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "one call site, the parts of one step")]
async fn probe(
    request: &LiveRequest<'_>,
    stack: &RunningStack,
    images: &Images,
    harness: &HarnessImage,
    events: &Events,
    mut facts: Facts,
    start: impl FnOnce(Facts) -> Start,
    deaths: &mut Deaths,
    live: &mut Live,
) -> Result<(), Box<Fault>> {
    let _ = events.send(Event::Began { stage: Stage::Probe, what: String::new() });
    let fault = |error: SandboxError| Box::new(error.fault());
    let services = stack.endpoints().await.map_err(fault)?;
    let project = &request.plan.loaded.project;
    facts.databases = reach::databases(project, &services);
    let mut start = start(facts);
    start.endpoints = reach::endpoints(project, images, &services);
    let budget = request.options.deadline.duration_since(std::time::SystemTime::now()).unwrap_or_default();
    // Teardown and the report need the rest.
    let budget = budget.saturating_sub(Duration::from_secs(10));
    start.budget_seconds = budget.as_secs();
    if start.endpoints.is_empty() {
        if let Some(death) = departed::last(deaths) {
            return Err(Box::new(departed::before_answering(stack, &death).await));
        }
        let message = "no service of the stack publishes, exposes or listens on a port";
        return Err(Box::new(
            Fault::new(FaultSide::Candidate, Stage::Ready, "stack.no-port", message)
                .hint("Give the API's service a `ports` section, such as \"8000:8000\"."),
        ));
    }
    let io = stack.start_harness(harness, &["harness".to_owned()]).await.map_err(fault)?;
    let hands = Hands::new(stack.clone());
    let control = |request| hands.carry_out(request);
    let is_broken = || hands.have_broken();
    let mut io = io;
    let stdin = std::mem::replace(&mut io.stdin, Box::pin(tokio::io::sink()));
    let stdout = std::mem::replace(&mut io.stdout, tokio::io::duplex(1).0);
    let apis = start.endpoints.iter().map(|endpoint| endpoint.service.clone()).collect();
    let gone = all_gone(stack, apis, deaths, is_broken);
    let budget = budget + Duration::from_secs(5);
    let (heard, outcome) = converse(stdout, stdin, start, events, budget, gone, control).await;
    if let Some(api) = heard.api.as_deref()
        && let Some(service) = live.services.iter_mut().find(|service| service.name == api)
    {
        service.role = "api".to_owned();
    }
    let silent = heard.silent.clone();
    live.heard = heard;
    if let Some(tried) = silent {
        return Err(Box::new(
            Fault::new(FaultSide::Candidate, Stage::Ready, "stack.silent", "nothing of the stack answers HTTP")
                .hint("Publish the port that the API listens on, and let it listen on 0.0.0.0.")
                .log(tried),
        ));
    }
    outcome.map_err(|broken| match broken {
        Broken::Cut(fault) => fault,
        Broken::Harness(error) => {
            let mut log = io.stderr();
            log.push(error.to_string());
            Box::new(Fault::new(FaultSide::Grader, Stage::Probe, "harness.broke", "the harness ended early").log(log))
        }
    })?;
    stack.stop_harness().await.map_err(fault)
}

/// The newest lines of every service's log. A log that cannot be read is left out: it decides nothing.
pub(crate) async fn logs(stack: &RunningStack, lines: usize) -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    let Ok(services) = stack.endpoints().await else { return all };
    for service in services {
        if let Ok(log) = stack.logs(&service.service, None).await {
            let from = log.len().saturating_sub(lines);
            all.push((service.service, log[from..].iter().map(|line| line.text.clone()).collect()));
        }
    }
    all
}

fn describe(images: &Images, live: &mut Live) {
    let mut stand_ins = Vec::new();
    for (name, image) in &images.services {
        let stand_in = image.base_labels.contains_key("grader.stand-in");
        if stand_in {
            stand_ins.extend(image.bases.iter().cloned());
        }
        live.services.push(ServiceReport {
            name: name.clone(),
            image: image.bases.join(", "),
            built: image.built,
            role: String::new(),
            stand_in,
        });
    }
    stand_ins.sort();
    stand_ins.dedup();
    if !stand_ins.is_empty() {
        let text =
            format!("Stand-ins built from Debian packages took the place of these images: {}", stand_ins.join(", "));
        live.notes.push(Note::new(NoteKind::Environment, text));
    }
}

/// Carries the sandbox's events to whoever follows the run, and each death to whoever depends on the dead.
async fn relay(
    mut from: mpsc::UnboundedReceiver<grader_sandbox::Event>,
    to: Events,
    died: mpsc::UnboundedSender<Death>,
) {
    use grader_sandbox::Event as Sandbox;
    while let Some(event) = from.recv().await {
        let event = match event {
            Sandbox::BuildLine { service, line } => Event::BuildLine { service, line },
            Sandbox::Began { service, step: step @ (Step::Pull | Step::Build) } => {
                let what = if step == Step::Pull { "pulling for" } else { "building" };
                Event::Began { stage: Stage::Build, what: format!("{what} {service}") }
            }
            Sandbox::Done { service, step: Step::Ready, took } => {
                Event::Said(format!("up       {service} is ready after {:.1} s", took.as_secs_f32()))
            }
            Sandbox::Reused { service } => Event::Said(format!("build    {service}: built before, reused")),
            Sandbox::Died { service, exit_code, out_of_memory } => {
                // Nobody waits for deaths after the probes.
                let _ = died.send(Death { service: service.clone(), exit_code, out_of_memory });
                let why = if out_of_memory { ", out of memory" } else { "" };
                Event::Said(format!("up       {service} ended with {exit_code}{why}"))
            }
            Sandbox::DiskFull { service, bytes } => {
                Event::Said(format!("up       {service} wrote at least {bytes} bytes and was stopped"))
            }
            Sandbox::Adapted { service, what } => Event::Said(format!("up       {service}: {what}")),
            _ => continue,
        };
        let _ = to.send(event);
    }
}
