//! Which compose files of a tree are meant.
//!
//! The names and their order are the reference's. Where the root has none, folders below it are searched, nearest
//! first, then by name: a person who reads the README would start it there. A tree that has none under those names may
//! have one that is meant to be named on the command line, such as `docker-compose.local.yml`; it is taken, and said.

use crate::error::{ComposeError, ErrorKind};
use crate::files::{Kind, ProjectFiles, ReadError, RelPath};
use crate::load::Note;

const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDES: [&str; 4] =
    ["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"];
/// What stands between `compose.` and the ending of a file that is named on the command line: the ones for a developer's
/// own machine first, what is meant for elsewhere last.
const HOME_VARIANTS: [&str; 4] = ["local", "dev", "development", "full"];
const AWAY_VARIANTS: [&str; 7] = ["override", "test", "testing", "ci", "staging", "prod", "production"];
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
    for choice in [chosen, variant] {
        if let Some(found) = search(files, notes, choice)? {
            return Ok(found);
        }
    }
    Err(ComposeError::new(ErrorKind::NoFile { depth: DEPTH })
        .hint("add a `compose.yaml` at the root of the repository"))
}

/// Which files of one folder are meant, if any.
type Choice = fn(&RelPath, &[(String, Kind)], &mut Vec<Note>) -> Result<Option<Vec<RelPath>>, ComposeError>;

fn search(
    files: &dyn ProjectFiles,
    notes: &mut Vec<Note>,
    choice: Choice,
) -> Result<Option<Vec<RelPath>>, ComposeError> {
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
            if let Some(chosen) = choice(&folder, &entries, notes)? {
                found.push(chosen);
            }
            let folders = entries.iter().filter(|(name, kind)| {
                *kind == Kind::Directory && !name.starts_with('.') && !SKIPPED.contains(&name.as_str())
            });
            below.extend(folders.filter_map(|(name, _)| folder.join(name).ok()));
        }
        if !found.is_empty() {
            return Ok(Some(choose_folder(found, depth, notes)));
        }
        level = below;
    }
    Ok(None)
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

/// A file with a word between its name and its ending, where none has a usual name.
fn variant(
    folder: &RelPath,
    entries: &[(String, Kind)],
    notes: &mut Vec<Note>,
) -> Result<Option<Vec<RelPath>>, ComposeError> {
    let mut named: Vec<(usize, &str)> = entries
        .iter()
        .filter(|(_, kind)| *kind == Kind::File)
        .filter_map(|(name, _)| Some((preference(word(name)?), name.as_str())))
        .collect();
    named.sort_unstable();
    let Some((_, name)) = named.first() else { return Ok(None) };
    // `join` cannot fail: the name is one component of a listing.
    let Ok(path) = folder.join(name) else { return Ok(None) };
    let others: Vec<&str> = named[1..].iter().map(|(_, name)| *name).collect();
    let mut sentence = format!("No compose file has a name that is found without being named; {path} was taken.");
    if !others.is_empty() {
        sentence.push_str(&format!(" Passed over: {}.", others.join(", ")));
    }
    notes.push(Note { code: "file.variant", place: None, sentence });
    Ok(Some(vec![path]))
}

/// The word in `docker-compose.WORD.yml`, `compose-WORD.yaml` and the like.
fn word(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml"))?;
    let stem = stem.strip_prefix("docker-").unwrap_or(stem).strip_prefix("compose")?;
    stem.strip_prefix(['.', '-', '_']).filter(|word| !word.is_empty())
}

fn preference(word: &str) -> usize {
    let place = |list: &[&str]| list.iter().position(|known| known.eq_ignore_ascii_case(word));
    let between = HOME_VARIANTS.len();
    place(&HOME_VARIANTS).or_else(|| place(&AWAY_VARIANTS).map(|place| between + 1 + place)).unwrap_or(between)
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
    fn a_file_to_be_named_is_taken_where_no_other_is() {
        assert_eq!(found(&["docker-compose.prod.yml", "docker-compose.local.yml"]), ["docker-compose.local.yml"]);
        assert_eq!(found(&["compose-prod.yaml", "compose.api.yaml"]), ["compose.api.yaml"]);
        assert_eq!(found(&["docker-compose.local.yml", "deploy/compose.yaml"]), ["deploy/compose.yaml"]);
        for stranger in ["composer.yml", "docker-compose..yml", "compose.yaml.md"] {
            assert!(find(&tree(&[stranger]), &mut Vec::new()).is_err(), "{stranger}");
        }
    }

    #[test]
    fn a_linked_compose_file_is_not_followed() {
        let files = tree(&["a"]).with_link(RelPath::parse("compose.yaml").unwrap());
        assert_eq!(find(&files, &mut Vec::new()).unwrap_err().code(), "compose.file_symlink");
    }
}
