//! Finds runs whose process is gone or whose time is over, and removes them. Never touches a live run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bollard::query_parameters::{
    ListContainersOptions, ListImagesOptions, ListNetworksOptions, ListVolumesOptions, RemoveImageOptions,
};

use crate::errors::Doing;
use crate::journal::{self, Kind};
use crate::labels::{self, Owner, RunId, unix};
use crate::teardown::remove_run;
use crate::{Engine, SandboxError};

/// What a sweep looks at.
#[derive(Debug, Clone)]
pub struct SweepOptions {
    /// The folder of journals; `None` goes by labels alone.
    pub journal: Option<PathBuf>,
    /// Only these runs, and these whether they live or not; `None`: every run that is over.
    pub runs: Option<Vec<RunId>>,
    /// Images kept for a regrade, and those of harnesses, go once they are this old; `None` keeps them.
    pub images_older_than: Option<Duration>,
}

impl Default for SweepOptions {
    fn default() -> Self {
        SweepOptions { journal: None, runs: None, images_older_than: Some(Duration::from_secs(7 * 24 * 3600)) }
    }
}

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
    /// Kept images that had grown too old.
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
    let mut runs = labelled(engine).await?;
    for record in &records {
        if record.engine == engine.info().address {
            runs.entry(record.run.clone()).or_insert_with(|| (record.owner.clone(), record.deadline));
        }
    }
    for wanted in options.runs.iter().flatten() {
        runs.entry(wanted.clone()).or_insert_with(|| (Owner::current(), 0));
    }
    let now = unix(SystemTime::now());
    for (run, (owner, deadline)) in runs {
        let over = match &options.runs {
            Some(wanted) => wanted.contains(&run),
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
    if let Some(age) = options.images_older_than {
        report.images = prune_images(engine, labels::BUILD, age).await?;
        report.images.extend(prune_images(engine, labels::HARNESS, age).await?);
    }
    Ok(report)
}

/// Every run that a label names, with its owner and deadline.
async fn labelled(engine: &Engine) -> Result<BTreeMap<RunId, (Owner, u64)>, SandboxError> {
    let docker = &engine.docker;
    let filters = Some(labels::filter(labels::RUN, None));
    let (containers, networks, volumes, images) = tokio::try_join!(
        docker.list_containers(Some(ListContainersOptions {
            all: true,
            filters: filters.clone(),
            ..ListContainersOptions::default()
        })),
        docker.list_networks(Some(ListNetworksOptions { filters: filters.clone() })),
        docker.list_volumes(Some(ListVolumesOptions { filters: filters.clone() })),
        docker.list_images(Some(ListImagesOptions { all: true, filters, ..ListImagesOptions::default() })),
    )
    .doing("list what runs left")?;
    let sets = containers
        .into_iter()
        .filter_map(|c| c.labels)
        .chain(networks.into_iter().filter_map(|n| n.labels))
        .chain(volumes.volumes.unwrap_or_default().into_iter().map(|v| v.labels))
        .chain(images.into_iter().map(|i| i.labels));
    let mut runs = BTreeMap::new();
    for labels in sets {
        let owner = labels.get(labels::OWNER).and_then(|text| Owner::parse(text));
        let deadline = labels.get(labels::DEADLINE).and_then(|text| text.parse().ok());
        let run = labels.get(labels::RUN).and_then(|text| RunId::new(text.as_str()).ok());
        // Without all three it is not ours, whatever it says.
        if let (Some(run), Some(owner), Some(deadline)) = (run, owner, deadline) {
            runs.insert(run, (owner, deadline));
        }
    }
    Ok(runs)
}

/// Removes images with a label that are older than `age` and that no container uses.
pub(crate) async fn prune_images(engine: &Engine, label: &str, age: Duration) -> Result<Vec<String>, SandboxError> {
    let filters = Some(labels::filter(label, None));
    let images = engine
        .docker
        .list_images(Some(ListImagesOptions { filters, ..ListImagesOptions::default() }))
        .await
        .doing("list kept images")?;
    let before =
        i64::try_from(unix(SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH))).unwrap_or(i64::MAX);
    let mut removed = Vec::new();
    for image in images.into_iter().filter(|image| image.created < before) {
        // Without force the engine keeps what a container uses.
        for name in image.repo_tags.iter().chain(image.repo_tags.is_empty().then_some(&image.id)) {
            if engine.docker.remove_image(name, None::<RemoveImageOptions>, None).await.is_ok() {
                removed.push(name.clone());
            }
        }
    }
    Ok(removed)
}
