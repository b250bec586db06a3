//! What started the workflow, read from what the runner set, and what follows for grading.

use serde::Deserialize;

use super::Inputs;
use crate::limits::PAYLOAD;

/// What started the workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Such as `pull_request`.
    pub event: String,
    /// The commit that the workflow runs for (`GITHUB_SHA`).
    pub sha: String,
    /// Set for pull requests.
    pub pull: Option<Pull>,
}

/// The pull request as it was when the workflow was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    pub number: u64,
    pub head: String,
    pub draft: bool,
    pub closed: bool,
    /// From another repository: then GitHub gives the workflow neither secrets nor a token.
    pub fork: bool,
}

/// What cannot be made out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TriggerError {
    /// A variable that every runner sets.
    #[error("{0} is not set; this command is for a step of a GitHub workflow")]
    Missing(&'static str),
    /// The event's file.
    #[error("the event cannot be read: {0}")]
    Event(String),
    /// `pull_request_target` runs with the base repository's secrets, which must not lie about while a stranger's code
    /// is built.
    #[error(
        "this Action does not run for pull_request_target: strangers' code would run beside the repository's secrets"
    )]
    PullRequestTarget,
}

/// What the step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Nothing, for this reason.
    Skip(&'static str),
    /// Grade the checkout here. `instead` says why the service that was asked for is not taken.
    Here { instead: Option<&'static str> },
    /// Have a service grade it.
    Service,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    action: String,
    #[serde(default)]
    pull_request: Option<PullRequest>,
}

#[derive(Deserialize)]
struct PullRequest {
    number: u64,
    state: String,
    #[serde(default)]
    draft: bool,
    head: Side,
    base: Side,
}

#[derive(Deserialize)]
struct Side {
    sha: String,
    #[serde(default)]
    repo: Option<Repo>,
}

#[derive(Deserialize)]
struct Repo {
    id: u64,
}

impl Trigger {
    /// Reads `GITHUB_EVENT_NAME` and `GITHUB_SHA` by `get`, and `event`, the content of the file `GITHUB_EVENT_PATH`.
    ///
    /// # Errors
    /// [`TriggerError`].
    pub fn read(get: impl Fn(&str) -> Option<String>, event: &[u8]) -> Result<Self, TriggerError> {
        let variable = |name: &'static str| get(name).filter(|it| !it.is_empty()).ok_or(TriggerError::Missing(name));
        let (name, sha) = (variable("GITHUB_EVENT_NAME")?, variable("GITHUB_SHA")?);
        if name == "pull_request_target" {
            return Err(TriggerError::PullRequestTarget);
        }
        if event.len() > PAYLOAD {
            return Err(TriggerError::Event(format!("it has {} bytes", event.len())));
        }
        let event: Event = serde_json::from_slice(event).map_err(|error| TriggerError::Event(error.to_string()))?;
        let pull = event.pull_request.filter(|_| name == "pull_request").map(|pull| Pull {
            number: pull.number,
            draft: pull.draft,
            closed: pull.state == "closed" || event.action == "closed",
            // A fork that is gone is a fork.
            fork: match (&pull.head.repo, &pull.base.repo) {
                (Some(head), Some(base)) => head.id != base.id,
                _ => true,
            },
            head: pull.head.sha,
        });
        if name == "pull_request" && pull.is_none() {
            return Err(TriggerError::Event("it names no pull request".to_owned()));
        }
        Ok(Trigger { event: name, sha, pull })
    }

    /// The commit that is the candidate's: of a pull request its head, not the merge that the workflow runs for.
    pub fn head(&self) -> &str {
        self.pull.as_ref().map_or(&self.sha, |pull| &pull.head)
    }

    /// What to do; `has_token` where the runner offers a token to prove itself with.
    pub fn plan(&self, inputs: &Inputs, has_token: bool) -> Plan {
        if let Some(pull) = &self.pull {
            if pull.closed {
                return Plan::Skip("the pull request is closed");
            }
            if pull.draft && !inputs.drafts {
                return Plan::Skip("the pull request is a draft; it is graded when it is ready for review");
            }
        }
        let fork = self.pull.as_ref().is_some_and(|pull| pull.fork);
        match (&inputs.server, has_token) {
            (None, _) => Plan::Here { instead: None },
            (Some(_), true) => Plan::Service,
            (Some(_), false) if fork => Plan::Here {
                instead: Some(
                    "pull requests from forks get no token to prove themselves with, so the public part alone is graded \
                     here; an App grades the rest",
                ),
            },
            (Some(_), false) => Plan::Here {
                instead: Some(
                    "the job has no token to prove itself with, so the public part alone is graded here; give it \
                     `permissions: id-token: write`",
                ),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trigger(name: &str, event: serde_json::Value) -> Result<Trigger, TriggerError> {
        let get = |variable: &str| match variable {
            "GITHUB_EVENT_NAME" => Some(name.to_owned()),
            "GITHUB_SHA" => Some("merge".to_owned()),
            _ => None,
        };
        Trigger::read(get, event.to_string().as_bytes())
    }

    fn pull(head_repo: Option<u64>, draft: bool, state: &str) -> Trigger {
        let repo = head_repo.map(|id| serde_json::json!({ "id": id }));
        trigger(
            "pull_request",
            serde_json::json!({ "action": "synchronize", "pull_request": {
                "number": 3, "state": state, "draft": draft,
                "head": { "sha": "head", "repo": repo }, "base": { "sha": "base", "repo": { "id": 1 } },
            }}),
        )
        .unwrap()
    }

    fn inputs(server: bool) -> Inputs {
        let server = server.then(|| "https://grader.test".to_owned());
        Inputs::read(|name| if name == "INPUT_SERVER" { server.clone() } else { None }).unwrap()
    }

    #[test]
    fn the_head_is_graded_and_not_the_merge() {
        assert_eq!(pull(Some(1), false, "open").head(), "head");
        assert_eq!(trigger("push", serde_json::json!({})).unwrap().head(), "merge");
    }

    #[test]
    fn a_plan_for_every_kind_of_pull_request() {
        let (with, without) = (inputs(true), inputs(false));
        assert_eq!(pull(Some(1), false, "open").plan(&with, true), Plan::Service);
        assert_eq!(pull(Some(1), false, "open").plan(&without, true), Plan::Here { instead: None });
        for fork in [Some(2), None] {
            let plan = pull(fork, false, "open").plan(&with, false);
            assert!(matches!(plan, Plan::Here { instead: Some(why) } if why.contains("forks")), "{plan:?}");
        }
        let plan = pull(Some(1), false, "open").plan(&with, false);
        assert!(matches!(plan, Plan::Here { instead: Some(why) } if why.contains("id-token")));
        assert!(matches!(pull(Some(1), true, "open").plan(&with, true), Plan::Skip(_)));
        assert!(matches!(pull(Some(1), false, "closed").plan(&with, true), Plan::Skip(_)));
        let drafts = Inputs { drafts: true, ..inputs(true) };
        assert_eq!(pull(Some(1), true, "open").plan(&drafts, true), Plan::Service);
    }

    #[test]
    fn what_would_run_beside_secrets_is_refused() {
        assert!(matches!(trigger("pull_request_target", serde_json::json!({})), Err(TriggerError::PullRequestTarget)));
        assert!(matches!(trigger("pull_request", serde_json::json!({})), Err(TriggerError::Event(_))));
        assert!(matches!(Trigger::read(|_| None, b"{}"), Err(TriggerError::Missing("GITHUB_EVENT_NAME"))));
    }
}
