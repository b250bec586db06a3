//! An issuer of workflow tokens of the tests' own, which is the runner's token server as well.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use grader_github::testing::KEYS;
use serde_json::{Value, json};

use crate::wire::{json as answered, serve};

/// An issuer for jobs of `acme/hello`.
pub(crate) struct Issuer {
    pub(crate) address: String,
    next: Arc<Mutex<Next>>,
}

/// What the next token says.
#[derive(Default)]
struct Next {
    /// How many there were.
    number: u64,
    changed: Vec<(String, Value)>,
}

impl Issuer {
    pub(crate) fn start() -> Self {
        let next: Arc<Mutex<Next>> = Arc::default();
        let (shared, own) = (next.clone(), Arc::new(Mutex::new(String::new())));
        let named = own.clone();
        let address = serve(move |seen| {
            let own = named.lock().unwrap().clone();
            match seen.path() {
                "/.well-known/openid-configuration" => {
                    answered(200, &json!({ "issuer": own, "jwks_uri": format!("{own}/jwks") }))
                }
                "/jwks" => answered(200, &KEYS.jwks("key-1")),
                "/token" if seen.header("authorization") == Some("Bearer the runner's") => {
                    let claims = shared.lock().unwrap().claims(&own, &seen.query("audience").unwrap());
                    answered(200, &json!({ "value": KEYS.sign("key-1", &claims) }))
                }
                other => answered(404, &json!({ "message": other })),
            }
        });
        own.lock().unwrap().clone_from(&address);
        Issuer { address, next }
    }

    /// Has every following token say this as well.
    pub(crate) fn say(&self, claims: &[(&str, Value)]) {
        self.next.lock().unwrap().changed =
            claims.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    }

    /// What a runner sets for a job that may ask for a token.
    pub(crate) fn runner(&self) -> [(&'static str, String); 2] {
        [
            ("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/token?x=1", self.address)),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "the runner's".to_owned()),
        ]
    }
}

impl Next {
    fn claims(&mut self, issuer: &str, audience: &str) -> Value {
        self.number += 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut claims = json!({
            "iss": issuer, "aud": audience, "jti": self.number.to_string(), "iat": now, "nbf": now, "exp": now + 300,
            "repository": "acme/hello", "repository_id": "7", "event_name": "pull_request", "ref": "refs/pull/3/merge",
            "sha": "0".repeat(40), "run_id": "5", "run_attempt": "1",
            "workflow_ref": "acme/hello/.github/workflows/grade.yml@refs/pull/3/merge",
        });
        for (name, value) in &self.changed {
            claims[name] = value.clone();
        }
        claims
    }
}
