//! The id that git would give a folder's files as a tree, so that the same files have the same id however they came.

use std::collections::BTreeMap;

use git2::{ObjectType, Oid};

use crate::IntakeError;
use crate::wire::Kind;

/// A file of the tree: path, kind, executable bit, and the blob's (or the submodule's commit's) id.
pub(super) type Leaf<'e> = (&'e str, &'e Kind, bool, Oid);

/// One folder: name to mode and id. A folder's name sorts as though it ended in a slash, as git has it.
type Folder = BTreeMap<Vec<u8>, (&'static str, String, Oid)>;

/// The id of the tree of `leaves`, whose paths must be unique and hold no empty name.
///
/// # Errors
/// `BadRepository` where libgit2 cannot hash, which it always can.
pub(super) fn tree_id<'e>(leaves: impl IntoIterator<Item = Leaf<'e>>) -> Result<Oid, IntakeError> {
    let mut folders: BTreeMap<String, Folder> = BTreeMap::from([(String::new(), Folder::new())]);
    for (path, kind, executable, id) in leaves {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mode = match kind {
            Kind::File if executable => "100755",
            Kind::File => "100644",
            Kind::Symlink(_) => "120000",
            Kind::Submodule => "160000",
        };
        let mut above = parent;
        while !above.is_empty() {
            folders.entry(above.to_owned()).or_default();
            above = above.rsplit_once('/').map_or("", |(above, _)| above);
        }
        folders.entry(parent.to_owned()).or_default().insert(name.as_bytes().to_vec(), (mode, name.to_owned(), id));
    }
    // Reverse order meets every folder before the one that holds it.
    while let Some((path, folder)) = folders.pop_last() {
        let id = hash(&folder)?;
        if path.is_empty() {
            return Ok(id);
        }
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let key = format!("{name}/").into_bytes();
        folders.entry(parent.to_owned()).or_default().insert(key, ("40000", name.to_owned(), id));
    }
    hash(&Folder::new())
}

fn hash(folder: &Folder) -> Result<Oid, IntakeError> {
    let mut bytes = Vec::new();
    for (mode, name, id) in folder.values() {
        bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        bytes.extend_from_slice(id.as_bytes());
    }
    Oid::hash_object(ObjectType::Tree, &bytes).map_err(IntakeError::damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_tree_has_its_known_id() {
        assert_eq!(tree_id([]).unwrap().to_string(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    }
}
