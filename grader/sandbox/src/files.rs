//! Files of a running stack, read through the engine: found by their first bytes, handed out as bytes under a limit.
//!
//! A container need have neither a shell nor `cat`, and nothing is written to the host. What the engine sends is an
//! archive whose names and sizes a submission chose: it is streamed, and given up once it has cost enough. Files on a
//! tmpfs are not seen: an engine's archive does not hold them.

use std::io::Read;
use std::time::Duration;

use bollard::models::ChangeType;
use bollard::query_parameters::DownloadFromContainerOptions;
use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::errors::{Doing, is_missing};
use crate::stack::RunningStack;
use crate::{Engine, SandboxError};

/// Longest time for looking through one container.
const LOOKING: Duration = Duration::from_secs(20);
/// Bytes of one volume that are gone through.
const VOLUME_BYTES: u64 = 512 << 20;
/// Files of one volume that are gone through.
const VOLUME_FILES: usize = 20_000;
/// Files of one container's root whose beginning is looked at.
const ROOT_FILES: usize = 48;
/// Files that are named at the most.
const MOST: usize = 16;

/// A file in a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoundFile {
    pub service: String,
    /// Absolute, in the container.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

impl RunningStack {
    /// The regular files that begin with these bytes, among what the services wrote to their root and in their
    /// volumes; at most 16, in order of service and path. A volume that several services share counts once.
    ///
    /// # Errors
    /// When the engine is away. A container that cannot be looked through in 20 s is left out.
    pub async fn find_files(&self, begins_with: &[u8]) -> Result<Vec<FoundFile>, SandboxError> {
        let mut found = Vec::new();
        let mut volumes_seen = Vec::new();
        for (service, state) in &self.shared.services {
            let looking = self.look_through(service, &state.container, begins_with, &mut volumes_seen);
            if let Ok(files) = tokio::time::timeout(LOOKING.min(self.shared.run.remaining()), looking).await {
                found.extend(files?);
            }
        }
        found.sort();
        found.dedup();
        found.truncate(MOST);
        Ok(found)
    }

    /// A regular file as it is now; `None` when there is none at that path, or it is larger than `most` bytes.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchService`]; when the engine is away or the archive breaks off.
    pub async fn read_file(&self, service: &str, path: &str, most: u64) -> Result<Option<Vec<u8>>, SandboxError> {
        let container = self.shared.container(service)?;
        let archive = Archive::open(&self.shared.run.engine, container, path);
        let reading = archive.read(move |mut entries| {
            let Some(entry) = entries.next() else { return Ok(None) };
            let mut entry = entry?;
            if !entry.header().entry_type().is_file() || entry.size() > most {
                return Ok(None);
            }
            let mut bytes = Vec::new();
            entry.by_ref().take(most).read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        });
        match tokio::time::timeout(LOOKING.min(self.shared.run.remaining()), reading).await {
            Ok(read) => read.map(Option::flatten),
            Err(_) => Err(trouble(format!("reading a file took longer than {} s", LOOKING.as_secs()))),
        }
    }

    async fn look_through(
        &self,
        service: &str,
        container: &str,
        begins_with: &[u8],
        volumes_seen: &mut Vec<String>,
    ) -> Result<Vec<FoundFile>, SandboxError> {
        let engine = &self.shared.run.engine;
        let named = |(path, size)| FoundFile { service: service.to_owned(), path, size };
        let mut found: Vec<FoundFile> = Vec::new();
        for path in written(engine, container).await? {
            found.extend(beginning(engine, container, &path, begins_with).await?.map(|size| named((path, size))));
        }
        let described = engine.docker.inspect_container(container, None).await.doing("look at a container")?;
        for mount in described.mounts.unwrap_or_default() {
            let (Some(volume), Some(at)) = (mount.name, mount.destination) else { continue };
            if mount.typ.as_deref() == Some("volume") && !volumes_seen.contains(&volume) {
                volumes_seen.push(volume);
                found.extend(in_volume(engine, container, &at, begins_with).await?.into_iter().map(named));
            }
        }
        Ok(found)
    }
}

/// Paths that a container wrote besides its volumes, those named like databases first.
async fn written(engine: &Engine, container: &str) -> Result<Vec<String>, SandboxError> {
    let changes = match engine.docker.container_changes(container).await {
        Ok(changes) => changes.unwrap_or_default(),
        Err(error) if is_missing(&error) => return Ok(Vec::new()),
        Err(error) => return Err(SandboxError::engine("list what a container wrote", &error)),
    };
    let mut paths: Vec<String> = changes
        .into_iter()
        .filter(|change| change.kind != ChangeType::_2)
        .map(|change| change.path)
        .filter(|path| !["/proc/", "/sys/", "/dev/"].iter().any(|system| path.starts_with(system)))
        .collect();
    // Whether it is named like one only decides what is looked at first.
    let unlikely = |path: &String| {
        let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        !["db", "sqlite", "sqlite3", "db3", "data"].iter().any(|end| name.ends_with(&format!(".{end}")))
    };
    paths.sort_by_key(|path| (unlikely(path), path.matches('/').count()));
    paths.truncate(ROOT_FILES);
    Ok(paths)
}

/// The size of the file at `path` where it begins so.
async fn beginning(
    engine: &Engine,
    container: &str,
    path: &str,
    begins_with: &[u8],
) -> Result<Option<u64>, SandboxError> {
    let wanted = begins_with.to_vec();
    let read = Archive::open(engine, container, path)
        .read(move |mut entries| {
            let Some(entry) = entries.next() else { return Ok(None) };
            let mut entry = entry?;
            Ok(begins(&mut entry, &wanted)?.then(|| entry.size()))
        })
        .await?;
    Ok(read.flatten())
}

/// The files of a volume that begin so, with their sizes.
async fn in_volume(
    engine: &Engine,
    container: &str,
    at: &str,
    begins_with: &[u8],
) -> Result<Vec<(String, u64)>, SandboxError> {
    let wanted = begins_with.to_vec();
    let parent = at.trim_end_matches('/').rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
    let read = Archive::open(engine, container, at)
        .read(move |entries| {
            let mut found = Vec::new();
            let mut bytes = 0_u64;
            for entry in entries.take(VOLUME_FILES) {
                let mut entry = entry?;
                bytes = bytes.saturating_add(entry.size());
                if bytes > VOLUME_BYTES || found.len() >= MOST {
                    break;
                }
                let path = format!("{parent}/{}", entry.path()?.display());
                if begins(&mut entry, &wanted)? {
                    found.push((path, entry.size()));
                }
            }
            Ok(found)
        })
        .await?;
    Ok(read.unwrap_or_default())
}

fn begins<R: Read>(entry: &mut tar::Entry<'_, R>, wanted: &[u8]) -> std::io::Result<bool> {
    let size = usize::try_from(entry.size()).unwrap_or(usize::MAX);
    if !entry.header().entry_type().is_file() || size < wanted.len() {
        return Ok(false);
    }
    let mut head = vec![0; wanted.len()];
    entry.read_exact(&mut head)?;
    Ok(head == wanted)
}

/// An archive on its way from the engine. Whoever stops reading ends it.
struct Archive {
    pieces: mpsc::Receiver<Result<Bytes, bollard::errors::Error>>,
}

/// What a reader of an archive sees.
type Entries<'a> = tar::Entries<'a, Feed>;

impl Archive {
    fn open(engine: &Engine, container: &str, path: &str) -> Self {
        let options = DownloadFromContainerOptions { path: path.to_owned() };
        let (send, pieces) = mpsc::channel(4);
        let docker = engine.docker.clone();
        let container = container.to_owned();
        tokio::spawn(async move {
            let mut stream = std::pin::pin!(docker.download_from_container(&container, Some(options)));
            while let Some(piece) = stream.next().await {
                let broken = piece.is_err();
                if send.send(piece).await.is_err() || broken {
                    break;
                }
            }
        });
        Archive { pieces }
    }

    /// Reads it off the threads that talk; `None` when there is nothing at that path.
    async fn read<T: Send + 'static>(
        mut self,
        reader: impl FnOnce(Entries<'_>) -> std::io::Result<T> + Send + 'static,
    ) -> Result<Option<T>, SandboxError> {
        let first = match self.pieces.recv().await {
            Some(Ok(piece)) => piece,
            Some(Err(error)) if is_missing(&error) => return Ok(None),
            Some(Err(error)) => return Err(SandboxError::engine("read files of a container", &error)),
            None => return Ok(None),
        };
        let feed = Feed { current: first, pieces: self.pieces };
        let reading = tokio::task::spawn_blocking(move || {
            let mut archive = tar::Archive::new(feed);
            archive.entries().and_then(reader)
        });
        match reading.await {
            Ok(read) => read.map(Some).map_err(|error| trouble(error.to_string())),
            Err(_) => Err(trouble("the archive's reader broke".to_owned())),
        }
    }
}

fn trouble(detail: String) -> SandboxError {
    SandboxError::Engine { doing: "read files of a container".to_owned(), detail }
}

/// The pieces of an archive as one reader.
struct Feed {
    current: Bytes,
    pieces: mpsc::Receiver<Result<Bytes, bollard::errors::Error>>,
}

impl Read for Feed {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(Ok(piece)) => self.current = piece,
                Some(Err(error)) => return Err(std::io::Error::other(error)),
                None => return Ok(0),
            }
        }
        let length = into.len().min(self.current.len());
        self.current.copy_to_slice(&mut into[..length]);
        Ok(length)
    }
}
