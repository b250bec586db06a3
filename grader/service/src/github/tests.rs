//! GitHub's part on a real store: deliveries and workflows into the queue, each once.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::routing::get as route;
use axum::{Json, Router};
use grader_github::testing::KEYS;
use grader_github::webhook::sign;
use grader_store::{RunState, Store};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::*;
use crate::config::ServiceConfig;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const AUDIENCE: &str = "https://grader.test";

struct Bench {
    app: App,
    routes: Router,
    issuer: String,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        Self::at(AUDIENCE).await
    }

    /// A service that people reach at `address`.
    async fn at(address: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("grader.db").display()), 4).await.unwrap();
        let mut config = ServiceConfig::new(address.parse().unwrap());
        config.allow_private_sources = true;
        let app = App::new(store, config, CancellationToken::new()).await.unwrap();
        let (key, secret) = (folder.path().join("key.pem"), folder.path().join("secret"));
        std::fs::write(&key, &KEYS.private).unwrap();
        std::fs::write(&secret, "hush\n").unwrap();
        let issuer = issuer().await;
        let config = json!({
            "url": "git://127.0.0.1:1",
            "app": { "id": 42, "private_key": key, "webhook_secrets": [secret] },
            "actions": { "issuer": issuer, "audience": address },
            "repositories": [{ "name": "acme/*", "spec": "bookstore", "level": "senior" }],
        });
        let github = Github::new(Config::parse(&config.to_string()).unwrap()).unwrap();
        let routes = crate::router(app.clone(), github.routes());
        Bench { app, routes, issuer, _folder: folder }
    }

    async fn send(&self, request: Request<Body>) -> (u16, Value) {
        let answer = self.routes.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        (status, serde_json::from_slice(&body).unwrap_or(Value::String(text)))
    }

    async fn deliver(&self, id: &str, event: &str, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        let signature = sign(&Secret::new("hush"), body.as_bytes());
        self.delivery(id, event, &signature, body).await
    }

    async fn delivery(&self, id: &str, event: &str, signature: &str, body: String) -> (u16, Value) {
        let request = Request::post("/api/v1/github/webhook")
            .header("x-hub-signature-256", signature)
            .header("x-github-event", event)
            .header("x-github-delivery", id)
            .body(Body::from(body))
            .unwrap();
        self.send(request).await
    }

    /// Asks as a workflow whose token has these claims changed.
    async fn ask(&self, jti: &str, head: &str, changed: &[(&str, Value)]) -> (u16, Value) {
        let mut claims = claims(&self.issuer, AUDIENCE, jti);
        for (name, value) in changed {
            claims[*name] = value.clone();
        }
        let request = Request::post("/api/v1/github/runs")
            .header("authorization", format!("Bearer {}", KEYS.sign("key-1", &claims)))
            .header("content-type", "application/json")
            .body(Body::from(json!({ "head": head }).to_string()))
            .unwrap();
        self.send(request).await
    }

    async fn with_key(&self, method: &str, run: &Value, key: &Value) -> (u16, Value) {
        let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/github/runs/{}", text(run)))
            .header("authorization", format!("Bearer {}", text(key)))
            .body(Body::empty())
            .unwrap();
        self.send(request).await
    }

    /// Every run's head and state.
    async fn runs(&self) -> HashMap<String, Vec<RunState>> {
        let part = grader_store::GithubPart::Repository(7);
        let mut runs: HashMap<String, Vec<RunState>> = HashMap::new();
        for kept in self.app.store.github_runs(part, false).await.unwrap() {
            let state = self.app.store.run(&kept.run_id).await.unwrap().state;
            runs.entry(kept.head).or_default().insert(0, state);
        }
        runs
    }
}

/// What GitHub says of a workflow that runs for pull request 3.
fn claims(issuer: &str, audience: &str, jti: &str) -> Value {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    json!({
        "iss": issuer, "aud": audience, "jti": jti, "iat": now, "nbf": now, "exp": now + 300,
        "repository": "acme/hello", "repository_id": "7", "event_name": "pull_request",
        "ref": "refs/pull/3/merge", "sha": "0".repeat(40), "run_id": "5", "run_attempt": "1",
        "workflow_ref": "acme/hello/.github/workflows/grade.yml@refs/pull/3/merge",
    })
}

/// An issuer that is the runner's token server as well.
async fn issuer() -> String {
    let own = Arc::new(OnceLock::<String>::new());
    let named = own.clone();
    let discovery = move || async move {
        let own = named.get().unwrap();
        Json(json!({ "issuer": own, "jwks_uri": format!("{own}/jwks") }))
    };
    let router = Router::new()
        .route("/.well-known/openid-configuration", route(discovery))
        .route("/jwks", route(|| async { Json(KEYS.jwks("key-1")) }))
        .route("/token", route(token));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    own.set(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    own.get().unwrap().clone()
}

async fn token(uri: axum::http::Uri, headers: axum::http::HeaderMap) -> Json<Value> {
    assert_eq!(headers["authorization"], "Bearer the runner's");
    let query: HashMap<String, String> =
        url::form_urlencoded::parse(uri.query().unwrap().as_bytes()).into_owned().collect();
    let claims = claims(&query["issuer"], &query["audience"], &grader_store::new_id());
    Json(json!({ "value": KEYS.sign("key-1", &claims) }))
}

fn pull_request(action: &str, head: &str, second: u8, full_name: &str) -> Value {
    let branch = |sha: &str| json!({ "sha": sha, "ref": "x", "repo": { "id": 7 } });
    json!({
        "action": action, "number": 3, "repository": { "id": 7, "full_name": full_name }, "installation": { "id": 9 },
        "pull_request": {
            "number": 3, "state": if action == "closed" { "closed" } else { "open" }, "draft": false,
            "head": branch(head), "base": branch(B), "updated_at": format!("2026-01-01T00:00:{second:02}Z"),
        },
    })
}

/// Grades at once: a report that is there, whatever the job.
struct Fake(grader_model::Report);

#[async_trait::async_trait]
impl crate::Grade for Fake {
    async fn grade(&self, job: crate::GradeJob) -> crate::GradeResult {
        assert_eq!(
            (job.source.as_str(), job.reference.as_deref()),
            ("git://127.0.0.1:1/acme/hello.git", Some("refs/pull/3/head"))
        );
        crate::GradeResult { report: self.0.clone(), logs: Vec::new(), tree: None, interrupted: false }
    }

    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }
}

/// The Action's own client against the service over HTTP, with a worker that grades at once: how the run ended for it.
async fn by_action(graded: &grader_model::Report, head: &str) -> grader_github::action::Stop {
    use grader_github::action::{Asked, Remote};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let bench = Bench::at(&address).await;
    let (routes, stop) = (bench.routes.clone(), bench.app.stop.clone());
    tokio::spawn(async move {
        axum::serve(listener, routes.into_make_service_with_connect_info::<std::net::SocketAddr>()).await
    });
    let config = crate::WorkerConfig { poll: Duration::from_millis(20), ..crate::WorkerConfig::default() };
    let worker = tokio::spawn(crate::work(bench.app.clone(), Arc::new(Fake(graded.clone())), config, stop.clone()));
    let remote = Remote::new(&address.parse().unwrap()).unwrap().pause(Duration::from_millis(20));
    let place = format!("{}/token?issuer={}", bench.issuer, bench.issuer);
    let token = remote.token(&place, &Secret::new("the runner's")).await.unwrap();
    let answer = remote.ask(&token, &Asked { head: head.to_owned() }).await.unwrap();
    let ended = remote.wait(&answer, Duration::from_secs(60), |_| {}).await.unwrap();
    stop.cancel();
    worker.await.unwrap();
    ended
}

fn graded(commit: &str) -> grader_model::Report {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../report/tests/reports/rich.json");
    let mut report: grader_model::Report = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    commit.clone_into(&mut report.submission.commit);
    report
}

#[tokio::test]
async fn an_action_gets_the_candidates_view_of_its_head() {
    let report = graded(A);
    let grader_github::action::Stop::Finished(view) = by_action(&report, A).await else { panic!("not finished") };
    assert_eq!(view.report().submission.commit, A);
    let hidden: Vec<&str> = report
        .criteria
        .iter()
        .flat_map(|criterion| &criterion.probes)
        .filter(|probe| probe.visibility == grader_model::Visibility::Hidden)
        .map(|probe| probe.id.as_str())
        .collect();
    let sent = serde_json::to_string(&view).unwrap();
    assert!(!hidden.is_empty() && sent.len() > 10_000);
    assert!(hidden.iter().all(|id| !sent.contains(&format!("\"{id}\""))), "{hidden:?}");
}

#[tokio::test]
async fn a_head_that_was_pushed_over_is_superseded() {
    let ended = by_action(&graded(B), A).await;
    assert!(matches!(ended, grader_github::action::Stop::Superseded), "{ended:?}");
}

#[tokio::test]
async fn a_delivery_is_believed_by_its_signature_alone() {
    let bench = Bench::new().await;
    let body = pull_request("opened", A, 0, "acme/hello").to_string();
    let good = sign(&Secret::new("hush"), body.as_bytes());
    let spaced = format!("{body} ");
    for (signature, body) in [("", &body), ("sha256=00", &body), (good.as_str(), &spaced)] {
        assert_eq!(bench.delivery("1", "pull_request", signature, body.clone()).await.0, 401);
    }
    assert_eq!(bench.delivery("1", "pull_request", &good, body).await, (200, json!("done")));
    assert_eq!(bench.runs().await[A], [RunState::Queued]);
    assert_eq!(bench.deliver("2", "pull_request", &json!({ "action": "opened" })).await.0, 400);
    assert_eq!(bench.deliver("3", "star", &json!({})).await.0, 200);
}

#[tokio::test]
async fn deliveries_come_twice_and_out_of_order_and_grade_once() {
    let bench = Bench::new().await;
    let opened = pull_request("opened", A, 0, "acme/hello");
    assert_eq!(bench.deliver("1", "pull_request", &opened).await.1, "done");
    assert_eq!(bench.deliver("1", "pull_request", &opened).await.1, "taken before");
    // The same event under another id, as after a redelivery of an old attempt.
    bench.deliver("2", "pull_request", &opened).await;
    assert_eq!(bench.runs().await[A], [RunState::Queued]);
    bench.deliver("3", "pull_request", &pull_request("synchronize", B, 9, "acme/hello")).await;
    bench.deliver("4", "pull_request", &pull_request("synchronize", A, 5, "acme/hello")).await;
    let runs = bench.runs().await;
    assert_eq!((&runs[A][..], &runs[B][..]), (&[RunState::Cancelled][..], &[RunState::Queued][..]));
    bench.deliver("5", "pull_request", &pull_request("closed", B, 12, "acme/hello")).await;
    assert_eq!(bench.runs().await[B], [RunState::Cancelled]);
    bench.deliver("6", "pull_request", &pull_request("reopened", B, 15, "acme/hello")).await;
    assert_eq!(bench.runs().await[B], [RunState::Cancelled, RunState::Queued]);
}

#[tokio::test]
async fn a_check_that_is_asked_for_again_is_graded_anew() {
    let bench = Bench::new().await;
    bench.deliver("1", "pull_request", &pull_request("opened", A, 0, "acme/hello")).await;
    let again = json!({
        "action": "rerequested", "repository": { "id": 7, "full_name": "acme/hello" }, "installation": { "id": 9 },
        "check_run": { "name": "grader", "head_sha": A, "app": { "id": 42 }, "pull_requests": [] },
    });
    bench.deliver("2", "check_run", &again).await;
    assert_eq!(bench.runs().await[A], [RunState::Cancelled, RunState::Queued]);
}

#[tokio::test]
async fn what_is_on_no_list_is_not_graded() {
    let bench = Bench::new().await;
    let (status, _) = bench.deliver("1", "pull_request", &pull_request("opened", A, 0, "evil/hello")).await;
    assert_eq!((status, bench.runs().await.len()), (200, 0));
    bench.deliver("2", "pull_request", &pull_request("opened", A, 1, "acme/hello")).await;
    let gone = json!({ "action": "deleted", "installation": { "id": 9 } });
    bench.deliver("3", "installation", &gone).await;
    assert_eq!(bench.runs().await[A], [RunState::Cancelled]);
}

#[tokio::test]
async fn a_workflow_follows_its_own_run_and_no_other() {
    let bench = Bench::new().await;
    let (status, asked) = bench.ask("1", A, &[]).await;
    assert_eq!(status, 202, "{asked}");
    assert!(asked["run_url"].as_str().unwrap().starts_with("https://grader.test/runs/"));
    assert_eq!(bench.with_key("GET", &asked["run"], &asked["key"]).await, (200, json!({ "state": "queued" })));
    for (run, key) in [(&asked["run"], &json!("x")), (&json!("x"), &asked["key"])] {
        assert_eq!(bench.with_key("GET", run, key).await.0, 404);
        assert_eq!(bench.with_key("DELETE", run, key).await.0, 404);
    }
    let run = bench.app.store.run(asked["run"].as_str().unwrap()).await.unwrap();
    assert_eq!(
        (run.source.as_str(), run.reference.as_deref()),
        ("git://127.0.0.1:1/acme/hello.git", Some("refs/pull/3/head"))
    );
    // Started again, it gets the run that is there, and the first key is no longer good.
    let (_, again) = bench.ask("2", A, &[("run_attempt", json!("2"))]).await;
    assert_eq!(again["run"], asked["run"]);
    assert_eq!(bench.with_key("GET", &asked["run"], &asked["key"]).await.0, 404);
    assert_eq!(bench.with_key("DELETE", &again["run"], &again["key"]).await.0, 204);
    assert_eq!(bench.with_key("GET", &again["run"], &again["key"]).await.1["state"], "cancelled");
    let (_, anew) = bench.ask("3", A, &[]).await;
    assert_ne!(anew["run"], asked["run"], "a run that was cancelled is graded anew");
}

#[tokio::test]
async fn a_push_cancels_and_a_workflow_of_before_it_is_too_late() {
    let bench = Bench::new().await;
    let (_, first) = bench.ask("1", A, &[]).await;
    assert_eq!(bench.ask("2", B, &[("run_id", json!("6"))]).await.0, 202);
    assert_eq!(bench.with_key("GET", &first["run"], &first["key"]).await.1["state"], "cancelled");
    assert_eq!(bench.ask("3", A, &[]).await.0, 409, "its job was started again");
    assert_eq!(bench.runs().await[B], [RunState::Queued]);
}

#[tokio::test]
async fn a_token_that_does_not_fit_asks_for_nothing() {
    let bench = Bench::new().await;
    assert_eq!(bench.ask("1", A, &[("aud", json!("https://other.test"))]).await.0, 401);
    assert_eq!(bench.ask("2", A, &[("repository", json!("evil/hello"))]).await.0, 403);
    assert_eq!(bench.ask("3", A, &[("event_name", json!("pull_request_target"))]).await.0, 403);
    assert_eq!(bench.ask("4", "main", &[]).await.0, 403);
    assert_eq!(bench.runs().await.len(), 0);
    assert_eq!(bench.ask("5", A, &[]).await.0, 202);
    assert_eq!(bench.ask("5", A, &[]).await.0, 401, "used before");
}
