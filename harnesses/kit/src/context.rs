//! What a probe can reach: the bound API, accounts, source addresses, parameters, and what other probes learnt.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use grader_model::{Finding, Note, NoteKind};
use grader_spec::{Params, Spec};
use tokio::sync::Mutex as AsyncMutex;

use crate::bind::Overrides;
use crate::protocol::{Control, ControlReply, Host};
use crate::record::Recorder;
use crate::vantage::{self, Endpoint};
use crate::{Account, Answer, BoundResource, Facts, LiveDatabase, Operation, Request, Session, Stop, Values};

/// How many source addresses one run uses at the most.
const MOST_VANTAGES: usize = 8;

/// Lines of each service's log that are looked at.
const LOG_LINES: u32 = 20_000;

/// The state of one run of the harness. Shared by all probes, which run one after the other.
pub struct Context {
    spec: Arc<Spec>,
    facts: Arc<Facts>,
    seed: u64,
    endpoint: Endpoint,
    origin: String,
    host: Host,
    recorder: Recorder,
    clients: Mutex<Vec<reqwest::Client>>,
    /// The source address that authentication requests use now; it moves on when a limiter refuses it.
    auth_vantage: AsyncMutex<usize>,
    bound: Mutex<Bound>,
    accounts: AsyncMutex<Vec<Account>>,
    learnt: Mutex<Learnt>,
    overrides: Overrides,
    carrier: Mutex<Option<crate::Carrier>>,
    asks_for_json: bool,
    first_logs: Mutex<Vec<(String, Vec<String>)>>,
}

/// What binding found.
#[derive(Debug, Clone, Default)]
pub struct Bound {
    pub register: Option<Operation>,
    pub login: Option<Operation>,
    pub me: Option<Operation>,
    /// Why registration or login could not be bound.
    pub account_trouble: HashMap<String, String>,
    pub resources: HashMap<String, BoundResource>,
    /// The account with more rights, where writing needs one.
    pub privileged: Option<Account>,
    /// The API description that the server or the tree has.
    pub description: Option<Arc<crate::bind::Description>>,
}

/// What probes leave for each other.
#[derive(Debug, Default)]
pub struct Learnt {
    /// The burst of bad logins, once it was answered 429.
    pub limit: Option<LimitSeen>,
    /// Findings so far, in order.
    pub findings: Vec<Finding>,
    pub notes: Vec<Note>,
    /// The database that holds the API's records, once it was found.
    pub database: Option<Arc<dyn LiveDatabase>>,
}

/// How a limiter answered the burst.
#[derive(Debug, Clone)]
pub struct LimitSeen {
    /// The first refusal.
    pub refusal: Answer,
    pub refused_at: Instant,
    /// Requests that were taken before it.
    pub taken: u32,
    /// The source address that sent the burst.
    pub vantage: usize,
    /// Whether another source address was let in meanwhile; `None` when there was none to try from.
    pub others_let_in: Option<bool>,
}

impl Context {
    /// A context for an API at `endpoint`.
    ///
    /// # Errors
    /// Where the HTTP library cannot be set up.
    pub fn new(
        spec: Arc<Spec>,
        facts: Arc<Facts>,
        seed: u64,
        endpoint: Endpoint,
        host: Host,
        overrides: Overrides,
    ) -> Result<Self, reqwest::Error> {
        let first = vantage::client(&endpoint, endpoint.address, None)?;
        Ok(Context {
            spec,
            facts,
            seed,
            origin: endpoint.origin(),
            endpoint,
            host,
            recorder: Recorder::default(),
            clients: Mutex::new(vec![first]),
            auth_vantage: AsyncMutex::new(0),
            bound: Mutex::default(),
            accounts: AsyncMutex::default(),
            learnt: Mutex::default(),
            overrides,
            carrier: Mutex::default(),
            asks_for_json: false,
            first_logs: Mutex::default(),
        })
    }

    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Where the API was found; after [`Context::moved`] it is elsewhere.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How long one request may take.
    pub fn request_limit(&self) -> Duration {
        Duration::from_secs(self.spec.limits.request_seconds)
    }

    /// A stream of values of its own for each name; use the probe's id.
    pub fn values(&self, name: &str) -> Values {
        Values::new(self.seed, name)
    }

    /// The parameters that the spec gives to a probe.
    pub fn params(&self, probe: &str) -> Params {
        self.spec.probe(probe).map(|probe| probe.params.clone()).unwrap_or_default()
    }

    /// A whole-number parameter of a probe, or the probe's own default.
    pub fn param(&self, probe: &str, name: &str, default: u64) -> u64 {
        self.params(probe).get(name).and_then(serde_json::Value::as_u64).unwrap_or(default)
    }

    /// Whether requests that say nothing of it ask for JSON by `Accept`.
    pub(crate) fn asks_for_json(&self) -> bool {
        self.asks_for_json
    }

    /// From now on requests that say nothing of it ask for JSON.
    pub(crate) fn ask_for_json(&mut self) {
        self.asks_for_json = true;
    }

    pub(crate) fn client(&self, vantage: usize) -> Option<reqwest::Client> {
        lock(&self.clients).get(vantage).cloned()
    }

    /// A source address that no request came from yet, or `None` where there is none to be had.
    pub async fn new_vantage(&self) -> Option<usize> {
        if lock(&self.clients).len() >= MOST_VANTAGES {
            return None;
        }
        let client = if self.endpoint.address.is_loopback() {
            // Every address of 127.0.0.0/8 is this machine's own.
            let number = u8::try_from(lock(&self.clients).len()).ok()?;
            let source = IpAddr::from([127, 0, 71, number + 1]);
            vantage::client(&self.endpoint, self.endpoint.address, Some(source)).ok()?
        } else {
            let request = Control::Vantage { service: self.endpoint.service.clone() };
            match self.host.control(request).await {
                Ok(ControlReply::Address { address }) => vantage::client(&self.endpoint, address, None).ok()?,
                Ok(_) => return None,
                Err(error) => {
                    tracing::warn!(%error, "no further source address");
                    return None;
                }
            }
        };
        let mut clients = lock(&self.clients);
        clients.push(client);
        Some(clients.len() - 1)
    }

    /// Asks the host for something that only it can do.
    ///
    /// # Errors
    /// The host's own words where it cannot.
    pub async fn control(&self, request: Control) -> Result<ControlReply, String> {
        self.host.control(request).await
    }

    /// Keeps what the services have logged so far: one that says much loses the beginning of its log before the run ends.
    pub(crate) async fn keep_logs(&self) {
        if let Ok(ControlReply::Logs { services }) = self.control(Control::Logs { lines: LOG_LINES }).await {
            *lock(&self.first_logs) = services;
        }
    }

    /// What every service has logged, from its first lines on but for the middle of a very long log: by service, oldest
    /// first, no line twice where nothing was lost. `None` where nobody can hand over the logs.
    pub async fn logs(&self) -> Option<Vec<(String, Vec<String>)>> {
        let Ok(ControlReply::Logs { services }) = self.control(Control::Logs { lines: LOG_LINES }).await else {
            return None;
        };
        Some(joined(lock(&self.first_logs).clone(), services))
    }

    /// Asks the host for something without waiting for it: for undoing what a probe that was given up had done.
    pub fn tell_host(&self, request: Control) {
        self.host.tell(request);
    }

    /// From now on the API is at `address`: its container was started again. Further source addresses led to the old one
    /// and are given up.
    ///
    /// # Errors
    /// Where the HTTP library cannot be set up.
    pub async fn moved(&self, address: IpAddr) -> Result<(), reqwest::Error> {
        let first = vantage::client(&self.endpoint, address, None)?;
        *self.auth_vantage.lock().await = 0;
        *lock(&self.clients) = vec![first];
        Ok(())
    }

    /// Signs in again whom probes write as, where the sessions ended with the API's process: the first account and the
    /// privileged one. Who is not let in stays as it was.
    pub async fn sign_in_again(&self) {
        let privileged = self.bound().privileged;
        self.renew(self.accounts().await.into_iter().take(1).chain(privileged)).await;
    }

    /// Signs in again whose sessions would end while the next probe runs, so that a short lifetime is nobody's verdict
    /// but that of the probe about lifetimes. Where an answer says no lifetime there is nothing to go by.
    pub(crate) async fn renew_ending(&self) {
        let privileged = self.bound().privileged;
        let ending = self.accounts().await.into_iter().chain(privileged).filter(Account::is_ending);
        self.renew(ending.collect::<Vec<_>>()).await;
    }

    async fn renew(&self, accounts: impl IntoIterator<Item = Account>) {
        for account in accounts {
            let Ok((login, session)) = crate::bind::sign_in(self, &account.identity, &account.password).await else {
                continue;
            };
            self.recorder.name(&session.token, &format!("$TOKEN_{}", account.label));
            let renewed = |held: &mut Account| {
                if held.label == account.label {
                    held.session.token.clone_from(&session.token);
                    held.lifetime = crate::account::lifetime(&login, &session);
                    held.signed_in = Instant::now();
                }
            };
            self.accounts.lock().await.iter_mut().for_each(renewed);
            self.with_bound(|bound| bound.privileged.iter_mut().for_each(renewed));
        }
    }

    /// The database that the API really writes to, once the probes that read it have found it.
    pub fn database(&self) -> Option<Arc<dyn LiveDatabase>> {
        lock(&self.learnt).database.clone()
    }

    /// Sends a request to an authentication operation so that a limiter does not decide another probe's verdict: where
    /// it is refused with 429, it is sent again from a fresh source address, then after the time that the answer names.
    ///
    /// # Errors
    /// [`Stop::Inconclusive`] where every way stays refused.
    pub async fn send_auth(&self, request: Request) -> Result<Answer, Stop> {
        let mut vantage = self.auth_vantage.lock().await;
        let mut waited = Duration::ZERO;
        let longest = Duration::from_secs(self.param("auth.rate-limit", "max_wait_seconds", 70));
        loop {
            let answer = request.clone().from_vantage(*vantage).send(self).await;
            if !answer.is_limited() {
                return Ok(answer);
            }
            if waited.is_zero()
                && let Some(fresh) = self.new_vantage().await
            {
                let again = request.clone().from_vantage(fresh).send(self).await;
                if !again.is_limited() {
                    *vantage = fresh;
                    return Ok(again);
                }
            }
            let pause = retry_after(&answer).unwrap_or(Duration::from_secs(15)) + Duration::from_millis(250);
            if waited + pause > longest {
                return Err(Stop::inconclusive(format!(
                    "the API's own limiter refused {} {} from every source address, also after {} s",
                    request.method,
                    request.target,
                    waited.as_secs()
                )));
            }
            tracing::debug!(seconds = pause.as_secs_f32(), "waiting for a limiter's window");
            tokio::time::sleep(pause).await;
            waited += pause;
        }
    }

    // What binding found.

    pub fn bound(&self) -> Bound {
        lock(&self.bound).clone()
    }

    pub(crate) fn with_bound<T>(&self, change: impl FnOnce(&mut Bound) -> T) -> T {
        change(&mut lock(&self.bound))
    }

    /// The main resource.
    ///
    /// # Errors
    /// [`Stop::Blocked`] by `api.operations` where no part of it was found.
    pub fn main(&self) -> Result<Arc<BoundResource>, Stop> {
        self.resource(&self.spec.domain.main)
    }

    /// The transaction.
    ///
    /// # Errors
    /// [`Stop::NotApplicable`] where the domain has none, [`Stop::Blocked`] where it was not found.
    pub fn transaction(&self) -> Result<Arc<BoundResource>, Stop> {
        match &self.spec.domain.transaction {
            Some(id) => self.resource(id),
            None => Err(Stop::not_applicable("the assessment asks for no such operation")),
        }
    }

    /// A resource by its id in the spec.
    ///
    /// # Errors
    /// [`Stop::Blocked`] by `api.operations` where no part of it was found.
    pub fn resource(&self, id: &str) -> Result<Arc<BoundResource>, Stop> {
        let bound = lock(&self.bound);
        match bound.resources.get(id) {
            Some(resource) if !resource.operations.is_empty() => Ok(Arc::new(resource.clone())),
            _ => Err(Stop::blocked("api.operations", format!("no operation on {id} was found"))),
        }
    }

    /// The operation that registers.
    ///
    /// # Errors
    /// [`Stop::Blocked`] by `auth.register`.
    pub fn register(&self) -> Result<Operation, Stop> {
        let bound = lock(&self.bound);
        bound.register.clone().ok_or_else(|| {
            let why = bound.account_trouble.get("register").cloned().unwrap_or_else(|| "it was not found".to_owned());
            Stop::blocked("auth.register", format!("registering does not work: {why}"))
        })
    }

    /// The operation that signs in.
    ///
    /// # Errors
    /// [`Stop::Blocked`] by `auth.login` (or by `auth.register`, where nobody could register).
    pub fn login(&self) -> Result<Operation, Stop> {
        if lock(&self.bound).login.is_none() {
            self.register()?;
        }
        let bound = lock(&self.bound);
        bound.login.clone().ok_or_else(|| {
            let why = bound.account_trouble.get("login").cloned().unwrap_or_else(|| "it was not found".to_owned());
            Stop::blocked("auth.login", format!("signing in does not work: {why}"))
        })
    }

    // Accounts.

    /// The first account, which binding made.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where nobody can register or sign in.
    pub async fn account(&self) -> Result<Account, Stop> {
        self.nth_account(0).await
    }

    /// A second account, another person than [`Context::account`].
    ///
    /// # Errors
    /// As [`Context::account`].
    pub async fn other_account(&self) -> Result<Account, Stop> {
        self.nth_account(1).await
    }

    async fn nth_account(&self, index: usize) -> Result<Account, Stop> {
        let mut accounts = self.accounts.lock().await;
        while accounts.len() <= index {
            let label = ["A", "B", "C", "D"].get(accounts.len()).copied().unwrap_or("X");
            let account = crate::bind::register_and_sign_in(self, label).await?;
            accounts.push(account);
        }
        Ok(accounts[index].clone())
    }

    pub(crate) async fn adopt(&self, account: Account) {
        self.accounts.lock().await.push(account);
    }

    /// What the reviewer's bindings file says.
    pub fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// How sessions are sent, once binding had to find out.
    pub(crate) fn accounts_carrier(&self) -> Option<crate::Carrier> {
        lock(&self.carrier).clone()
    }

    pub(crate) async fn set_carrier(&self, carrier: &crate::Carrier) {
        *lock(&self.carrier) = Some(carrier.clone());
        for account in self.accounts.lock().await.iter_mut() {
            account.session.carrier = carrier.clone();
        }
    }

    /// Accounts that exist, in order of registration.
    pub async fn accounts(&self) -> Vec<Account> {
        self.accounts.lock().await.clone()
    }

    /// The session that may write a resource: the privileged account's where writing needs one, else the first
    /// account's; `None` where the submission asks for no session at all.
    ///
    /// # Errors
    /// [`Stop::Blocked`] where nobody can register or sign in.
    pub fn writer(&self, resource: &BoundResource) -> Result<Option<Session>, Stop> {
        if resource.privileged {
            let bound = lock(&self.bound);
            return Ok(bound.privileged.as_ref().map(|account| account.session.clone()));
        }
        Ok(self.accounts.try_lock().ok().and_then(|accounts| accounts.first().map(|a| a.session.clone())))
    }

    // What probes leave for each other.

    pub fn learn<T>(&self, change: impl FnOnce(&mut Learnt) -> T) -> T {
        change(&mut lock(&self.learnt))
    }

    /// What the burst of bad logins showed.
    pub fn limit_seen(&self) -> Option<LimitSeen> {
        lock(&self.learnt).limit.clone()
    }

    /// Adds an observation to the report that no verdict says.
    pub fn observe(&self, text: impl Into<String>) {
        lock(&self.learnt).notes.push(Note::new(NoteKind::Observation, text));
    }

    /// Asks a reviewer for a line in the bindings file.
    pub fn ask(&self, text: impl Into<String>, line: impl Into<String>) {
        let mut note = Note::new(NoteKind::Binding, text);
        note.ask = line.into();
        lock(&self.learnt).notes.push(note);
    }

    /// The verdict of a probe that ran before, where it has one.
    pub fn verdict(&self, probe: &str) -> Option<grader_model::Verdict> {
        lock(&self.learnt).findings.iter().find(|finding| finding.probe == probe).map(|finding| finding.verdict)
    }
}

/// Logs as they were first, with what they are now.
fn joined(mut whole: Vec<(String, Vec<String>)>, now: Vec<(String, Vec<String>)>) -> Vec<(String, Vec<String>)> {
    for (service, lines) in now {
        match whole.iter_mut().find(|(known, _)| *known == service) {
            Some((_, first)) if lines.starts_with(first) => *first = lines,
            Some((_, first)) => first.extend(lines),
            None => whole.push((service, lines)),
        }
    }
    whole
}

/// The time that a 429 or 503 names: `Retry-After` in seconds (RFC 9110, 10.2.3), the `RateLimit` fields of the IETF
/// drafts, or `X-RateLimit-Reset`.
pub fn retry_after(answer: &Answer) -> Option<Duration> {
    if let Some(value) = answer.header("retry-after") {
        if let Ok(seconds) = value.trim().parse::<f64>() {
            return (0.0..86_400.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds));
        }
        // An HTTP date: the difference to the answer's own Date, so that clocks need not agree.
        let at = httpdate::parse_http_date(value.trim()).ok()?;
        let now = answer.header("date").and_then(|date| httpdate::parse_http_date(date).ok());
        return at.duration_since(now.unwrap_or_else(std::time::SystemTime::now)).ok();
    }
    // Draft 7 and 8: `limit=10, remaining=0, reset=5` or `"policy";r=0;t=5`.
    if let Some(value) = answer.header("ratelimit") {
        for part in value.split([',', ';']) {
            if let Some((name, number)) = part.trim().split_once('=')
                && matches!(name.trim(), "reset" | "t")
                && let Ok(seconds) = number.trim().parse::<u64>()
            {
                return Some(Duration::from_secs(seconds));
            }
        }
    }
    ["ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"].iter().find_map(|name| {
        let number = answer.header(name)?.trim().parse::<u64>().ok()?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
        // Seconds from now, or a point in time.
        Some(Duration::from_secs(if number > 1_000_000_000 { number.saturating_sub(now) } else { number }))
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn a_log_that_lost_its_beginning_has_it_again() {
        let log =
            |service: &str, lines: &[&str]| (service.to_owned(), lines.iter().map(|line| (*line).to_owned()).collect());
        let first = vec![log("api", &["started", "registered"]), log("db", &["ready"])];
        let now = vec![log("api", &["load 8", "load 9"]), log("db", &["ready", "checkpoint"]), log("cache", &["up"])];
        let whole = vec![
            log("api", &["started", "registered", "load 8", "load 9"]),
            log("db", &["ready", "checkpoint"]),
            log("cache", &["up"]),
        ];
        assert_eq!(joined(first, now), whole);
    }
}
