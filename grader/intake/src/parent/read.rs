//! Reads the child's frames into a snapshot, trusting none: every count, length and path is held to the limits again.

use std::collections::BTreeMap;
use std::sync::Arc;

use grader_model::{Commit, FileEntry, FileKind, HistoricBlob, Snapshot};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, BufReader};

use super::{IntakeRequest, Stats};
use crate::paths::check_path;
use crate::wire::{CommitHead, FileHead, Finish, HistoricHead, Kind, MAX_JSON, Tag};
use crate::{IntakeError, Limits};

/// What the child said, in whole.
pub(super) struct Taken {
    pub(super) snapshot: Snapshot,
    pub(super) finish: Finish,
    pub(super) stats: Stats,
}

/// Reads frames until the last.
///
/// # Errors
/// What the child reports; `Child` for an answer that ends early or breaks a rule.
pub(super) async fn read(stream: impl AsyncRead + Unpin, request: &IntakeRequest) -> Result<Taken, IntakeError> {
    let mut stream = BufReader::with_capacity(256 * 1024, stream);
    let mut answer = Answer::new(&request.limits);
    loop {
        let (tag, length) = head(&mut stream).await?;
        if tag == Tag::Content {
            let expected = answer.expected_content(length)?;
            let mut bytes = vec![0u8; expected];
            stream.read_exact(&mut bytes).await.map_err(short)?;
            answer.content(bytes);
            continue;
        }
        if length > MAX_JSON {
            return Err(broken("a frame is too long"));
        }
        let mut payload = vec![0u8; length as usize];
        stream.read_exact(&mut payload).await.map_err(short)?;
        match tag {
            Tag::Progress => {
                if let Some(report) = &request.progress {
                    report(parse(&payload)?);
                }
            }
            Tag::File => answer.file(parse(&payload)?)?,
            Tag::Commit => answer.commit(parse(&payload)?)?,
            Tag::Historic => answer.historic(parse(&payload)?)?,
            Tag::Failed => return Err(parse(&payload)?),
            Tag::Done => return answer.finish(parse(&payload)?),
            Tag::Content => return Err(broken("content where none is due")),
        }
    }
}

async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Result<(Tag, u32), IntakeError> {
    let tag = stream.read_u8().await.map_err(short)?;
    let length = stream.read_u32().await.map_err(short)?;
    Ok((Tag::from_byte(tag).ok_or_else(|| broken("a frame of no known kind"))?, length))
}

fn parse<T: DeserializeOwned>(payload: &[u8]) -> Result<T, IntakeError> {
    serde_json::from_slice(payload).map_err(|error| broken(&format!("a frame that cannot be read: {error}")))
}

fn short(error: std::io::Error) -> IntakeError {
    broken(&format!("its answer ends early: {error}"))
}

fn broken(reason: &str) -> IntakeError {
    IntakeError::Child { reason: reason.to_owned() }
}

/// Whose bytes come next.
enum Due {
    Nothing,
    File(String, FileEntry),
    Historic(HistoricHead),
}

struct Answer<'l> {
    limits: &'l Limits,
    files: BTreeMap<String, FileEntry>,
    commits: Vec<Commit>,
    historic: Vec<HistoricBlob>,
    due: Due,
    tree_bytes: u64,
    historic_bytes: u64,
}

impl<'l> Answer<'l> {
    fn new(limits: &'l Limits) -> Self {
        Answer {
            limits,
            files: BTreeMap::new(),
            commits: Vec::new(),
            historic: Vec::new(),
            due: Due::Nothing,
            tree_bytes: 0,
            historic_bytes: 0,
        }
    }

    fn nothing_due(&self) -> Result<(), IntakeError> {
        match self.due {
            Due::Nothing => Ok(()),
            Due::File(..) | Due::Historic(_) => Err(broken("content is missing")),
        }
    }

    fn file(&mut self, head: FileHead) -> Result<(), IntakeError> {
        self.nothing_due()?;
        check_path(&head.path, self.limits)?;
        if self.files.len() >= self.limits.files as usize || self.files.contains_key(&head.path) {
            return Err(broken("files beyond the limit, or the same one twice"));
        }
        if head.content && (head.kind != Kind::File || head.size > self.limits.one_file) {
            return Err(broken("content that should have been left out"));
        }
        let kind = match head.kind {
            Kind::File => FileKind::File,
            Kind::Symlink(target) => FileKind::Symlink(target),
            Kind::Submodule => FileKind::Submodule,
        };
        let entry = FileEntry { kind, size: head.size, bytes: None, executable: head.executable };
        if head.content {
            self.due = Due::File(head.path, entry);
        } else {
            self.files.insert(head.path, entry);
        }
        Ok(())
    }

    fn commit(&mut self, head: CommitHead) -> Result<(), IntakeError> {
        self.nothing_due()?;
        if self.commits.len() >= self.limits.history_commits as usize {
            return Err(broken("commits beyond the limit"));
        }
        self.commits.push(Commit {
            id: head.id,
            parents: head.parents,
            author: head.author,
            email: head.email,
            time: head.time,
            message: head.message,
            files_changed: head.files_changed,
            insertions: head.insertions,
            deletions: head.deletions,
        });
        Ok(())
    }

    fn historic(&mut self, head: HistoricHead) -> Result<(), IntakeError> {
        self.nothing_due()?;
        check_path(&head.path, self.limits)?;
        if self.historic.len() as u64 >= u64::from(self.limits.objects) {
            return Err(broken("historic blobs beyond the limit"));
        }
        self.due = Due::Historic(head);
        Ok(())
    }

    /// How many bytes to read for the content that is due, of which `length` are announced.
    fn expected_content(&mut self, length: u32) -> Result<usize, IntakeError> {
        let bytes = u64::from(length);
        let fits = match &self.due {
            Due::Nothing => false,
            Due::File(_, entry) => {
                self.tree_bytes += bytes;
                entry.size == bytes && self.tree_bytes <= self.limits.bytes
            }
            Due::Historic(_) => {
                self.historic_bytes += bytes;
                self.historic_bytes <= self.limits.historic_bytes
            }
        };
        if fits { Ok(length as usize) } else { Err(broken("content that is not due, or not of its length")) }
    }

    fn content(&mut self, bytes: Vec<u8>) {
        let bytes: Arc<[u8]> = bytes.into();
        match std::mem::replace(&mut self.due, Due::Nothing) {
            Due::Nothing => {}
            Due::File(path, mut entry) => {
                entry.bytes = Some(bytes);
                self.files.insert(path, entry);
            }
            Due::Historic(head) => {
                self.historic.push(HistoricBlob { path: head.path, commit: head.commit, bytes });
            }
        }
    }

    fn finish(self, mut finish: Finish) -> Result<Taken, IntakeError> {
        self.nothing_due()?;
        let stats = Stats {
            received_bytes: finish.received_bytes,
            objects: finish.objects,
            // Both are within limits that are u32.
            files: u32::try_from(self.files.len()).unwrap_or(u32::MAX),
            commits: u32::try_from(self.commits.len()).unwrap_or(u32::MAX),
            tree_bytes: self.tree_bytes,
            historic_bytes: self.historic_bytes,
            elapsed: std::time::Duration::ZERO,
        };
        let snapshot = Snapshot {
            files: self.files.into_iter().collect(),
            commits: self.commits,
            branches: std::mem::take(&mut finish.branches),
            historic: self.historic,
            history_truncated: finish.history_truncated,
        };
        Ok(Taken { snapshot, finish, stats })
    }
}
