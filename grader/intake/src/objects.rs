//! An object store without a repository around it: no configuration, no refs, no hooks, no alternates.

use std::path::Path;

use git2::{ErrorClass, ErrorCode, ObjectType, Odb, Oid, Repository};

use crate::{IntakeError, Limits};

/// Opens the objects below `objects`, a folder of the child's own making: `pack/` and two-digit folders.
pub(crate) fn open(objects: &Path) -> Result<Repository, IntakeError> {
    let odb = Odb::new().map_err(IntakeError::scratch)?;
    let path = objects.to_str().ok_or_else(|| IntakeError::scratch("its path is no UTF-8"))?;
    odb.add_disk_alternate(path).map_err(IntakeError::scratch)?;
    Repository::from_odb(odb).map_err(IntakeError::scratch)
}

/// Makes `into` a view of the objects of the repository at `git_dir` by links to its pack folder and its loose
/// objects, and to nothing else: `info/alternates` would let a folder name the objects of another repository of this
/// machine, and `info/commit-graph` is parsed by libgit2 for no gain.
pub(crate) fn link(git_dir: &Path, into: &Path) -> Result<(), IntakeError> {
    let objects = git_dir.join("objects");
    std::fs::create_dir_all(into).map_err(IntakeError::scratch)?;
    let entries = std::fs::read_dir(&objects).map_err(|error| IntakeError::folder(&objects, &error))?;
    for entry in entries.take(1_000) {
        let entry = entry.map_err(|error| IntakeError::folder(&objects, &error))?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        let loose = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        // A folder that is itself a link could be that of another repository.
        let own = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if own && (loose || text == "pack") {
            std::os::unix::fs::symlink(entry.path(), into.join(&name)).map_err(IntakeError::scratch)?;
        }
    }
    Ok(())
}

/// The commit that `id` names, through annotated tags.
///
/// # Errors
/// `BadRepository` where the object is missing or is no commit.
pub(crate) fn peel(repository: &Repository, id: Oid, limits: &Limits) -> Result<Oid, IntakeError> {
    let mut id = id;
    // git itself allows tags of tags; nobody makes more than a few.
    for _ in 0..8 {
        let (size, kind) = header(repository, id, limits)?;
        match kind {
            ObjectType::Commit => {
                small(size)?;
                return Ok(id);
            }
            ObjectType::Tag => {
                small(size)?;
                id = repository.find_tag(id).map_err(|error| self::error(&error, limits))?.target_id();
            }
            other => return Err(IntakeError::damaged(format!("{id} is a {other} where a commit is needed"))),
        }
    }
    Err(IntakeError::damaged("a tag names a tag names a tag, eight deep"))
}

/// The most bytes of a commit, tag or tree that is parsed: a tree of 50,000 names of 255 bytes stays below it.
const MAX_PARSED: u64 = 16 * 1024 * 1024;

fn small(size: u64) -> Result<(), IntakeError> {
    if size > MAX_PARSED {
        return Err(IntakeError::TooBig {
            what: "a single commit, tag or folder listing".to_owned(),
            limit: MAX_PARSED,
        });
    }
    Ok(())
}

/// An object's size and kind, read without unpacking it.
pub(crate) fn header(repository: &Repository, id: Oid, limits: &Limits) -> Result<(u64, ObjectType), IntakeError> {
    let odb = repository.odb().map_err(|error| self::error(&error, limits))?;
    let (size, kind) = odb.read_header(id).map_err(|error| self::error(&error, limits))?;
    Ok((size as u64, kind))
}

/// Checks that `id` is of the kind `kind` and small enough to be parsed.
pub(crate) fn check(repository: &Repository, id: Oid, kind: ObjectType, limits: &Limits) -> Result<(), IntakeError> {
    let (size, found) = header(repository, id, limits)?;
    if found != kind {
        return Err(IntakeError::damaged(format!("{id} is a {found} where a {kind} is needed")));
    }
    small(size)
}

/// The bytes of a blob.
pub(crate) fn blob(repository: &Repository, id: Oid, limits: &Limits) -> Result<Vec<u8>, IntakeError> {
    let blob = repository.find_blob(id).map_err(|error| self::error(&error, limits))?;
    Ok(blob.content().to_vec())
}

/// libgit2's error as intake's.
pub(crate) fn error(error: &git2::Error, limits: &Limits) -> IntakeError {
    let message = error.message();
    if error.class() == ErrorClass::NoMemory || message.contains("Cannot allocate memory") {
        return IntakeError::OutOfMemory { limit: limits.memory };
    }
    if message.contains("No space left on device") {
        return IntakeError::scratch(message);
    }
    match error.code() {
        ErrorCode::NotFound => IntakeError::damaged(format!("an object is missing ({message})")),
        _ => IntakeError::damaged(message),
    }
}
