//! `grader sweep`: removes what killed runs left behind, and kept images that are too many. Grading does the same beside
//! its own work when it starts, but for stacks that somebody asked to keep.

use grader_sandbox::{ConnectOptions, Engine, SweepOptions, SweepReport, sweep};

use super::setup;
use crate::exit::Exit;
use crate::output::complain;

pub(crate) async fn run() -> Exit {
    let folders = grader_intake::sweep_scratch(&std::env::temp_dir());
    for folder in &folders {
        println!("removed the temporary folder {}", folder.display());
    }
    let engine = match Engine::connect(ConnectOptions::default()).await {
        Ok(engine) => engine,
        Err(error) => {
            let hint = error.fault().hint;
            complain(&error, &hint);
            return Exit::NotGraded;
        }
    };
    match sweep(&engine, &SweepOptions { kept: true, ..options() }).await {
        Ok(report) => {
            show(&report);
            if folders.is_empty() && report.removed.is_empty() && report.failed.is_empty() {
                println!("nothing was left behind");
            }
            if report.failed.is_empty() { Exit::Graded } else { Exit::NotGraded }
        }
        Err(error) => {
            complain(&error, "");
            Exit::NotGraded
        }
    }
}

fn show(report: &SweepReport) {
    for removed in &report.removed {
        println!("removed {} {} of run {}", removed.kind, removed.name, removed.run.as_str());
    }
    for image in &report.images {
        println!("removed the kept image {image}");
    }
    for run in &report.alive {
        println!("left run {} alone: it is alive", run.as_str());
    }
    for (run, error) in &report.failed {
        eprintln!("grader: run {} could not be removed whole: {error}", run.as_str());
    }
}

/// Sweeps while something else goes on, and says nothing: what could not be removed is the next sweep's.
pub(crate) fn in_background() {
    tokio::spawn(async {
        grader_intake::sweep_scratch(&std::env::temp_dir());
        if let Ok(engine) = Engine::connect(ConnectOptions::default()).await
            && let Err(error) = sweep(&engine, &options()).await
        {
            tracing::debug!(%error, "the sweep at the start was broken off");
        }
    });
}

fn options() -> SweepOptions {
    SweepOptions { journal: Some(setup::state_folder().join("journal")), ..SweepOptions::default() }
}
