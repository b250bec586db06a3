//! What parent and child say to each other.
//!
//! Parent to child: one line of JSON, the [`Job`]; the pipe then stays open, and its end means that the parent is gone.
//! Child to parent: frames, each a tag byte, a length (u32, big endian) and a payload, which is JSON but for
//! [`Tag::Content`], raw bytes that belong to the file or historic blob before it. One frame per file keeps both sides'
//! memory small and needs no encoding of bytes into text.

use std::io::{self, Write};
use std::path::PathBuf;

use grader_model::Note;
use serde::{Deserialize, Serialize};

use crate::Limits;
use crate::source::{Credentials, Location};

/// What the child is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) location: Location,
    /// For a location that holds none.
    pub(crate) credentials: Option<Credentials>,
    pub(crate) reference: Option<String>,
    pub(crate) subdir: Option<String>,
    pub(crate) limits: Limits,
    /// An empty folder that the parent owns and removes.
    pub(crate) scratch: PathBuf,
    pub(crate) allow_private: bool,
}

impl Job {
    /// The texts that may not appear in anything printed.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let mut secrets = self.location.secrets();
        let given = self.credentials.as_ref().map(|given| given.password.clone());
        secrets.extend(given.filter(|password| !password.is_empty()));
        secrets
    }
}

/// The kinds of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    /// [`crate::Progress`].
    Progress,
    /// [`FileHead`].
    File,
    /// [`grader_model::Commit`] as [`CommitHead`].
    Commit,
    /// [`HistoricHead`], always followed by `Content`.
    Historic,
    /// Bytes of the `File` or `Historic` frame before it.
    Content,
    /// [`crate::IntakeError`]; the last frame.
    Failed,
    /// [`Finish`]; the last frame.
    Done,
}

const TAGS: [(Tag, u8); 7] = [
    (Tag::Progress, b'p'),
    (Tag::File, b'f'),
    (Tag::Commit, b'c'),
    (Tag::Historic, b'h'),
    (Tag::Content, b'b'),
    (Tag::Failed, b'e'),
    (Tag::Done, b'z'),
];

impl Tag {
    pub(crate) fn byte(self) -> u8 {
        TAGS.iter().find(|(tag, _)| *tag == self).map_or(0, |(_, byte)| *byte)
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        TAGS.iter().find(|(_, known)| *known == byte).map(|(tag, _)| *tag)
    }
}

/// The most bytes that a frame of JSON may have. A commit, the largest, has a message of 4 KiB.
pub(crate) const MAX_JSON: u32 = 1024 * 1024;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FileHead {
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) size: u64,
    pub(crate) executable: bool,
    /// Whether a `Content` frame follows.
    pub(crate) content: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    File,
    Symlink(String),
    Submodule,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CommitHead {
    pub(crate) id: String,
    pub(crate) parents: Vec<String>,
    pub(crate) author: String,
    pub(crate) email: String,
    pub(crate) time: i64,
    pub(crate) message: String,
    pub(crate) files_changed: u32,
    pub(crate) insertions: u32,
    pub(crate) deletions: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HistoricHead {
    pub(crate) path: String,
    pub(crate) commit: String,
}

/// What is known only at the end.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Finish {
    /// Hex; empty for a folder without git.
    pub(crate) commit: String,
    /// Hex id of the graded tree.
    pub(crate) tree: String,
    pub(crate) branches: Vec<String>,
    pub(crate) history_truncated: bool,
    pub(crate) notes: Vec<Note>,
    pub(crate) received_bytes: u64,
    pub(crate) objects: u32,
}

/// Writes frames.
pub(crate) struct FrameWriter<W: Write>(pub(crate) W);

impl<W: Write> FrameWriter<W> {
    pub(crate) fn json<T: Serialize>(&mut self, tag: Tag, value: &T) -> io::Result<()> {
        let payload = serde_json::to_vec(value)?;
        self.raw(tag, &payload)
    }

    pub(crate) fn raw(&mut self, tag: Tag, payload: &[u8]) -> io::Result<()> {
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
        self.0.write_all(&[tag.byte()])?;
        self.0.write_all(&length.to_be_bytes())?;
        self.0.write_all(payload)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
