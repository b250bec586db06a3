//! The service's commands: each opens the store that its arguments name and puts the parts together.

pub(super) mod access;
mod local;
pub(super) mod serve;
pub(super) mod worker;

use std::time::Duration;

use grader_service::{Github, ServiceConfig, WorkerConfig};
use grader_store::Store;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::setup;
use crate::args::{DatabaseArgs, WorkArgs};
use crate::exit::Exit;
use crate::output::complain;

/// Opens the store, or says why not.
async fn open(args: &DatabaseArgs, connections: u32) -> Result<Store, Exit> {
    let url = match &args.database {
        Some(url) => url.clone(),
        None => {
            let folder = setup::state_folder();
            if let Err(error) = std::fs::create_dir_all(&folder) {
                complain(&error, "the state folder has to be writable; or name a database by --database");
                return Err(Exit::NotGraded);
            }
            format!("sqlite:{}", folder.join("grader.db").display())
        }
    };
    Store::open(&url, connections).await.map_err(|error| match error {
        grader_store::StoreError::Url(_) => {
            complain(&error, "");
            Exit::Usage
        }
        _ => {
            complain(&error, "is the database there, and may it be written to?");
            Exit::NotGraded
        }
    })
}

/// GitHub's part, where there is a file for it; or says why not.
fn github(work: &WorkArgs) -> Result<Option<Github>, Exit> {
    let Some(path) = &work.github else { return Ok(None) };
    let text = std::fs::read_to_string(path).map_err(|error| {
        complain(&error, "--github names a file; docs/github.md shows one");
        Exit::Usage
    })?;
    let config = grader_github::config::Config::parse(&text).map_err(|error| {
        complain(&error, "docs/github.md shows such a file");
        Exit::Usage
    })?;
    Github::new(config).map(Some).map_err(|error| {
        complain(&error, "");
        Exit::Usage
    })
}

/// Settings of a process that serves nobody.
fn config(work: &WorkArgs) -> ServiceConfig {
    let mut config = ServiceConfig::new(localhost());
    config.allow_private_sources = work.allow_private_sources;
    config
}

fn localhost() -> Url {
    // A constant, which a test reads.
    Url::parse("http://127.0.0.1:8080").expect("a URL")
}

fn worker_config(work: &WorkArgs, slots: usize) -> WorkerConfig {
    WorkerConfig {
        slots,
        lease: Duration::from_secs(work.lease),
        finish_within: Duration::from_secs(work.finish_within),
        ..WorkerConfig::default()
    }
}

/// SIGINT and SIGTERM stop in order; a second one ends the process at once and leaves the rest to reapers and leases.
fn watch_for_signals(stop: CancellationToken) {
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        for again in [false, true] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if again {
                std::process::exit(i32::from(Exit::Interrupted.code()));
            }
            tracing::info!("stopping; tell me again to leave at once");
            stop.cancel();
        }
    });
}
