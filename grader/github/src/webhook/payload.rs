//! The payloads that matter, with the members that matter: what GitHub adds or leaves out elsewhere changes nothing.

use serde::Deserialize;
use time::OffsetDateTime;

use crate::limits::PAYLOAD;

/// A delivery's content.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    PullRequest(PullRequestEvent),
    CheckRun(CheckRunEvent),
    CheckSuite(CheckSuiteEvent),
    Installation(InstallationEvent),
    InstallationRepositories(RepositoriesEvent),
    /// GitHub tries the webhook's address.
    Ping,
    /// An event that nothing is done about.
    Other,
}

/// A delivery that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// Longer than GitHub sends any.
    #[error("the payload has {0} bytes; GitHub sends none of more than {PAYLOAD}")]
    TooLong(usize),
    /// Not JSON, or without a member that this event always has.
    #[error("the {event} payload cannot be read: {source}")]
    Unreadable {
        event: &'static str,
        #[source]
        source: serde_json::Error,
    },
}

impl Event {
    /// Reads the `body` of an event called `name` (the `X-GitHub-Event` header).
    ///
    /// # Errors
    /// [`PayloadError`]. An event that is not known is [`Event::Other`] whatever its body.
    pub fn parse(name: &str, body: &[u8]) -> Result<Event, PayloadError> {
        if body.len() > PAYLOAD {
            return Err(PayloadError::TooLong(body.len()));
        }
        match name {
            "pull_request" => read("pull_request", body).map(Event::PullRequest),
            "check_run" => read("check_run", body).map(Event::CheckRun),
            "check_suite" => read("check_suite", body).map(Event::CheckSuite),
            "installation" => read("installation", body).map(Event::Installation),
            "installation_repositories" => read("installation_repositories", body).map(Event::InstallationRepositories),
            "ping" => Ok(Event::Ping),
            _ => Ok(Event::Other),
        }
    }
}

fn read<'a, T: Deserialize<'a>>(event: &'static str, body: &'a [u8]) -> Result<T, PayloadError> {
    serde_json::from_slice(body).map_err(|source| PayloadError::Unreadable { event, source })
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PullRequestEvent {
    pub action: String,
    pub number: u64,
    pub pull_request: PullRequest,
    pub repository: Repository,
    /// Absent where the webhook belongs to a repository and no App.
    #[serde(default)]
    pub installation: Option<Id>,
    /// The head before a push (`synchronize`).
    #[serde(default)]
    pub before: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PullRequest {
    pub number: u64,
    /// `open` or `closed`.
    pub state: String,
    #[serde(default)]
    pub draft: bool,
    pub head: Branch,
    pub base: Branch,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Branch {
    pub sha: String,
    #[serde(rename = "ref")]
    pub name: String,
    /// Absent where the fork was deleted.
    #[serde(default)]
    pub repo: Option<BranchRepository>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct BranchRepository {
    pub id: u64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Repository {
    pub id: u64,
    /// `owner/name`.
    pub full_name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Id {
    pub id: u64,
}

/// A pull request as checks name it; empty lists for those from forks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PullRef {
    pub number: u64,
    pub head: PullRefHead,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PullRefHead {
    pub sha: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CheckRunEvent {
    pub action: String,
    pub check_run: CheckRun,
    pub repository: Repository,
    #[serde(default)]
    pub installation: Option<Id>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CheckRun {
    pub name: String,
    pub head_sha: String,
    #[serde(default)]
    pub app: Option<Id>,
    #[serde(default)]
    pub pull_requests: Vec<PullRef>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CheckSuiteEvent {
    pub action: String,
    pub check_suite: CheckSuite,
    pub repository: Repository,
    #[serde(default)]
    pub installation: Option<Id>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CheckSuite {
    pub head_sha: String,
    #[serde(default)]
    pub app: Option<Id>,
    #[serde(default)]
    pub pull_requests: Vec<PullRef>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct InstallationEvent {
    pub action: String,
    pub installation: Id,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RepositoriesEvent {
    pub action: String,
    pub installation: Id,
    #[serde(default)]
    pub repositories_removed: Vec<Repository>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_an_error_and_what_is_unknown_is_not() {
        for body in ["", "{", "[]", "{\"action\":1}", "{\"action\":\"opened\",\"number\":-1}"] {
            assert!(matches!(Event::parse("pull_request", body.as_bytes()), Err(PayloadError::Unreadable { .. })));
        }
        assert_eq!(Event::parse("star", b"{").ok(), Some(Event::Other));
        let long = vec![b' '; PAYLOAD + 1];
        assert!(matches!(Event::parse("star", &long), Err(PayloadError::TooLong(_))));
    }
}
