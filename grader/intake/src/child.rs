//! The child process: reads its job, takes the repository in, and answers in frames.
//!
//! It trusts its parent and nothing else. It may die at any moment; what it leaves behind is below the scratch folder.

use std::collections::HashSet;
use std::io::{self, BufRead, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use git2::{Oid, Repository};
use grader_model::Note;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::local::{self, Found, GitDirs, Tracked};
use crate::refs::{Listing, Wanted};
use crate::remote::{Guard, PackSink, Received, Remote};
use crate::source::Location;
use crate::tree::{Content, Entry, Tree, note};
use crate::wire::{CommitHead, FileHead, Finish, FrameWriter, HistoricHead, Job, Kind, Tag};
use crate::{IntakeError, Limits, history, objects, tree};

/// The whole of the child process. The `grader` binary calls this for its hidden command `intake-child`, before
/// anything else: it reads its job from standard input and answers on standard output, for [`crate::take`] alone.
///
/// Returns success also where the intake failed, as long as the parent could be told why.
pub fn child_main() -> ExitCode {
    let mut line = String::new();
    // One byte over the limit shows a job that is too long; the parent writes a few kilobytes.
    let read = io::stdin().lock().take(1024 * 1024).read_line(&mut line);
    let job: Job = match read
        .map_err(|error| error.to_string())
        .and_then(|_| serde_json::from_str(&line).map_err(|error| error.to_string()))
    {
        Ok(job) => job,
        Err(error) => {
            if line.is_empty() {
                remove_unused_scratch();
            }
            eprintln!("intake-child is started by grader itself, with a job on standard input: {error}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = confine(&job.limits) {
        eprintln!("intake-child cannot limit itself: {error}");
        return ExitCode::FAILURE;
    }
    watch(&job);
    let mut output = Output { frames: FrameWriter(BufWriter::with_capacity(256 * 1024, io::stdout().lock())) };
    let ended = match run(&job, &mut output) {
        Ok(finish) => output.frames.json(Tag::Done, &finish),
        Err(error) => output.frames.json(Tag::Failed, &scrub(error, &job.secrets())),
    };
    match ended.and_then(|()| output.frames.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("intake-child cannot answer: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The parent died before it wrote the job. Its scratch folder, in which this process was started, is empty as yet, and
/// nobody else knows of it.
fn remove_unused_scratch() {
    let Ok(folder) = std::env::current_dir() else { return };
    if folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(crate::scratch::PREFIX)) {
        // Only an empty folder goes, whoever started this process and where.
        let _ = std::fs::remove_dir(folder);
    }
}

/// Limits what this process, and an ssh started by it, may take: memory, and the size of any one file (the pack; its
/// index has at most 40 bytes for an object). No core is dumped, since it would hold credentials.
fn confine(limits: &Limits) -> io::Result<()> {
    let file = limits.bytes.saturating_add(u64::from(limits.objects).saturating_mul(64)).saturating_add(1024 * 1024);
    for (resource, most) in [(Resource::As, limits.memory), (Resource::Fsize, file), (Resource::Core, 0)] {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        match setrlimit(resource, limit) {
            Ok(()) => {}
            // A limit that is already lower cannot be raised, nor need it be.
            Err(rustix::io::Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Ends this process with its group when the parent is gone or the deadline is well past, whichever the parent could
/// not see to itself, and removes the scratch folder then.
fn watch(job: &Job) {
    let scratch = job.scratch.clone();
    let late = job.limits.wall_clock.saturating_add(Duration::from_secs(5));
    let end = move || {
        // What cannot be removed now is the operating system's to clean, as any temporary folder.
        let _ = std::fs::remove_dir_all(&scratch);
        // The parent made this process the leader of its own group; a person who starts it by hand did not.
        let own = rustix::process::getpid();
        if rustix::process::getpgrp() == own {
            let _ = rustix::process::kill_process_group(own, rustix::process::Signal::KILL);
        }
        std::process::exit(3);
    };
    let also = end.clone();
    std::thread::spawn(move || {
        let mut rest = [0u8; 64];
        while !matches!(io::stdin().read(&mut rest), Ok(0) | Err(_)) {}
        end();
    });
    std::thread::spawn(move || {
        std::thread::sleep(late);
        also();
    });
}

struct Output<W: Write> {
    frames: FrameWriter<W>,
}

impl<W: Write> history::Sink for Output<W> {
    fn commit(&mut self, commit: &CommitHead) -> Result<(), IntakeError> {
        self.frames.json(Tag::Commit, commit).map_err(gone)
    }

    fn historic(&mut self, head: &HistoricHead, bytes: &[u8]) -> Result<(), IntakeError> {
        self.frames.json(Tag::Historic, head).and_then(|()| self.frames.raw(Tag::Content, bytes)).map_err(gone)
    }
}

impl<W: Write> Output<W> {
    fn entry(&mut self, entry: &Entry, repository: Option<&Repository>, limits: &Limits) -> Result<(), IntakeError> {
        let bytes = match (&entry.content, repository) {
            (Content::None, _) => None,
            (Content::Bytes(bytes), _) => Some(std::borrow::Cow::Borrowed(bytes)),
            (Content::Stored, Some(repository)) => {
                Some(std::borrow::Cow::Owned(objects::blob(repository, entry.id, limits)?))
            }
            (Content::Stored, None) => return Err(IntakeError::damaged("a blob without a repository")),
        };
        let head = FileHead {
            path: entry.path.clone(),
            kind: entry.kind.clone(),
            size: entry.size,
            executable: entry.executable,
            content: bytes.is_some(),
        };
        self.frames.json(Tag::File, &head).map_err(gone)?;
        bytes.map_or(Ok(()), |bytes| self.frames.raw(Tag::Content, &bytes).map_err(gone))
    }
}

fn gone(error: io::Error) -> IntakeError {
    IntakeError::Child { reason: format!("nobody reads its answer: {error}") }
}

fn run<W: Write>(job: &Job, output: &mut Output<W>) -> Result<Finish, IntakeError> {
    match &job.location {
        Location::Folder(path) => folder(job, path, output),
        Location::File(path) => {
            let dirs = match local::discover(path) {
                Found::WorkTree(dirs) | Found::Bare(dirs) => dirs,
                Found::Ignored(_) | Found::Nothing => {
                    return Err(IntakeError::NotFound { place: job.location.to_string() });
                }
            };
            let (repository, listing, commit) = open_local(job, &dirs)?;
            graded(job, &repository, &listing, commit, Received::default(), Vec::new(), output)
        }
        Location::Http(_) | Location::Git { .. } | Location::Ssh { .. } => remote(job, output),
    }
}

fn remote<W: Write>(job: &Job, output: &mut Output<W>) -> Result<Finish, IntakeError> {
    let mut remote = Remote::connect(&job.location, job.credentials.as_ref(), Guard::new(job.allow_private))?;
    let reference = job.reference.as_deref();
    let wanted = remote.listing.resolve(reference)?;
    let wants = match &wanted {
        Wanted::Tip(id) => vec![*id],
        Wanted::Id(id) if remote.gives_any_id() => vec![*id],
        Wanted::Id(_) | Wanted::Prefix(_) => remote.listing.tips(),
    };
    if wants.is_empty() {
        return Err(IntakeError::EmptyRepository);
    }
    let store = job.scratch.join("objects");
    let pack = store.join("pack");
    std::fs::create_dir_all(&pack).map_err(IntakeError::scratch)?;
    let mut report = |progress| {
        // A parent that is gone is noticed by the watch.
        let _ = output.frames.json(Tag::Progress, &progress).and_then(|()| output.frames.flush());
    };
    let mut sink = PackSink::new(&pack, &job.limits, &mut report)?;
    remote.fetch(&wants, &mut sink).map_err(|error| match (error, &wanted, reference) {
        // A server that promises any object refuses one that it does not have.
        (IntakeError::Protocol { .. }, Wanted::Id(_), Some(name)) => remote.listing.not_found(name),
        (error, _, _) => error,
    })?;
    let received = sink.index()?;
    let repository = objects::open(&store)?;
    let commit = commit_of(&repository, &remote.listing, &wanted, reference, &job.limits)?;
    graded(job, &repository, &remote.listing, commit, received, Vec::new(), output)
}

fn open_local(job: &Job, dirs: &GitDirs) -> Result<(Repository, Listing, Oid), IntakeError> {
    let listing = local::read_refs(dirs)?;
    let wanted = listing.resolve(job.reference.as_deref())?;
    let store = job.scratch.join("objects");
    objects::link(&dirs.common, &store)?;
    let repository = objects::open(&store)?;
    let commit = commit_of(&repository, &listing, &wanted, job.reference.as_deref(), &job.limits)?;
    Ok((repository, listing, commit))
}

/// The commit that was asked for, now that its object is here.
fn commit_of(
    repository: &Repository,
    listing: &Listing,
    wanted: &Wanted,
    reference: Option<&str>,
    limits: &Limits,
) -> Result<Oid, IntakeError> {
    let missing = || listing.not_found(reference.unwrap_or("HEAD"));
    let id = match wanted {
        Wanted::Tip(id) => *id,
        Wanted::Id(id) => repository.odb().ok().filter(|odb| odb.exists(*id)).map(|_| *id).ok_or_else(missing)?,
        Wanted::Prefix(digits) => {
            let short = Oid::from_str(&format!("{digits:0<40}")).map_err(|_| missing())?;
            let odb = repository.odb().map_err(IntakeError::scratch)?;
            odb.exists_prefix(short, digits.len()).map_err(|_| missing())?
        }
    };
    objects::peel(repository, id, limits)
}

/// Sends the tree of `commit`, or of the folder asked for in it, and its history.
fn graded<W: Write>(
    job: &Job,
    repository: &Repository,
    listing: &Listing,
    commit: Oid,
    received: Received,
    notes: Vec<Note>,
    output: &mut Output<W>,
) -> Result<Finish, IntakeError> {
    let limits = &job.limits;
    let root = repository.find_commit(commit).map_err(|error| objects::error(&error, limits))?.tree_id();
    let subdir = job.subdir.as_deref().unwrap_or_default();
    let tree_id = tree::find(repository, root, subdir, limits)?;
    let listed = tree::list(repository, tree_id, limits)?;
    send(job, Some(repository), Some(commit), listing, listed, tree_id, received, notes, output)
}

#[expect(clippy::too_many_arguments, reason = "each is a different thing that the last frames are made of")]
fn send<W: Write>(
    job: &Job,
    repository: Option<&Repository>,
    commit: Option<Oid>,
    listing: &Listing,
    listed: Tree,
    tree_id: Oid,
    received: Received,
    mut notes: Vec<Note>,
    output: &mut Output<W>,
) -> Result<Finish, IntakeError> {
    let limits = &job.limits;
    let Tree { entries, notes: of_tree } = listed;
    notes.extend(of_tree);
    let present: HashSet<Oid> = entries.iter().map(|entry| entry.id).collect();
    let mut pointers = 0u32;
    for entry in &entries {
        pointers += u32::from(is_lfs_pointer(entry, repository, limits));
        output.entry(entry, repository, limits)?;
    }
    if pointers > 0 {
        notes.push(note(format!("{pointers} files are Git LFS pointers; what they point at is not fetched")));
    }
    let mut finish = Finish {
        tree: tree_id.to_string(),
        branches: listing.branches().into_iter().take(1_000).collect(),
        received_bytes: received.bytes,
        objects: received.objects,
        ..Finish::default()
    };
    if let (Some(repository), Some(commit)) = (repository, commit) {
        let subdir = job.subdir.as_deref().unwrap_or_default();
        finish.commit = commit.to_string();
        finish.history_truncated = history::read(repository, commit, subdir, &present, limits, output)?;
    }
    notes.truncate(200);
    finish.notes = notes;
    Ok(finish)
}

/// Whether a small file is a pointer of Git LFS (its specification, "The Pointer").
fn is_lfs_pointer(entry: &Entry, repository: Option<&Repository>, limits: &Limits) -> bool {
    const START: &[u8] = b"version https://git-lfs.github.com/spec/";
    if entry.kind != Kind::File || entry.size > 1024 {
        return false;
    }
    match (&entry.content, repository) {
        (Content::Bytes(bytes), _) => bytes.starts_with(START),
        (Content::Stored, Some(repository)) => {
            objects::blob(repository, entry.id, limits).is_ok_and(|bytes| bytes.starts_with(START))
        }
        _ => false,
    }
}

/// A folder on this machine: its files count, and HEAD where the folder is a work tree.
fn folder<W: Write>(job: &Job, path: &Path, output: &mut Output<W>) -> Result<Finish, IntakeError> {
    let limits = &job.limits;
    let (dirs, work_tree, mut notes) = match local::discover(path) {
        Found::WorkTree(dirs) => (Some(dirs), true, Vec::new()),
        Found::Bare(dirs) => (Some(dirs), false, Vec::new()),
        Found::Ignored(reason) => (None, true, vec![note(format!("the folder is read as one without git: {reason}"))]),
        Found::Nothing => (None, true, Vec::new()),
    };
    let Some(dirs) = dirs else {
        if let Some(reference) = &job.reference {
            return Err(IntakeError::RefNotFound { reference: reference.clone(), known: Vec::new() });
        }
        let (tree, id) = local::read_folder(&below(path, job)?, None, limits)?;
        return send(job, None, None, &Listing::default(), tree, id, Received::default(), notes, output);
    };
    let (repository, listing, commit) = match open_local(job, &dirs) {
        Ok(opened) => opened,
        // Files without a commit are still a submission.
        Err(IntakeError::EmptyRepository) if work_tree && job.reference.is_none() => {
            notes.push(note("nothing is committed: the folder's files are graded as they are".to_owned()));
            let (tree, id) = local::read_folder(&below(path, job)?, Some(&Tracked::default()), limits)?;
            return send(job, None, None, &Listing::default(), tree, id, Received::default(), notes, output);
        }
        Err(error) => return Err(error),
    };
    // Whoever names a ref means what is committed there.
    if !work_tree || job.reference.is_some() {
        return graded(job, &repository, &listing, commit, Received::default(), notes, output);
    }
    let root = repository.find_commit(commit).map_err(|error| objects::error(&error, limits))?.tree_id();
    let subdir = job.subdir.as_deref().unwrap_or_default();
    let committed = match tree::find(&repository, root, subdir, limits) {
        Ok(id) => Some((id, tree::list(&repository, id, limits)?)),
        // A folder that is not committed yet may still be there.
        Err(IntakeError::SubdirNotFound { .. }) => None,
        Err(error) => return Err(error),
    };
    let tracked = committed.as_ref().map(|(_, listed)| tracked(listed)).unwrap_or_default();
    let (on_disk, id) = local::read_folder(&below(path, job)?, Some(&tracked), limits)?;
    match committed {
        Some((committed_id, listed)) if committed_id == id => {
            send(job, Some(&repository), Some(commit), &listing, listed, id, Received::default(), notes, output)
        }
        _ => {
            notes.push(note(format!(
                "the work tree differs from its commit {commit}: the folder's files are graded as they are"
            )));
            send(job, Some(&repository), Some(commit), &listing, on_disk, id, Received::default(), notes, output)
        }
    }
}

fn tracked(listed: &Tree) -> Tracked {
    let mut tracked = Tracked::default();
    for entry in &listed.entries {
        if entry.kind == Kind::Submodule {
            tracked.submodules.insert(entry.path.clone(), entry.id);
        } else {
            tracked.files.insert(entry.path.clone());
        }
    }
    tracked
}

/// The folder asked for below `path`, reached through no link.
fn below(path: &Path, job: &Job) -> Result<PathBuf, IntakeError> {
    let Some(subdir) = &job.subdir else { return Ok(path.to_owned()) };
    let mut at = path.to_owned();
    for name in subdir.split('/') {
        at.push(name);
        if !std::fs::symlink_metadata(&at).is_ok_and(|meta| meta.is_dir()) {
            return Err(IntakeError::SubdirNotFound { subdir: subdir.clone() });
        }
    }
    Ok(at)
}

/// Takes the source's secrets out of an error, which a server's words or a library's may repeat.
fn scrub(error: IntakeError, secrets: &[String]) -> IntakeError {
    let Ok(mut value) = serde_json::to_value(&error) else { return error };
    fn walk(value: &mut serde_json::Value, secrets: &[String]) {
        match value {
            serde_json::Value::String(text) => {
                for secret in secrets {
                    *text = text.replace(secret.as_str(), "***");
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| walk(item, secrets)),
            serde_json::Value::Object(map) => {
                map.iter_mut().filter(|(key, _)| *key != "kind").for_each(|(_, item)| walk(item, secrets));
            }
            _ => {}
        }
    }
    walk(&mut value, secrets);
    serde_json::from_value(value).unwrap_or(error)
}
