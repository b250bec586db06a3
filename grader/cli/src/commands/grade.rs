//! `grader grade SOURCE…`: one submission, or several of them with a folder each and as many at a time as asked for.

mod jobs;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use grader_pipeline::{GradeRequest, Graded};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::{setup, sweep};
use crate::args::{GradeArgs, Visibility};
use crate::exit::Exit;
use crate::output::{complain, deliver};
use crate::progress::{self, Shown};
use jobs::Job;

/// The fault of a source, ref or folder that is none: a slip of whoever started the run, and no run.
const INVALID_SOURCE: &str = "clone.source-invalid";

pub(crate) async fn run(args: GradeArgs, verbose: bool) -> Exit {
    let request = match request(&args) {
        Ok(request) => request,
        Err(exit) => return exit,
    };
    let jobs = jobs::of(&args.source, args.common.out.as_deref());
    for out in jobs.iter().filter_map(|job| job.out.as_deref()) {
        if let Err(error) = std::fs::create_dir_all(out) {
            eprintln!("grader: cannot make the folder {}: {error}", out.display());
            return Exit::Usage;
        }
    }
    watch_for_signals(request.cancel.clone());
    sweep::in_background();
    let several = jobs.len() > 1;
    let slots = Arc::new(Semaphore::new(args.concurrency));
    let runs: Vec<_> = jobs
        .into_iter()
        .map(|job| {
            let (slots, request) = (slots.clone(), request.clone());
            tokio::spawn(async move {
                // The semaphore is never closed; were it, the run would only start early.
                let _slot = slots.acquire().await;
                let graded = grade(request, &job, several, verbose).await;
                (job, graded)
            })
        })
        .collect();
    // Reports come in the order of the sources, whichever is done first.
    let mut worst = Exit::Graded;
    for run in runs {
        let exit = match run.await {
            Ok((job, graded)) => report(&args, &job, &graded),
            Err(error) => {
                complain(&error, "this is a mistake in the grader");
                Exit::NotGraded
            }
        };
        if exit.code() > worst.code() {
            worst = exit;
        }
    }
    if worst == Exit::Interrupted {
        eprintln!("grader: interrupted; everything was torn down");
    }
    worst
}

/// What every run has in common; the source is still open.
fn request(args: &GradeArgs) -> Result<GradeRequest, Exit> {
    let common = &args.common;
    let spec = setup::spec(&common.spec).ok_or(Exit::Usage)?;
    let bindings = setup::bindings(common.bindings.as_deref()).ok_or(Exit::Usage)?;
    let binary = match std::env::current_exe() {
        Ok(binary) => binary,
        Err(error) => {
            complain(&error, "the running binary has to be readable: it plays the harness as well");
            return Err(Exit::NotGraded);
        }
    };
    Ok(GradeRequest {
        source: String::new(),
        credentials: None,
        reference: args.reference.clone(),
        subdir: args.subdir.clone(),
        level: common.level.map_or(spec.spec.level, Into::into),
        fail_under: common.fail_under.or(spec.spec.thresholds.fail_under),
        spec,
        bindings,
        public_only: common.visibility == Visibility::Public,
        seed: common.seed.unwrap_or(1),
        keep: args.keep,
        offline: args.offline,
        skip_tests: args.skip_tests,
        fresh: args.fresh,
        runtime: args.runtime.clone(),
        allow_images: args.allow_image.clone(),
        build_network: args.build_network.clone(),
        intake: args.clone.limits(),
        allow_private: true,
        state: setup::state_folder(),
        binary,
        cancel: CancellationToken::new(),
    })
}

async fn grade(request: GradeRequest, job: &Job, several: bool, verbose: bool) -> Graded {
    let (events, received) = mpsc::unbounded_channel();
    let shown = Shown {
        name: several.then(|| job.name.clone()),
        build_output: verbose,
        build_log: job.out.as_deref().map(|out| out.join("logs").join("build.log")),
    };
    let shown = tokio::spawn(progress::show(received, shown));
    let graded = grader_pipeline::grade(GradeRequest { source: job.source.clone(), ..request }, events).await;
    // The view ends with its events; whether it ended well changes nothing.
    let _ = shown.await;
    graded
}

fn report(args: &GradeArgs, job: &Job, graded: &Graded) -> Exit {
    if graded.interrupted {
        return Exit::Interrupted;
    }
    if let Some(fault) = graded.report.fault.as_ref().filter(|fault| fault.code == INVALID_SOURCE) {
        eprintln!("grader: {}\n  hint: {}", fault.message, fault.hint);
        return Exit::Usage;
    }
    let out = job.out.as_deref();
    let written = out.map_or(Ok(()), |out| write_logs(out, &graded.logs));
    match written.and_then(|()| deliver(&graded.report, &args.common, out)) {
        Ok(()) => Exit::of(&graded.report),
        Err(error) => {
            complain(&error, "");
            Exit::NotGraded
        }
    }
}

/// SIGINT and SIGTERM end the runs in order; a second SIGINT ends the process at once and leaves the rest to the reapers.
pub(super) fn watch_for_signals(cancel: CancellationToken) {
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        cancel.cancel();
        eprintln!("grader: tearing down; interrupt again to leave at once");
        interrupt.recv().await;
        std::process::exit(i32::from(Exit::Interrupted.code()));
    });
}

/// One file per service under `logs/`. A service's name is letters, digits, `_`, `.` and `-` (the compose reader refuses
/// others), and a name that begins with a dot gets an underscore in front.
fn write_logs(out: &Path, logs: &[(String, Vec<String>)]) -> std::io::Result<()> {
    let folder: PathBuf = out.join("logs");
    std::fs::create_dir_all(&folder)?;
    for (service, lines) in logs {
        let name: String =
            service.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
        let name = if name.starts_with('.') { format!("_{name}") } else { name };
        let mut file = std::io::BufWriter::new(std::fs::File::create(folder.join(format!("{name}.log")))?);
        for line in lines {
            writeln!(file, "{line}")?;
        }
        file.flush()?;
    }
    Ok(())
}
