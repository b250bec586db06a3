//! Snapshots from texts, for tests.

use std::sync::Arc;

use grader_model::{FileEntry, FileKind, Snapshot};

pub(crate) fn snapshot(files: &[(&str, &str)]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (path, text) in files {
        let bytes: Arc<[u8]> = Arc::from(text.as_bytes());
        let entry = FileEntry { kind: FileKind::File, size: bytes.len() as u64, bytes: Some(bytes), executable: false };
        snapshot.files.insert((*path).to_owned(), entry);
    }
    snapshot.files.sort_keys();
    snapshot
}
