//! A submission's tree and history as plain data, read once by intake within its budgets.
//!
//! Everything after intake reads a submission through this: no later stage opens a path that a submission could have
//! planted a link under.

use std::sync::Arc;

use indexmap::IndexMap;

/// The graded tree and the history that led to it.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Path from the graded folder's root, `/`-separated, to the entry; sorted by path.
    pub files: IndexMap<String, FileEntry>,
    /// Every commit reachable from the graded one, newest first; empty for a folder without git.
    pub commits: Vec<Commit>,
    /// Names of the branches that the source has, without `refs/heads/`.
    pub branches: Vec<String>,
    /// Blobs that the history holds and the tree no longer does, up to intake's budget, newest first.
    pub historic: Vec<HistoricBlob>,
    /// Set when the history was longer than intake reads.
    pub history_truncated: bool,
}

/// What stands at a path.
#[derive(Debug, Clone)]
pub struct FileEntry {
    pub kind: FileKind,
    /// Size in bytes as git or the file system says, also where `bytes` was not kept.
    pub size: u64,
    /// The content; absent for links, submodules and files over intake's limit for one file.
    pub bytes: Option<Arc<[u8]>>,
    pub executable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    File,
    /// A symbolic link and where it points, unresolved.
    Symlink(String),
    Submodule,
}

/// One commit of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Hex id.
    pub id: String,
    pub parents: Vec<String>,
    pub author: String,
    pub email: String,
    /// Author time in seconds since the epoch.
    pub time: i64,
    /// The whole message, cut at 4 KiB.
    pub message: String,
    pub files_changed: u32,
    pub insertions: u32,
    pub deletions: u32,
}

/// A blob that only the history holds.
#[derive(Debug, Clone)]
pub struct HistoricBlob {
    pub path: String,
    /// Hex id of the newest commit that had it.
    pub commit: String,
    pub bytes: Arc<[u8]>,
}

impl Snapshot {
    /// The text of a regular file; `None` when it is missing, too large to be kept, or no UTF-8.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).and_then(FileEntry::text)
    }

    /// Regular files with text, in order of path.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, entry)| Some((path.as_str(), entry.text()?)))
    }
}

impl FileEntry {
    pub fn text(&self) -> Option<&str> {
        match self.kind {
            FileKind::File => std::str::from_utf8(self.bytes.as_deref()?).ok(),
            FileKind::Symlink(_) | FileKind::Submodule => None,
        }
    }
}
