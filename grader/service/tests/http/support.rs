//! A service on a new SQLite database, a caller, and something that grades at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use grader_model::{Fault, FaultSide, Finding, Outcome, Report, Snapshot, Stage, Verdict};
use grader_service::{App, Grade, GradeJob, GradeResult, ServiceConfig, WorkerConfig, issue_token, router, work};
use grader_store::{Scope, Scopes, Store};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub(crate) struct Service {
    pub(crate) app: App,
    pub(crate) router: Router,
    pub(crate) admin: String,
    pub(crate) stop: CancellationToken,
    _folder: TempDir,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Service {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(choose: impl FnOnce(&mut ServiceConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("grader.db").display());
        let store = Store::open(&url, 4).await.unwrap();
        let mut config = ServiceConfig::new("https://grader.example".parse().unwrap());
        config.allow_private_sources = true;
        choose(&mut config);
        let stop = CancellationToken::new();
        let app = App::new(store.clone(), config, stop.clone()).await.unwrap();
        let everything = Scopes::of(Scope::ALL.iter().copied());
        let (admin, _) = issue_token(&store, "admin", everything, None, "test").await.unwrap();
        Service { router: router(app.clone(), Router::new()), app, admin, stop, _folder: folder }
    }

    /// A token of those scopes.
    pub(crate) async fn token(&self, name: &str, scopes: &[Scope]) -> String {
        issue_token(&self.app.store, name, Scopes::of(scopes.iter().copied()), None, "test").await.unwrap().0
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 16 << 20).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// A request with headers as `name: value`.
    pub(crate) async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[("authorization", &format!("Bearer {}", self.admin))], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, &[("authorization", &format!("Bearer {}", self.admin))], Some(body)).await
    }

    /// Hands in and gives the submission's and the run's ids back.
    pub(crate) async fn hand_in(&self) -> (String, String) {
        let answer = self.post("/api/v1/submissions", json!({"source": "https://127.0.0.1/a.git"})).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let body = answer.json();
        (body["id"].as_str().unwrap().to_owned(), body["run"].as_str().unwrap().to_owned())
    }

    /// A worker that grades by `grade`, until `stop`.
    pub(crate) fn work(&self, grade: Arc<dyn Grade>, stop: CancellationToken) -> tokio::task::JoinHandle<()> {
        tokio::spawn(work(self.app.clone(), grade, fast(), stop))
    }

    /// Waits until a run is over.
    pub(crate) async fn over(&self, run: &str) -> grader_store::Run {
        for _ in 0..600 {
            let found = self.app.store.run(run).await.unwrap();
            if found.state.is_over() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("run {run} is not over after half a minute");
    }
}

/// A worker that looks often and is soon thought lost.
pub(crate) fn fast() -> WorkerConfig {
    WorkerConfig {
        id: format!("test-{}", grader_store::new_id()),
        poll: Duration::from_millis(20),
        lease: Duration::from_secs(2),
        finish_within: Duration::from_millis(100),
        ..WorkerConfig::default()
    }
}

/// Grades at once: every probe of the assessment passes but those that it is told of.
pub(crate) struct Fake {
    pub(crate) fails: Vec<&'static str>,
    pub(crate) takes: Duration,
    /// How many runs began.
    pub(crate) began: AtomicUsize,
    /// Ends in trouble of the grader's own.
    pub(crate) breaks: bool,
    /// What the failing probes saw.
    pub(crate) saw: &'static str,
    /// What was graded, where it is to be compared.
    pub(crate) tree: Option<Arc<Snapshot>>,
}

impl Default for Fake {
    fn default() -> Self {
        Fake {
            fails: vec!["api.methods"],
            takes: Duration::from_millis(20),
            began: AtomicUsize::new(0),
            breaks: false,
            saw: "a read through POST",
            tree: None,
        }
    }
}

#[async_trait]
impl Grade for Fake {
    async fn grade(&self, job: GradeJob) -> GradeResult {
        self.began.fetch_add(1, Ordering::SeqCst);
        let _ = job.events.send(("began", json!({"stage": "probe", "what": "<b>hostile</b>"})));
        let interrupted = tokio::select! {
            () = tokio::time::sleep(self.takes) => false,
            () = job.cancel.cancelled() => true,
        };
        let _ = job.events.send(("ended", json!({"stage": "probe", "millis": 1})));
        let mut report = self.report(&job);
        if self.breaks || interrupted {
            report.outcome = Outcome::NotGraded;
            report.fault = Some(Fault::new(FaultSide::Grader, Stage::Up, "engine.down", "the engine does not answer"));
        }
        let logs = vec![("api".to_owned(), vec!["<script>alert(1)</script>".to_owned()])];
        GradeResult { report, logs, tree: self.tree.clone(), interrupted }
    }

    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }
}

impl Fake {
    fn report(&self, job: &GradeJob) -> Report {
        let spec = &job.spec.spec;
        let findings: Vec<Finding> = spec
            .probes()
            .map(|(_, probe)| {
                if self.fails.contains(&probe.id.as_str()) {
                    Finding::fail(&probe.id, self.saw)
                } else {
                    Finding::pass(&probe.id, "as it should be")
                }
            })
            .collect();
        let card = grader_scoring::scorecard(spec, spec.level, &findings, None, |_, _| String::new());
        serde_json::from_value(json!({
            "schema": grader_model::SCHEMA,
            "tool": {"version": "0"},
            "spec": {"id": spec.id, "title": spec.title, "version": spec.version, "digest": "sha256:x", "level": spec.level},
            "submission": {"source": job.source, "commit": "c0ffee", "tree": "7ee", "seed": job.seed},
            "outcome": "graded", "fault": null, "score": card.score, "criteria": card.criteria,
            "red_flags": [], "matrix": grader_scoring::matrix(&card.criteria), "questions": [], "bindings": [],
            "stack": {"services": [], "rewrites": []}, "notes": [],
            "timings": {"clone": 0, "build": 0, "up": 0, "probe": 0, "down": 0, "total": 0},
        }))
        .unwrap()
    }
}

/// The verdict of a probe in a report as JSON.
pub(crate) fn verdict(report: &Value, id: &str) -> Verdict {
    let criteria = report["criteria"].as_array().unwrap();
    let mut probes = criteria.iter().flat_map(|criterion| criterion["probes"].as_array().unwrap());
    serde_json::from_value(probes.find(|probe| probe["id"] == id).unwrap()["verdict"].clone()).unwrap()
}
