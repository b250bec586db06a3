//! Snapshots from texts, for tests.

use std::sync::Arc;

use grader_model::{FileEntry, FileKind, Snapshot};

pub(crate) fn snapshot(files: &[(&str, &str)]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (path, text) in files {
        let entry = FileEntry {
            kind: FileKind::File,
            size: text.len() as u64,
            bytes: Some(Arc::from(text.as_bytes())),
            executable: false,
        };
        snapshot.files.insert((*path).to_owned(), entry);
    }
    snapshot.files.sort_keys();
    snapshot
}
