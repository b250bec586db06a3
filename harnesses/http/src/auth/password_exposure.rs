//! `auth.password.exposure`: no answer of the whole run and no line of a service's log carries a password or its hash.
//!
//! A refusal that repeats the sender's own password (as some validators put the whole input into their answer) is half
//! of it: it tells its sender nothing new, but goes through proxies and browsers' consoles. An API's description is no
//! answer about an account. A database's own log may hold the hash that the database keeps. Where nobody can hand over the
//! logs, the answers decide alone.
//! Planted defects: `auth-password-exposure` and `auth-password-exposure-log` of the FastAPI submission.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::{Evidence, Finding};
use harness_kit::record::Recorded;
use harness_kit::{Context, Phase, Probe, Stop, wire};
use serde_json::Value;

use super::hashes;

pub(crate) struct PasswordExposure;

/// Exchanges and log lines that a finding shows.
const SHOWN: usize = 3;

#[async_trait]
impl Probe for PasswordExposure {
    fn id(&self) -> &'static str {
        "auth.password.exposure"
    }

    fn phase(&self) -> Phase {
        Phase::Observe
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let exchanges = ctx.recorder().exchanges();
        let passwords = passwords(ctx, &exchanges);
        if passwords.is_empty() {
            ctx.register()?;
            return Err(Stop::blocked("auth.register", "no password was ever taken"));
        }
        let seen: Vec<(Exposure, &Arc<Recorded>)> =
            exchanges.iter().filter_map(|exchange| Some((exposed(exchange, &passwords)?, exchange))).collect();
        let logs = ctx.logs().await.map(|services| in_logs(&services, &passwords, &databases(ctx)));
        Ok(verdict(self.id(), ctx, &seen, logs.as_deref()))
    }
}

fn verdict(id: &str, ctx: &Context, seen: &[(Exposure, &Arc<Recorded>)], logs: Option<&[LogLines]>) -> Finding {
    let recorder = ctx.recorder();
    let expected = "no password and no hash in any answer or log line";
    let grave: Vec<_> = seen.iter().filter(|(exposure, _)| !exposure.is_echo).collect();
    let chosen = if grave.is_empty() { seen.iter().collect() } else { grave };
    let mut lines: Vec<String> = Vec::new();
    let mut evidence = Vec::new();
    for (exposure, exchange) in &chosen {
        let line = format!("{} {}: {}", exchange.method, path(&exchange.target), exposure.what);
        if lines.contains(&line) || lines.len() >= 8 {
            continue;
        }
        if lines.len() < SHOWN {
            evidence.push(recorder.evidence_of(exchange));
        }
        lines.push(line);
    }
    let from_logs = logs.unwrap_or_default();
    for log in from_logs {
        lines.push(format!("the log of {}: {}", log.service, log.what));
        evidence.push(Evidence::Log { service: log.service.clone(), lines: log.lines.clone() });
    }
    if lines.is_empty() {
        let summary = match logs {
            Some(_) => "No answer of the run and no log line carries a password or a hash",
            None => "No answer of the run carries a password or a hash; the logs were not to be had",
        };
        return Finding::pass(id, summary).expected(expected).actual("none");
    }
    let only_echoes = from_logs.is_empty() && chosen.iter().all(|(exposure, _)| exposure.is_echo);
    let finding = if only_echoes {
        Finding::partial(id, 0.5, "A refusal repeats the password that was sent")
    } else {
        Finding::fail(id, format!("A password or its hash is given away: {}", lines[0]))
    };
    finding.expected(expected).actual(lines.join("\n")).evidences(evidence)
}

/// The passwords that the API took or was sent, cut so that an encoding of their last character does not hide them.
fn passwords(ctx: &Context, exchanges: &[Arc<Recorded>]) -> Vec<String> {
    let bound = ctx.bound();
    let secret = &ctx.spec().domain.accounts.secret;
    let mut passwords = Vec::new();
    for operation in [&bound.register, &bound.login].into_iter().flatten() {
        let Some(name) = operation.wire_name(secret) else { continue };
        for exchange in exchanges.iter().filter(|exchange| exchange.target == operation.path) {
            let sent = serde_json::from_str::<Value>(&exchange.request_body)
                .ok()
                .and_then(|body| body.get(name).and_then(Value::as_str).map(str::to_owned));
            // Short ones are other probes' odd values and stand in any text by chance.
            if let Some(sent) = sent
                && (12..=128).contains(&sent.len())
                && !passwords.contains(&core(&sent))
            {
                passwords.push(core(&sent));
            }
        }
    }
    passwords
}

fn core(password: &str) -> String {
    password.trim_end_matches(|c: char| !c.is_alphanumeric()).to_owned()
}

struct Exposure {
    what: String,
    /// A refusal that repeats what its own request sent.
    is_echo: bool,
}

fn exposed(exchange: &Recorded, passwords: &[String]) -> Option<Exposure> {
    let body = &exchange.body;
    let json = serde_json::from_str::<Value>(body).ok();
    if json.as_ref().is_some_and(|json| json.get("openapi").is_some() || json.get("swagger").is_some()) {
        return None;
    }
    if let Some(password) = passwords.iter().find(|password| body.contains(password.as_str())) {
        let is_own = exchange.request_body.contains(password.as_str());
        let is_echo = is_own && (400..500).contains(&exchange.status);
        let what = if is_echo { "repeats the password that was sent" } else { "the password in clear" };
        return Some(Exposure { what: what.to_owned(), is_echo });
    }
    let found = hashes::find(body)
        // What the request itself carried is no secret of the server's.
        .filter(|_| hashes::find(&exchange.request_body).is_none())
        .map(|kind| format!("a hash ({kind})"))
        .or_else(|| {
            hashed_member(json.as_ref()?).map(|name| format!("what looks like a hash of the password, as `{name}`"))
        });
    found.map(|what| Exposure { what, is_echo: false })
}

/// The name of a member that holds what looks like a password's hash.
fn hashed_member(value: &Value) -> Option<String> {
    match value {
        Value::Object(members) => members.iter().find_map(|(name, value)| match value {
            Value::String(text) => {
                (hashes::is_password_name(&wire::plain(name)) && hashes::looks_hashed(text)).then(|| name.clone())
            }
            other => hashed_member(other),
        }),
        Value::Array(items) => items.iter().find_map(hashed_member),
        _ => None,
    }
}

struct LogLines {
    service: String,
    what: String,
    lines: Vec<String>,
}

/// The services that run databases.
fn databases(ctx: &Context) -> Vec<String> {
    let planned = ctx.facts().databases.iter().map(|hint| hint.service.clone());
    // One that is kept in a file is in the API's own container, whose log counts.
    planned.filter(|service| *service != ctx.endpoint().service).collect()
}

fn in_logs(services: &[(String, Vec<String>)], passwords: &[String], databases: &[String]) -> Vec<LogLines> {
    let mut found = Vec::new();
    for (service, lines) in services {
        let clear: Vec<String> = lines
            .iter()
            .filter(|line| passwords.iter().any(|password| line.contains(password.as_str())))
            .cloned()
            .collect();
        // Of a statement that it refused, a database's server logs the text, and what stands there stands in its tables.
        let own = if databases.contains(service) { &[] } else { lines.as_slice() };
        let hashed = own.iter().find_map(|line| Some((hashes::find(line)?, line.clone())));
        if !clear.is_empty() {
            let lines = clear.into_iter().take(SHOWN).collect();
            found.push(LogLines { service: service.clone(), what: "a password in clear".to_owned(), lines });
        } else if let Some((kind, line)) = hashed {
            found.push(LogLines { service: service.clone(), what: format!("a hash ({kind})"), lines: vec![line] });
        }
    }
    found
}

fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn exchange(request: &str, status: u16, body: &str) -> Recorded {
        Recorded {
            number: 1,
            method: "POST".into(),
            target: "/register".into(),
            request_headers: Vec::new(),
            request_body: request.into(),
            status,
            headers: Vec::new(),
            body: body.into(),
            cut: false,
            failure: None,
            elapsed: Duration::ZERO,
            sender: "test".into(),
        }
    }

    fn says(request: &str, status: u16, body: &str) -> Option<(String, bool)> {
        let passwords = ["Quiet-Amber-12-x".to_owned()];
        exposed(&exchange(request, status, body), &passwords).map(|exposure| (exposure.what, exposure.is_echo))
    }

    #[test]
    fn hashes_and_passwords_are_seen() {
        let hash = r#"{"user":{"password":"$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW"}}"#;
        assert_eq!(says("", 201, hash), Some(("a hash (bcrypt)".to_owned(), false)));
        let md5 = r#"{"data":[{"password_hash":"5f4dcc3b5aa765d61d8327deb882cf99"}]}"#;
        let name = "what looks like a hash of the password, as `password_hash`";
        assert_eq!(says("", 200, md5), Some((name.to_owned(), false)));
        let clear = r#"{"password":"Quiet-Amber-12-x!"}"#;
        assert_eq!(says(clear, 201, clear), Some(("the password in clear".to_owned(), false)));
        assert_eq!(says(clear, 422, clear), Some(("repeats the password that was sent".to_owned(), true)));
    }

    #[test]
    fn harmless_answers_are_not() {
        assert_eq!(says("", 422, r#"{"errors":{"password":"must have at least 8 characters"}}"#), None);
        assert_eq!(says("", 201, r#"{"id":"5f4dcc3b5aa765d61d8327deb882cf99","password":null}"#), None);
        assert_eq!(says("", 200, r#"{"openapi":"3.1.0","example":"$argon2id$v=19$m=1,t=1,p=1$a$b"}"#), None);
    }

    #[test]
    fn logs_are_read_line_by_line() {
        let services = [
            ("api".to_owned(), vec!["POST /register".to_owned(), "body={'password': 'Quiet-Amber-12-x!'}".to_owned()]),
            ("db".to_owned(), vec!["ready".to_owned()]),
        ];
        let found = in_logs(&services, &["Quiet-Amber-12-x".to_owned()], &[]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].service.as_str(), found[0].lines.len()), ("api", 1));
    }

    #[test]
    fn a_database_may_log_the_hash_that_it_keeps_and_no_password() {
        let statement =
            "STATEMENT:  INSERT INTO people VALUES ('$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g')";
        let log = |service: &str, line: &str| (service.to_owned(), vec![line.to_owned()]);
        let databases = ["db".to_owned()];
        let passwords = ["Quiet-Amber-12-x".to_owned()];
        assert!(in_logs(&[log("db", statement)], &passwords, &databases).is_empty());
        assert_eq!(in_logs(&[log("api", statement)], &passwords, &databases).len(), 1);
        assert_eq!(in_logs(&[log("db", "crypt('Quiet-Amber-12-x')")], &passwords, &databases).len(), 1);
    }
}
