//! The store's contract, held against both databases: each case runs on SQLite and on a real PostgreSQL server.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod access;
mod github;
mod queue;
mod records;
mod words;

use std::pin::Pin;

use grader_store::testing::PostgresServer;
use grader_store::{Claim, Finish, NewRun, NewSpec, NewSubmission, Store, Summary};
use tempfile::TempDir;

/// A store on a new database.
struct Fixture {
    store: Store,
    url: String,
    _folder: Option<TempDir>,
}

impl Fixture {
    async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("grader.db").display());
        Fixture { store: Store::open(&url, 4).await.unwrap(), url, _folder: Some(folder) }
    }

    async fn postgres(server: &PostgresServer, name: &str) -> Self {
        let url = server.database(name);
        Fixture { store: Store::open(&url, 3).await.unwrap(), url, _folder: None }
    }

    /// A submission of a spec that is there.
    async fn submission(&self) -> String {
        self.store.add_spec(&spec("tasks", "a"), true).await.unwrap();
        let new = NewSubmission {
            source: "https://git.example/a.git".into(),
            spec: "tasks".into(),
            created_by: "ann".into(),
            ..NewSubmission::default()
        };
        self.store.add_submission(&new).await.unwrap()
    }

    /// What several services bring that do the same at the same time, as many processes would: each with connections of its
    /// own. Each is given its number.
    async fn at_once<T, Work>(&self, work: impl Fn(usize, Store) -> Work) -> Vec<T>
    where
        T: Send + 'static,
        Work: Future<Output = Vec<T>> + Send + 'static,
    {
        // Opened before the first begins: it would be done before the last is there.
        let mut stores = Vec::new();
        for _ in 0..4 {
            stores.push(Store::open(&self.url, 2).await.unwrap());
        }
        let services: Vec<_> =
            stores.into_iter().enumerate().map(|(number, store)| tokio::spawn(work(number, store))).collect();
        let mut all = Vec::new();
        for service in services {
            all.extend(service.await.unwrap());
        }
        all
    }

    async fn run(&self, submission: &str) -> String {
        self.store.enqueue(&new_run(submission)).await.unwrap()
    }
}

fn spec(name: &str, digest: &str) -> NewSpec {
    NewSpec {
        digest: format!("sha256:{digest}"),
        name: name.into(),
        version: "1.0.0".into(),
        title: "T".into(),
        level: "mid".into(),
        text: "text".into(),
        created_by: "ann".into(),
    }
}

fn new_run(submission: &str) -> NewRun {
    NewRun {
        submission: submission.into(),
        spec_digest: "sha256:a".into(),
        reference: None,
        seed: u64::MAX,
        origin: serde_json::json!({}),
        priority: 0,
        requested_by: "ann".into(),
    }
}

fn result(percent: f64) -> Finish {
    Finish {
        outcome: "graded".into(),
        commit: "c0ffee".into(),
        tree: "7ree".into(),
        graded_percent: Some(percent),
        percent: Some(percent),
        passed: None,
        summary: Summary { flags: vec!["leak".into()], ..Summary::default() },
        report: format!("{{\"percent\":{percent}}}"),
        artefacts: Vec::new(),
        overrides: Vec::new(),
    }
}

async fn claim(store: &Store) -> Claim {
    store.claim("worker", std::time::Duration::from_secs(60)).await.unwrap().expect("a run waits")
}

/// One case of the contract.
type Case = fn(Fixture) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Cases, each a test of its own on SQLite. On PostgreSQL they share one server, which takes seconds to start, and have a
/// database each.
macro_rules! cases {
    ($(async fn $name:ident($fixture:ident) $body:block)+) => {
        $(async fn $name($fixture: $crate::Fixture) $body)+

        pub(crate) const CASES: &[(&str, $crate::Case)] =
            &[$((stringify!($name), |fixture| Box::pin($name(fixture)))),+];

        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name($crate::Fixture::sqlite().await).await;
                }
            )+
        }
    };
}
pub(crate) use cases;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_the_contract() {
    let server = tokio::task::spawn_blocking(PostgresServer::start).await.unwrap();
    let all = [access::CASES, github::CASES, queue::CASES, records::CASES, words::CASES].concat();
    for (name, case) in all {
        println!("{name}");
        case(Fixture::postgres(&server, name).await).await;
    }
    queue::a_restarted_server_is_the_same_store(server).await;
}
