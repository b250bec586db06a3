//! What every resource of ours carries, so that it can be found and judged without any file of ours.
//!
//! `grader.run` says whose it is, `grader.owner` which process made it, `grader.deadline` when it is over in any case.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::SandboxError;

pub(crate) const RUN: &str = "grader.run";
pub(crate) const OWNER: &str = "grader.owner";
pub(crate) const DEADLINE: &str = "grader.deadline";
/// Marks what is to stay after its run, since somebody wants to look at it.
pub(crate) const KEPT: &str = "grader.kept";
/// The value of [`KEPT`] that counts.
pub(crate) const YES: &str = "yes";
/// Marks a base image that this project made in place of the real one, where no registry can be reached.
pub(crate) const STAND_IN: &str = "grader.stand-in";
/// The service that a container stands for.
pub(crate) const SERVICE: &str = "grader.service";
/// Marks a harness image; its value is the digest of what is in it.
pub(crate) const HARNESS: &str = "grader.harness";
/// Marks an image built from a submission and kept for a regrade; its value is the digest of what it was built from.
pub(crate) const BUILD: &str = "grader.build";

/// Names one run. 1 to 40 of `a-z`, `0-9` and `-`, starting with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(String);

impl RunId {
    /// Takes an id as it is.
    ///
    /// # Errors
    /// [`SandboxError::BadRunId`] when it has other characters or another length.
    pub fn new(id: impl Into<String>) -> Result<Self, SandboxError> {
        let id = id.into();
        let fits = (1..=40).contains(&id.len())
            && !id.starts_with('-')
            && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(RunId(id)) } else { Err(SandboxError::BadRunId { id }) }
    }

    /// A new id that no other run has.
    pub fn random() -> Self {
        let mut id = uuid::Uuid::new_v4().simple().to_string();
        id.truncate(16);
        RunId(id)
    }

    /// The id as it stands in labels and names.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// The process that a run belongs to: `HOST:PID:START`, where START tells a process from a later one with its id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    host: String,
    pid: u32,
    start: u64,
}

impl Owner {
    /// This process.
    pub fn current() -> Self {
        let pid = std::process::id();
        Owner { host: host_name(), pid, start: start_time(pid).unwrap_or(0) }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(3, ':');
        let start = parts.next()?.parse().ok()?;
        let pid = parts.next()?.parse().ok()?;
        Some(Owner { host: parts.next()?.to_owned(), pid, start })
    }

    /// Whether the process is certainly gone. One on another machine cannot be seen from here, so it never is.
    pub fn is_gone(&self) -> bool {
        self.host == host_name() && start_time(self.pid) != Some(self.start)
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.host, self.pid, self.start)
    }
}

/// The labels of every resource of one run.
#[derive(Debug, Clone)]
pub(crate) struct RunLabels {
    pub(crate) run: RunId,
    pub(crate) owner: Owner,
    pub(crate) deadline: SystemTime,
    pub(crate) kept: bool,
}

impl RunLabels {
    pub(crate) fn map(&self) -> HashMap<String, String> {
        // Said in any case: a container inherits what its image says and we do not.
        let kept = if self.kept { YES } else { "" };
        HashMap::from([
            (RUN.to_owned(), self.run.to_string()),
            (OWNER.to_owned(), self.owner.to_string()),
            (DEADLINE.to_owned(), unix(self.deadline).to_string()),
            (KEPT.to_owned(), kept.to_owned()),
        ])
    }
}

/// Nothing under each of our names, for images that are nobody's: a Dockerfile may say `LABEL grader.run=…`.
pub(crate) fn none() -> HashMap<String, String> {
    [RUN, OWNER, DEADLINE, KEPT, STAND_IN, SERVICE, HARNESS].map(|label| (label.to_owned(), String::new())).into()
}

/// Seconds since the epoch.
pub(crate) fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// A filter for list calls: resources that carry this label, with this value if one is given.
pub(crate) fn filter(label: &str, value: Option<&str>) -> HashMap<String, Vec<String>> {
    let wanted = value.map_or_else(|| label.to_owned(), |value| format!("{label}={value}"));
    HashMap::from([("label".to_owned(), vec![wanted])])
}

/// The name of this machine and, in a container, of that container: process ids mean something only there.
fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .or_else(|_| std::env::var("HOSTNAME"))
        .unwrap_or_else(|_| "localhost".to_owned())
}

/// When a process started, in the kernel's ticks since boot; `None` when there is no such process.
fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command stands in parentheses and may hold anything; what follows it does not.
    let after = &stat[stat.rfind(')')? + 1..];
    let fields: Vec<&str> = after.split_whitespace().collect();
    // A zombie does nothing any more: whoever kept its entry only forgot to ask for its exit code.
    if matches!(fields.first(), Some(&"Z" | &"X")) {
        return None;
    }
    // Field 22 of the whole line; the state, field 3, is the first after the command.
    fields.get(22 - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_survives_a_label() {
        let me = Owner::current();
        assert!(!me.is_gone());
        assert_eq!(Owner::parse(&me.to_string()), Some(me));
    }

    #[test]
    fn a_recycled_process_id_is_not_its_predecessor() {
        let mut other = Owner::current();
        other.start += 1;
        assert!(other.is_gone());
    }

    #[test]
    fn a_process_elsewhere_is_never_called_gone() {
        let mut elsewhere = Owner::current();
        elsewhere.host.push_str("-other");
        elsewhere.start += 1;
        assert!(!elsewhere.is_gone());
    }

    #[test]
    fn run_ids_fit_names_and_labels() {
        for bad in ["", "-a", "A", "a/b", "a b", &"a".repeat(41)] {
            assert!(RunId::new(bad).is_err(), "{bad:?}");
        }
        assert!(RunId::new(RunId::random().as_str()).is_ok());
    }
}
