//! The graded tree, listed from git's objects under the limits. Content is not read here but when it is sent.

use std::collections::HashSet;

use git2::{ObjectType, Oid, Repository};
use grader_model::{Note, NoteKind};

use crate::paths::{check_path, shown};
use crate::wire::Kind;
use crate::{IntakeError, Limits, objects};

/// An entry of the tree, and where its content is.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) size: u64,
    pub(crate) executable: bool,
    /// The blob's id; a submodule's commit.
    pub(crate) id: Oid,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    None,
    /// In the object store, under the entry's id.
    Stored,
    Bytes(Vec<u8>),
}

/// The entries by path, and what a reader should know of those that are not there in full.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) entries: Vec<Entry>,
    pub(crate) notes: Vec<Note>,
}

/// The longest target of a symbolic link, Linux's PATH_MAX.
pub(crate) const MAX_LINK: u64 = 4096;

/// The id of the tree that stands at `subdir` below the tree `root`.
///
/// # Errors
/// `SubdirNotFound`, `BadRepository`.
pub(crate) fn find(repository: &Repository, root: Oid, subdir: &str, limits: &Limits) -> Result<Oid, IntakeError> {
    let mut id = root;
    for name in subdir.split('/').filter(|name| !name.is_empty() && *name != ".") {
        objects::check(repository, id, ObjectType::Tree, limits)?;
        let tree = repository.find_tree(id).map_err(|error| objects::error(&error, limits))?;
        let found = tree.get_name(name).filter(|entry| entry.filemode_raw() == 0o040_000).map(|entry| entry.id());
        id = found.ok_or_else(|| IntakeError::SubdirNotFound { subdir: subdir.to_owned() })?;
    }
    Ok(id)
}

/// Lists everything below the tree `root`.
///
/// # Errors
/// `TooManyFiles`, `TooBig`, `TooDeep`, `PathTooLong`, `UnsafePath`, `BadRepository`.
pub(crate) fn list(repository: &Repository, root: Oid, limits: &Limits) -> Result<Tree, IntakeError> {
    let mut tree = Tree::default();
    let mut seen = 0u32;
    let mut kept = 0u64;
    let mut folders = vec![(String::new(), root)];
    while let Some((prefix, id)) = folders.pop() {
        objects::check(repository, id, ObjectType::Tree, limits)?;
        let folder = repository.find_tree(id).map_err(|error| objects::error(&error, limits))?;
        let mut names = HashSet::new();
        for item in folder.iter() {
            seen = seen.saturating_add(1);
            if seen > limits.files {
                return Err(IntakeError::TooManyFiles { limit: limits.files });
            }
            let Ok(name) = std::str::from_utf8(item.name_bytes()) else {
                let lossy = format!("{prefix}{}", String::from_utf8_lossy(item.name_bytes()));
                tree.notes.push(note(format!("{} is left out: its name is no UTF-8", shown(&lossy))));
                continue;
            };
            let path = format!("{prefix}{name}");
            check_path(&path, limits)?;
            if !names.insert(name.to_owned()) {
                return Err(IntakeError::damaged(format!("{} stands twice in its folder", shown(&path))));
            }
            let mode = item.filemode_raw();
            match mode {
                0o040_000 => folders.push((format!("{path}/"), item.id())),
                0o160_000 => {
                    tree.notes.push(note(format!("{} is a submodule, which is not followed", shown(&path))));
                    tree.entries.push(Entry {
                        path,
                        kind: Kind::Submodule,
                        size: 0,
                        executable: false,
                        id: item.id(),
                        content: Content::None,
                    });
                }
                0o120_000 => {
                    let (size, _) = blob_header(repository, item.id(), limits)?;
                    if size > MAX_LINK {
                        return Err(IntakeError::damaged(format!("the link {} has no possible target", shown(&path))));
                    }
                    let target = objects::blob(repository, item.id(), limits)?;
                    tree.entries.push(Entry {
                        path,
                        kind: Kind::Symlink(String::from_utf8_lossy(&target).into_owned()),
                        size,
                        executable: false,
                        id: item.id(),
                        content: Content::None,
                    });
                }
                0o100_644 | 0o100_755 | 0o100_664 => {
                    let (size, _) = blob_header(repository, item.id(), limits)?;
                    let content = if size > limits.one_file {
                        tree.notes.push(too_large(&path, size, limits));
                        Content::None
                    } else {
                        kept += size;
                        Content::Stored
                    };
                    if kept > limits.bytes {
                        return Err(IntakeError::TooBig { what: "the tree".to_owned(), limit: limits.bytes });
                    }
                    let executable = mode == 0o100_755;
                    tree.entries.push(Entry { path, kind: Kind::File, size, executable, id: item.id(), content });
                }
                other => {
                    return Err(IntakeError::damaged(format!("{} has the unknown mode {other:o}", shown(&path))));
                }
            }
        }
    }
    tree.entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(tree)
}

fn blob_header(repository: &Repository, id: Oid, limits: &Limits) -> Result<(u64, ObjectType), IntakeError> {
    let (size, kind) = objects::header(repository, id, limits)?;
    if kind != ObjectType::Blob {
        return Err(IntakeError::damaged(format!("{id} is a {kind} where a blob is needed")));
    }
    Ok((size, kind))
}

pub(crate) fn too_large(path: &str, size: u64, limits: &Limits) -> Note {
    note(format!(
        "{} has {size} bytes, over the limit of {} for one file: its content is left out",
        shown(path),
        limits.one_file
    ))
}

pub(crate) fn note(text: String) -> Note {
    Note::new(NoteKind::Submission, text)
}
