//! One request to GitHub's API: sent, waited for, repeated where that is safe, read within bounds.
//!
//! It knows no resource; what is asked for stands in the modules beside it.

use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::{Mutex, OnceCell};
use url::Url;

use super::auth::{AppKey, Grant, Granted, KeyError, Tokens, usable};
use super::retry::{Judgement, Refusal, judge};
use crate::Secret;

/// The version of the API that requests and answers are written for.
const API_VERSION: &str = "2022-11-28";
/// The longest answer that is read, bytes: a page of a hundred comments of 64 KiB each.
const LONGEST: usize = 16 << 20;
/// How often a request is sent at most.
pub(super) const ATTEMPTS: u32 = 5;

/// What GitHub or the way to it did.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GithubError {
    /// GitHub said no, and would say so again.
    #[error("GitHub refused {what}: {status} {message}")]
    Refused { what: String, status: u16, message: String },
    /// A limit lasts longer than a request waits.
    #[error("GitHub's rate limit leaves {what} no request for {seconds} s")]
    RateLimited { what: String, seconds: u64 },
    /// No answer, or one of an unwell server, as often as was tried; or once where repeating would not have been safe.
    #[error("{what} got no sound answer from GitHub: {reason}")]
    Unanswered { what: String, reason: String },
    /// An answer that is not what the API describes.
    #[error("GitHub's answer to {what} cannot be read: {reason}")]
    Unreadable { what: String, reason: String },
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Not `owner/name`.
    #[error("`{0}` is no repository's name")]
    Name(String),
    #[error("no client for HTTP can be made: {0}")]
    Client(#[source] reqwest::Error),
}

/// How patient the client is; tests are less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two requests that change something (GitHub asks for a second).
    pub gap: Duration,
    /// Before the first repetition after a failure; doubled each time.
    pub pause: Duration,
    /// The least wait at a secondary limit that says no time (GitHub asks for a minute); doubled each time.
    pub secondary: Duration,
    /// The longest that one request waits for limits in all.
    pub patience: Duration,
    /// The longest that one answer may take.
    pub answer: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            gap: Duration::from_secs(1),
            pause: Duration::from_millis(500),
            secondary: Duration::from_secs(60),
            patience: Duration::from_secs(900),
            answer: Duration::from_secs(20),
        }
    }
}

/// Whether a request may be sent again when nobody knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Reads, and writes that put a state.
    Freely,
    /// Writes that add: only where the request was certainly not carried out.
    IfUndone,
}

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Call {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    pub(super) repeat: Repeat,
}

impl Call {
    /// `path` begins with a slash; what is not ours in it has been checked by [`repository`].
    pub(super) fn new(method: Method, path: String) -> Self {
        let repeat = if method == Method::POST { Repeat::IfUndone } else { Repeat::Freely };
        Call { method, path, query: Vec::new(), body: None, repeat }
    }

    pub(super) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(super) fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }

    fn what(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// A sound answer, whole.
#[derive(Debug)]
pub(super) struct Answer {
    what: String,
    body: Vec<u8>,
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, GithubError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| GithubError::Unreadable { what: self.what.clone(), reason: error.to_string() })
    }
}

/// The App, ready to act for its installations.
#[derive(Debug)]
pub struct App {
    key: AppKey,
    api: Url,
    http: reqwest::Client,
    pace: Pace,
    tokens: Tokens,
    /// When the last request that changes something was sent; held while one is under way, since GitHub asks for one
    /// at a time.
    turn: Mutex<Option<Instant>>,
    /// Until when a limit forbids every request.
    hold: std::sync::Mutex<Option<Instant>>,
    slug: OnceCell<String>,
}

impl App {
    /// `api` is the API's root, such as `https://api.github.com`.
    ///
    /// # Errors
    /// [`GithubError::Client`].
    pub fn new(key: AppKey, api: &Url, pace: Pace) -> Result<Self, GithubError> {
        let http = reqwest::Client::builder()
            .timeout(pace.answer)
            .connect_timeout(pace.answer)
            // Renamed repositories are redirected, within the API's own host: credentials go nowhere else.
            .redirect(reqwest::redirect::Policy::custom(|attempt| {
                let same = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
                if same && attempt.previous().len() <= 3 { attempt.follow() } else { attempt.stop() }
            }))
            .build()
            .map_err(GithubError::Client)?;
        Ok(App {
            key,
            api: api.clone(),
            http,
            pace,
            tokens: Tokens::default(),
            turn: Mutex::default(),
            hold: std::sync::Mutex::default(),
            slug: OnceCell::new(),
        })
    }

    /// The App's number.
    pub fn id(&self) -> u64 {
        self.key.id()
    }

    /// Asks for a new token of `installation` the next time one is needed.
    pub fn forget_token(&self, installation: u64) {
        self.tokens.forget(installation);
    }

    /// The App's name in addresses; its comments are written by `SLUG[bot]`.
    pub(super) async fn slug(&self) -> Result<&str, GithubError> {
        #[derive(serde::Deserialize)]
        struct Me {
            slug: String,
        }
        let ask = || async {
            let token = self.key.token(OffsetDateTime::now_utc())?;
            let me: Me = self.send(&Call::new(Method::GET, "/app".to_owned()), &token).await?.json()?;
            Ok::<_, GithubError>(me.slug)
        };
        self.slug.get_or_try_init(ask).await.map(String::as_str)
    }

    /// Sends `call` with the installation's token; a token that is no longer taken is replaced once.
    pub(super) async fn as_installation(&self, installation: u64, call: Call) -> Result<Answer, GithubError> {
        let token = self.token(installation, Grant::Checks).await?;
        match self.send(&call, &token).await {
            Err(GithubError::Refused { status: 401, .. }) => {
                self.forget_token(installation);
                let token = self.token(installation, Grant::Checks).await?;
                self.send(&call, &token).await
            }
            other => other,
        }
    }

    /// The installation's token, a new one where the present one ends soon.
    pub(super) async fn token(&self, installation: u64, grant: Grant) -> Result<Secret, GithubError> {
        let slot = self.tokens.slot(installation, grant);
        let mut slot = slot.lock().await;
        let now = OffsetDateTime::now_utc();
        if let Some(token) = usable(&slot, now) {
            return Ok(token);
        }
        let call = Call::new(Method::POST, format!("/app/installations/{installation}/access_tokens"))
            .body(grant.asked())
            // A token that nobody received does no harm.
            .repeat(Repeat::Freely);
        let granted: Granted = self.send(&call, &self.key.token(now)?).await?.json()?;
        let token = Secret::new(granted.token);
        *slot = Some((token.clone(), granted.expires_at));
        Ok(token)
    }

    /// The App's own token.
    pub(super) fn own_token(&self, now: OffsetDateTime) -> Result<Secret, KeyError> {
        self.key.token(now)
    }

    pub(super) async fn send(&self, call: &Call, token: &Secret) -> Result<Answer, GithubError> {
        let mut waited = Duration::ZERO;
        let mut attempt = 1;
        loop {
            self.wait_for_hold(call, &mut waited).await?;
            let refusal = match self.once(call, token).await {
                Ok(answer) => return Ok(answer),
                Err(refusal) => refusal,
            };
            match judge(&refusal, call.repeat, attempt, &self.pace, OffsetDateTime::now_utc()) {
                Judgement::Fail => return Err(refusal.error(call.what())),
                Judgement::Repeat(pause) => tokio::time::sleep(pause).await,
                Judgement::Limited(wait) => {
                    tracing::warn!(request = call.what(), seconds = wait.as_secs(), "GitHub asks for patience");
                    self.put_hold(wait);
                }
            }
            attempt += 1;
        }
    }

    async fn once(&self, call: &Call, token: &Secret) -> Result<Answer, Refusal> {
        let turn = if call.method == Method::GET { None } else { Some(self.take_turn().await) };
        let mut place = self.api.clone();
        place.set_path(&format!("{}{}", self.api.path().trim_end_matches('/'), call.path));
        if !call.query.is_empty() {
            place.query_pairs_mut().extend_pairs(&call.query);
        }
        let mut request = self
            .http
            .request(call.method.clone(), place)
            .header(ACCEPT, "application/vnd.github+json")
            .header("X-GitHub-Api-Version", API_VERSION)
            .header(USER_AGENT, concat!("grader/", env!("CARGO_PKG_VERSION")))
            .header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let answer = request.send().await.map_err(Refusal::unsent_or_lost)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = bounded(answer, LONGEST).await.map_err(|reason| Refusal::Lost { sent: true, reason })?;
        drop(turn);
        if status.is_success() {
            return Ok(Answer { what: call.what(), body });
        }
        Err(Refusal::answered(status, &headers, &body))
    }

    /// Waits until it is this request's turn to change something.
    async fn take_turn(&self) -> tokio::sync::MutexGuard<'_, Option<Instant>> {
        let mut turn = self.turn.lock().await;
        if let Some(last) = *turn {
            tokio::time::sleep(self.pace.gap.saturating_sub(last.elapsed())).await;
        }
        *turn = Some(Instant::now());
        turn
    }

    fn put_hold(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut hold = self.hold.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if hold.is_none_or(|now| now < until) {
            *hold = Some(until);
        }
    }

    async fn wait_for_hold(&self, call: &Call, waited: &mut Duration) -> Result<(), GithubError> {
        loop {
            let until = *self.hold.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let rest = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
            if rest.is_zero() {
                return Ok(());
            }
            *waited += rest;
            if *waited > self.pace.patience {
                return Err(GithubError::RateLimited { what: call.what(), seconds: rest.as_secs() });
            }
            tokio::time::sleep(rest).await;
        }
    }
}

/// `/repos/OWNER/NAME`, where the name is one: it becomes part of a path.
pub(super) fn repository(full_name: &str) -> Result<String, GithubError> {
    let good = |part: &str| {
        !part.is_empty()
            && part.len() <= 100
            && !part.chars().all(|c| c == '.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    match full_name.split_once('/') {
        Some((owner, name)) if good(owner) && good(name) => Ok(format!("/repos/{owner}/{name}")),
        _ => Err(GithubError::Name(full_name.chars().take(100).collect())),
    }
}

/// The whole body, if it has no more than `longest` bytes.
///
/// # Errors
/// In words: the connection broke, or the body is longer.
pub async fn bounded(mut answer: Response, longest: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| error.to_string())? {
        if body.len() + chunk.len() > longest {
            return Err(format!("the answer has more than {longest} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The status for which a refusal is worth an error of its own.
pub(super) fn refused(what: String, status: StatusCode, message: &str) -> GithubError {
    GithubError::Refused { what, status: status.as_u16(), message: message.chars().take(300).collect() }
}

#[cfg(test)]
mod tests {
    use super::repository;

    #[test]
    fn a_name_cannot_become_another_path() {
        assert_eq!(repository("acme/hello.world-1").ok().as_deref(), Some("/repos/acme/hello.world-1"));
        for name in ["acme", "acme/", "/x", "acme/x/y", "acme/..", "../x", "acme/x?y", "acme/x%2f", "a b/c", "acme/é"]
        {
            assert!(repository(name).is_err(), "{name}");
        }
    }
}
