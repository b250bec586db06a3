//! Finds runs whose process is gone or whose time is over, and removes them. Never touches a live run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::inventory::{self, Resource};
use crate::journal::{self, Kind};
use crate::labels::{self, Owner, RunId, unix};
use crate::retention::{self, Retention};
use crate::teardown::remove_run;
use crate::{Engine, SandboxError};

/// What a sweep looks at.
#[derive(Debug, Clone)]
pub struct SweepOptions {
    /// The folder of journals; `None` goes by labels alone.
    pub journal: Option<PathBuf>,
    /// Only these runs, and these whether they live or not; `None`: every run that is over.
    pub runs: Option<Vec<RunId>>,
    /// Takes stacks that somebody asked to stay as well; otherwise they stay for a day.
    pub kept: bool,
    /// Which images stay between runs; `None`: all.
    pub images: Option<Retention>,
}

impl Default for SweepOptions {
    fn default() -> Self {
        SweepOptions { journal: None, runs: None, kept: false, images: Some(Retention::default()) }
    }
}

/// How long a stack that was asked to stay does so when nobody sweeps on purpose.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// Something that a sweep or a teardown removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    pub run: RunId,
    /// `container`, `network`, `volume` or `image`.
    pub kind: &'static str,
    pub name: String,
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepReport {
    pub removed: Vec<Removed>,
    /// Kept images that were too many or long unused.
    pub images: Vec<String>,
    /// Runs that live and were left alone.
    pub alive: Vec<RunId>,
    /// Runs that could not be removed whole, with the reason.
    pub failed: Vec<(RunId, SandboxError)>,
}

/// Removes what is left of runs that are over.
///
/// # Errors
/// When the engine cannot be asked at all. What could not be removed is in the report.
pub async fn sweep(engine: &Engine, options: &SweepOptions) -> Result<SweepReport, SandboxError> {
    let mut report = SweepReport::default();
    let records = options.journal.as_deref().map(journal::records).unwrap_or_default();
    let (mut runs, by_images) = labelled(engine).await?;
    for record in &records {
        if record.engine == engine.info().address {
            runs.entry(record.run.clone()).or_insert_with(|| Known {
                owner: record.owner.clone(),
                deadline: record.deadline,
                kept: false,
            });
        }
    }
    // Labels of an image may come from a Dockerfile, so they tell only what nobody else does.
    for (run, known) in by_images {
        runs.entry(run).or_insert(known);
    }
    for wanted in options.runs.iter().flatten() {
        runs.entry(wanted.clone()).or_insert_with(|| Known { owner: Owner::current(), deadline: 0, kept: false });
    }
    let now = unix(SystemTime::now());
    for (run, Known { owner, deadline, kept }) in runs {
        let over = match &options.runs {
            Some(wanted) => wanted.contains(&run),
            None if kept && !options.kept => deadline.saturating_add(KEPT.as_secs()) <= now,
            None => owner.is_gone() || deadline <= now,
        };
        if !over {
            report.alive.push(run);
            continue;
        }
        let record = records.iter().find(|record| record.run == run);
        let named: &[(Kind, String)] = record.map_or(&[], |record| &record.created);
        match remove_run(engine, &run, named).await {
            Ok(removed) => {
                report.removed.extend(removed);
                if let Some(record) = record {
                    // Another sweep may have taken it first.
                    let _ = std::fs::remove_file(&record.path);
                }
            }
            Err(error) => report.failed.push((run, error)),
        }
    }
    if let Some(retention) = &options.images {
        report.images = retention::prune(engine, retention).await?;
    }
    Ok(report)
}

/// A run as its labels, or its journal, tell it.
struct Known {
    owner: Owner,
    /// Seconds since the epoch.
    deadline: u64,
    /// Whether somebody asked for it to stay.
    kept: bool,
}

type Runs = BTreeMap<RunId, Known>;

/// Every run that a label names: by what only we make, and by images.
async fn labelled(engine: &Engine) -> Result<(Runs, Runs), SandboxError> {
    let (mut made, mut by_images) = (Runs::new(), Runs::new());
    for Resource { kind, labels, .. } in inventory::labelled(&engine.docker, None).await? {
        let owner = labels.get(labels::OWNER).and_then(|text| Owner::parse(text));
        let deadline = labels.get(labels::DEADLINE).and_then(|text| text.parse().ok());
        let run = labels.get(labels::RUN).and_then(|text| RunId::new(text.as_str()).ok());
        // Without all three it is not ours, whatever it says.
        if let (Some(run), Some(owner), Some(deadline)) = (run, owner, deadline) {
            let kept = labels.get(labels::KEPT).is_some_and(|value| value == labels::YES);
            let runs = if kind == Kind::Image { &mut by_images } else { &mut made };
            runs.insert(run, Known { owner, deadline, kept });
        }
    }
    Ok((made, by_images))
}
