//! Workers and the service are killed at random: every run ends once all the same. The bench of the service does this
//! with more runs and on PostgreSQL, restarted in the middle (`cargo xtask bench service`).

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "../benches/parts/mod.rs"]
mod parts;

use std::time::Duration;

use grader_store::Store;
use parts::{roles, storm};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_run_ends_once_whatever_dies() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("grader.db").display());
    let store = Store::open(&url, 4).await.unwrap();
    storm::fill(&store, 24).await;
    let role = ["--ignored", "--exact", "a_process_in_a_role"];
    let left = storm::rage(&store, &url, &role, Duration::from_millis(700), async || {}).await;
    assert!(left.is_whole(), "{left:?}");
    assert!(left.kills > 0, "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "role: a process that the test above starts and kills"]
async fn a_process_in_a_role() {
    assert!(roles::is_one(), "only the test above starts this");
    roles::play().await;
}
