//! What a run is about to make, on disk before it is made.
//!
//! One file a run, `RUN.jsonl`: a header, then a line for each name. A line is synced before the engine is asked, so
//! whatever exists is either written down or was never made. The file goes when the run left nothing.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::labels::{Owner, RunId, RunLabels, unix};
use crate::{Engine, SandboxError};

/// A sort of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Container,
    Network,
    Volume,
    Image,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Container => "container",
            Kind::Network => "network",
            Kind::Volume => "volume",
            Kind::Image => "image",
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Run { run: String, owner: String, deadline: u64, engine: String },
    Create { kind: Kind, name: String },
}

/// The open journal of a run.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

impl Journal {
    /// Starts the journal of a run.
    ///
    /// # Errors
    /// [`SandboxError::Journal`] when the folder cannot be made, or the run has a journal already.
    pub(crate) fn open(dir: &Path, labels: &RunLabels, engine: &Engine) -> Result<Self, SandboxError> {
        let path = path_of(dir, &labels.run);
        let broken = |error: std::io::Error| unwritable(&path, &error);
        std::fs::create_dir_all(dir).map_err(broken)?;
        let file = OpenOptions::new().append(true).create_new(true).open(&path).map_err(broken)?;
        let journal = Journal { path: path.clone(), file: Mutex::new(file) };
        journal.write(&[Line::Run {
            run: labels.run.to_string(),
            owner: labels.owner.to_string(),
            deadline: unix(labels.deadline),
            engine: engine.info().address.clone(),
        }])?;
        // The name of a new file is the folder's content, and is synced with it.
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(broken)?;
        Ok(journal)
    }

    /// Writes down what is about to be made. Returns once it is on disk.
    pub(crate) fn will_create<'a>(&self, what: impl IntoIterator<Item = (Kind, &'a str)>) -> Result<(), SandboxError> {
        let lines: Vec<Line> =
            what.into_iter().map(|(kind, name)| Line::Create { kind, name: name.to_owned() }).collect();
        if lines.is_empty() { Ok(()) } else { self.write(&lines) }
    }

    /// Nothing is left: the journal goes.
    pub(crate) fn finish(&self) -> Result<(), SandboxError> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unwritable(&self.path, &error)),
            _ => Ok(()),
        }
    }

    fn write(&self, lines: &[Line]) -> Result<(), SandboxError> {
        let mut bytes = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut bytes, line).map_err(|error| unwritable(&self.path, &error.into()))?;
            bytes.push(b'\n');
        }
        // A writer that panicked half-way leaves at worst a broken line, which readers skip.
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.write_all(&bytes).and_then(|()| file.sync_data()).map_err(|error| unwritable(&self.path, &error))
    }
}

/// A journal as a sweep reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) path: PathBuf,
    pub(crate) run: RunId,
    pub(crate) owner: Owner,
    /// Seconds since the epoch.
    pub(crate) deadline: u64,
    /// Address of the engine that it was made on.
    pub(crate) engine: String,
    pub(crate) created: Vec<(Kind, String)>,
}

/// Every readable journal in a folder; none when the folder is not there.
pub(crate) fn records(dir: &Path) -> Vec<Record> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut records: Vec<Record> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "jsonl"))
        .filter_map(|path| record(&path))
        .collect();
    records.sort_by(|a, b| a.run.cmp(&b.run));
    records
}

pub(crate) fn record(path: &Path) -> Option<Record> {
    let text = std::fs::read_to_string(path).ok()?;
    // The last line may be cut where the writer died; a cut line names nothing that was made.
    let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let Line::Run { run, owner, deadline, engine } = lines.next()? else { return None };
    let created = lines
        .filter_map(|line| match line {
            Line::Create { kind, name } => Some((kind, name)),
            Line::Run { .. } => None,
        })
        .collect();
    Some(Record {
        path: path.to_owned(),
        run: RunId::new(run).ok()?,
        owner: Owner::parse(&owner)?,
        deadline,
        engine,
        created,
    })
}

pub(crate) fn path_of(dir: &Path, run: &RunId) -> PathBuf {
    dir.join(format!("{run}.jsonl"))
}

fn unwritable(path: &Path, error: &std::io::Error) -> SandboxError {
    SandboxError::Journal { path: path.display().to_string(), detail: error.to_string() }
}
