//! Whoever reads what is printed may go away: that is nobody's trouble, least of all a run's teardown.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use support::{Bench, running, servers};

/// Longer than any teardown of a run that has started nothing.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_run_whose_terminal_is_gone_still_hears_a_signal() {
    let bench = Bench::new();
    let source = format!("http://{}/candidate.git", servers::drip());
    let mut child = bench.grader(["grade", &source]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("clone"), "the run has begun, and listens to signals");
    drop(lines);
    drop(child.stdout.take());
    running::signal(child.id(), "INT");
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("the signal was not heard");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(130));
}

#[test]
fn a_list_that_nobody_reads_ends_well() {
    let bench = Bench::new();
    let mut child = bench.grader(["spec", "list"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}
