//! The Action's talk with a service: a token from the runner, a run for it, and the run's view when it is done.
//!
//! The same types are the service's answers, so that both sides read one definition.

use std::time::{Duration, Instant};

use grader_report::CandidateView;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::Secret;
use crate::app::bounded;

/// The longest answer of a service, bytes: a view with all its files.
const LONGEST: usize = 64 << 20;
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(30);
/// Between two questions, where the service says nothing else.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a service may be away while it is waited for.
const AWAY: Duration = Duration::from_secs(180);

/// What the Action asks for; everything that decides is in the token that goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The head commit of the pull request as the workflow was started for it.
    pub head: String,
}

/// A run that was taken on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub run: String,
    /// Lets its holder follow and cancel this one run.
    pub key: String,
    /// Where people watch the run, for those who may.
    #[serde(default)]
    pub run_url: Option<Url>,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    Queued,
    Running,
    Finished {
        view: Box<CandidateView>,
    },
    /// The pull request moved on, or somebody cancelled it.
    Cancelled,
    /// The service lost it by its own doing.
    Lost,
}

/// How waiting ended.
#[derive(Debug)]
pub enum Stop {
    Finished(Box<CandidateView>),
    Superseded,
    Lost,
}

/// Why a service does not grade.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The runner gives no token.
    #[error("the runner gave no token: {0}")]
    NoToken(String),
    /// The service does not take this workflow; its own words.
    #[error("the service refuses: {status} {reason}")]
    Refused { status: u16, reason: String },
    /// A later push was heard of.
    #[error("the pull request moved on")]
    Superseded,
    /// No service, for longer than is waited.
    #[error("the service does not answer: {0}")]
    Unanswered(String),
    #[error("the service was not done within {0:?}")]
    TooLong(Duration),
    #[error("no client for HTTP can be made: {0}")]
    Client(#[source] reqwest::Error),
}

/// A service, as an Action talks to it.
#[derive(Debug)]
pub struct Remote {
    server: Url,
    http: reqwest::Client,
    pause: Duration,
}

#[derive(Deserialize)]
struct Issued {
    value: String,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

impl Remote {
    /// `server` is the service's root.
    ///
    /// # Errors
    /// [`RemoteError::Client`].
    pub fn new(server: &Url) -> Result<Self, RemoteError> {
        let http = reqwest::Client::builder()
            .timeout(ANSWER)
            // A token goes to the service that was named and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("grader/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(RemoteError::Client)?;
        Ok(Remote { server: server.clone(), http, pause: PAUSE })
    }

    /// Asks more or less often than every five seconds.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// The audience that the service's tokens are for: its address without a slash at the end.
    pub fn audience(&self) -> &str {
        self.server.as_str().trim_end_matches('/')
    }

    /// A token for this service from the runner, by what it set in `ACTIONS_ID_TOKEN_REQUEST_URL` and `…_TOKEN`.
    ///
    /// # Errors
    /// [`RemoteError::NoToken`].
    pub async fn token(&self, place: &str, bearer: &Secret) -> Result<Secret, RemoteError> {
        let no = |reason: String| RemoteError::NoToken(reason);
        let mut place = Url::parse(place).map_err(|error| no(error.to_string()))?;
        place.query_pairs_mut().append_pair("audience", self.audience());
        let mut last = String::new();
        for attempt in 0u32..3 {
            if attempt > 0 {
                tokio::time::sleep(self.pause.saturating_mul(attempt)).await;
            }
            match self.http.get(place.clone()).bearer_auth(bearer.expose()).send().await {
                Ok(answer) if answer.status().is_success() => {
                    let body = bounded(answer, 64 * 1024).await.map_err(no)?;
                    let issued: Issued = serde_json::from_slice(&body).map_err(|error| no(error.to_string()))?;
                    return Ok(Secret::new(issued.value));
                }
                Ok(answer) => last = answer.status().to_string(),
                Err(error) => last = error.without_url().to_string(),
            }
        }
        Err(no(last))
    }

    /// Has the head graded. A token is good for one asking.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn ask(&self, token: &Secret, asked: &Asked) -> Result<Answer, RemoteError> {
        let request = self.http.post(self.place(&["runs"])).bearer_auth(token.expose()).json(asked);
        let answer = request.send().await.map_err(unanswered)?;
        let status = answer.status();
        let body = bounded(answer, LONGEST).await.map_err(RemoteError::Unanswered)?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| RemoteError::Unanswered(error.to_string()));
        }
        if status == reqwest::StatusCode::CONFLICT {
            return Err(RemoteError::Superseded);
        }
        Err(refused(status, &body))
    }

    /// Waits for the run's end, `timeout` at most; `said` is told when it starts.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn wait(
        &self,
        answer: &Answer,
        timeout: Duration,
        mut said: impl FnMut(&'static str),
    ) -> Result<Stop, RemoteError> {
        let begun = Instant::now();
        let mut heard = Instant::now();
        let mut last = "";
        while begun.elapsed() < timeout {
            match self.state(answer).await {
                Ok(RunState::Finished { view }) => return Ok(Stop::Finished(view)),
                Ok(RunState::Cancelled) => return Ok(Stop::Superseded),
                Ok(RunState::Lost) => return Ok(Stop::Lost),
                Ok(state) => {
                    heard = Instant::now();
                    let word = if state == RunState::Queued { "queued" } else { "running" };
                    if word != last {
                        said(word);
                        last = word;
                    }
                }
                // A service is restarted now and then.
                Err(RemoteError::Unanswered(_)) if heard.elapsed() < AWAY => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(self.pause).await;
        }
        Err(RemoteError::TooLong(timeout))
    }

    /// Lets the service stop a run that nobody waits for any more.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn cancel(&self, answer: &Answer) -> Result<(), RemoteError> {
        let request = self.http.delete(self.place(&["runs", &answer.run])).bearer_auth(&answer.key);
        let sent = request.send().await.map_err(unanswered)?;
        if sent.status().is_success() { Ok(()) } else { Err(refused(sent.status(), b"")) }
    }

    async fn state(&self, answer: &Answer) -> Result<RunState, RemoteError> {
        let request = self.http.get(self.place(&["runs", &answer.run])).bearer_auth(&answer.key);
        let got = request.send().await.map_err(unanswered)?;
        let status = got.status();
        let body = bounded(got, LONGEST).await.map_err(RemoteError::Unanswered)?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| RemoteError::Unanswered(error.to_string()));
        }
        if status.is_server_error() || status == reqwest::StatusCode::TOO_MANY_REQUESTS {
            return Err(RemoteError::Unanswered(status.to_string()));
        }
        Err(refused(status, &body))
    }

    fn place(&self, parts: &[&str]) -> Url {
        let mut place = self.server.clone();
        if let Ok(mut path) = place.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1", "github"]).extend(parts);
        }
        place
    }
}

fn unanswered(error: reqwest::Error) -> RemoteError {
    RemoteError::Unanswered(error.without_url().to_string())
}

fn refused(status: reqwest::StatusCode, body: &[u8]) -> RemoteError {
    let problem = serde_json::from_slice::<Problem>(body).ok();
    let words = problem.map(|it| if it.detail.is_empty() { it.title } else { it.detail }).unwrap_or_default();
    RemoteError::Refused { status: status.as_u16(), reason: words.chars().take(300).collect() }
}
