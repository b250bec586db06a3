//! What changed between two trees, file by file, within budgets.

use std::collections::HashMap;

use grader_model::{FileEntry, FileKind, Snapshot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};

/// Bytes of a file that is compared line by line.
const ONE_FILE: usize = 256 * 1024;
/// Lines of a file that is compared line by line.
const ONE_FILE_LINES: usize = 4_000;
/// Lines of all compared files together; the cost of one comparison grows with their product.
const ALL_LINES: usize = 60_000;
/// Characters of one file's diff.
const ONE_DIFF: usize = 8_000;
/// Characters of all diffs together.
const ALL_DIFFS: usize = 200_000;
/// Files that are named.
const FILES: usize = 400;

/// What changed between two trees.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CodeChange {
    /// In order of path.
    pub files: Vec<FileChange>,
    /// Lines that came, in all files that were compared line by line.
    pub insertions: usize,
    /// Lines that went.
    pub deletions: usize,
    /// Changed files beyond those that are named.
    pub omitted: usize,
}

/// A file that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileChange {
    pub path: String,
    /// Where it lay before; empty unless it was moved.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    pub kind: FileChangeKind,
    pub insertions: usize,
    pub deletions: usize,
    /// Unified diff, bounded; empty for what is no text or too large.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub diff: String,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileChangeKind {
    Added,
    Removed,
    Modified,
    /// The same content at another path.
    Moved,
}

impl FileChangeKind {
    pub fn as_str(self) -> &'static str {
        match self {
            FileChangeKind::Added => "added",
            FileChangeKind::Removed => "removed",
            FileChangeKind::Modified => "modified",
            FileChangeKind::Moved => "moved",
        }
    }
}

/// What changed from `before` to `after`. The same trees give the same result.
pub fn code_change(before: &Snapshot, after: &Snapshot) -> CodeChange {
    let mut gone: HashMap<&[u8], Vec<&str>> = HashMap::new();
    for (path, entry) in before.files.iter().rev().filter(|(path, _)| !after.files.contains_key(*path)) {
        if let Some(bytes) = entry.bytes.as_deref().filter(|bytes| !bytes.is_empty()) {
            gone.entry(bytes).or_default().push(path);
        }
    }
    let mut moved_from: HashMap<&str, &str> = HashMap::new();
    for (path, entry) in after.files.iter().filter(|(path, _)| !before.files.contains_key(*path)) {
        if let Some(from) = entry.bytes.as_deref().and_then(|bytes| gone.get_mut(bytes)).and_then(Vec::pop) {
            moved_from.insert(path, from);
        }
    }
    let moved_away: Vec<&str> = moved_from.values().copied().collect();
    let mut paths: Vec<&String> = before.files.keys().chain(after.files.keys()).collect();
    paths.sort_unstable();
    paths.dedup();
    let mut change = CodeChange::default();
    let mut budget = Budget { lines: ALL_LINES, characters: ALL_DIFFS };
    for path in paths {
        let (was, is) = (before.files.get(path), after.files.get(path));
        let file = match (was, is) {
            (Some(was), Some(is)) if same(was, is) => continue,
            (Some(_), None) if moved_away.contains(&path.as_str()) => continue,
            (None, Some(_)) if moved_from.contains_key(path.as_str()) => {
                FileChange { from: moved_from[path.as_str()].to_owned(), ..file(path, FileChangeKind::Moved) }
            }
            (Some(was), Some(is)) => compared(path, FileChangeKind::Modified, Some(was), Some(is), &mut budget),
            (None, is) => compared(path, FileChangeKind::Added, None, is, &mut budget),
            (was, None) => compared(path, FileChangeKind::Removed, was, None, &mut budget),
        };
        change.insertions += file.insertions;
        change.deletions += file.deletions;
        if change.files.len() < FILES {
            change.files.push(file);
        } else {
            change.omitted += 1;
        }
    }
    change
}

/// What diffs may still cost.
struct Budget {
    lines: usize,
    characters: usize,
}

fn same(was: &FileEntry, is: &FileEntry) -> bool {
    was.kind == is.kind && was.size == is.size && was.bytes == is.bytes && was.executable == is.executable
}

fn file(path: &str, kind: FileChangeKind) -> FileChange {
    FileChange { path: path.to_owned(), from: String::new(), kind, insertions: 0, deletions: 0, diff: String::new() }
}

fn compared(
    path: &str,
    kind: FileChangeKind,
    was: Option<&FileEntry>,
    is: Option<&FileEntry>,
    budget: &mut Budget,
) -> FileChange {
    let mut change = file(path, kind);
    let (Some(was), Some(is)) = (text(was), text(is)) else { return change };
    let lines = was.lines().count() + is.lines().count();
    if was.len().max(is.len()) > ONE_FILE || lines > ONE_FILE_LINES || lines > budget.lines {
        return change;
    }
    budget.lines -= lines;
    let diff = TextDiff::from_lines(was, is);
    for line in diff.iter_all_changes() {
        match line.tag() {
            ChangeTag::Insert => change.insertions += 1,
            ChangeTag::Delete => change.deletions += 1,
            ChangeTag::Equal => {}
        }
    }
    let unified = diff.unified_diff().context_radius(3).missing_newline_hint(false).to_string();
    let length = unified.chars().count();
    if length <= ONE_DIFF && length <= budget.characters {
        budget.characters -= length;
        change.diff = unified;
    }
    change
}

/// A file's text, nothing for a file that is not there; `None` for what is no text or was not kept.
fn text(entry: Option<&FileEntry>) -> Option<&str> {
    match entry {
        None => Some(""),
        Some(entry) if entry.kind == FileKind::File => entry.text().filter(|text| !text.contains('\0')),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn tree(files: &[(&str, &[u8])]) -> Snapshot {
        let mut tree = Snapshot::default();
        for (path, bytes) in files {
            let entry = FileEntry {
                kind: FileKind::File,
                size: bytes.len() as u64,
                bytes: Some(Arc::from(*bytes)),
                executable: false,
            };
            tree.files.insert((*path).to_owned(), entry);
        }
        tree
    }

    #[test]
    fn every_fate_of_a_file_is_told() {
        let before = tree(&[
            ("a.py", b"one\ntwo\nthree\n"),
            ("gone.py", b"x\n"),
            ("old/name.py", b"content\n"),
            ("picture.png", b"\0\x01"),
            ("same.py", b"same\n"),
        ]);
        let after = tree(&[
            ("a.py", b"one\n2\nthree\n"),
            ("fresh.py", b"y\nz\n"),
            ("new/name.py", b"content\n"),
            ("picture.png", b"\0\x02"),
            ("same.py", b"same\n"),
        ]);
        let change = code_change(&before, &after);
        let told: Vec<String> = change
            .files
            .iter()
            .map(|file| {
                format!("{} {} {} +{} -{}", file.kind.as_str(), file.from, file.path, file.insertions, file.deletions)
            })
            .collect();
        assert_eq!(
            told,
            [
                "modified  a.py +1 -1",
                "added  fresh.py +2 -0",
                "removed  gone.py +0 -1",
                "moved old/name.py new/name.py +0 -0",
                "modified  picture.png +0 -0",
            ]
        );
        assert_eq!(change.files[0].diff, "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n");
        assert_eq!((change.insertions, change.deletions, change.omitted), (3, 2, 0));
    }

    #[test]
    fn a_hostile_tree_is_bounded() {
        let long = "x\n".repeat(100_000).into_bytes();
        let many: Vec<(String, Vec<u8>)> = (0..600).map(|n| (format!("{n:03}"), vec![b'a'; 300 + n])).collect();
        let mut files: Vec<(&str, &[u8])> = vec![("long", &long)];
        files.extend(many.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())));
        let change = code_change(&Snapshot::default(), &tree(&files));
        assert_eq!((change.files.len(), change.omitted), (FILES, 201));
        assert!(change.files.iter().map(|file| file.diff.len()).sum::<usize>() <= ALL_DIFFS);
        let huge = code_change(&tree(&[("long", &long)]), &tree(&[("long", b"y\n")]));
        assert_eq!((huge.files[0].diff.as_str(), huge.insertions), ("", 0));
    }
}
