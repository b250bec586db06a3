//! A service with a cohort in it, on loopback: graded by a fake, in a database of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use grader_model::{FileEntry, FileKind, Report, Snapshot, Verdict};
use grader_service::{
    App, Asked, Grade, GradeJob, GradeResult, NewAsk, ServiceConfig, WorkerConfig, ask, router, set_password, work,
};
use grader_store::{CandidateChange, Role, Store};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The password of everybody in the house.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A running service. Its worker grades by the last part of a source: a number is the share of probes that pass, `slow`
/// goes on until it is cancelled.
pub(crate) struct House {
    pub(crate) app: App,
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    _folder: TempDir,
}

impl House {
    pub(crate) async fn open(blind: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("grader.db").display()), 4).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut config = ServiceConfig::new(format!("http://{address}").parse().unwrap());
        (config.allow_private_sources, config.blind, config.rate, config.sign_in_rate) = (true, blind, 100_000, 1_000);
        let stop = CancellationToken::new();
        for (name, role) in
            [("ada", Role::Admin), ("rita", Role::Reviewer), ("ron", Role::Reviewer), ("rex", Role::Reader)]
        {
            set_password(&store, name, role, PASSWORD).await.unwrap();
        }
        let app = App::new(store, config, stop.clone()).await.unwrap();
        let served = router(app.clone(), Router::new()).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, served).await });
        let config = WorkerConfig { poll: Duration::from_millis(20), slots: 2, ..WorkerConfig::default() };
        tokio::spawn(work(app.clone(), Arc::new(Fake), config, stop.clone()));
        House { app, address, stop, _folder: folder }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Hands in a repository for a candidate and waits for the end of its run.
    pub(crate) async fn graded(&self, candidate: Option<&str>, source: &str) -> Asked {
        let asked = self.asked(candidate, source).await;
        for _ in 0..500 {
            if self.app.store.run(&asked.run).await.unwrap().state.is_over() {
                return asked;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the run of {source} does not end");
    }

    pub(crate) async fn asked(&self, candidate: Option<&str>, source: &str) -> Asked {
        let candidate = match candidate {
            None => None,
            Some(name) => Some(self.candidate(name).await),
        };
        let new = NewAsk { source: source.to_owned(), candidate, join: true, ..NewAsk::default() };
        ask(&self.app, new, "ada").await.map_err(|problem| problem.detail).unwrap()
    }

    async fn candidate(&self, name: &str) -> String {
        let page = grader_store::PageRequest::first(200);
        let known = self.app.store.candidates(&grader_store::CandidateFilter::default(), &page).await.unwrap();
        match known.items.into_iter().find(|one| one.name == name) {
            Some(one) => one.id,
            None => {
                let change = CandidateChange { name: name.to_owned(), ..CandidateChange::default() };
                self.app.store.add_candidate(&change).await.unwrap().id
            }
        }
    }

    /// A cohort of several candidates, two attempts of the first among them.
    pub(crate) async fn cohort(&self) -> Vec<Asked> {
        let mut all = Vec::new();
        for (name, source) in [
            ("Grace Hopper", "https://127.0.0.1/hopper/bookstore-35"),
            ("Alan Turing", "https://127.0.0.1/turing/api-92"),
            ("Katherine Johnson", "https://127.0.0.1/johnson/books-88"),
            ("Edsger Dijkstra", "https://127.0.0.1/dijkstra/shop-55"),
            ("Barbara Liskov", "https://127.0.0.1/liskov/store-97"),
            ("Donald Knuth", "https://127.0.0.1/knuth/tangle-70"),
            ("Grace Hopper", "https://127.0.0.1/hopper/bookstore-78"),
        ] {
            all.push(self.graded(Some(name), source).await);
        }
        all
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The report that the fake gives: the report crate's own example, with as many probes passed as asked for.
pub(crate) fn report(percent: usize) -> Report {
    let mut report: Report =
        serde_json::from_str(include_str!("../../../report/tests/reports/rich.json")).expect("the example is a report");
    let all: usize = report.criteria.iter().map(|criterion| criterion.probes.len()).sum();
    let mut number = 0;
    for criterion in &mut report.criteria {
        for probe in &mut criterion.probes {
            // Spread over the criteria by a step that has no common divisor with most counts.
            let passes = (number * 37 + 11) % 100 < percent;
            number += 1;
            if matches!(probe.verdict, Verdict::NotApplicable | Verdict::NotMeasured | Verdict::Inconclusive) {
                continue;
            }
            probe.blocked_by = None;
            if passes {
                (probe.verdict, probe.earned) = (Verdict::Pass, probe.points);
            } else if probe.verdict == Verdict::Pass || probe.verdict == Verdict::Blocked {
                (probe.verdict, probe.earned) = (Verdict::Fail, 0.0);
            }
        }
        let counted = || criterion.probes.iter().filter(|probe| probe.counts && probe.verdict.applies());
        let points: f64 = counted().map(|probe| probe.points).sum();
        let earned: f64 = counted().map(|probe| probe.earned).sum();
        if points > 0.0 {
            criterion.possible = criterion.weight;
            criterion.earned = (criterion.weight * earned / points * 100.0).round() / 100.0;
        }
    }
    assert!(all > 20, "the example has probes");
    let score = &mut report.score;
    score.earned = report.criteria.iter().map(|criterion| criterion.earned).sum();
    score.possible = report.criteria.iter().map(|criterion| criterion.possible).sum();
    score.percent = (score.earned * 10_000.0 / score.possible).round() / 100.0;
    score.if_unblocked = score.percent;
    score.passed = score.fail_under.map(|bound| score.percent >= bound);
    if percent > 60 {
        report.red_flags.clear();
    }
    report
}

/// A small program, of which two candidates share a part.
fn tree(source: &str) -> Arc<Snapshot> {
    const SHARED: &str = "def total(lines, rest):\n    found = 0\n    for line in lines:\n        if line.open and not line.void:\n            \
        found = found + line.price * line.count\n        elif rest is None:\n            raise ValueError(line, 'left out')\n        \
        else:\n            rest.append((line.id, found))\n    return round(found, 2) if rest else None\n";
    let shared = if source.contains("hopper") || source.contains("knuth") { SHARED } else { "" };
    let bytes: Arc<[u8]> = format!("{shared}\nNAME = 'a service'\n").into_bytes().into();
    let entry = FileEntry { kind: FileKind::File, size: bytes.len() as u64, bytes: Some(bytes), executable: false };
    Arc::new(Snapshot { files: [("app/orders.py".to_owned(), entry)].into_iter().collect(), ..Snapshot::default() })
}

struct Fake;

#[async_trait]
impl Grade for Fake {
    async fn grade(&self, job: GradeJob) -> GradeResult {
        for text in ["cloned in 0.4 s", "api: built in 12 s", "<b>3 services</b> are up"] {
            let _ = job.events.send(("said", serde_json::json!({"text": text})));
        }
        let last = job.source.rsplit('-').next().unwrap_or_default();
        let mut report = report(last.parse().unwrap_or(50));
        report.submission.source.clone_from(&job.source);
        // The tree differs with the source, as it would.
        report.submission.commit = format!("{:0>40}", last.replace(|c: char| !c.is_ascii_hexdigit(), ""));
        if job.source.ends_with("slow") {
            job.cancel.cancelled().await;
        }
        GradeResult { report, logs: Vec::new(), tree: Some(tree(&job.source)), interrupted: job.cancel.is_cancelled() }
    }

    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }
}
