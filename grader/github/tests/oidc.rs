//! Workflow tokens against an issuer of the test's own: what is taken, and everything that is not.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::routing::get;
use axum::{Json, Router};
use grader_github::oidc::{Claims, TokenError, Verifier};
use grader_github::testing::{KEYS, Keys};
use grader_github::{Ledger, LedgerError, MemoryLedger};
use serde_json::{Value, json};
use support::serve;
use time::OffsetDateTime;

const AUDIENCE: &str = "https://grader.test";

/// An issuer with one key, and how often its keys were asked for.
async fn issuer() -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    // Its documents name its own address, which is known when it listens.
    let own = Arc::new(std::sync::OnceLock::<String>::new());
    let named = own.clone();
    let router = Router::new()
        .route(
            "/.well-known/openid-configuration",
            get(move || async move {
                let own = named.get().expect("an address");
                Json(json!({ "issuer": own, "jwks_uri": format!("{own}/jwks") }))
            }),
        )
        .route(
            "/jwks",
            get(move || async move {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut keys = KEYS.jwks("key-1");
                // A key of a kind that nobody knows is no reason to refuse the others.
                keys["keys"]
                    .as_array_mut()
                    .expect("keys")
                    .push(json!({ "kty": "EC", "crv": "P-256", "kid": "ec", "x": "AA", "y": "AA" }));
                Json(keys)
            }),
        );
    let url = serve(router).await.as_str().trim_end_matches('/').to_owned();
    own.set(url.clone()).expect("once");
    (url, asked)
}

fn claims(issuer: &str, jti: &str) -> Value {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    json!({
        "iss": issuer, "aud": AUDIENCE, "sub": "repo:acme/hello:pull_request", "jti": jti,
        "iat": now, "nbf": now - 5, "exp": now + 300,
        "repository": "acme/hello", "repository_id": "7", "event_name": "pull_request",
        "ref": "refs/pull/3/merge", "sha": "0".repeat(40), "run_id": "5", "run_attempt": "1",
        "workflow_ref": "acme/hello/.github/workflows/grade.yml@refs/pull/3/merge",
    })
}

fn with(issuer: &str, jti: &str, name: &str, value: Value) -> Value {
    let mut claims = claims(issuer, jti);
    claims[name] = value;
    claims
}

async fn verified(issuer: &str, token: &str) -> Result<Claims, TokenError> {
    Verifier::new(issuer, AUDIENCE).expect("a verifier").verify(token, &MemoryLedger::default()).await
}

#[tokio::test]
async fn a_workflows_token_is_taken_once() {
    let (issuer, asked) = issuer().await;
    let verifier = Verifier::new(&issuer, AUDIENCE).expect("a verifier");
    let ledger = MemoryLedger::default();
    let token = KEYS.sign("key-1", &claims(&issuer, "one"));
    let taken = verifier.verify(&token, &ledger).await.expect("a good token");
    assert_eq!((taken.repository.as_str(), taken.pull_request()), ("acme/hello", Some(3)));
    assert!(matches!(verifier.verify(&token, &ledger).await, Err(TokenError::Replayed)));
    verifier.verify(&KEYS.sign("key-1", &claims(&issuer, "two")), &ledger).await.expect("another token");
    assert_eq!(asked.load(Ordering::SeqCst), 1, "keys are kept");
}

#[tokio::test]
async fn a_token_for_anything_else_is_not() {
    let (issuer, _) = issuer().await;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    for (name, value) in [
        ("aud", json!("https://other.test")),
        ("aud", json!(["https://other.test"])),
        ("iss", json!("https://issuer.test")),
        ("exp", json!(now - 120)),
        ("exp", json!(now + 7200)),
        ("nbf", json!(now + 300)),
        ("repository", Value::Null),
        ("jti", Value::Null),
    ] {
        let token = KEYS.sign("key-1", &with(&issuer, "x", name, value.clone()));
        let result = verified(&issuer, &token).await;
        assert!(matches!(result, Err(TokenError::Invalid(_))), "{name} {value}: {result:?}");
    }
    verified(&issuer, &KEYS.sign("key-1", &claims(&issuer, "x")))
        .await
        .expect("and the same without a change is taken");
}

#[tokio::test]
async fn a_token_by_anybody_else_is_not() {
    let (issuer, asked) = issuer().await;
    let good = claims(&issuer, "x");
    let stranger = Keys::make().sign("key-1", &good);
    assert!(matches!(verified(&issuer, &stranger).await, Err(TokenError::Invalid(_))), "another's signature");
    let header = |json: &str| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, json);
    let payload = header(&good.to_string());
    let none = format!("{}.{payload}.", header(r#"{"alg":"none","kid":"key-1"}"#));
    assert!(verified(&issuer, &none).await.is_err(), "none");
    // The public key as the secret of a symmetric signature: an old confusion.
    let mut symmetric = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    symmetric.kid = Some("key-1".to_owned());
    let secret = jsonwebtoken::EncodingKey::from_secret(KEYS.public.as_bytes());
    let confused = jsonwebtoken::encode(&symmetric, &good, &secret).expect("a token");
    assert!(matches!(verified(&issuer, &confused).await, Err(TokenError::Invalid(_))), "symmetric");
    for broken in ["", "a.b.c", "x", &"x".repeat(20_000)] {
        assert!(matches!(verified(&issuer, broken).await, Err(TokenError::Unreadable(_))), "{}", broken.len());
    }
    let before = asked.load(Ordering::SeqCst);
    let verifier = Verifier::new(&issuer, AUDIENCE).expect("a verifier");
    for _ in 0..20 {
        let unknown = KEYS.sign("key-2", &good);
        let result = verifier.verify(&unknown, &MemoryLedger::default()).await;
        assert!(matches!(result, Err(TokenError::Unreadable(_))), "{result:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst) - before, 1, "unknown keys are no way to make us ask the issuer");
}

#[tokio::test]
async fn trouble_of_ours_is_told_apart() {
    // Nobody listens there: the port was free a moment ago and is loopback's.
    let token = KEYS.sign("key-1", &claims("http://127.0.0.1:9", "x"));
    assert!(matches!(verified("http://127.0.0.1:9", &token).await, Err(TokenError::Keys(_))));
    struct Broken;
    #[async_trait::async_trait]
    impl Ledger for Broken {
        async fn take(&self, _: grader_github::Once, _: &str, _: OffsetDateTime) -> Result<bool, LedgerError> {
            Err(LedgerError("the database is away".into()))
        }
        async fn give_back(&self, _: grader_github::Once, _: &str) -> Result<(), LedgerError> {
            Ok(())
        }
        async fn pull(
            &self,
            _: grader_github::webhook::PullKey,
        ) -> Result<Option<grader_github::webhook::PullState>, LedgerError> {
            Ok(None)
        }
        async fn pulls_at(&self, _: u64, _: &str) -> Result<Vec<u64>, LedgerError> {
            Ok(Vec::new())
        }
        async fn learn(
            &self,
            _: grader_github::webhook::PullKey,
            _: &grader_github::webhook::PullState,
        ) -> Result<(), LedgerError> {
            Ok(())
        }
        async fn asks(&self, _: grader_github::webhook::PullKey, _: u64) -> Result<bool, LedgerError> {
            Ok(true)
        }
    }
    let (issuer, _) = issuer().await;
    let verifier = Verifier::new(&issuer, AUDIENCE).expect("a verifier");
    let result = verifier.verify(&KEYS.sign("key-1", &claims(&issuer, "x")), &Broken).await;
    assert!(matches!(result, Err(TokenError::Ledger(_))), "without a memory no token is taken: {result:?}");
}
