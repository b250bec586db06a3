//! Reads a submission's tree as data and packs parts of it into archives for the engine.
//!
//! Links are followed inside the tree only, by name, and never on a file system.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use grader_compose::project::Location;
use grader_model::{FileEntry, FileKind, Snapshot};

/// More links in a row than this are a loop.
const MOST_LINKS: usize = 16;

/// What a path of a tree leads to.
#[derive(Debug, Clone)]
pub(crate) enum Found<'a> {
    File(&'a FileEntry),
    /// A folder, by its own path without links.
    Folder(String),
}

/// Follows a path through the tree, and the links on its way as long as they stay inside.
pub(crate) fn find<'a>(files: &'a Snapshot, path: &str) -> Option<Found<'a>> {
    let mut rest: Vec<String> = path.rsplit('/').map(str::to_owned).collect();
    let mut here: Vec<String> = Vec::new();
    let mut links = 0;
    while let Some(part) = rest.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                here.pop()?;
                continue;
            }
            _ => here.push(part),
        }
        let Some(entry) = files.files.get(&here.join("/")) else { continue };
        match &entry.kind {
            FileKind::Symlink(target) => {
                links += 1;
                if links > MOST_LINKS || target.starts_with('/') {
                    return None;
                }
                here.pop();
                rest.extend(target.rsplit('/').map(str::to_owned));
            }
            FileKind::File => return rest.iter().all(|part| part.is_empty()).then_some(Found::File(entry)),
            FileKind::Submodule => {}
        }
    }
    let folder = here.join("/");
    is_folder(files, &folder).then_some(Found::Folder(folder))
}

/// A location's path; `None` for one that the policy would have refused.
pub(crate) fn path_of(location: &Location) -> Option<&str> {
    location.tree().map(|path| path.as_str())
}

/// Every entry below a folder, by its path relative to it.
pub(crate) fn below<'a>(files: &'a Snapshot, folder: &str) -> impl Iterator<Item = (&'a str, &'a FileEntry)> {
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    files.files.iter().filter_map(move |(path, entry)| Some((path.strip_prefix(&prefix)?, entry)))
}

fn is_folder(files: &Snapshot, folder: &str) -> bool {
    folder.is_empty()
        || files.files.get(folder).is_some_and(|entry| entry.kind == FileKind::Submodule)
        || below(files, folder).next().is_some()
}

/// Whose the entries of an archive are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ownership {
    pub(crate) uid: u64,
    pub(crate) gid: u64,
}

/// An archive under construction. The same entries always give the same bytes.
pub(crate) struct Archive {
    tar: tar::Builder<Vec<u8>>,
    owner: Ownership,
    folders: BTreeSet<String>,
    limit: u64,
    used: u64,
    /// Seconds since the epoch that every entry says it was made at.
    made: u64,
}

/// Why an entry does not go into an archive.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unpackable {
    /// The archive, or one file, is larger than allowed.
    TooLarge,
    /// The entry's name does not fit an archive.
    BadName,
}

impl Archive {
    pub(crate) fn new(owner: Ownership, limit: u64) -> Self {
        // A day on which nothing happened; builders compare content.
        let made = 946_684_800;
        Archive { tar: tar::Builder::new(Vec::new()), owner, folders: BTreeSet::new(), limit, used: 0, made }
    }

    /// Gives entries a time: tools that look at times take what is older than their own output for unchanged.
    pub(crate) fn made(mut self, at: SystemTime) -> Self {
        self.made = at.duration_since(UNIX_EPOCH).map_or(self.made, |since| since.as_secs());
        self
    }

    /// Adds an entry of the tree.
    pub(crate) fn entry(&mut self, path: &str, entry: &FileEntry) -> Result<(), Unpackable> {
        match &entry.kind {
            FileKind::File => {
                let bytes = entry.bytes.as_deref().ok_or(Unpackable::TooLarge)?;
                self.file(path, bytes, if entry.executable { 0o755 } else { 0o644 })
            }
            FileKind::Symlink(target) => {
                self.parents(path)?;
                let mut header = self.header(tar::EntryType::Symlink, 0o777, 0);
                self.tar.append_link(&mut header, path, target).map_err(|_| Unpackable::BadName)
            }
            FileKind::Submodule => self.folder(path, 0o755),
        }
    }

    pub(crate) fn file(&mut self, path: &str, bytes: &[u8], mode: u32) -> Result<(), Unpackable> {
        self.file_of(self.owner, path, bytes, mode)
    }

    /// Adds a file that belongs to somebody else than the rest.
    pub(crate) fn file_of(&mut self, owner: Ownership, path: &str, bytes: &[u8], mode: u32) -> Result<(), Unpackable> {
        self.used += bytes.len() as u64;
        if self.used > self.limit {
            return Err(Unpackable::TooLarge);
        }
        self.parents(path)?;
        let mut header = self.header(tar::EntryType::Regular, mode, bytes.len() as u64);
        header.set_uid(owner.uid);
        header.set_gid(owner.gid);
        self.tar.append_data(&mut header, path, bytes).map_err(|_| Unpackable::BadName)
    }

    pub(crate) fn folder(&mut self, path: &str, mode: u32) -> Result<(), Unpackable> {
        if path.is_empty() || !self.folders.insert(path.to_owned()) {
            return Ok(());
        }
        self.parents(path)?;
        let mut header = self.header(tar::EntryType::Directory, mode, 0);
        self.tar.append_data(&mut header, format!("{path}/"), &[][..]).map_err(|_| Unpackable::BadName)
    }

    /// Treats a folder as being there already, so that the engine's own is left as it is.
    pub(crate) fn assume_folder(&mut self, path: &str) {
        let mut path = path;
        while !path.is_empty() {
            self.folders.insert(path.to_owned());
            path = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        // A Vec takes whatever is written to it.
        self.tar.into_inner().unwrap_or_default()
    }

    fn parents(&mut self, path: &str) -> Result<(), Unpackable> {
        match path.rsplit_once('/') {
            Some((parent, _)) => self.folder(parent, 0o755),
            None => Ok(()),
        }
    }

    fn header(&self, kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_uid(self.owner.uid);
        header.set_gid(self.owner.gid);
        header.set_mtime(self.made);
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> FileEntry {
        FileEntry {
            kind: FileKind::File,
            size: text.len() as u64,
            bytes: Some(text.as_bytes().into()),
            executable: false,
        }
    }

    fn link(target: &str) -> FileEntry {
        FileEntry { kind: FileKind::Symlink(target.to_owned()), size: 0, bytes: None, executable: false }
    }

    fn tree(entries: Vec<(&str, FileEntry)>) -> Snapshot {
        let files = entries.into_iter().map(|(path, entry)| (path.to_owned(), entry)).collect();
        Snapshot { files, ..Snapshot::default() }
    }

    #[test]
    fn links_are_followed_inside_the_tree_only() {
        let tree = tree(vec![
            ("a/real", file("x")),
            ("b", link("a")),
            ("c", link("b/real")),
            ("up", link("../../etc/passwd")),
            ("abs", link("/etc/passwd")),
            ("loop", link("loop")),
        ]);
        assert!(matches!(find(&tree, "c"), Some(Found::File(_))));
        assert!(matches!(find(&tree, "b/real"), Some(Found::File(_))));
        assert!(matches!(find(&tree, "b"), Some(Found::Folder(folder)) if folder == "a"));
        for bad in ["up", "abs", "loop", "nothing", "a/real/x"] {
            assert!(find(&tree, bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_folder_is_not_its_namesakes() {
        let tree = tree(vec![("app/x", file("1")), ("app2/y", file("2"))]);
        let names: Vec<&str> = below(&tree, "app").map(|(path, _)| path).collect();
        assert_eq!(names, ["x"]);
        assert_eq!(below(&tree, "").count(), 2);
    }

    #[test]
    fn an_archive_over_its_limit_is_refused() {
        let mut archive = Archive::new(Ownership { uid: 0, gid: 0 }, 3);
        assert_eq!(archive.file("a", b"123", 0o644), Ok(()));
        assert_eq!(archive.file("b", b"4", 0o644), Err(Unpackable::TooLarge));
    }
}
