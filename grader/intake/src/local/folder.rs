//! The files of a folder as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use git2::{ObjectType, Oid};
use ignore::WalkBuilder;

use super::identity::{Leaf, tree_id};
use crate::paths::{check_path, shown};
use crate::tree::{Content, Entry, MAX_LINK, Tree, note, too_large};
use crate::wire::Kind;
use crate::{IntakeError, Limits};

/// What git tracks in a folder, from the commit it stands on.
#[derive(Debug, Default)]
pub(crate) struct Tracked {
    /// Paths of files and links, which are read even where an ignore rule names them.
    pub(crate) files: BTreeSet<String>,
    /// Submodules and the commits that they stand on.
    pub(crate) submodules: BTreeMap<String, Oid>,
}

/// Reads the files below `root`, and the id that git would give them as a tree.
///
/// With `tracked`, the folder's own ignore rules leave out what git would not take either (never the rules of the
/// machine or of folders above); without, every file counts.
///
/// # Errors
/// `TooManyFiles`, `TooBig`, `TooDeep`, `PathTooLong`, `UnsafePath`, `Folder`.
pub(crate) fn read(root: &Path, tracked: Option<&Tracked>, limits: &Limits) -> Result<(Tree, Oid), IntakeError> {
    let mut reader = Reader { root, limits, tree: Tree::default(), kept: 0, hashed: 0 };
    let mut paths = walk(root, tracked.is_some(), limits)?;
    for path in tracked.iter().flat_map(|tracked| &tracked.files) {
        if !below_link(root, path) && std::fs::symlink_metadata(root.join(path)).is_ok() {
            paths.files.insert(path.clone());
        }
    }
    if paths.files.len() > limits.files as usize {
        return Err(IntakeError::TooManyFiles { limit: limits.files });
    }
    reader.tree.notes = paths.notes;
    for path in &paths.files {
        reader.file(path)?;
    }
    for (path, id) in tracked.iter().flat_map(|tracked| &tracked.submodules) {
        if root.join(path).is_dir() && !below_link(root, path) {
            reader.tree.notes.push(note(format!("{} is a submodule, which is not followed", shown(path))));
            reader.push(path, Kind::Submodule, 0, false, Content::None, *id);
        }
    }
    reader.tree.entries.sort_by(|a, b| a.path.cmp(&b.path));
    let tree = reader.tree;
    let leaves =
        tree.entries.iter().map(|entry| -> Leaf<'_> { (&entry.path, &entry.kind, entry.executable, entry.id) });
    let id = tree_id(leaves)?;
    Ok((tree, id))
}

/// Files too large to be kept may have so many times the bytes of what is.
const HASHED: u64 = 4;

#[derive(Default)]
struct Paths {
    files: BTreeSet<String>,
    notes: Vec<grader_model::Note>,
}

fn walk(root: &Path, ignoring: bool, limits: &Limits) -> Result<Paths, IntakeError> {
    let mut paths = Paths::default();
    let mut builder = WalkBuilder::new(root);
    builder
        .standard_filters(false)
        .git_ignore(ignoring)
        .git_exclude(ignoring)
        .require_git(false)
        .follow_links(false)
        .max_depth(Some(limits.depth as usize + 2))
        // git's own folder, also a submodule's, is never content; whatever else is called so is refused by name.
        .filter_entry(|entry| entry.depth() == 0 || entry.file_name() != ".git");
    let mut seen = 0u32;
    for entry in builder.build() {
        let entry = entry
            .map_err(|error| IntakeError::Folder { path: root.display().to_string(), reason: error.to_string() })?;
        // Only standard input, which is not asked for, has no kind.
        let Some(kind) = entry.file_type() else { continue };
        if entry.depth() == 0 {
            continue;
        }
        seen = seen.saturating_add(1);
        if seen > limits.files {
            return Err(IntakeError::TooManyFiles { limit: limits.files });
        }
        let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
        let Some(path) = relative.to_str() else {
            let lossy = relative.to_string_lossy();
            paths.notes.push(note(format!("{} is left out: its name is no UTF-8", shown(&lossy))));
            continue;
        };
        check_path(path, limits)?;
        if kind.is_file() || kind.is_symlink() {
            paths.files.insert(path.to_owned());
        } else if !kind.is_dir() {
            paths.notes.push(note(format!("{} is left out: it is no file, link or folder", shown(path))));
        }
    }
    Ok(paths)
}

/// Whether a folder above `path` is a link, behind which a tracked path no longer is the submission's.
fn below_link(root: &Path, path: &str) -> bool {
    let mut at = root.to_owned();
    let Some((parents, _)) = path.rsplit_once('/') else { return false };
    parents.split('/').any(|name| {
        at.push(name);
        !std::fs::symlink_metadata(&at).is_ok_and(|meta| meta.is_dir())
    })
}

struct Reader<'r> {
    root: &'r Path,
    limits: &'r Limits,
    tree: Tree,
    kept: u64,
    /// Bytes of files too large to be kept.
    hashed: u64,
}

impl Reader<'_> {
    fn file(&mut self, path: &str) -> Result<(), IntakeError> {
        check_path(path, self.limits)?;
        let full = self.root.join(path);
        let failed = |error: std::io::Error| IntakeError::folder(&full, &error);
        let meta = std::fs::symlink_metadata(&full).map_err(failed)?;
        if meta.is_symlink() {
            let target = std::fs::read_link(&full).map_err(failed)?;
            let bytes = target.as_os_str().as_bytes();
            if bytes.len() as u64 > MAX_LINK {
                return Err(IntakeError::damaged(format!("the link {} has no possible target", shown(path))));
            }
            let kind = Kind::Symlink(target.to_string_lossy().into_owned());
            self.push(path, kind, bytes.len() as u64, false, Content::None, hash(bytes)?);
            return Ok(());
        }
        if !meta.is_file() {
            // Tracked as a file, and a folder on disk: its own files were met on the way.
            return Ok(());
        }
        let executable = meta.permissions().mode() & 0o100 != 0;
        if meta.len() > self.limits.one_file {
            // It is read for the id that git gives it, which takes time even where it takes no place on the disk.
            self.hashed = self.hashed.saturating_add(meta.len());
            let limit = self.limits.bytes.saturating_mul(HASHED);
            if self.hashed > limit {
                return Err(IntakeError::TooBig { what: "the tree with its large files".to_owned(), limit });
            }
            let id = Oid::hash_file(ObjectType::Blob, &full).map_err(IntakeError::damaged)?;
            self.tree.notes.push(too_large(path, meta.len(), self.limits));
            self.push(path, Kind::File, meta.len(), executable, Content::None, id);
            return Ok(());
        }
        // The folder may change while it is read: a link or a pipe put in a file's place is neither followed nor
        // waited for.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(&full).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(self.limits.one_file).read_to_end(&mut bytes).map_err(failed)?;
        self.kept += bytes.len() as u64;
        if self.kept > self.limits.bytes {
            return Err(IntakeError::TooBig { what: "the tree".to_owned(), limit: self.limits.bytes });
        }
        let id = hash(&bytes)?;
        self.push(path, Kind::File, bytes.len() as u64, executable, Content::Bytes(bytes), id);
        Ok(())
    }

    fn push(&mut self, path: &str, kind: Kind, size: u64, executable: bool, content: Content, id: Oid) {
        self.tree.entries.push(Entry { path: path.to_owned(), kind, size, executable, id, content });
    }
}

fn hash(bytes: &[u8]) -> Result<Oid, IntakeError> {
    Oid::hash_object(ObjectType::Blob, bytes).map_err(IntakeError::damaged)
}
