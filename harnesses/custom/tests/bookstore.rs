//! Custom probes of a bookstore, run against a small one on the loopback interface: what holds passes, what does not is
//! told step by step, and what cannot be shown is blocked.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use grader_model::{Finding, Verdict};
use grader_spec::custom::CustomProbe;
use grader_spec::{Criterion, ProbeRef};
use harness_kit::bind::Overrides;
use harness_kit::protocol::{FromHarness, Host, Start};
use harness_kit::vantage::Endpoint;
use harness_kit::{Facts, runner};
use serde_json::{Map, Value, json};

#[derive(Default)]
struct Shop {
    accounts: BTreeMap<String, String>,
    /// Owner and record.
    books: Vec<(String, Map<String, Value>)>,
    /// Whether anybody may change what somebody else wrote.
    careless: bool,
}

type Shared = Arc<Mutex<Shop>>;

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, axum::Json(body.clone())).into_response()
}

async fn serve(State(shop): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut shop = shop.lock().expect("one request at a time");
    let body: Map<String, Value> = serde_json::from_slice(&body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let error = |status: StatusCode| answer(status, &json!({"code": status.as_u16(), "message": "no"}));
    match (method.as_str(), uri.path()) {
        ("POST", "/auth/register") if text("email").contains('@') => {
            shop.accounts.insert(text("email"), text("password"));
            answer(StatusCode::CREATED, &json!({"id": text("email").len(), "email": text("email")}))
        }
        ("POST", "/auth/login") if shop.accounts.get(&text("email")) == Some(&text("password")) => {
            answer(StatusCode::OK, &json!({"token": format!("token-of-{}", text("email"))}))
        }
        ("POST", "/auth/register" | "/auth/login") => error(StatusCode::UNAUTHORIZED),
        (method, path) if path == "/books" || path.starts_with("/books/") => {
            let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
            let Some(who) = bearer.strip_prefix("Bearer token-of-").map(str::to_owned) else {
                return error(StatusCode::UNAUTHORIZED);
            };
            let at = path.strip_prefix("/books/").and_then(|key| key.parse::<usize>().ok());
            let known = at.filter(|at| *at < shop.books.len());
            match (method, known) {
                ("POST", _) if path == "/books" => {
                    let mut book = body;
                    book.insert("id".to_owned(), json!(shop.books.len()));
                    shop.books.push((who, book.clone()));
                    answer(StatusCode::CREATED, &Value::Object(book))
                }
                ("GET", None) if path == "/books" => {
                    answer(StatusCode::OK, &shop.books.iter().map(|(_, book)| Value::Object(book.clone())).collect())
                }
                ("GET", Some(at)) => answer(StatusCode::OK, &Value::Object(shop.books[at].1.clone())),
                ("PATCH", Some(at)) if shop.books[at].0 == who || shop.careless => {
                    shop.books[at].1.extend(body);
                    answer(StatusCode::OK, &Value::Object(shop.books[at].1.clone()))
                }
                ("PATCH", Some(_)) => error(StatusCode::FORBIDDEN),
                _ => error(StatusCode::NOT_FOUND),
            }
        }
        _ => error(StatusCode::NOT_FOUND),
    }
}

async fn find(careless: bool, probes: &[(&str, Value)]) -> Vec<Finding> {
    let shop = Shared::new(Mutex::new(Shop { careless, ..Shop::default() }));
    let router = axum::Router::new().fallback(serve).with_state(shop);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move { axum::serve(listener, router).await });

    let mut spec = grader_spec::load_named("bookstore").expect("a sound spec").spec;
    let written = probes.iter().map(|(id, custom)| {
        let custom: CustomProbe = serde_json::from_value(custom.clone()).expect("a custom probe");
        let mut probe: ProbeRef = serde_json::from_value(json!({"id": id})).expect("a reference");
        probe.custom = Some(custom);
        probe
    });
    spec.criteria =
        vec![Criterion { id: "own".to_owned(), title: "Own".to_owned(), weight: 1.0, probes: written.collect() }];
    assert_eq!(grader_spec::check(&spec, ""), [], "the probes are sound");
    let chosen = harness_custom::probes(&spec);
    let start = Start {
        spec,
        endpoints: vec![Endpoint::plain("api", IpAddr::from([127, 0, 0, 1]), port)],
        facts: Facts::default(),
        seed: 7,
        bindings: Overrides::default(),
        budget_seconds: 120,
        public_only: false,
    };
    let (out, mut messages) = tokio::sync::mpsc::unbounded_channel();
    runner::run(start, Host::new(out, false), chosen).await;
    let mut findings = Vec::new();
    while let Ok(message) = messages.try_recv() {
        if let FromHarness::Finding { finding } = message {
            findings.push(*finding);
        }
    }
    findings
}

fn foreign_change() -> Value {
    json!({
        "title": "Nobody changes what somebody else wrote",
        "steps": [
            {"operation": "book.create", "save": "book", "capture": {"title": "$.title"}},
            {"operation": "book.update", "as": "other", "record": "{{ book }}", "expect": {"status": [403, 404]}},
            {"operation": "book.read", "record": "{{ book }}", "expect": {
                "status": [200],
                "headers": {"content-type": "application/json"},
                "body": [{"path": "$.title", "equals": "{{ title }}"}],
                "schema": {"type": "object", "required": ["id", "title"]}
            }}
        ]
    })
}

#[tokio::test]
async fn what_holds_passes() {
    let anonymous = json!({
        "title": "Strangers are refused, however many come at once",
        "steps": [{
            "request": {"method": "POST", "path": "/books", "body": {"title": "{{ random.text }}"}},
            "as": "anonymous", "times": 5, "at_once": true,
            "expect": {"statuses": {"401": 5}, "body": [{"path": "$.message", "exists": true}]}
        }]
    });
    let findings = find(false, &[("custom.foreign", foreign_change()), ("custom.anonymous", anonymous)]).await;
    assert_eq!(findings.len(), 2);
    for finding in findings {
        assert_eq!(finding.verdict, Verdict::Pass, "{finding:#?}");
        assert!(!finding.evidence.is_empty(), "{}", finding.probe);
    }
}

#[tokio::test]
async fn what_does_not_hold_is_told_step_by_step() {
    let findings = find(true, &[("custom.foreign", foreign_change())]).await;
    let [finding] = findings.as_slice() else { panic!("{findings:#?}") };
    assert_eq!(finding.verdict, Verdict::Fail);
    assert_eq!(finding.summary, "Does not hold: Nobody changes what somebody else wrote");
    let actual: Vec<&str> = finding.actual.lines().collect();
    assert_eq!(actual[0], "step 2, book.update as other: status 200 OK");
    assert!(actual[1].starts_with("step 3, book.read as user: $.title is "), "{actual:?}");
    assert_eq!(finding.expected.lines().count(), 2);
    assert_eq!(finding.evidence.len(), 2, "one exchange for each step that did not hold");
}

#[tokio::test]
async fn what_cannot_be_shown_is_blocked() {
    let gone = json!({
        "title": "What is deleted is gone",
        "steps": [
            {"operation": "book.create", "save": "book"},
            {"operation": "book.delete", "record": "{{ book }}"},
            {"operation": "book.read", "record": "{{ book }}", "expect": {"status": [404]}}
        ]
    });
    let findings = find(false, &[("custom.gone", gone)]).await;
    let [finding] = findings.as_slice() else { panic!("{findings:#?}") };
    assert_eq!((finding.verdict, finding.blocked_by.as_deref()), (Verdict::Blocked, Some("api.operations")));
}
