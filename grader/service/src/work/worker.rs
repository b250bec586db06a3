//! A worker: takes runs from the queue, grades them, and hands them back when it has to stop.
//!
//! A run is this worker's as long as its lease is renewed. While the database does not answer nobody else can take it
//! either, so that silence is waited out; once another worker has it, what this one finds out is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use grader_model::{Fault, FaultSide, Outcome, Report, SCHEMA, Score, SpecRef, Stage, SubmissionRef, ToolRef};
use grader_spec::LoadedSpec;
use grader_store::{Claim, Finished, Given, LeaseState, RunEvent, Store, StoreError, Timestamp, Worker};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::grade::{Grade, GradeJob, GradeResult};
use super::{check_source, result};
use crate::state::App;

/// How a worker works.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// A name that no other worker has.
    pub id: String,
    /// How many runs at a time.
    pub slots: usize,
    /// How long a run stays this worker's without a sign of life.
    pub lease: Duration,
    /// How often an empty queue is looked at.
    pub poll: Duration,
    /// How long runs may take to end once the worker is to stop; what is left is handed back.
    pub finish_within: Duration,
}

impl Default for WorkerConfig {
    fn default() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        WorkerConfig {
            id: format!("{}-{}-{}", host.trim(), std::process::id(), &grader_store::new_id()[24..]),
            slots: 1,
            lease: Duration::from_secs(60),
            poll: Duration::from_millis(500),
            finish_within: Duration::from_secs(30),
        }
    }
}

/// Events of one run that are kept: enough for every probe, bounded for a build that talks without end.
const MOST_EVENTS: u32 = 4000;

/// Faults that are no candidate's and that no second try mends: somebody has to change what was asked for.
const FOR_A_PERSON: [&str; 6] = [
    "bindings.invalid",
    "clone.address-refused",
    "clone.redirect-refused",
    "clone.source-invalid",
    "clone.source-refused",
    "spec.outdated",
];

/// Works until `stop` is cancelled and what was under way is ended or handed back.
pub async fn work(app: App, grade: Arc<dyn Grade>, config: WorkerConfig, stop: CancellationToken) {
    let config = Arc::new(config);
    let slots = Arc::new(Semaphore::new(config.slots));
    // Cancelled when runs have to end at once.
    let hurry = CancellationToken::new();
    let sign = tokio::spawn(sign_of_life(app.store.clone(), config.clone(), stop.clone(), app.config.most_losses));
    let mut running = JoinSet::new();
    tracing::info!(worker = config.id, slots = config.slots, "working");
    able(&*grade, &stop).await;
    while !stop.is_cancelled() {
        let slot = tokio::select! {
            slot = slots.clone().acquire_owned() => slot,
            () = stop.cancelled() => break,
        };
        // The semaphore is never closed.
        let Ok(slot) = slot else { break };
        while running.try_join_next().is_some() {}
        let wait = match app.store.claim(&config.id, config.lease).await {
            Ok(Some(claim)) => {
                let (app, grade, config, hurry) = (app.clone(), grade.clone(), config.clone(), hurry.clone());
                running.spawn(async move {
                    let _slot = slot;
                    one(&app, &*grade, &config, claim, hurry).await;
                });
                continue;
            }
            Ok(None) => config.poll,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the queue cannot be read");
                Duration::from_secs(1).max(config.poll)
            }
        };
        drop(slot);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => {}
        }
    }
    let ended = tokio::time::timeout(config.finish_within, async { while running.join_next().await.is_some() {} });
    if ended.await.is_err() {
        tracing::info!(runs = running.len(), "handing back what is under way");
        hurry.cancel();
        while running.join_next().await.is_some() {}
    }
    // It ends with `stop`.
    let _ = sign.await;
    if let Err(error) = app.store.worker_gone(&config.id).await {
        tracing::debug!(%error, "the worker's going could not be noted");
    }
}

/// Waits until runs can be graded here: what is taken without an engine is only taken in vain.
async fn able(grade: &dyn Grade, stop: &CancellationToken) {
    while let Err(why) = grade.ready().await {
        tracing::warn!(why, "cannot grade yet");
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Says that the worker is there, and looks for runs of those that are not.
async fn sign_of_life(store: Store, config: Arc<WorkerConfig>, stop: CancellationToken, most_losses: i64) {
    let mut worker = Worker {
        id: config.id.clone(),
        slots: i64::try_from(config.slots).unwrap_or(i64::MAX),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: Timestamp::now(),
        seen_at: Timestamp::now(),
    };
    let every = (config.lease / 3).clamp(Duration::from_millis(200), Duration::from_secs(10));
    while !stop.is_cancelled() {
        worker.seen_at = Timestamp::now();
        if let Err(error) = store.worker_seen(&worker).await {
            tracing::debug!(%error, "no sign of life could be given");
        }
        if let Err(error) = store.expire(most_losses).await {
            tracing::debug!(%error, "lost runs could not be looked for");
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// How long whoever cancels a run waits until its worker hears of it, at most: it asks when it renews its lease.
const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// What the lease's keeper has learnt.
#[derive(Debug, Default)]
struct Learnt {
    cancelled: AtomicBool,
    lost: AtomicBool,
}

/// Grades one claimed run.
async fn one(app: &App, grade: &dyn Grade, config: &WorkerConfig, claim: Claim, hurry: CancellationToken) {
    let cancel = hurry.child_token();
    let learnt = Arc::new(Learnt::default());
    let over = CancellationToken::new();
    let keeper = keep(app.store.clone(), claim.clone(), config.lease, cancel.clone(), learnt.clone(), over.clone());
    let keeper = tokio::spawn(keeper);
    let graded = graded(app, grade, &claim, cancel.clone()).await;
    let run = &claim.run.id;
    if learnt.lost.load(Ordering::SeqCst) {
        tracing::warn!(run, "another worker has this run now; what was found out is dropped");
    } else {
        match ended(app, &claim, graded, &learnt, &hurry).await {
            Ok(how) => tracing::info!(run, attempt = claim.attempt, how, "a run is done with"),
            Err(error) => {
                tracing::error!(run, error = &error as &dyn std::error::Error, "a result could not be written");
            }
        }
    }
    over.cancel();
    // It ends with `over`.
    let _ = keeper.await;
}

/// Renews the lease until the run is over.
async fn keep(
    store: Store,
    claim: Claim,
    lease: Duration,
    cancel: CancellationToken,
    learnt: Arc<Learnt>,
    over: CancellationToken,
) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(HEARD_WITHIN.min(lease / 4)) => {}
            () = over.cancelled() => return,
        }
        match store.renew(&claim, lease).await {
            Ok(LeaseState::Held) => {}
            Ok(LeaseState::CancelRequested) => {
                learnt.cancelled.store(true, Ordering::SeqCst);
                cancel.cancel();
            }
            Ok(LeaseState::Lost) => {
                if !over.is_cancelled() {
                    learnt.lost.store(true, Ordering::SeqCst);
                    cancel.cancel();
                }
                return;
            }
            Err(error) => tracing::debug!(%error, "a lease could not be renewed yet"),
        }
    }
}

async fn graded(app: &App, grade: &dyn Grade, claim: &Claim, cancel: CancellationToken) -> GradeResult {
    let run = &claim.run;
    let ungraded = |code: &str, message: String| GradeResult {
        report: ungraded(claim, code, message),
        logs: Vec::new(),
        tree: None,
        interrupted: cancel.is_cancelled(),
    };
    let read = async {
        let spec = app.store.spec(&run.spec_digest).await?;
        let submission = app.store.submission(&run.submission).await?;
        Ok::<_, StoreError>((spec, submission))
    };
    let (spec, submission) = match read.await {
        Ok(read) => read,
        Err(error) => return ungraded("run.unreadable", error.to_string()),
    };
    let spec: LoadedSpec = match grader_spec::load(&spec.name, &spec.text) {
        Ok(spec) => spec,
        Err(error) => return ungraded("spec.outdated", format!("this version cannot read the assessment: {error}")),
    };
    // What its name leads to may have changed since it was asked for.
    if let Err(problem) = check_source(&run.source, app.config.allow_private_sources).await {
        return ungraded("clone.source-refused", problem.detail);
    }
    let key = match app.keys() {
        None => None,
        Some(keys) => match keys.key(run).await {
            Ok(key) => key,
            Err(why) => return ungraded("clone.no-key", why),
        },
    };
    let (events, told) = mpsc::unbounded_channel();
    let job = GradeJob {
        run: run.id.clone(),
        source: run.source.clone(),
        key,
        reference: run.reference.clone(),
        subdir: run.subdir.clone(),
        spec,
        level: submission.level,
        bindings: submission.bindings,
        seed: run.seed,
        events,
        cancel: cancel.clone(),
    };
    let (result, ()) = tokio::join!(grade.grade(job), write_events(&app.store, claim, told));
    result
}

/// Writes what a run tells, a few times a second, until it tells no more.
async fn write_events(
    store: &Store,
    claim: &Claim,
    mut told: mpsc::UnboundedReceiver<(&'static str, serde_json::Value)>,
) {
    const OFTEN: Duration = Duration::from_millis(300);
    let mut number = 0;
    let mut batch = Vec::new();
    let mut written = tokio::time::Instant::now();
    loop {
        let ended = match tokio::time::timeout(OFTEN, told.recv()).await {
            Ok(Some((kind, data))) => {
                // Beyond the bound it is read, so that nothing piles up, and left.
                if number < MOST_EVENTS {
                    number += 1;
                    let sequence = RunEvent::sequence(claim.attempt, number);
                    let run = claim.run.id.clone();
                    let data = data.to_string();
                    batch.push(RunEvent { run, sequence, kind: kind.to_owned(), data, at: Timestamp::now() });
                }
                if batch.len() < 100 && written.elapsed() < OFTEN {
                    continue;
                }
                false
            }
            Ok(None) => true,
            Err(_) => false,
        };
        if !batch.is_empty() {
            if let Err(error) = store.record(claim, &batch).await {
                tracing::debug!(%error, "live progress was not written");
            }
            batch.clear();
        }
        written = tokio::time::Instant::now();
        if ended {
            return;
        }
    }
}

/// Writes how the run ended, waiting for the database as long as it takes.
async fn ended(
    app: &App,
    claim: &Claim,
    result: GradeResult,
    learnt: &Learnt,
    hurry: &CancellationToken,
) -> Result<&'static str, StoreError> {
    let store = &app.store;
    if result.interrupted {
        if learnt.cancelled.load(Ordering::SeqCst) {
            until(|| store.end_cancelled(claim)).await?;
            return Ok("cancelled");
        }
        if hurry.is_cancelled() {
            until(|| store.give_back(claim, Given::Back)).await?;
            return Ok("handed back");
        }
    }
    let ours = result.report.outcome == Outcome::NotGraded
        && result
            .report
            .fault
            .as_ref()
            .is_some_and(|fault| fault.side == FaultSide::Grader && !FOR_A_PERSON.contains(&fault.code.as_str()));
    if ours && claim.run.losses + 1 < app.config.most_losses {
        // The same trouble is likely to be there for a while.
        let wait = Duration::from_secs(20 << claim.run.losses.clamp(0, 6));
        until(|| store.give_back(claim, Given::InVain(wait))).await?;
        return Ok("to be tried again");
    }
    let before = until(|| result::words_before(store, &claim.run)).await?;
    let unreadable = |why: String| StoreError::Unreadable { what: "report", why };
    // Aside: sources are read for it, and the lease is to be renewed meanwhile.
    let finish = tokio::task::spawn_blocking(move || result::finish(result, &before))
        .await
        .map_err(|error| unreadable(error.to_string()))?
        .map_err(|error| unreadable(error.to_string()))?;
    match until(|| store.finish(claim, &finish)).await? {
        Finished::Written => Ok("finished"),
        Finished::Superseded => Ok("superseded"),
    }
}

/// Tries until the database answers: a result that took minutes is worth the wait.
async fn until<T, F: Future<Output = Result<T, StoreError>>>(mut work: impl FnMut() -> F) -> Result<T, StoreError> {
    let mut wait = Duration::from_millis(100);
    // Half an hour, all in all.
    for _ in 0..66 {
        match work().await {
            Err(error) if error.is_passing() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "waiting for the database");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(30));
            }
            other => return other,
        }
    }
    work().await
}

/// The report of a run that could not even begin.
fn ungraded(claim: &Claim, code: &str, message: String) -> Report {
    let run = &claim.run;
    Report {
        schema: SCHEMA.to_owned(),
        tool: ToolRef { version: env!("CARGO_PKG_VERSION").to_owned() },
        spec: SpecRef {
            id: run.spec.clone(),
            title: String::new(),
            version: String::new(),
            digest: run.spec_digest.clone(),
            level: grader_model::Level::Mid,
        },
        submission: SubmissionRef {
            source: run.source.clone(),
            commit: String::new(),
            tree: String::new(),
            subdir: run.subdir.clone().unwrap_or_default(),
            seed: run.seed,
        },
        outcome: Outcome::NotGraded,
        fault: Some(Fault::new(FaultSide::Grader, Stage::Clone, code, message)),
        score: Score { earned: 0.0, possible: 0.0, percent: 0.0, fail_under: None, passed: None, if_unblocked: 0.0 },
        criteria: Vec::new(),
        red_flags: Vec::new(),
        matrix: Vec::new(),
        questions: Vec::new(),
        bindings: Vec::new(),
        stack: grader_model::StackReport::default(),
        timings: grader_model::Timings::default(),
        notes: Vec::new(),
        overrides: Vec::new(),
    }
}
