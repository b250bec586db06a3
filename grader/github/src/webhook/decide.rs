//! What an event leads to: a pure function of the event, of what is known of its pull request, and of the policy.
//!
//! Deliveries come twice, late and in any order. A pull request's own clock (`updated_at`) decides which of two events
//! is the newer; where both carry the same second, the heads that a push names do. An event that is older than what is
//! known leads to nothing.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::payload::{CheckRunEvent, CheckSuiteEvent, Event, PullRef, PullRequestEvent, Repository};

/// What does not change from event to event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Checks of other Apps are none of ours.
    pub app_id: u64,
    /// The name of our check run.
    pub check_name: String,
    /// Whether drafts are graded.
    pub drafts: bool,
}

/// A pull request, for as long as its repository exists, whatever the repository is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PullKey {
    pub repository: u64,
    pub number: u64,
}

/// The last that was heard of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullState {
    pub head: String,
    /// The head before it, where a push said so.
    #[serde(default)]
    pub before: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    pub open: bool,
    pub draft: bool,
}

/// What is known before an event is judged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// Of the pull request that the event is about.
    pub pull: Option<PullState>,
    /// Pull requests that were last seen at the head that a check is about; those from forks are in no check's list.
    pub at_head: Vec<u64>,
}

/// A commit to grade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub installation: Option<u64>,
    pub repository: u64,
    /// `owner/name`, as it is called now.
    pub full_name: String,
    /// The pull request; absent for a commit that no known one has.
    pub number: Option<u64>,
    /// The head commit, hex.
    pub head: String,
}

impl Target {
    /// The ref under which the base repository holds the commit, whichever fork it came from.
    pub fn reference(&self) -> String {
        match self.number {
            Some(number) => format!("refs/pull/{number}/head"),
            None => self.head.clone(),
        }
    }
}

/// Whose unfinished runs are to be cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancel {
    /// Those of a pull request, but for the run of the head `keep`.
    Pull {
        key: PullKey,
        keep: Option<String>,
    },
    Repository(u64),
    Installation(u64),
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Grade, unless a run of this head is there already that nobody cancelled.
    Grade(Target),
    /// Grade anew: somebody asked for it.
    Regrade(Target),
    Cancel(Cancel),
    /// Tokens of this installation are no longer good, or may do other things now.
    ForgetToken(u64),
}

/// What an event leads to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// In this order.
    pub steps: Vec<Step>,
    /// What is known of the pull request from now on; absent where nothing new was learned.
    pub learned: Option<(PullKey, PullState)>,
}

/// Judges `event`.
pub fn decide(event: &Event, known: &Known, policy: &Policy) -> Decision {
    match event {
        Event::PullRequest(event) => pull_request(event, known.pull.as_ref(), policy),
        Event::CheckRun(event) => check_run(event, known, policy),
        Event::CheckSuite(event) => check_suite(event, known, policy),
        Event::Installation(event) => {
            let id = event.installation.id;
            let steps = match event.action.as_str() {
                "deleted" | "suspend" => vec![Step::ForgetToken(id), Step::Cancel(Cancel::Installation(id))],
                "new_permissions_accepted" | "unsuspend" => vec![Step::ForgetToken(id)],
                // Open pull requests of a new installation are graded at their next push or when somebody asks.
                _ => Vec::new(),
            };
            Decision { steps, learned: None }
        }
        Event::InstallationRepositories(event) => {
            let removed = event.repositories_removed.iter().map(|it| Step::Cancel(Cancel::Repository(it.id)));
            Decision {
                steps: [Step::ForgetToken(event.installation.id)].into_iter().chain(removed).collect(),
                learned: None,
            }
        }
        Event::Ping | Event::Other => Decision::default(),
    }
}

impl PullRequestEvent {
    /// The pull request that the event is about.
    pub fn key(&self) -> PullKey {
        PullKey { repository: self.repository.id, number: self.number }
    }

    fn state(&self) -> PullState {
        let pull = &self.pull_request;
        PullState {
            head: pull.head.sha.clone(),
            before: self.before.clone().filter(|_| self.action == "synchronize"),
            updated_at: pull.updated_at,
            open: pull.state == "open",
            draft: pull.draft,
        }
    }
}

fn pull_request(event: &PullRequestEvent, known: Option<&PullState>, policy: &Policy) -> Decision {
    let state = event.state();
    if known.is_some_and(|known| is_stale(&state, known)) {
        return Decision::default();
    }
    let key = event.key();
    let target = Target {
        installation: event.installation.as_ref().map(|it| it.id),
        repository: event.repository.id,
        full_name: event.repository.full_name.clone(),
        number: Some(event.number),
        head: state.head.clone(),
    };
    let mut steps = Vec::new();
    let graded = state.open && (policy.drafts || !state.draft);
    // Whatever the action: a pull request that is closed, or a draft again, is graded no further.
    if !graded {
        steps.push(Step::Cancel(Cancel::Pull { key, keep: None }));
    } else if STARTS.contains(&event.action.as_str()) {
        steps.push(Step::Cancel(Cancel::Pull { key, keep: Some(state.head.clone()) }));
        steps.push(Step::Grade(target));
    } else if known.is_some_and(|known| known.head != state.head) {
        // The push itself has not been delivered yet, or never was: a label carries the new head as well.
        steps.push(Step::Cancel(Cancel::Pull { key, keep: Some(state.head.clone()) }));
        steps.push(Step::Grade(target));
    }
    Decision { steps, learned: Some((key, state)) }
}

/// Actions after which a head wants to be graded.
const STARTS: [&str; 4] = ["opened", "reopened", "synchronize", "ready_for_review"];

/// Whether `new` was true before `known` was.
fn is_stale(new: &PullState, known: &PullState) -> bool {
    match new.updated_at.cmp(&known.updated_at) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Greater => false,
        std::cmp::Ordering::Equal => {
            // The known head came after this one.
            let passed = new.head != known.head && known.before.as_deref() == Some(new.head.as_str());
            // A closed pull request is reopened by a later second at the earliest.
            passed || (!known.open && new.open)
        }
    }
}

fn check_run(event: &CheckRunEvent, known: &Known, policy: &Policy) -> Decision {
    let run = &event.check_run;
    let ours = run.app.as_ref().is_some_and(|app| app.id == policy.app_id) && run.name == policy.check_name;
    if event.action != "rerequested" || !ours {
        return Decision::default();
    }
    let installation = event.installation.as_ref().map(|it| it.id);
    again(&event.repository, installation, &run.head_sha, &run.pull_requests, &known.at_head)
}

fn check_suite(event: &CheckSuiteEvent, known: &Known, policy: &Policy) -> Decision {
    let suite = &event.check_suite;
    let ours = suite.app.as_ref().is_some_and(|app| app.id == policy.app_id);
    // `requested` comes with every push; pull requests are heard of by their own events.
    if event.action != "rerequested" || !ours {
        return Decision::default();
    }
    let installation = event.installation.as_ref().map(|it| it.id);
    again(&event.repository, installation, &suite.head_sha, &suite.pull_requests, &known.at_head)
}

fn again(
    repository: &Repository,
    installation: Option<u64>,
    head: &str,
    listed: &[PullRef],
    at_head: &[u64],
) -> Decision {
    // A pull request that has moved on since is not graded at what it was.
    let listed = listed.iter().filter(|pull| pull.head.sha == head).map(|pull| pull.number);
    let number = listed.chain(at_head.iter().copied()).next();
    let target = Target {
        installation,
        repository: repository.id,
        full_name: repository.full_name.clone(),
        number,
        head: head.to_owned(),
    };
    Decision { steps: vec![Step::Regrade(target)], learned: None }
}

#[cfg(test)]
mod tests;
