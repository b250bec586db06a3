//! Nothing is left behind, whoever dies: the caller that loses interest, the parent, the child.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod support;

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use grader_intake::{ChildCommand, take};
use support::{Repo, Watch, child, tcp_server};

/// A server that accepts, says nothing and never hangs up.
fn silent() -> u16 {
    let (port, _) = tcp_server(|stream| {
        std::thread::sleep(Duration::from_secs(120));
        drop(stream);
    });
    port
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < until, "not within ten seconds: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_loses_interest() {
    let watch = Watch::new();
    let running = tokio::spawn(take(watch.request(&format!("git://127.0.0.1:{}/a", silent()))));
    wait_until("the child runs", || !watch.processes().is_empty());
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    watch.assert_clean();
}

#[tokio::test]
async fn a_child_with_children_of_its_own() {
    let watch = Watch::new();
    let mut request = watch.request("git@h.example:a");
    // As ssh would: it inherits nothing that its death could be told by.
    let script = "sleep 300 </dev/null >/dev/null 2>&1 & touch left; sleep 300";
    request.child = ChildCommand { program: "sh".into(), args: vec!["-c".into(), script.into()] };
    request.limits.wall_clock = Duration::from_secs(1);
    assert_eq!(watch.run(request).await.unwrap_err().code(), "clone.too-slow");
}

#[test]
fn a_parent_that_is_killed() {
    let watch = Watch::new();
    let scratch = watch.scratch.path().join("job");
    std::fs::create_dir(&scratch).unwrap();
    let job = format!(
        r#"{{"location":{{"git":{{"host":"127.0.0.1","port":{},"path":"/a"}}}},"reference":null,"subdir":null,
           "limits":{},"scratch":"{}","allow_private":true}}"#,
        silent(),
        serde_json::to_string(&grader_intake::Limits::default()).unwrap(),
        scratch.display()
    )
    .replace('\n', "");
    let mut process = Command::new(child().program)
        .current_dir(&scratch)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    writeln!(input, "{job}").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(process.try_wait().unwrap().is_none(), "the child waits for the server");
    // What the death of the parent looks like from the child.
    drop(input);
    wait_until("the child ends", || process.try_wait().unwrap().is_some());
    watch.assert_clean();
}

#[tokio::test]
async fn many_at_once() {
    let (repo, watch) = (Repo::sample(), Watch::new());
    let source = repo.path().display().to_string();
    let all: Vec<_> = (0..16).map(|_| tokio::spawn(take(watch.request(&source)))).collect();
    for one in all {
        assert_eq!(one.await.unwrap().unwrap().snapshot.files.len(), 4);
    }
    watch.assert_clean();
}
