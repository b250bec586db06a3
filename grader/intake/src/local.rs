//! Repositories and folders on this machine, read without trusting what a candidate may have put into them: no link
//! is followed, no configuration is read, and a `.git` that points elsewhere counts only if it is pointed back to.

mod folder;
mod identity;
mod refs;

use std::path::{Path, PathBuf};

pub(crate) use folder::{Tracked, read as read_folder};

pub(crate) use refs::read as read_refs;

/// Where a repository keeps what it is made of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GitDirs {
    /// HEAD of this work tree.
    pub(crate) own: PathBuf,
    /// Objects and branches, shared by all work trees of a repository.
    pub(crate) common: PathBuf,
}

/// What stands in a folder in place of git's own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// `.git` is a folder, or a linked work tree's file.
    WorkTree(GitDirs),
    /// The folder is itself a repository.
    Bare(GitDirs),
    /// There is a `.git` which is not followed, and why.
    Ignored(&'static str),
    Nothing,
}

/// Looks for a repository in `folder` itself, never above it: a folder inside of some other repository is not graded
/// by that one's history.
pub(crate) fn discover(folder: &Path) -> Found {
    let dot_git = folder.join(".git");
    match std::fs::symlink_metadata(&dot_git) {
        Ok(meta) if meta.is_dir() && is_repository(&dot_git) => {
            Found::WorkTree(GitDirs { own: dot_git.clone(), common: dot_git })
        }
        Ok(meta) if meta.is_dir() => Found::Ignored("its `.git` folder is no repository"),
        Ok(meta) if meta.is_symlink() => Found::Ignored("its `.git` is a link"),
        Ok(meta) if meta.is_file() => linked(folder, &dot_git),
        Ok(_) => Found::Ignored("its `.git` is neither a folder nor a file"),
        Err(_) if is_repository(folder) => Found::Bare(GitDirs { own: folder.to_owned(), common: folder.to_owned() }),
        Err(_) => Found::Nothing,
    }
}

fn is_repository(path: &Path) -> bool {
    let kind = |name: &str| std::fs::symlink_metadata(path.join(name)).ok();
    kind("HEAD").is_some_and(|meta| meta.is_file() || meta.is_symlink())
        && kind("objects").is_some_and(|meta| meta.is_dir())
}

/// A work tree made by `git worktree add`: its `.git` file names a folder whose `gitdir` file names it back, so that
/// an unpacked archive cannot borrow the history of another repository of this machine.
fn linked(folder: &Path, dot_git: &Path) -> Found {
    const NO: Found = Found::Ignored("its `.git` names a folder that does not name it back");
    let Some(own) = pointer(dot_git, "gitdir: ", folder) else { return NO };
    let Some(back) = pointer(&own.join("gitdir"), "", &own) else { return NO };
    let same = |a: &Path, b: &Path| matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if !same(&back, dot_git) {
        return NO;
    }
    match pointer(&own.join("commondir"), "", &own) {
        Some(common) if common.join("objects").is_dir() => Found::WorkTree(GitDirs { own, common }),
        _ => NO,
    }
}

/// The path in a one-line file, relative to `base`.
fn pointer(file: &Path, prefix: &str, base: &Path) -> Option<PathBuf> {
    let meta = std::fs::symlink_metadata(file).ok()?;
    if !meta.is_file() || meta.len() > 8192 {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    Some(base.join(text.strip_prefix(prefix)?.trim_end()))
}
