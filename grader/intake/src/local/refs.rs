//! The refs of a repository on this machine, in git's files format (gitrepository-layout(5)): HEAD, `refs/` and
//! `packed-refs`.

use std::collections::BTreeMap;
use std::path::Path;

use git2::Oid;

use super::GitDirs;
use crate::IntakeError;
use crate::refs::{Listing, MAX_REFS, valid_name};

/// Reads the refs of a repository.
///
/// # Errors
/// `Folder` where a file cannot be read; `BadRepository` where HEAD says nothing that git would; `ObjectFormat` for a
/// repository that names its objects by SHA-256.
pub(crate) fn read(dirs: &GitDirs) -> Result<Listing, IntakeError> {
    if dirs.common.join("reftable").is_dir() {
        return Err(IntakeError::ObjectFormat { format: "reftable".to_owned() });
    }
    let mut found = BTreeMap::new();
    packed(&dirs.common.join("packed-refs"), &mut found)?;
    loose(&dirs.common.join("refs"), "refs", 0, &mut found)?;
    let head = small_text(&dirs.own.join("HEAD"))?;
    let head = match head.trim_end().strip_prefix("ref: ") {
        Some(name) => follow(name, &found),
        None => Some(oid(head.trim_end())?),
    };
    let mut refs = BTreeMap::new();
    for name in found.keys() {
        if let Some(id) = follow(name, &found) {
            refs.insert(name.clone(), id);
        }
    }
    Ok(Listing { head, refs })
}

/// Bytes of `packed-refs`.
const MAX_PACKED: u64 = 32 * 1024 * 1024;

/// What a ref's file says.
enum Target {
    Id(Oid),
    Name(String),
}

fn follow(name: &str, found: &BTreeMap<String, Target>) -> Option<Oid> {
    let mut name = name.to_owned();
    // git gives up after five links of a chain, too.
    for _ in 0..5 {
        match found.get(&name)? {
            Target::Id(id) => return Some(*id),
            Target::Name(next) => name.clone_from(next),
        }
    }
    None
}

fn packed(path: &Path, found: &mut BTreeMap<String, Target>) -> Result<(), IntakeError> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_file() && meta.len() <= MAX_PACKED => {}
        Ok(_) => return Err(IntakeError::damaged("its packed-refs is no file, or far too long")),
        Err(_) => return Ok(()),
    }
    let text = std::fs::read(path).map_err(|error| IntakeError::folder(path, &error))?;
    for line in String::from_utf8_lossy(&text).lines() {
        if line.starts_with(['#', '^']) {
            continue;
        }
        if let Some((id, name)) = line.split_once(' ')
            && valid_name(name)
        {
            insert(found, name.to_owned(), Target::Id(oid(id)?))?;
        }
    }
    Ok(())
}

fn loose(folder: &Path, prefix: &str, depth: u32, found: &mut BTreeMap<String, Target>) -> Result<(), IntakeError> {
    if depth > 32 {
        return Ok(());
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(IntakeError::folder(folder, &error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| IntakeError::folder(folder, &error))?;
        let Ok(kind) = entry.file_type() else { continue };
        let Ok(name) = entry.file_name().into_string() else { continue };
        let name = format!("{prefix}/{name}");
        if kind.is_dir() {
            loose(&entry.path(), &name, depth + 1, found)?;
        } else if kind.is_file() && valid_name(&name) {
            let text = small_text(&entry.path())?;
            let target = match text.trim_end().strip_prefix("ref: ") {
                Some(next) => Target::Name(next.to_owned()),
                None => Target::Id(oid(text.trim_end())?),
            };
            insert(found, name, target)?;
        }
    }
    Ok(())
}

fn insert(found: &mut BTreeMap<String, Target>, name: String, target: Target) -> Result<(), IntakeError> {
    if found.len() >= MAX_REFS {
        return Err(IntakeError::damaged(format!("it has more than {MAX_REFS} branches and tags")));
    }
    found.insert(name, target);
    Ok(())
}

fn oid(text: &str) -> Result<Oid, IntakeError> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(IntakeError::ObjectFormat { format: "sha256".to_owned() });
    }
    match Oid::from_str(text) {
        Ok(id) if text.len() == 40 => Ok(id),
        _ => Err(IntakeError::damaged("a branch's file holds no object id")),
    }
}

fn small_text(path: &Path) -> Result<String, IntakeError> {
    let meta = std::fs::symlink_metadata(path).map_err(|error| IntakeError::folder(path, &error))?;
    // HEAD as a symbolic link went out of use in 2005; following one could read any file.
    if !meta.is_file() || meta.len() > 4096 {
        return Err(IntakeError::damaged(format!("{} is no ref", path.display())));
    }
    std::fs::read_to_string(path).map_err(|error| IntakeError::folder(path, &error))
}
