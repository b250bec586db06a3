//! What one intake may cost. Every limit is a refusal that a reader can check against a number, never a silent cut,
//! save where a field says that the snapshot is truncated instead.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The budgets of one intake. [`Limits::default`] fits a take-home submission with an order of magnitude to spare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes that a server may send, and bytes of content that the graded tree may hold; each on its own. 256 MiB.
    pub bytes: u64,
    /// Entries of the graded tree, its folders included, since a tree of empty folders costs as much. 50,000.
    pub files: u32,
    /// Bytes of one file whose content is kept; a larger one keeps its size and is noted. 32 MiB.
    pub one_file: u64,
    /// Time from the start of the child to the last byte of its answer. 120 s.
    pub wall_clock: Duration,
    /// Folders above a file. 64.
    pub depth: u32,
    /// Bytes of one path, from the graded folder's root. 1,024.
    pub path_length: u32,
    /// Commits that are read, newest first; a longer history is truncated. 5,000.
    pub history_commits: u32,
    /// Bytes of blobs that only the history holds; the newest are kept, the rest is left out. 32 MiB.
    pub historic_bytes: u64,
    /// Objects in the pack that a server sends. 1,000,000.
    pub objects: u32,
    /// Address space of the child in bytes, which a pack bomb would otherwise take from the machine. 1.5 GiB.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Limits {
            bytes: 256 * MIB,
            files: 50_000,
            one_file: 32 * MIB,
            wall_clock: Duration::from_secs(120),
            depth: 64,
            path_length: 1_024,
            history_commits: 5_000,
            historic_bytes: 32 * MIB,
            objects: 1_000_000,
            memory: 1_536 * MIB,
        }
    }
}
