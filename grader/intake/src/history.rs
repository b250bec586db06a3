//! The history that led to the graded commit: who changed how much when, and the blobs that only it still holds.
//!
//! Work is budgeted in units that do not depend on the machine (entries compared, bytes diffed), so that the same
//! history always gives the same result.

use std::collections::{BTreeMap, HashSet};

use git2::{Commit, DiffOptions, ObjectType, Oid, Patch, Repository};

use crate::paths::check_path;
use crate::wire::{CommitHead, HistoricHead};
use crate::{IntakeError, Limits, objects};

/// Where the history is sent as it is read.
pub(crate) trait Sink {
    fn commit(&mut self, commit: &CommitHead) -> Result<(), IntakeError>;
    fn historic(&mut self, head: &HistoricHead, bytes: &[u8]) -> Result<(), IntakeError>;
}

/// Tree entries that are compared over the whole history.
const MAX_COMPARED: u64 = 2_000_000;
/// Bytes of the paths that one commit changed.
const MAX_PATHS: usize = 64 * 1024 * 1024;
/// Bytes that are diffed line by line over the whole history.
const MAX_DIFFED: u64 = 256 * 1024 * 1024;
/// A file over this size counts as changed, without lines.
const MAX_DIFFED_FILE: u64 = 1024 * 1024;
/// Bytes of all messages and names together.
const MAX_TEXT: usize = 32 * 1024 * 1024;
/// Bytes of one message.
const MAX_MESSAGE: usize = 4096;
/// Parents of one commit that are listed; an octopus has a few.
const MAX_PARENTS: usize = 64;

/// Reads the history of `head`, newest first, into `sink`. `present` are the blobs of the graded tree; a historic blob
/// is one below `subdir` (empty for the whole) that is not among them.
///
/// A commit's counts are those of its difference to its first parent, without looking for renames. Returns whether
/// the history was longer than what was read.
///
/// # Errors
/// `BadRepository` for objects of the wrong kind; a missing parent only ends the history, as in a shallow clone.
pub(crate) fn read(
    repository: &Repository,
    head: Oid,
    subdir: &str,
    present: &HashSet<Oid>,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<bool, IntakeError> {
    let mut reader = Reader { repository, limits, compared: 0, diffed: 0, text: 0, seen: present.clone(), kept: 0 };
    let mut truncated = false;
    let mut queue = Queue::default();
    queue.push(repository, head, limits)?;
    let mut count = 0;
    while let Some(commit) = queue.pop() {
        if count == limits.history_commits || reader.spent() {
            return Ok(true);
        }
        count += 1;
        let mut parents = Vec::new();
        for id in commit.parent_ids().take(MAX_PARENTS) {
            match queue.push(repository, id, limits) {
                Ok(()) => parents.push(id),
                Err(IntakeError::BadRepository { .. }) => truncated = true,
                Err(error) => return Err(error),
            }
        }
        let first = commit.parent_ids().next();
        let mut stat = Stat::default();
        // The first commit of a shallow history changed an unknown part of what it holds.
        if first.is_none() || first.is_some_and(|id| parents.contains(&id)) {
            let old = first.map(|id| reader.tree_of(id)).transpose()?;
            let changes = reader.changes(old, commit.tree_id())?;
            stat = reader.stat(&changes)?;
            reader.historic(&changes, commit.id(), first, subdir, sink)?;
        }
        for other in parents.iter().filter(|id| Some(**id) != first) {
            let old = reader.tree_of(*other)?;
            let changes = reader.changes(Some(old), commit.tree_id())?;
            reader.historic(&changes, commit.id(), Some(*other), subdir, sink)?;
        }
        let head = describe(&commit, &stat);
        reader.text += head.message.len() + head.author.len() + head.email.len() + 41 * head.parents.len();
        sink.commit(&head)?;
    }
    Ok(truncated)
}

/// Commits still to be read, newest first; of the same second, in the order in which they were found.
#[derive(Default)]
struct Queue<'r> {
    waiting: BTreeMap<(i64, std::cmp::Reverse<u64>), Commit<'r>>,
    met: HashSet<Oid>,
    found: u64,
}

impl<'r> Queue<'r> {
    fn push(&mut self, repository: &'r Repository, id: Oid, limits: &Limits) -> Result<(), IntakeError> {
        if self.met.contains(&id) {
            return Ok(());
        }
        objects::check(repository, id, ObjectType::Commit, limits)?;
        let commit = repository.find_commit(id).map_err(|error| objects::error(&error, limits))?;
        self.met.insert(id);
        self.found += 1;
        self.waiting.insert((commit.time().seconds(), std::cmp::Reverse(self.found)), commit);
        Ok(())
    }

    fn pop(&mut self) -> Option<Commit<'r>> {
        self.waiting.pop_last().map(|(_, commit)| commit)
    }
}

/// A file that differs between two trees: what it was and what it is.
struct Change {
    path: String,
    old: Option<Oid>,
    new: Option<Oid>,
}

#[derive(Default)]
struct Stat {
    files: u32,
    insertions: u32,
    deletions: u32,
}

struct Reader<'r> {
    repository: &'r Repository,
    limits: &'r Limits,
    compared: u64,
    diffed: u64,
    text: usize,
    /// Blobs of the graded tree, and historic ones that were already judged.
    seen: HashSet<Oid>,
    kept: u64,
}

/// What a tree holds under a name, files and folders apart: a file that becomes a folder is two changes.
type Names = BTreeMap<(Vec<u8>, bool), Oid>;

impl Reader<'_> {
    fn spent(&self) -> bool {
        self.compared >= MAX_COMPARED || self.diffed >= MAX_DIFFED || self.text >= MAX_TEXT
    }

    fn tree_of(&self, commit: Oid) -> Result<Oid, IntakeError> {
        let commit = self.repository.find_commit(commit).map_err(|error| objects::error(&error, self.limits))?;
        Ok(commit.tree_id())
    }

    /// The files that differ between two trees; some of them once a budget is spent, which ends the history after
    /// this commit. Subtrees that are equal are never opened, and nothing below the limit of depth is.
    fn changes(&mut self, old: Option<Oid>, new: Oid) -> Result<Vec<Change>, IntakeError> {
        let mut changes = Vec::new();
        let mut held = 0;
        let mut pairs = vec![(String::new(), 0u32, old, Some(new))];
        while let Some((prefix, depth, old, new)) = pairs.pop() {
            if old == new || depth > self.limits.depth || self.compared >= MAX_COMPARED {
                continue;
            }
            let old = self.names(old)?;
            let new = self.names(new)?;
            let all: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
            for key in all {
                let (before, after) = (old.get(key).copied(), new.get(key).copied());
                if before == after {
                    continue;
                }
                let (name, is_folder) = key;
                let path = format!("{prefix}{}", String::from_utf8_lossy(name));
                held += path.len();
                if held > MAX_PATHS {
                    self.compared = MAX_COMPARED;
                    break;
                }
                if *is_folder {
                    pairs.push((format!("{path}/"), depth + 1, before, after));
                } else {
                    changes.push(Change { path, old: before, new: after });
                }
            }
        }
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(changes)
    }

    fn names(&mut self, tree: Option<Oid>) -> Result<Names, IntakeError> {
        let Some(id) = tree else { return Ok(Names::new()) };
        objects::check(self.repository, id, ObjectType::Tree, self.limits)?;
        let tree = self.repository.find_tree(id).map_err(|error| objects::error(&error, self.limits))?;
        self.compared += 1 + tree.len() as u64;
        // Submodules have no object here; links count as files, as in git's own statistics.
        let known = |mode: i32| mode == 0o040_000 || mode & 0o170_000 == 0o100_000 || mode == 0o120_000;
        Ok(tree
            .iter()
            .filter(|entry| known(entry.filemode_raw()))
            .map(|entry| ((entry.name_bytes().to_vec(), entry.filemode_raw() == 0o040_000), entry.id()))
            .collect())
    }

    fn stat(&mut self, changes: &[Change]) -> Result<Stat, IntakeError> {
        let mut stat = Stat { files: u32::try_from(changes.len()).unwrap_or(u32::MAX), ..Stat::default() };
        for change in changes {
            if self.diffed >= MAX_DIFFED {
                break;
            }
            let (Some(old), Some(new)) = (self.lines_of(change.old)?, self.lines_of(change.new)?) else { continue };
            self.diffed += (old.len() + new.len()) as u64;
            let (inserted, deleted) = self.line_changes(&old, &new)?;
            stat.insertions = stat.insertions.saturating_add(inserted);
            stat.deletions = stat.deletions.saturating_add(deleted);
        }
        Ok(stat)
    }

    /// The content to diff: empty for a file that is not there, `None` for one that has no lines to count.
    fn lines_of(&self, blob: Option<Oid>) -> Result<Option<Vec<u8>>, IntakeError> {
        let Some(id) = blob else { return Ok(Some(Vec::new())) };
        let (size, kind) = match objects::header(self.repository, id, self.limits) {
            Ok(header) => header,
            // A partial clone lacks blobs of the past; they have no lines here.
            Err(IntakeError::BadRepository { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if kind != ObjectType::Blob || size > MAX_DIFFED_FILE {
            return Ok(None);
        }
        let bytes = objects::blob(self.repository, id, self.limits)?;
        // git's own test for binary files.
        let binary = bytes.iter().take(8000).any(|byte| *byte == 0);
        Ok(if binary { None } else { Some(bytes) })
    }

    fn line_changes(&self, old: &[u8], new: &[u8]) -> Result<(u32, u32), IntakeError> {
        if old.is_empty() || new.is_empty() {
            return Ok((count_lines(new), count_lines(old)));
        }
        let mut options = DiffOptions::new();
        options.context_lines(0).force_text(true);
        let patch = Patch::from_buffers(old, None, new, None, Some(&mut options))
            .map_err(|error| objects::error(&error, self.limits))?;
        let (_, inserted, deleted) = patch.line_stats().map_err(|error| objects::error(&error, self.limits))?;
        Ok((u32::try_from(inserted).unwrap_or(u32::MAX), u32::try_from(deleted).unwrap_or(u32::MAX)))
    }

    /// Sends the blobs of `changes` that the graded tree does not have. What a commit replaced was last held by its
    /// parent; what it brought is its own, unless a newer commit already showed it as replaced.
    fn historic(
        &mut self,
        changes: &[Change],
        commit: Oid,
        parent: Option<Oid>,
        subdir: &str,
        sink: &mut dyn Sink,
    ) -> Result<(), IntakeError> {
        for change in changes {
            for (blob, holder) in [(change.old, parent), (change.new, Some(commit))] {
                let (Some(blob), Some(holder)) = (blob, holder) else { continue };
                let Some(path) = below(&change.path, subdir) else { continue };
                if !self.seen.insert(blob) || check_path(path, self.limits).is_err() {
                    continue;
                }
                let Ok((size, ObjectType::Blob)) = objects::header(self.repository, blob, self.limits) else {
                    continue;
                };
                // One large file must not hide the small ones after it.
                if size > self.limits.one_file || self.kept + size > self.limits.historic_bytes {
                    continue;
                }
                self.kept += size;
                let bytes = objects::blob(self.repository, blob, self.limits)?;
                sink.historic(&HistoricHead { path: path.to_owned(), commit: holder.to_string() }, &bytes)?;
            }
        }
        Ok(())
    }
}

/// `path` as seen from `subdir`; `None` for what is not below it.
fn below<'p>(path: &'p str, subdir: &str) -> Option<&'p str> {
    if subdir.is_empty() {
        return Some(path);
    }
    path.strip_prefix(subdir)?.strip_prefix('/')
}

fn count_lines(bytes: &[u8]) -> u32 {
    let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
    let open = usize::from(bytes.last().is_some_and(|byte| *byte != b'\n'));
    u32::try_from(ends + open).unwrap_or(u32::MAX)
}

fn describe(commit: &Commit<'_>, stat: &Stat) -> CommitHead {
    let author = commit.author();
    let text = |bytes: &[u8], most: usize| {
        let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(most)]).into_owned();
        text.truncate(text.floor_char_boundary(most));
        text
    };
    CommitHead {
        id: commit.id().to_string(),
        parents: commit.parent_ids().take(MAX_PARENTS).map(|id| id.to_string()).collect(),
        author: text(author.name_bytes(), 256),
        email: text(author.email_bytes(), 256),
        time: author.when().seconds(),
        message: text(commit.message_bytes(), MAX_MESSAGE),
        files_changed: stat.files,
        insertions: stat.insertions,
        deletions: stat.deletions,
    }
}
