//! Many rounds and many networks: what one run hides, two hundred show.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use grader_compose::project::{Attachment, Network};

use crate::support::{Bench, docker, idle};

/// Rounds of an ordinary test run; `GRADER_ROUNDS` asks for more.
const ROUNDS: usize = 4;

/// What the process may have grown by: what the allocator keeps for next time.
const GROWN: u64 = 16 << 20;

/// How long what is idle may take to go: a thread for blocking work stays ten seconds after its last.
const IDLE: Duration = Duration::from_secs(30);

/// What this process holds: bytes of memory that no file backs, open files, threads.
fn held() -> (u64, usize, usize) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let bytes = line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10;
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    (bytes, count("/proc/self/fd"), count("/proc/self/task"))
}

async fn round() {
    Bench::new("round").await.service("a", idle()).service("b", idle()).up(async |_| {}).await;
}

/// Each round checks that nothing of it is left on the engine or in its journal.
#[tokio::test]
async fn round_after_round_nothing_grows() {
    let rounds = std::env::var("GRADER_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    // What is made once and kept is there after the first.
    round().await;
    let before = held();
    for _ in 0..rounds {
        round().await;
    }
    // Connections to the engine close a moment after their last use, and whether a round weighs its volumes (on a thread
    // for blocking work) is a matter of how long it took.
    let began = Instant::now();
    let mut after = held();
    while (after.1 > before.1 || after.2 > before.2) && began.elapsed() < IDLE {
        tokio::time::sleep(Duration::from_millis(100)).await;
        after = held();
    }
    println!("{rounds} rounds: memory, files, threads {before:?} before, {after:?} after");
    assert!(after.0 <= before.0 + GROWN, "memory grew from {} to {} bytes", before.0, after.0);
    assert!(after.1 <= before.1, "open files grew from {} to {}", before.1, after.1);
    assert!(after.2 <= before.2, "threads grew from {} to {}", before.2, after.2);
}

/// Docker's own pools end after 31 networks.
#[tokio::test]
async fn fifty_networks_stand_at_once() {
    const RUNS: usize = 10;
    const EACH: usize = 5;
    let met = tokio::sync::Barrier::new(RUNS);
    let subnets = futures_util::future::join_all((0..RUNS).map(|number| {
        let met = &met;
        async move {
            let mut bench = Bench::new(&format!("many{number}")).await;
            let keys: Vec<String> = (0..EACH).map(|key| format!("n{key}")).collect();
            let mut service = idle();
            service.networks = keys.iter().map(|key| (key.clone(), Attachment::default())).collect();
            bench.project.networks = keys.into_iter().map(|key| (key, Network::default())).collect();
            let mut found = Vec::new();
            bench
                .service("a", service)
                .up(async |up| {
                    // All stand before any goes.
                    met.wait().await;
                    let options = bollard::query_parameters::ListNetworksOptions {
                        filters: Some([("label".to_owned(), vec![format!("grader.run={}", up.run.id())])].into()),
                    };
                    let networks = docker().list_networks(Some(options)).await.unwrap();
                    let configs = networks.into_iter().flat_map(|network| network.ipam.unwrap().config.unwrap());
                    found.extend(configs.map(|config| config.subnet.unwrap()));
                })
                .await;
            found
        }
    }))
    .await
    .concat();
    assert_eq!(subnets.len(), RUNS * EACH);
    assert!(subnets.iter().all(|subnet| subnet.starts_with("10.210.") && subnet.ends_with("/26")), "{subnets:?}");
    assert_eq!(subnets.iter().collect::<BTreeSet<_>>().len(), RUNS * EACH, "no two share a subnet: {subnets:?}");
}
