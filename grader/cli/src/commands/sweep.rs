//! `grader sweep`: removes what killed runs left behind.

use grader_sandbox::{ConnectOptions, Engine, SweepOptions, sweep};

use super::setup;
use crate::exit::Exit;
use crate::output::complain;

pub(crate) async fn run() -> Exit {
    let engine = match Engine::connect(ConnectOptions::default()).await {
        Ok(engine) => engine,
        Err(error) => {
            let hint = error.fault().hint;
            complain(&error, &hint);
            return Exit::NotGraded;
        }
    };
    let options = SweepOptions { journal: Some(setup::state_folder().join("journal")), ..SweepOptions::default() };
    match sweep(&engine, &options).await {
        Ok(report) => {
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
            if report.removed.is_empty() && report.failed.is_empty() {
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
