//! The HTTP client of the harness: bounded in time and size, never following a redirect by itself, every exchange
//! recorded.
//!
//! What comes back is hostile: bodies are cut at a budget, never decompressed, and parsed only once they are whole.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use crate::record::Recorded;
use crate::{Context, Session};

/// Bytes of one answer's body that are read; the rest is dropped and the answer marked as cut.
pub const BODY_BUDGET: usize = 8 * 1024 * 1024;

/// How JSON is asked for where an API has to be asked (RFC 9110, 12.5.1). The second range is for those that answer JSON
/// under a name of its own alone, such as `application/ld+json`. No `*/*` follows: some frameworks take that for a browser.
pub(crate) const JSON_ACCEPTED: &str = "application/json, application/*+json";

/// A request in the making. Build it with [`Request::get`] and its kin, send it with [`Request::send`].
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Path and query, starting with `/`.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Body,
    pub session: Option<Session>,
    /// Index of the source address to send from; 0 is the harness's own.
    pub vantage: usize,
    /// In place of the spec's request limit.
    pub timeout: Option<Duration>,
}

/// A request's body.
#[derive(Debug, Clone, Default)]
pub enum Body {
    #[default]
    Empty,
    Json(Value),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
    /// Bytes as they are, with the content type named in the headers (if any).
    Raw(Bytes),
}

/// What came back, or why nothing did. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Answer(Arc<AnswerParts>);

#[derive(Debug)]
struct AnswerParts {
    record: Arc<Recorded>,
    body: Bytes,
    json: Option<Value>,
}

impl Request {
    pub fn new(method: &str, target: impl Into<String>) -> Self {
        Request {
            method: method.to_owned(),
            target: target.into(),
            headers: Vec::new(),
            body: Body::Empty,
            session: None,
            vantage: 0,
            timeout: None,
        }
    }

    pub fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    pub fn post(target: impl Into<String>) -> Self {
        Self::new("POST", target)
    }

    pub fn json(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    pub fn form(mut self, fields: Vec<(String, String)>) -> Self {
        self.body = Body::Form(fields);
        self
    }

    pub fn raw(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = Body::Raw(body.into());
        self.header("content-type", content_type)
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sends as the holder of `session`; `None` sends without credentials.
    pub fn session(mut self, session: Option<&Session>) -> Self {
        self.session = session.cloned();
        self
    }

    /// Adds query parameters, percent-encoded.
    pub fn query<'a>(mut self, pairs: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in pairs {
            encoded.append_pair(name, &value);
        }
        let encoded = encoded.finish();
        if !encoded.is_empty() {
            let separator = if self.target.contains('?') { '&' } else { '?' };
            self.target = format!("{}{separator}{encoded}", self.target);
        }
        self
    }

    pub fn from_vantage(mut self, vantage: usize) -> Self {
        self.vantage = vantage;
        self
    }

    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends the request and records the exchange. Never fails: an answer that did not come has status 0.
    pub async fn send(self, ctx: &Context) -> Answer {
        let outcome = self.exchange(ctx, None).await;
        outcome.recorded(&self, ctx)
    }

    /// Sends the request outside the run's record: for loads, for polling, and while something is broken on purpose,
    /// where an answer says nothing to probes that look back at the run. Evidence can still show it.
    pub async fn send_aside(self, ctx: &Context) -> Answer {
        let outcome = self.exchange(ctx, None).await;
        outcome.aside(&self, ctx)
    }

    /// Sends the request without recording it; `body` takes the place of the request's own bytes.
    pub(crate) async fn exchange(&self, ctx: &Context, body: Option<reqwest::Body>) -> Outcome {
        let started = Instant::now();
        let limit = self.timeout.unwrap_or(ctx.request_limit());
        let result = match tokio::time::timeout(limit, exchange(self, ctx, body)).await {
            Ok(result) => result,
            Err(_) => Err(format!("no complete answer within {} s", limit.as_secs_f32())),
        };
        Outcome { result, elapsed: started.elapsed() }
    }

    /// The body's bytes with their content type, where the body has one of its own.
    pub(crate) fn encoded(&self) -> (Option<&'static str>, Bytes) {
        match &self.body {
            Body::Empty => (None, Bytes::new()),
            Body::Json(value) => (Some("application/json"), value.to_string().into()),
            Body::Form(fields) => {
                let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                (Some("application/x-www-form-urlencoded"), encoded.into())
            }
            Body::Raw(bytes) => (None, bytes.clone()),
        }
    }
}

/// What came of a request, before the record has it.
pub(crate) struct Outcome {
    result: Result<RawAnswer, String>,
    elapsed: Duration,
}

impl Outcome {
    /// The status code; 0 when no answer came.
    pub(crate) fn status(&self) -> u16 {
        self.result.as_ref().map_or(0, |raw| raw.status)
    }

    /// Puts the exchange into the record.
    pub(crate) fn recorded(self, request: &Request, ctx: &Context) -> Answer {
        self.answer(request, ctx, true)
    }

    /// The answer of an exchange that stays outside the record.
    pub(crate) fn aside(self, request: &Request, ctx: &Context) -> Answer {
        self.answer(request, ctx, false)
    }

    fn answer(self, request: &Request, ctx: &Context, on_record: bool) -> Answer {
        let (status, headers, body, cut, failure) = match self.result {
            Ok(raw) => (raw.status, raw.headers, raw.body, raw.cut, None),
            Err(reason) => (0, Vec::new(), Bytes::new(), false, Some(reason)),
        };
        let json = if cut { None } else { serde_json::from_slice(&body).ok() };
        let recorder = ctx.recorder();
        let sent = request.sent_headers(ctx);
        let made = recorder.exchange(request, sent, status, headers, &body, cut, failure, self.elapsed);
        let record = if on_record { recorder.record(made) } else { recorder.count(made) };
        Answer(Arc::new(AnswerParts { record, body, json }))
    }
}

struct RawAnswer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    cut: bool,
}

async fn exchange(request: &Request, ctx: &Context, body: Option<reqwest::Body>) -> Result<RawAnswer, String> {
    let origin = ctx.origin();
    let client = ctx.client(request.vantage).ok_or("that source address is not available")?;
    let method = reqwest::Method::from_bytes(request.method.as_bytes()).map_err(|error| error.to_string())?;
    let mut builder = client.request(method, format!("{origin}{}", request.target));
    for (name, value) in &request.sent_headers(ctx) {
        builder = builder.header(name, value);
    }
    builder = match (body, &request.body) {
        (Some(body), _) => builder.body(body),
        (None, Body::Empty) => builder,
        (None, Body::Json(value)) => builder.json(value),
        (None, Body::Form(fields)) => builder.form(fields),
        (None, Body::Raw(bytes)) => builder.body(bytes.clone()),
    };
    let mut response = builder.send().await.map_err(|error| reason(&error))?;
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let mut body = BytesMut::new();
    let mut cut = false;
    while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
        let room = BODY_BUDGET - body.len();
        if chunk.len() > room {
            body.extend_from_slice(&chunk[..room]);
            cut = true;
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(RawAnswer { status, headers, body: body.freeze(), cut })
}

/// The innermost cause of a transport error, in plain words and without addresses that differ between runs.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let kind = if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        "timed out"
    } else {
        "the connection broke"
    };
    format!("{kind}: {cause}")
}

impl Request {
    /// The headers as they are sent: the request's own, what the API has to be asked by, and the session in the way that
    /// the submission reads it.
    pub(crate) fn sent_headers(&self, ctx: &Context) -> Vec<(String, String)> {
        let mut headers = self.headers.clone();
        if ctx.asks_for_json() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
            headers.push(("accept".to_owned(), JSON_ACCEPTED.to_owned()));
        }
        headers.extend(self.session.as_ref().map(Session::header));
        headers
    }
}

impl Answer {
    /// The status code; 0 when no answer came.
    pub fn status(&self) -> u16 {
        self.0.record.status
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status())
    }

    pub fn is_client_error(&self) -> bool {
        (400..500).contains(&self.status())
    }

    /// A 5xx, or no answer at all.
    pub fn is_breakdown(&self) -> bool {
        self.status() >= 500 || self.status() == 0
    }

    pub fn is_limited(&self) -> bool {
        self.status() == 429
    }

    /// The body as JSON, where it is.
    pub fn json(&self) -> Option<&Value> {
        self.0.json.as_ref()
    }

    pub fn body(&self) -> &Bytes {
        &self.0.body
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.body).into_owned()
    }

    /// The first header of that name, compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.record.header(name)
    }

    /// Every header of that name.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.record.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// Why no answer came.
    pub fn failure(&self) -> Option<&str> {
        self.0.record.failure.as_deref()
    }

    pub fn elapsed(&self) -> Duration {
        self.0.record.elapsed
    }

    pub fn record(&self) -> &Arc<Recorded> {
        &self.0.record
    }

    /// Status and reason phrase, or why nothing came: the form in which findings say what was answered.
    pub fn status_line(&self) -> String {
        match self.failure() {
            Some(failure) => failure.to_owned(),
            None => status_line(self.status()),
        }
    }
}

/// A status with its registered reason phrase, such as `404 Not Found`.
pub fn status_line(status: u16) -> String {
    match reqwest::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()) {
        Some(reason) => format!("{status} {reason}"),
        None => status.to_string(),
    }
}
