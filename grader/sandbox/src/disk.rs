//! What a run's containers write: to their own roots, which the engine weighs, and to volumes, which are weighed where they
//! lie. Whatever writes more than it may is killed.
//!
//! A volume of an engine on another machine, or of one that hides its folders, is not weighed.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bollard::models::ContainerSummary;
use bollard::query_parameters::{
    InspectContainerOptions, KillContainerOptions, ListContainersOptions, ListVolumesOptions,
};

use crate::run::Inner;
use crate::{Event, labels};

/// Time between looks at how much has been written. The engine has to count.
const OFTEN: Duration = Duration::from_secs(2);

/// Looks at containers for one at volumes, whose entries are all counted.
const VOLUMES_EVERY: u32 = 2;

/// Files and folders of a volume; more are as bad as too many bytes.
const MOST_ENTRIES: u64 = 1_000_000;

/// Bytes that one entry takes at the least, besides what it holds.
const ENTRY: u64 = 512;

/// Weighs for as long as it is polled.
pub(crate) async fn weigh(run: Arc<Inner>) {
    for look in 1_u32.. {
        tokio::time::sleep(OFTEN).await;
        let options = ListContainersOptions {
            size: true,
            filters: Some(labels::filter(labels::RUN, Some(run.options.run_id.as_str()))),
            ..ListContainersOptions::default()
        };
        let Ok(containers) = run.engine.docker.list_containers(Some(options)).await else { continue };
        for container in &containers {
            let most = run.options.limits.disk_bytes;
            let counted = container.size_rw.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
            if counted > most
                && let bytes = on_disk(&run, container, most).await.unwrap_or(counted)
                && bytes > most
            {
                end(&run, container, bytes).await;
            }
        }
        if look % VOLUMES_EVERY == 0 {
            for (volume, bytes) in large_volumes(&run).await {
                for container in containers.iter().filter(|container| sees(container, &volume)) {
                    end(&run, container, bytes).await;
                }
            }
        }
    }
}

/// Bytes that a container's own files take, where they can be seen: the engine counts the length of a file also where it is
/// a hole, as in a database's map of a size that nobody will ever fill.
async fn on_disk(run: &Inner, container: &ContainerSummary, most: u64) -> Option<u64> {
    let inspected = run.engine.docker.inspect_container(container.id.as_deref()?, None::<InspectContainerOptions>);
    let folder = PathBuf::from(inspected.await.ok()?.graph_driver?.data.remove("UpperDir")?);
    tokio::task::spawn_blocking(move || folder.is_dir().then(|| weight(&folder, most))).await.ok()?
}

async fn end(run: &Inner, container: &ContainerSummary, bytes: u64) {
    let service = container.labels.as_ref().and_then(|labels| labels.get(labels::SERVICE));
    if let (Some(id), Some(service)) = (&container.id, service) {
        // It may have ended by itself.
        let _ = run.engine.docker.kill_container(id, None::<KillContainerOptions>).await;
        run.tell(Event::DiskFull { service: service.clone(), bytes });
    }
}

fn sees(container: &ContainerSummary, volume: &str) -> bool {
    container.mounts.iter().flatten().any(|mount| mount.name.as_deref() == Some(volume))
}

/// Volumes of the run that hold more than they may, by name.
async fn large_volumes(run: &Inner) -> HashMap<String, u64> {
    let filters = Some(labels::filter(labels::RUN, Some(run.options.run_id.as_str())));
    let Ok(listed) = run.engine.docker.list_volumes(Some(ListVolumesOptions { filters })).await else {
        return HashMap::new();
    };
    let folders: Vec<(String, PathBuf)> =
        listed.volumes.into_iter().flatten().map(|volume| (volume.name, volume.mountpoint.into())).collect();
    let most = run.options.limits.volume_bytes;
    let weighing = tokio::task::spawn_blocking(move || {
        let weighed = folders.into_iter().map(|(name, folder)| (name, weight(&folder, most)));
        weighed.filter(|(_, bytes)| *bytes > most).collect()
    });
    weighing.await.unwrap_or_default()
}

/// Bytes on disk below a folder, counted until they are more than `most`; `u64::MAX` for too many entries. Links are not
/// followed. What goes away meanwhile, or cannot be read, weighs nothing.
fn weight(folder: &Path, most: u64) -> u64 {
    let (mut bytes, mut entries) = (0_u64, 0_u64);
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            entries += 1;
            if entries > MOST_ENTRIES {
                return u64::MAX;
            }
            let Ok(about) = entry.metadata() else { continue };
            bytes = bytes.saturating_add(about.blocks().saturating_mul(512).max(ENTRY));
            if bytes > most {
                return bytes;
            }
            if about.is_dir() {
                open.push(entry.path());
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_weighs_what_is_in_it_and_nothing_that_links_lead_to() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large");
        std::fs::write(&large, vec![1; 1 << 20]).unwrap();
        let below = folder.path().join("volume/a/b");
        std::fs::create_dir_all(&below).unwrap();
        let volume = folder.path().join("volume");
        std::os::unix::fs::symlink(&large, below.join("link")).unwrap();
        std::os::unix::fs::symlink(folder.path(), below.join("round")).unwrap();
        assert!(weight(&volume, 1 << 30) < 64 << 10);
        std::fs::write(below.join("own"), vec![1; 1 << 20]).unwrap();
        assert!(weight(&volume, 1 << 30) >= 1 << 20);
        // Counting ends where the answer is known.
        assert!(weight(&volume, 1 << 10) > 1 << 10);
        // A file of holes takes no room.
        std::fs::File::create(volume.join("sparse")).unwrap().set_len(1 << 40).unwrap();
        assert!(weight(&volume, 1 << 30) < 2 << 20);
        assert_eq!(weight(&folder.path().join("none"), 1), 0);
    }
}
