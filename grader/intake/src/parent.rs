//! The parent's side: starts the child, holds it to its deadline, and checks each of its words.

mod child;
mod read;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use grader_model::{Note, Snapshot};
use serde::{Deserialize, Serialize};

use crate::wire::Job;
use crate::{Credentials, IntakeError, Limits, Source};

/// How a child is started: a program, and what comes before anything else on its command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildCommand {
    pub program: PathBuf,
    pub args: Vec<OsString>,
}

impl ChildCommand {
    /// The running binary with the argument `intake-child`, for which it must call [`crate::child_main`].
    ///
    /// # Errors
    /// `Child` where the system does not say which binary runs.
    pub fn current() -> Result<Self, IntakeError> {
        let program = std::env::current_exe().map_err(|error| IntakeError::Child { reason: error.to_string() })?;
        Ok(ChildCommand { program, args: vec![OsString::from("intake-child")] })
    }
}

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes received so far.
    pub received_bytes: u64,
    /// Objects that the server announced; 0 until it did.
    pub objects: u32,
}

/// What is to be taken in, and how.
#[derive(Clone)]
pub struct IntakeRequest {
    pub source: Source,
    /// What the source's server is shown, where the source itself holds no credentials.
    pub credentials: Option<Credentials>,
    /// A branch, tag or commit; refused beside a different one in the source.
    pub reference: Option<String>,
    /// The graded folder, from the repository's root, `/`-separated.
    pub subdir: Option<String>,
    pub limits: Limits,
    pub child: ChildCommand,
    /// Whether private, loopback and other special addresses may be asked. `true` suits a person's own machine; a
    /// service that takes sources from others sets `false`, and then no proxy is used either.
    pub allow_private: bool,
    /// Where the temporary folder is made; the system's place without it.
    pub scratch: Option<PathBuf>,
    /// Called about ten times a second while a transfer goes on.
    pub progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

impl IntakeRequest {
    /// A request for the whole of `source` under the default limits, private addresses allowed.
    pub fn new(source: Source, child: ChildCommand) -> Self {
        IntakeRequest {
            source,
            credentials: None,
            reference: None,
            subdir: None,
            limits: Limits::default(),
            child,
            allow_private: true,
            scratch: None,
            progress: None,
        }
    }
}

impl fmt::Debug for IntakeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntakeRequest")
            .field("source", &self.source)
            .field("credentials", &self.credentials)
            .field("reference", &self.reference)
            .field("subdir", &self.subdir)
            .field("limits", &self.limits)
            .field("child", &self.child)
            .field("allow_private", &self.allow_private)
            .finish_non_exhaustive()
    }
}

/// A submission, taken in.
#[derive(Debug, Clone)]
pub struct Intake {
    pub snapshot: Snapshot,
    /// Hex id of the graded commit, which a dirty work tree is based on; empty for a folder without git.
    pub commit: String,
    /// Hex id that git gives the graded tree; the same files have the same id however they came.
    pub tree: String,
    /// The source without credentials, with the ref and folder that were asked for.
    pub source_display: String,
    /// What a reader should know: files left out, a dirty work tree, submodules.
    pub notes: Vec<Note>,
    pub stats: Stats,
}

/// What an intake amounted to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Bytes that a server sent; 0 for what was on this machine.
    pub received_bytes: u64,
    /// Objects in the pack that a server sent.
    pub objects: u32,
    pub files: u32,
    /// Bytes of content kept of the graded tree.
    pub tree_bytes: u64,
    pub commits: u32,
    /// Bytes of content kept that only the history holds.
    pub historic_bytes: u64,
    /// From the start of the child to its last word.
    pub elapsed: Duration,
}

/// Takes a submission in.
///
/// The work is done in a child process with a temporary folder, both of which are gone when this returns, fails or is
/// dropped. Dropping blocks until the killed child is gone, some milliseconds.
///
/// # Errors
/// See [`IntakeError`]; [`IntakeError::fault`] says whose doing each is.
pub async fn take(request: IntakeRequest) -> Result<Intake, IntakeError> {
    let reference = agreed_reference(&request)?;
    let subdir = normal_subdir(request.subdir.as_deref(), &request.limits)?;
    let mut source_display = request.source.location.to_string();
    if let Some(reference) = &reference {
        source_display = format!("{source_display}#{reference}");
    }
    if let Some(subdir) = &subdir {
        source_display = format!("{source_display} ({subdir})");
    }
    let scratch = crate::scratch::make(request.scratch.as_deref()).map_err(IntakeError::scratch)?;
    let job = Job {
        location: request.source.location.clone(),
        credentials: request.credentials.clone(),
        reference,
        subdir,
        limits: request.limits.clone(),
        scratch: scratch.path().to_owned(),
        allow_private: request.allow_private,
    };
    tracing::debug!(source = %source_display, "taking in");
    let taken = child::run(&request, &job, scratch).await?;
    let stats = taken.stats;
    tracing::debug!(source = %source_display, commit = %taken.finish.commit, ?stats, "taken in");
    Ok(Intake {
        snapshot: taken.snapshot,
        commit: taken.finish.commit,
        tree: taken.finish.tree,
        source_display,
        notes: taken.finish.notes,
        stats,
    })
}

fn agreed_reference(request: &IntakeRequest) -> Result<Option<String>, IntakeError> {
    let invalid =
        |text: &str, reason: &str| Err(IntakeError::InvalidSource { text: text.to_owned(), reason: reason.to_owned() });
    let reference = match (request.source.reference(), request.reference.as_deref()) {
        (Some(own), Some(asked)) if own != asked => {
            return invalid(
                &request.source.to_string(),
                &format!("it names the ref `{own}`, and `{asked}` is asked for"),
            );
        }
        (own, asked) => own.or(asked),
    };
    match reference {
        Some("") => invalid("", "a ref has a name"),
        Some(name) if name.len() > 1024 || name.contains(|c: char| c.is_control()) => {
            invalid(&name.chars().filter(|c| !c.is_control()).take(80).collect::<String>(), "no ref has such a name")
        }
        other => Ok(other.map(str::to_owned)),
    }
}

fn normal_subdir(subdir: Option<&str>, limits: &Limits) -> Result<Option<String>, IntakeError> {
    let Some(given) = subdir else { return Ok(None) };
    let names: Vec<&str> = given.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
    if names.is_empty() {
        return Ok(None);
    }
    let path = names.join("/");
    match crate::paths::check_path(&path, limits) {
        Ok(()) if !given.starts_with('/') => Ok(Some(path)),
        _ => Err(IntakeError::InvalidSource {
            text: crate::paths::shown(given),
            reason: "a folder is named from the repository's root and stays below it".to_owned(),
        }),
    }
}
