//! Which compose files of a tree are meant.
//!
//! The names and their order are the reference's. Where the root has none, folders below it are searched, nearest
//! first, then by name: a person who reads the README would start it there.

use crate::error::{ComposeError, ErrorKind};
use crate::files::{Kind, ProjectFiles, ReadError, RelPath};
use crate::load::Note;

const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDES: [&str; 4] =
    ["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"];
/// Folders below the root that are searched.
const DEPTH: usize = 3;
/// Folders that hold other people's code.
const SKIPPED: [&str; 6] = ["node_modules", "vendor", "target", "dist", "build", "venv"];
/// Folders looked into at most, so that a tree of folders takes no time.
const MAX_FOLDERS: usize = 4096;

/// The compose file and the override file beside it, if there is one.
///
/// # Errors
/// None is found, it is a symbolic link, or the tree cannot be read.
pub(crate) fn find(files: &dyn ProjectFiles, notes: &mut Vec<Note>) -> Result<Vec<RelPath>, ComposeError> {
    let mut level = vec![RelPath::root()];
    let mut seen = 0;
    for depth in 0..=DEPTH {
        let mut below = Vec::new();
        let mut found = Vec::new();
        for folder in level {
            seen += 1;
            if seen > MAX_FOLDERS {
                break;
            }
            let entries = match files.list(&folder) {
                Ok(entries) => entries,
                Err(error @ ReadError::Io { .. }) => return Err(ComposeError::new(error.into())),
                Err(_) => continue,
            };
            if let Some(chosen) = chosen(&folder, &entries, notes)? {
                found.push(chosen);
            }
            let folders = entries.iter().filter(|(name, kind)| {
                *kind == Kind::Directory && !name.starts_with('.') && !SKIPPED.contains(&name.as_str())
            });
            below.extend(folders.filter_map(|(name, _)| folder.join(name).ok()));
        }
        if !found.is_empty() {
            return Ok(choose_folder(found, depth, notes));
        }
        level = below;
    }
    Err(ComposeError::new(ErrorKind::NoFile { depth: DEPTH })
        .hint("add a `compose.yaml` at the root of the repository"))
}

/// The files of the first folder, and a note on what was passed over.
fn choose_folder(mut found: Vec<Vec<RelPath>>, depth: usize, notes: &mut Vec<Note>) -> Vec<RelPath> {
    let chosen = found.remove(0);
    if depth > 0 {
        let mut sentence = format!("The compose file was found in a subfolder: {}.", chosen[0]);
        if !found.is_empty() {
            let others: Vec<String> = found.iter().map(|files| files[0].to_string()).collect();
            sentence.push_str(&format!(" Passed over: {}.", others.join(", ")));
        }
        notes.push(Note { code: "file.in_subfolder", place: None, sentence });
    }
    chosen
}

fn chosen(
    folder: &RelPath,
    entries: &[(String, Kind)],
    notes: &mut Vec<Note>,
) -> Result<Option<Vec<RelPath>>, ComposeError> {
    let mut files = Vec::new();
    for names in [NAMES, OVERRIDES] {
        let present: Vec<&(String, Kind)> =
            names.iter().filter_map(|name| entries.iter().find(|(entry, _)| entry == name)).collect();
        let Some((name, kind)) = present.iter().find(|(_, kind)| *kind != Kind::Directory) else {
            // Overrides without a file to override mean nothing.
            break;
        };
        // `join` cannot fail: the name is one component of a listing.
        let Ok(path) = folder.join(name) else { break };
        match kind {
            Kind::File => {}
            Kind::Symlink => return Err(ComposeError::new(ReadError::Symlink(path).into())),
            Kind::Directory | Kind::Other => return Err(ComposeError::new(ReadError::WrongKind(path).into())),
        }
        if present.len() > 1 {
            let all: Vec<&str> = present.iter().map(|(name, _)| name.as_str()).collect();
            let sentence = format!("Several compose files lie side by side ({}); {path} was taken.", all.join(", "));
            notes.push(Note { code: "file.several", place: None, sentence });
        }
        files.push(path);
    }
    Ok((!files.is_empty()).then_some(files))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::MemoryFiles;

    fn tree(paths: &[&str]) -> MemoryFiles {
        paths.iter().fold(MemoryFiles::new(), |files, path| files.with(RelPath::parse(path).unwrap(), ""))
    }

    fn found(paths: &[&str]) -> Vec<String> {
        let files = find(&tree(paths), &mut Vec::new()).unwrap();
        files.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_reference_order_of_names_decides() {
        assert_eq!(found(&["docker-compose.yml", "compose.yml", "x/compose.yaml"]), ["compose.yml"]);
        assert_eq!(
            found(&["docker-compose.yml", "docker-compose.override.yml"]),
            ["docker-compose.yml", "docker-compose.override.yml"]
        );
    }

    #[test]
    fn the_nearest_folder_is_taken_and_libraries_are_not() {
        let paths = ["a/b/compose.yaml", "z/docker-compose.yml", "node_modules/compose.yaml", ".x/compose.yaml"];
        assert_eq!(found(&paths), ["z/docker-compose.yml"]);
        assert_eq!(find(&tree(&["a/b/c/d/compose.yaml"]), &mut Vec::new()).unwrap_err().code(), "compose.no_file");
    }

    #[test]
    fn a_linked_compose_file_is_not_followed() {
        let files = tree(&["a"]).with_link(RelPath::parse("compose.yaml").unwrap());
        assert_eq!(find(&files, &mut Vec::new()).unwrap_err().code(), "compose.file_symlink");
    }
}
