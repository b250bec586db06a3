//! Ten real runs under SIGKILL: the program itself as service and workers, stacks on the engine, over SQLite and over
//! PostgreSQL, which is restarted in the middle. Which process dies when is a matter of chance, and in every second case
//! its reaper dies first, so that only the sweep is left to clean up. `cargo xtask bench service --real` runs it.
//!
//! Every run has to end once, and after a sweep nothing may be left: not on the engine, not on the disk, no process.

#![allow(clippy::unwrap_used, reason = "a bench that panics has failed")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use grader_store::testing::PostgresServer;
use grader_store::{NewRun, NewSpec, NewSubmission, PageRequest, RunFilter, RunState, Store};
use support::git::commit_all;
use support::running::{children, signal};
use support::{Bench, Running, copy, engine, none_of, root, until};

/// Runs on each database.
const RUNS: usize = 10;
/// How long they may take, all together.
const PATIENCE: Duration = Duration::from_secs(900);

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bench = Bench::new();
    let sqlite = runtime.block_on(storm(&format!("sqlite:{}", bench.path("grader.db").display()), None));
    let mut server = PostgresServer::start();
    let url = server.database("storm");
    let postgres = runtime.block_on(storm(&url, Some(&mut server)));
    println!("{:<42} {:>12} {:>12}", format!("{RUNS} real runs under SIGKILL"), "SQLite", "PostgreSQL");
    let both = [
        ("  finished", sqlite.finished, postgres.finished),
        ("  abandoned: lost with three workers", sqlite.abandoned, postgres.abandoned),
        ("  reports, and counted in the cohort", sqlite.reports, postgres.reports),
        ("  kills", sqlite.kills, postgres.kills),
        ("  of these with the reaper", sqlite.reapers, postgres.reapers),
        ("  takings", sqlite.takings, postgres.takings),
        ("  left after the sweep", 0, 0),
        ("  seconds", sqlite.seconds, postgres.seconds),
    ];
    for (what, one, other) in both {
        println!("{what:<42} {one:>12} {other:>12}");
    }
}

/// What a storm left. That nothing else is left is asserted.
#[derive(Debug, Default)]
struct Aftermath {
    finished: usize,
    abandoned: usize,
    reports: usize,
    kills: usize,
    reapers: usize,
    takings: usize,
    seconds: usize,
}

async fn storm(url: &str, mut server: Option<&mut PostgresServer>) -> Aftermath {
    let began = Instant::now();
    let bench = Bench::new();
    let store = Store::open(url, 4).await.unwrap();
    fill(&store, &bench).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let commands = [
        vec!["serve", "--slots", "0", "--listen", &listen],
        vec!["worker", "--lease", "5", "--offline", "--finish-within", "60"],
        vec!["worker", "--lease", "5", "--offline", "--finish-within", "60"],
    ];
    let mut pids = Vec::new();
    let mut start = |number: usize| {
        let arguments = commands[number].iter().copied().chain(["--database", url, "--allow-private-sources"]);
        let running = Running::start(bench.grader(arguments));
        pids.push(running.pid());
        running
    };
    let mut processes: Vec<Running> = (0..commands.len()).map(&mut start).collect();
    let mut left = Aftermath::default();
    let mut chance = 0x2545_f491_4f6c_dd1d_u64;
    loop {
        // Xorshift: the same chances every time.
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        tokio::time::sleep(Duration::from_millis(1000 + chance % 3000)).await;
        let (waiting, running) = in_progress(&store).await;
        if waiting + running == 0 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{waiting} wait and {running} run after {PATIENCE:?}: {left:?}");
        if usize::try_from(waiting).is_ok_and(|waiting| waiting <= RUNS / 2)
            && let Some(server) = server.take()
        {
            server.restart();
        }
        let number = usize::try_from(chance / 3000 % 3).unwrap_or(0);
        if left.kills % 2 == 1 {
            for (reaper, _) in children(processes[number].pid()).iter().filter(|(_, argument)| argument == "reaper") {
                signal(*reaper, "KILL");
                left.reapers += 1;
            }
        }
        // A process that the database's restart ended is started again as any supervisor would.
        signal(processes[number].pid(), "KILL");
        processes[number] = start(number);
        left.kills += 1;
    }
    for process in &processes {
        signal(process.pid(), "TERM");
    }
    for process in processes {
        // All of them are asked in order to stop, and do.
        process.end().expect(0);
    }
    // A reaper that is still at work and the sweep may get in each other's way: whoever comes again finds nothing.
    until("nothing is left", 60, || {
        bench.run(["sweep"]);
        let mut remains: Vec<String> = pids.iter().flat_map(|pid| engine::left_by(*pid)).collect();
        remains.extend(bench.journals().into_iter().map(|name| format!("journal {name}")));
        remains.extend(bench.scratch().into_iter().map(|name| format!("file {name}")));
        remains.extend(bench.processes().into_iter().map(|line| format!("process {line}")));
        none_of(remains)
    });
    count(&store, &mut left).await;
    left.seconds = usize::try_from(began.elapsed().as_secs()).unwrap_or(usize::MAX);
    assert_eq!(left.finished + left.abandoned, RUNS, "{left:?}");
    store.close().await;
    left
}

/// Queues the runs, each of a tree of its own, so that each builds an image.
async fn fill(store: &Store, bench: &Bench) {
    let text = std::fs::read_to_string(root().join("fixtures/bench/spec.yaml")).unwrap();
    let spec = grader_spec::load("spec.yaml", &text).unwrap();
    let name = spec.spec.id.clone();
    let digest = format!("sha256:{}", grader_store::new_id());
    let new = NewSpec {
        digest: digest.clone(),
        name: name.clone(),
        version: spec.spec.version.clone(),
        title: spec.spec.title.clone(),
        level: spec.spec.level.to_string(),
        text,
        created_by: "bench".to_owned(),
    };
    store.add_spec(&new, true).await.unwrap();
    for number in 0..RUNS {
        let folder = bench.path(&format!("small-{number}"));
        copy(&root().join("fixtures/compose/small"), &folder, &[]);
        salt(&folder, number);
        commit_all(&folder);
        let submission = NewSubmission {
            source: format!("file://{}", folder.display()),
            spec: name.clone(),
            created_by: "bench".to_owned(),
            ..NewSubmission::default()
        };
        let run = NewRun {
            submission: store.add_submission(&submission).await.unwrap(),
            spec_digest: digest.clone(),
            reference: None,
            seed: 1,
            origin: serde_json::json!({}),
            priority: 0,
            requested_by: "bench".to_owned(),
        };
        store.enqueue(&run).await.unwrap();
    }
}

/// No kept image of an earlier bench spares the build.
fn salt(folder: &Path, number: usize) {
    let salt = format!("{number} {}\n", grader_store::new_id());
    std::fs::write(folder.join("api/salt"), salt).unwrap();
}

/// How many wait and run, as soon as the database answers.
async fn in_progress(store: &Store) -> (i64, i64) {
    for _ in 0..300 {
        match store.in_progress().await {
            Ok(counts) => return counts,
            Err(error) => assert!(error.is_passing(), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the database has not answered for a minute");
}

async fn count(store: &Store, left: &mut Aftermath) {
    let runs = store.runs(&RunFilter::default(), &PageRequest::first(PageRequest::MOST)).await.unwrap().items;
    assert_eq!(runs.len(), RUNS, "none is lost, none is there twice");
    for run in &runs {
        left.takings += usize::try_from(run.attempt).unwrap();
        match run.state {
            RunState::Finished => {
                assert_eq!(run.outcome.as_deref(), Some("graded"), "{run:?}");
                left.finished += 1;
                left.reports += usize::from(store.report(&run.id).await.is_ok());
            }
            RunState::Abandoned => left.abandoned += 1,
            state => panic!("{} is {}", run.id, state.as_str()),
        }
    }
    let counted = store.cohort(&runs[0].spec).await.unwrap().runs;
    assert_eq!(usize::try_from(counted).unwrap(), left.finished, "each once in the cohort");
    assert_eq!(left.reports, left.finished, "each with one report");
}
