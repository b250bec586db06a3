//! Takes away everything that carries a run's label, until nothing is found twice in a row.
//!
//! Twice, since a call that was under way when its caller died may still make something after the first look.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::query_parameters::{ListVolumesOptions, RemoveContainerOptions, RemoveImageOptions, RemoveVolumeOptions};
use futures_util::future::join_all;

use crate::errors::{Doing, is_conflict, is_missing};
use crate::inventory::{Resource, labelled};
use crate::journal::Kind;
use crate::labels::{self, RunId};
use crate::{Engine, Removed, SandboxError};

/// Looks before what refuses to go is an error.
const LOOKS: usize = 50;

/// Time between looks at something that refuses to go: the engine is still taking it away for somebody else.
const PAUSE: Duration = Duration::from_millis(100);

/// How long something that was written down and is not there may still be on its way: its maker died while the engine
/// was at work on it.
const ON_ITS_WAY: Duration = Duration::from_secs(3);

/// Removes all that carries the run's label. `named` are what a dead process wrote down: names that may exist without
/// the label, or may appear only just now.
///
/// # Errors
/// When the engine is away, or something still stands after fifty looks.
pub(crate) async fn remove_run(
    engine: &Engine,
    run: &RunId,
    named: &[(Kind, String)],
) -> Result<Vec<Removed>, SandboxError> {
    let docker = &engine.docker;
    let mut removed = Vec::new();
    let mut empty = 0;
    let mut last_error = None;
    // Names from the journal count in the first look only: afterwards the label tells.
    let mut extra: Vec<(Kind, String)> = named.to_vec();
    let mut unseen: HashSet<&(Kind, String)> = named.iter().collect();
    let began = Instant::now();
    for look in 0..LOOKS {
        let mut found = Vec::new();
        for Resource { kind, id, name, .. } in labelled(docker, Some(run)).await? {
            unseen.remove(&(kind, name));
            found.push((kind, id));
        }
        found.extend(unlabelled_volumes(docker, run).await?);
        for resource in extra.drain(..) {
            if exists_unlabelled(docker, &resource).await {
                unseen.remove(&resource);
                found.push(resource);
            }
        }
        if found.is_empty() {
            if !unseen.is_empty() && began.elapsed() < ON_ITS_WAY {
                empty = 0;
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            empty += 1;
            if empty == 2 {
                return Ok(removed);
            }
            continue;
        }
        empty = 0;
        if look > 1 {
            tokio::time::sleep(PAUSE).await;
        }
        // What hangs on something comes before it: containers, then networks and volumes, then images.
        for kinds in [&[Kind::Container][..], &[Kind::Network, Kind::Volume], &[Kind::Image]] {
            let of_kind = found.iter().filter(|(kind, _)| kinds.contains(kind));
            for ((kind, name), result) in
                join_all(of_kind.map(|resource| async move { (resource, remove(docker, resource).await) })).await
            {
                match result {
                    Ok(()) => removed.push(Removed { run: run.clone(), kind: kind.as_str(), name: name.clone() }),
                    Err(error) => last_error = Some(error),
                }
            }
        }
    }
    Err(last_error.unwrap_or(SandboxError::Engine {
        doing: format!("remove run {run}"),
        detail: "its resources keep coming back".to_owned(),
    }))
}

/// Volumes with the run's name and no label. The engine makes one for a container that was about to be made when its volume
/// was taken away.
async fn unlabelled_volumes(docker: &Docker, run: &RunId) -> Result<Vec<(Kind, String)>, SandboxError> {
    let prefix = format!("grader-{run}-");
    let filters = Some([("name".to_owned(), vec![prefix.clone()])].into_iter().collect());
    let listed = docker.list_volumes(Some(ListVolumesOptions { filters })).await.doing("list what runs left")?;
    let ours = listed.volumes.into_iter().flatten();
    let ours = ours.filter(|volume| volume.name.starts_with(&prefix) && !volume.labels.contains_key(labels::RUN));
    Ok(ours.map(|volume| (Kind::Volume, volume.name)).collect())
}

/// Whether something of this name stands there without any label of ours. What carries another run's is that run's.
async fn exists_unlabelled(docker: &Docker, (kind, name): &(Kind, String)) -> bool {
    let labels = match kind {
        Kind::Container => docker.inspect_container(name, None).await.ok().map(|c| c.config.and_then(|c| c.labels)),
        Kind::Network => docker.inspect_network(name, None).await.ok().map(|n| n.labels),
        Kind::Volume => docker.inspect_volume(name).await.ok().map(|v| Some(v.labels)),
        // An image without labels of ours is never ours: names of images are not the run's alone.
        Kind::Image => None,
    };
    labels.is_some_and(|labels| !labels.unwrap_or_default().contains_key(labels::RUN))
}

async fn remove(docker: &Docker, (kind, name): &(Kind, String)) -> Result<(), SandboxError> {
    let result = match kind {
        Kind::Container => {
            let options = RemoveContainerOptions { v: true, force: true, link: false };
            docker.remove_container(name, Some(options)).await
        }
        Kind::Network => docker.remove_network(name).await,
        Kind::Volume => docker.remove_volume(name, Some(RemoveVolumeOptions { force: true })).await,
        Kind::Image => {
            let options = RemoveImageOptions { force: true, ..RemoveImageOptions::default() };
            docker.remove_image(name, Some(options), None).await.map(drop)
        }
    };
    match result {
        // Somebody else took it, or is taking it away just now; the next look tells.
        Err(error) if is_missing(&error) || is_conflict(&error) => Ok(()),
        other => other.doing(&format!("remove the {} {name}", kind.as_str())),
    }
}
