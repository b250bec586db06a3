//! Accounts that probes act as, and the way in which a submission reads a session.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::Answer;

/// A registered account that is signed in.
#[derive(Debug, Clone)]
pub struct Account {
    /// `A`, `B`, … in order of registration, or `ADMIN`.
    pub label: String,
    /// What it signs in with.
    pub identity: String,
    pub password: String,
    pub session: Session,
    /// The answers that made it; a privileged account was not registered by the grader.
    pub registration: Option<Answer>,
    pub login: Answer,
    /// How long the session lasts, where the login says so.
    pub lifetime: Option<Duration>,
    /// When the session began.
    pub signed_in: Instant,
}

/// What a session has to last for still, so that a probe can be begun with it.
const ENOUGH: Duration = Duration::from_secs(30);

impl Account {
    /// An account whose session `login` has just answered.
    pub(crate) fn new(label: &str, identity: String, password: String, session: Session, login: Answer) -> Self {
        Account {
            label: label.to_owned(),
            identity,
            password,
            lifetime: lifetime(&login, &session),
            signed_in: Instant::now(),
            session,
            registration: None,
            login,
        }
    }

    /// Whether the session is in the second half of its life and could end while a probe runs.
    pub(crate) fn is_ending(&self) -> bool {
        self.lifetime.is_some_and(|lifetime| ends_soon(lifetime, self.signed_in.elapsed()))
    }
}

fn ends_soon(lifetime: Duration, lived: Duration) -> bool {
    lived * 2 > lifetime && lived + ENOUGH > lifetime
}

/// How long a session lasts by what the login says: `expires_in` of the body (RFC 6749, 5.1), `exp` less `iat` of a JWT
/// (RFC 7519, 4.1), or `Max-Age` of its cookie (RFC 6265, 5.2.2). The shortest of them.
pub(crate) fn lifetime(login: &Answer, session: &Session) -> Option<Duration> {
    let claims = session.jwt().and_then(|(_, claims)| {
        let (issued, ends) = (claims.get("iat")?.as_f64()?, claims.get("exp")?.as_f64()?);
        Some(ends - issued)
    });
    let told = login.json().and_then(|body| told_lifetime(body, 0));
    let cookie = match &session.carrier {
        Carrier::Cookie(name) => login.headers("set-cookie").find_map(|cookie| {
            cookie.trim_start().strip_prefix(name.as_str())?.starts_with('=').then_some(())?;
            let attribute = cookie.split(';').skip(1).find_map(|attribute| {
                let (name, value) = attribute.split_once('=')?;
                name.trim().eq_ignore_ascii_case("max-age").then(|| value.trim())
            });
            attribute?.parse::<f64>().ok()
        }),
        _ => None,
    };
    [claims, told, cookie]
        .into_iter()
        .flatten()
        .filter(|seconds| (1.0..=f64::from(u32::MAX)).contains(seconds))
        .min_by(f64::total_cmp)
        .map(Duration::from_secs_f64)
}

/// `expires_in` or `expiresIn` as a number of seconds, at any depth that answers have.
fn told_lifetime(value: &Value, depth: u8) -> Option<f64> {
    let fields = value.as_object().filter(|_| depth < 4)?;
    fields.iter().take(60).find_map(|(key, value)| match crate::wire::plain(key).as_str() {
        "expiresin" => value.as_f64(),
        _ => told_lifetime(value, depth + 1),
    })
}

/// Something that proves who a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub token: String,
    pub carrier: Carrier,
}

/// Where a submission reads the session from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carrier {
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer,
    /// `Authorization: SCHEME …`.
    Scheme(String),
    /// The bare token in `Authorization`.
    Raw,
    /// A header of its own.
    Header(String),
    /// A cookie of that name.
    Cookie(String),
}

impl Session {
    pub fn bearer(token: impl Into<String>) -> Self {
        Session { token: token.into(), carrier: Carrier::Bearer }
    }

    /// The same carrier with another token.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Session { token: token.into(), carrier: self.carrier.clone() }
    }

    /// Name and value of the header that carries it.
    pub fn header(&self) -> (String, String) {
        let token = &self.token;
        match &self.carrier {
            Carrier::Bearer => ("authorization".to_owned(), format!("Bearer {token}")),
            Carrier::Scheme(scheme) => ("authorization".to_owned(), format!("{scheme} {token}")),
            Carrier::Raw => ("authorization".to_owned(), token.clone()),
            Carrier::Header(name) => (name.clone(), token.clone()),
            Carrier::Cookie(name) => ("cookie".to_owned(), format!("{name}={token}")),
        }
    }

    /// Header and claims of the token where it is a JWT (RFC 7519), unverified.
    pub fn jwt(&self) -> Option<(Value, Value)> {
        decode_jwt(&self.token)
    }
}

/// Header and claims of a compact JWS, unverified; `None` for anything else.
pub fn decode_jwt(token: &str) -> Option<(Value, Value)> {
    let mut parts = token.split('.');
    let (header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let part = |text: &str| -> Option<Value> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
        let value: Value = serde_json::from_slice(&bytes).ok()?;
        value.is_object().then_some(value)
    };
    Some((part(header)?, part(claims)?))
}

/// Looks for a session in the answer to a login: a token in the body (at any depth), a header or a cookie.
pub fn find_session(answer: &Answer) -> Option<Session> {
    let in_body = answer.json().and_then(|body| {
        let mut found = Vec::new();
        tokens_in(body, "", 0, &mut found);
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().next().map(|(_, token)| token)
    });
    if let Some(token) = in_body {
        return Some(Session::bearer(token));
    }
    if let Some(value) = answer.header("authorization") {
        let token = value.strip_prefix("Bearer ").unwrap_or(value);
        return Some(Session::bearer(token));
    }
    let cookies: Vec<(String, String)> = answer
        .headers("set-cookie")
        .filter_map(|cookie| {
            let (name, value) = cookie.split(';').next()?.split_once('=')?;
            (!value.is_empty()).then(|| (name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect();
    cookies
        .iter()
        .find(|(name, _)| !name.to_ascii_lowercase().contains("refresh") && !name.to_ascii_lowercase().contains("csrf"))
        .map(|(name, value)| Session { token: value.clone(), carrier: Carrier::Cookie(name.clone()) })
}

/// Collects strings that may be tokens, with a rank: lower is likelier.
fn tokens_in(value: &Value, key: &str, depth: u8, found: &mut Vec<(u8, String)>) {
    match value {
        Value::String(text) => {
            let name = crate::wire::plain(key);
            let is_jwt = decode_jwt(text).is_some();
            let is_refresh = name.contains("refresh");
            // A field called "token" that holds a sentence is none.
            let is_opaque = !text.contains(' ') && text.len() >= 16;
            let rank = match (is_jwt, name.as_str()) {
                (true, _) if is_refresh => 3,
                (true, "accesstoken" | "access" | "token" | "jwt") => 0,
                (true, _) => 1,
                (false, "accesstoken" | "token" | "authtoken" | "sessiontoken" | "apitoken" | "access")
                    if is_opaque =>
                {
                    2
                }
                _ => return,
            };
            let token = text.strip_prefix("Bearer ").unwrap_or(text);
            found.push((rank, token.to_owned()));
        }
        Value::Object(fields) if depth < 6 => {
            for (key, value) in fields {
                tokens_in(value, key, depth + 1, found);
            }
        }
        Value::Array(items) if depth < 6 => {
            for value in items.iter().take(5) {
                tokens_in(value, key, depth + 1, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_renewed_in_its_second_half_and_near_its_end() {
        let ends = |lifetime, lived| ends_soon(Duration::from_secs(lifetime), Duration::from_secs(lived));
        assert!(!ends(60, 20), "still in its first half");
        assert!(ends(60, 31));
        assert!(!ends(900, 600), "five minutes are enough");
        assert!(ends(900, 880));
    }

    #[test]
    fn a_told_lifetime_is_found_where_answers_have_it() {
        let told = |body: Value| told_lifetime(&body, 0);
        assert_eq!(told(serde_json::json!({"expires_in": 60})), Some(60.0));
        assert_eq!(told(serde_json::json!({"data": {"tokens": {"expiresIn": 3600}}})), Some(3600.0));
        assert_eq!(told(serde_json::json!({"expires_in": "soon"})), None);
        assert_eq!(told(serde_json::json!([{"expires_in": 60}])), None);
    }
}
