//! The record of every exchange of a run, and its rendering as evidence in which volatile values have names.
//!
//! Tokens become `$TOKEN_A`, generated keys `<id-1>`: the same tree, spec and seed then give the same evidence, and no
//! credential stands in a report.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::Duration;

use grader_model::{Evidence, Exchange, Header, RequestPart, ResponsePart};
use regex::Regex;

use crate::http::{Answer, Body, Request};

/// Characters of a body that evidence shows.
const SHOWN: usize = 4096;
/// Bytes of a response body that the record keeps for probes that look at the whole run.
const KEPT: usize = 64 * 1024;

/// One exchange as it was, but for bodies cut to what later probes need.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Position in the run's record, from 1; 0 for an exchange outside it that no evidence shows.
    pub number: u32,
    pub method: String,
    pub target: String,
    pub request_headers: Vec<(String, String)>,
    pub request_body: String,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// The first 64 KiB of the answer's body.
    pub body: String,
    pub cut: bool,
    pub failure: Option<String>,
    pub elapsed: Duration,
    /// The probe (or `binding`) that sent it.
    pub sender: String,
}

impl Recorded {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether the content type says JSON (`application/json` or a `+json` suffix, RFC 6839).
    pub fn says_json(&self) -> bool {
        self.header("content-type").is_some_and(|value| {
            let essence = value.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
            essence == "application/json" || essence.ends_with("+json")
        })
    }
}

/// Records exchanges and knows which of them a finding already speaks for.
#[derive(Debug, Default)]
pub struct Recorder {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    exchanges: Vec<Arc<Recorded>>,
    /// Exchanges outside the record that evidence shows.
    aside: Vec<Arc<Recorded>>,
    /// Everything that was sent.
    sent: u32,
    claimed: HashSet<u32>,
    /// Known volatile values and their names, longest value first.
    names: Vec<(String, String)>,
    ids: HashMap<String, String>,
    sender: String,
}

static JWT: LazyLock<Regex> = LazyLock::new(|| regex(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"));
static UUID: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{24}\b"));

/// A UUID as databases keep it: without hyphens, or with its parts turned round (MySQL's `UUID_TO_BIN(…, 1)`).
static BARE_UUID: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)\b[0-9a-f]{32}\b"));

static TIME: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?"));
/// Seconds until a limiter's window ends.
static RESET: LazyLock<Regex> = LazyLock::new(|| regex(r"\b(reset|t)=\d+"));

fn regex(pattern: &str) -> Regex {
    // Proved by `patterns_compile`: the patterns are constants of this file.
    Regex::new(pattern).expect("a constant pattern compiles")
}

/// Response headers that evidence shows; the rest says nothing to a reviewer or differs between runs.
const SHOWN_HEADERS: &[&str] = &[
    "content-type",
    "location",
    "allow",
    "www-authenticate",
    "retry-after",
    "link",
    "etag",
    "set-cookie",
    "server",
    "x-powered-by",
    "x-total-count",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "content-security-policy",
    "vary",
];
const SHOWN_PREFIXES: &[&str] = &["ratelimit", "x-ratelimit", "x-rate-limit", "access-control-"];

impl Recorder {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Names the probe to which the following exchanges belong.
    pub fn begin(&self, sender: &str) {
        self.state().sender = sender.to_owned();
    }

    /// Gives a volatile value a name for evidence, such as `$TOKEN_A`.
    pub fn name(&self, value: &str, name: &str) {
        if value.len() < 4 {
            return;
        }
        let mut state = self.state();
        if !state.names.iter().any(|(known, _)| known == value) {
            state.names.push((value.to_owned(), name.to_owned()));
            state.names.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        }
    }

    /// Puts an exchange into the record.
    pub(crate) fn record(&self, exchange: Recorded) -> Arc<Recorded> {
        let mut state = self.state();
        let number = state.next_number();
        let recorded = Arc::new(Recorded { number, ..exchange });
        state.exchanges.push(recorded.clone());
        state.sent = state.sent.saturating_add(1);
        recorded
    }

    /// Takes note of an exchange that stays outside the record: its number is 0 until evidence shows it.
    pub(crate) fn count(&self, exchange: Recorded) -> Arc<Recorded> {
        let mut state = self.state();
        state.sent = state.sent.saturating_add(1);
        Arc::new(exchange)
    }

    /// Requests sent so far, those outside the record included.
    pub fn sent(&self) -> u32 {
        self.state().sent
    }

    /// How long the latest recorded exchange took; zero before the first.
    pub(crate) fn latest(&self) -> Duration {
        self.state().exchanges.last().map(|latest| latest.elapsed).unwrap_or_default()
    }

    #[expect(clippy::too_many_arguments, reason = "one call site, the parts of one exchange")]
    pub(crate) fn exchange(
        &self,
        request: &Request,
        mut request_headers: Vec<(String, String)>,
        status: u16,
        headers: Vec<(String, String)>,
        body: &[u8],
        cut: bool,
        failure: Option<String>,
        elapsed: Duration,
    ) -> Recorded {
        let (content_type, request_body) = match &request.body {
            Body::Empty => (None, String::new()),
            Body::Json(value) => (Some("application/json"), value.to_string()),
            Body::Form(fields) => {
                let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                (Some("application/x-www-form-urlencoded"), encoded)
            }
            Body::Raw(bytes) => (None, String::from_utf8_lossy(&bytes[..bytes.len().min(KEPT)]).into_owned()),
        };
        if let Some(content_type) = content_type {
            request_headers.insert(0, ("content-type".to_owned(), content_type.to_owned()));
        }
        Recorded {
            number: 0,
            method: request.method.clone(),
            target: request.target.clone(),
            request_headers,
            request_body,
            status,
            headers,
            body: String::from_utf8_lossy(&body[..body.len().min(KEPT)]).into_owned(),
            cut: cut || body.len() > KEPT,
            failure,
            elapsed,
            sender: self.state().sender.clone(),
        }
    }

    /// Every exchange so far, in order, but for those that were sent outside the record.
    pub fn exchanges(&self) -> Vec<Arc<Recorded>> {
        self.state().exchanges.clone()
    }

    /// Marks exchanges as spoken for by a negative finding, so that one cause is one finding.
    pub fn claim(&self, numbers: impl IntoIterator<Item = u32>) {
        self.state().claimed.extend(numbers);
    }

    /// Whether a negative finding already speaks for the exchange.
    pub fn is_claimed(&self, number: u32) -> bool {
        self.state().claimed.contains(&number)
    }

    /// The evidence for an answer. One that was sent outside the record gets its number here, and stays outside.
    pub fn evidence(&self, answer: &Answer) -> Evidence {
        let recorded = answer.record();
        if recorded.number != 0 {
            return self.evidence_of(recorded);
        }
        let shown = {
            let mut state = self.state();
            let shown = Arc::new(Recorded { number: state.next_number(), ..Recorded::clone(recorded) });
            state.aside.push(shown.clone());
            shown
        };
        self.evidence_of(&shown)
    }

    /// The evidence for a recorded exchange.
    pub fn evidence_of(&self, recorded: &Recorded) -> Evidence {
        let mut state = self.state();
        let mut named = |text: &str| state.named(text);
        let request_headers: Vec<Header> = recorded
            .request_headers
            .iter()
            .map(|(name, value)| Header { name: name.clone(), value: named(value) })
            .collect();
        let target = named(&recorded.target);
        // Named before it is cut: half an identifier has no name.
        let request_body = shorten(&named(&recorded.request_body), SHOWN).to_owned();
        let curl = curl_line(&recorded.method, &target, &request_headers, &request_body);
        let headers = recorded
            .headers
            .iter()
            .filter(|(name, _)| {
                SHOWN_HEADERS.contains(&name.as_str()) || SHOWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            })
            .map(|(name, value)| Header { name: name.clone(), value: named(&timeless(name, value)) })
            .collect();
        let whole = named(&recorded.body);
        let shown = shorten(&whole, SHOWN);
        let is_cut = recorded.cut || shown.len() < whole.len();
        let body = match &recorded.failure {
            Some(failure) => failure.clone(),
            None => shown.to_owned(),
        };
        Evidence::Exchange(Box::new(Exchange {
            number: recorded.number,
            request: RequestPart {
                method: recorded.method.clone(),
                target,
                headers: request_headers,
                body: request_body,
            },
            response: ResponsePart { status: recorded.status, headers, body, truncated: is_cut },
            curl,
            millis: u64::try_from(recorded.elapsed.as_millis()).unwrap_or(u64::MAX),
        }))
    }

    /// `text` with volatile values named, for summaries and `actual`.
    pub fn named(&self, text: &str) -> String {
        self.state().named(text)
    }
}

impl State {
    /// The next exchange's position among all that can be shown, from 1.
    fn next_number(&self) -> u32 {
        u32::try_from(self.exchanges.len() + self.aside.len() + 1).unwrap_or(u32::MAX)
    }

    fn named(&mut self, text: &str) -> String {
        let mut out = text.to_owned();
        for (value, name) in &self.names {
            if out.contains(value.as_str()) {
                out = out.replace(value.as_str(), name);
            }
        }
        let out = JWT.replace_all(&out, "<token>").into_owned();
        let out = TIME.replace_all(&out, "<time>").into_owned();
        let ids = &mut self.ids;
        let out = UUID.replace_all(&out, |found: &regex::Captures<'_>| {
            let next = ids.len() + 1;
            ids.entry(found[0].to_ascii_lowercase()).or_insert_with(|| format!("<id-{next}>")).clone()
        });
        // Other 32 digits may be a hash that is the same in every run.
        BARE_UUID
            .replace_all(&out, |found: &regex::Captures<'_>| {
                let known = hyphened(&found[0].to_ascii_lowercase()).into_iter().find_map(|form| ids.get(&form));
                known.cloned().unwrap_or_else(|| found[0].to_owned())
            })
            .into_owned()
    }
}

/// The UUIDs that 32 hexadecimal digits may mean: in their order, or turned round.
fn hyphened(digits: &str) -> [String; 2] {
    let part = |from: usize, to: usize| &digits[from..to];
    let rest = format!("{}-{}", part(16, 20), part(20, 32));
    [
        format!("{}-{}-{}-{rest}", part(0, 8), part(8, 12), part(12, 16)),
        format!("{}-{}-{}-{rest}", part(8, 16), part(4, 8), part(0, 4)),
    ]
}

/// A response header's value with what depends on the clock named.
fn timeless(name: &str, value: &str) -> String {
    let is_number = value.trim().parse::<f64>().is_ok();
    match name {
        "retry-after" if is_number => "<seconds>".to_owned(),
        "retry-after" => "<date>".to_owned(),
        _ if name.starts_with("ratelimit") || name.starts_with("x-rate") => {
            if name.ends_with("reset") {
                "<seconds>".to_owned()
            } else {
                RESET.replace_all(value, "$1=<seconds>").into_owned()
            }
        }
        "etag" => "<etag>".to_owned(),
        _ => value.to_owned(),
    }
}

fn shorten(text: &str, limit: usize) -> &str {
    match text.char_indices().nth(limit) {
        Some((at, _)) => &text[..at],
        None => text,
    }
}

/// A shell line that repeats the request against `$API`.
fn curl_line(method: &str, target: &str, headers: &[Header], body: &str) -> String {
    let mut line = format!("curl -i -X {method} \"$API\"{}", quote(target));
    for header in headers {
        // A named credential must be expanded by the shell, everything else must not be.
        let text = format!("{}: {}", header.name, header.value);
        let text = if text.contains("$TOKEN") { format!("\"{}\"", text.replace('"', "\\\"")) } else { quote(&text) };
        line.push_str(" -H ");
        line.push_str(&text);
    }
    if !body.is_empty() {
        line.push_str(" --data-raw ");
        line.push_str(&quote(body));
    }
    line
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile() {
        LazyLock::force(&JWT);
        LazyLock::force(&UUID);
        LazyLock::force(&BARE_UUID);
        LazyLock::force(&TIME);
        LazyLock::force(&RESET);
    }

    #[test]
    fn volatile_values_get_stable_names() {
        let recorder = Recorder::default();
        recorder.name("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "$TOKEN_A");
        let text = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc 8e1b3c52-6f1a-4a52-9d7e-0d3b2f6a7c11 \
                    8E1B3C52-6f1a-4a52-9d7e-0d3b2f6a7c11 eyJhbGciOiJub25lIn0.eyJzdWIiOiIyIn0.";
        assert_eq!(recorder.named(text), "Bearer $TOKEN_A <id-1> <id-1> <token>");
    }

    #[test]
    fn a_known_id_is_named_however_a_database_keeps_it() {
        let recorder = Recorder::default();
        let text = "id IN ('8e1b3c52-6f1a-4a52-9d7e-0d3b2f6a7c11', '8e1b3c526f1a4a529d7e0d3b2f6a7c11', \
                    '4a526f1a8e1b3c529d7e0d3b2f6a7c11', 'd41d8cd98f00b204e9800998ecf8427e')";
        let named = "id IN ('<id-1>', '<id-1>', '<id-1>', 'd41d8cd98f00b204e9800998ecf8427e')";
        assert_eq!(recorder.named(text), named);
    }

    #[test]
    fn what_depends_on_the_clock_is_named() {
        let recorder = Recorder::default();
        assert_eq!(recorder.named(r#"{"at":"2026-01-02T03:04:05.123456Z"}"#), r#"{"at":"<time>"}"#);
        assert_eq!(timeless("ratelimit", "limit=10, remaining=0, reset=5"), "limit=10, remaining=0, reset=<seconds>");
        assert_eq!(timeless("ratelimit", r#""login";r=0;t=14"#), r#""login";r=0;t=<seconds>"#);
        assert_eq!(timeless("retry-after", "14"), "<seconds>");
    }

    #[test]
    fn a_curl_line_survives_quotes() {
        let headers = [Header { name: "authorization".into(), value: "Bearer $TOKEN_A".into() }];
        assert_eq!(
            curl_line("POST", "/x?a=b", &headers, r#"{"a":"it's"}"#),
            r#"curl -i -X POST "$API"'/x?a=b' -H "authorization: Bearer $TOKEN_A" --data-raw '{"a":"it'\''s"}'"#
        );
    }
}
