//! The storm: workers and the service are killed at random while runs wait, until every run is over.

use std::time::{Duration, Instant};

use grader_store::{NewRun, NewSpec, NewSubmission, PageRequest, RunFilter, RunState, Store};

use super::roles::{Process, Role};

/// What a storm left.
#[derive(Debug, Default)]
pub(crate) struct Aftermath {
    pub(crate) runs: usize,
    pub(crate) finished: usize,
    pub(crate) reports: usize,
    /// Of all runs together: more than one a run means that some were taken again.
    pub(crate) attempts: i64,
    pub(crate) kills: usize,
    pub(crate) counted: i64,
    pub(crate) took: Duration,
}

impl Aftermath {
    /// Every run ended, once, with one result that the cohort counts once.
    pub(crate) fn is_whole(&self) -> bool {
        self.finished == self.runs
            && self.reports == self.runs
            && usize::try_from(self.counted).is_ok_and(|counted| counted == self.runs)
    }
}

/// Puts `number` runs into the queue, each of a submission of its own.
pub(crate) async fn fill(store: &Store, number: usize) {
    let digest = format!("sha256:{}", grader_store::new_id());
    let spec = NewSpec {
        digest: digest.clone(),
        name: "bookstore".into(),
        version: "1.0.0".into(),
        title: String::new(),
        level: "mid".into(),
        text: grader_spec::BUILT_IN[0].1.to_owned(),
        created_by: "bench".into(),
    };
    store.add_spec(&spec, true).await.expect("a spec");
    for _ in 0..number {
        let submission = NewSubmission {
            source: "https://127.0.0.1/a.git".into(),
            spec: "bookstore".into(),
            created_by: "bench".into(),
            ..NewSubmission::default()
        };
        let submission = store.add_submission(&submission).await.expect("a submission");
        let run = NewRun {
            submission,
            spec_digest: digest.clone(),
            reference: None,
            seed: 1,
            origin: serde_json::json!({}),
            priority: 0,
            requested_by: "bench".into(),
        };
        store.enqueue(&run).await.expect("a run");
    }
}

/// Lets it rage over the runs that wait. `every` so often a process is killed and started anew; `also` is done once in
/// the middle, such as restarting the database.
pub(crate) async fn rage(
    store: &Store,
    url: &str,
    arguments: &[&str],
    every: Duration,
    also: impl AsyncFnOnce(),
) -> Aftermath {
    let began = Instant::now();
    // Two dozen runs outlast two kills on the fastest machine.
    let worker = Role::Worker { sleeps: Duration::from_millis(400), slots: 2 };
    let port = free_port();
    let start = |number: usize| -> Process {
        if number == 3 { Role::Service { port }.spawn(url, arguments) } else { worker.spawn(url, arguments) }
    };
    let mut processes: Vec<Process> = (0..4).map(start).collect();
    let mut also = Some(also);
    let mut kills = 0;
    let mut chance = 0x2545_f491_4f6c_dd1d_u64;
    let total = count(store, None).await;
    loop {
        tokio::time::sleep(every).await;
        let (waiting, running) = patient(|| store.in_progress()).await;
        if waiting + running == 0 || began.elapsed() > Duration::from_secs(300) {
            break;
        }
        if usize::try_from(waiting).is_ok_and(|waiting| waiting < total / 2)
            && let Some(also) = also.take()
        {
            also().await;
        }
        // Xorshift: which one goes next is a matter of chance, the same every time.
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let number = usize::try_from(chance % 4).unwrap_or(0);
        processes[number].kill();
        processes[number] = start(number);
        kills += 1;
    }
    drop(processes);
    let mut left = Aftermath { runs: total, kills, took: began.elapsed(), ..Aftermath::default() };
    let filter = RunFilter { spec: Some("bookstore".into()), ..RunFilter::default() };
    let mut page = PageRequest::first(PageRequest::MOST);
    loop {
        let found = patient(|| store.runs(&filter, &page)).await;
        for run in found.items {
            left.attempts += run.attempt;
            left.finished += usize::from(run.state == RunState::Finished);
            left.reports += usize::from(store.report(&run.id).await.is_ok());
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    left.counted = patient(|| store.cohort("bookstore")).await.runs;
    left
}

async fn count(store: &Store, state: Option<RunState>) -> usize {
    let mut number = 0;
    let mut page = PageRequest::first(PageRequest::MOST);
    let filter = RunFilter { state, ..RunFilter::default() };
    loop {
        let found = patient(|| store.runs(&filter, &page)).await;
        number += found.items.len();
        match found.next {
            Some(next) => page.after = Some(next),
            None => return number,
        }
    }
}

/// Asks until the database answers, for a minute.
pub(crate) async fn patient<T, F: Future<Output = Result<T, grader_store::StoreError>>>(
    mut ask: impl FnMut() -> F,
) -> T {
    for _ in 0..300 {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => assert!(error.is_passing(), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the database has not answered for a minute");
}

/// A port of loopback that is free now.
pub(crate) fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    socket.local_addr().expect("an address").port()
}
