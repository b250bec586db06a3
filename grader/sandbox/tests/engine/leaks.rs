//! Nothing is left, whatever dies.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use bollard::models::VolumeCreateRequest;
use grader_compose::project::{Mount, MountSource, Service};
use grader_sandbox::{Owner, Reaper, Run, RunId, SandboxError, SweepOptions, sweep};

use crate::support::{Bench, docker, engine, idle, left_by};

fn with_volume() -> Service {
    let mut service = idle();
    service.volumes.push(Mount {
        target: "/data".to_owned(),
        read_only: false,
        source: MountSource::Volume { name: None, nocopy: false, subpath: None },
    });
    service
}

fn options(journal: &Path) -> SweepOptions {
    SweepOptions { journal: Some(journal.to_owned()), images: None, ..SweepOptions::default() }
}

/// Brings a stack up and waits to be killed.
#[tokio::test]
#[ignore = "role: runs in a process that another test starts and kills"]
async fn child() {
    let mut bench = Bench::new("killed").await.service("a", with_volume()).service("b", idle());
    bench.options.run_id = RunId::new(std::env::var("TEST_RUN").unwrap()).unwrap();
    bench.options.journal = std::env::var_os("TEST_JOURNAL").unwrap().into();
    if std::env::var_os("TEST_REAPER").is_some() {
        let reaper = ["leaks::reaper_child", "--exact", "--ignored", "--nocapture"];
        bench.options.reaper = Some(Reaper::spawn(&std::env::current_exe().unwrap(), &reaper).unwrap());
    }
    let (events, _receiver) = tokio::sync::mpsc::unbounded_channel();
    let started = Run::start(&bench.engine, bench.options.clone(), bench.plan(), events).await;
    started.unwrap();
    tokio::time::sleep(Duration::from_secs(100)).await;
}

#[tokio::test]
#[ignore = "role: the reaper of the process above"]
async fn reaper_child() {
    assert_eq!(grader_sandbox::reaper_main().await, 0);
}

fn spawn_child(run: &RunId, journal: &Path, reaper: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["leaks::child", "--exact", "--ignored", "--nocapture"])
        .env("TEST_RUN", run.as_str())
        .env("TEST_JOURNAL", journal)
        .stdout(Stdio::null());
    if reaper {
        command.env("TEST_REAPER", "1");
    }
    command.spawn().unwrap()
}

async fn until(what: &str, seconds: u64, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(seconds), "not within {seconds} s: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Killed early, half-way and when all is up.
#[tokio::test]
async fn a_sweep_takes_what_a_killed_process_left() {
    let engine = engine().await;
    for resources in [1, 1, 2, 2, 3, 4] {
        let journal = tempfile::tempdir().unwrap();
        let run = RunId::new(format!("t-kill-{}", RunId::random())).unwrap();
        let mut child = spawn_child(&run, journal.path(), false);
        until("the child made something", 60, async || left_by(&run).await.len() >= resources).await;
        let alive = sweep(&engine, &options(journal.path())).await.unwrap();
        assert!(alive.alive.contains(&run), "a live run is left alone");
        child.kill().unwrap();
        child.wait().unwrap();
        let report = sweep(&engine, &options(journal.path())).await.unwrap();
        assert!(report.failed.is_empty(), "{report:?}");
        assert_eq!(left_by(&run).await, Vec::<String>::new());
        assert_eq!(std::fs::read_dir(journal.path()).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn the_reaper_takes_it_without_anybody_asking() {
    let journal = tempfile::tempdir().unwrap();
    let run = RunId::new(format!("t-reap-{}", RunId::random())).unwrap();
    let mut child = spawn_child(&run, journal.path(), true);
    until("the child is up", 60, async || left_by(&run).await.len() >= 4).await;
    child.kill().unwrap();
    child.wait().unwrap();
    until("the reaper has cleaned up", 30, async || {
        left_by(&run).await.is_empty() && std::fs::read_dir(journal.path()).unwrap().count() == 0
    })
    .await;
}

#[tokio::test]
async fn a_run_past_its_deadline_is_swept_though_its_process_lives() {
    let mut bench = Bench::new("late").await.service("a", idle());
    bench.options.deadline = SystemTime::now() + Duration::from_secs(8);
    let (events, _receiver) = tokio::sync::mpsc::unbounded_channel();
    let (run, _stack) = Run::start(&bench.engine, bench.options.clone(), bench.plan(), events).await.unwrap();
    assert!(!Owner::current().is_gone());
    let early = sweep(&bench.engine, &options(bench.journal.path())).await.unwrap();
    let left = bench.options.deadline.duration_since(SystemTime::now()).unwrap_or_default();
    assert!(early.alive.contains(run.id()));
    tokio::time::sleep(left + Duration::from_secs(1)).await;
    sweep(&bench.engine, &options(bench.journal.path())).await.unwrap();
    assert_eq!(left_by(run.id()).await, Vec::<String>::new());
}

#[tokio::test]
async fn going_down_twice_is_fine_and_a_used_id_is_not() {
    let bench = Bench::new("twice").await.service("a", with_volume());
    let (events, _receiver) = tokio::sync::mpsc::unbounded_channel();
    let (run, _stack) = Run::start(&bench.engine, bench.options.clone(), bench.plan(), events.clone()).await.unwrap();
    let again = Run::open(&bench.engine, bench.options.clone(), events);
    assert!(matches!(again, Err(SandboxError::Journal { .. })), "{again:?}");
    let began = Instant::now();
    let removed = run.down().await.unwrap();
    let took = began.elapsed();
    let mut kinds: Vec<&str> = removed.iter().map(|removed| removed.kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["container", "network", "volume"]);
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(run.down().await.unwrap(), Vec::new());
    assert_eq!(left_by(run.id()).await, Vec::<String>::new());
}

/// Labels of somebody else's that only look like ours are no reason to remove anything.
#[tokio::test]
async fn what_has_no_owner_and_deadline_is_not_ours_to_sweep() {
    let name = format!("t-foreign-{}", RunId::random());
    let docker = crate::support::docker();
    let request = bollard::models::VolumeCreateRequest {
        name: Some(name.clone()),
        labels: Some([("grader.run".to_owned(), name.clone())].into_iter().collect()),
        ..bollard::models::VolumeCreateRequest::default()
    };
    docker.create_volume(request).await.unwrap();
    let journal = tempfile::tempdir().unwrap();
    sweep(&engine().await, &options(journal.path())).await.unwrap();
    let found = docker.inspect_volume(&name).await;
    docker.remove_volume(&name, None::<bollard::query_parameters::RemoveVolumeOptions>).await.unwrap();
    assert!(found.is_ok());
}

/// The engine makes a volume anew, without labels, for a container that was on its way when the volume was taken away.
#[tokio::test]
async fn a_sweep_takes_a_volume_that_came_back_without_labels_and_no_other() {
    let (engine, docker) = (engine().await, docker());
    let run = RunId::new(format!("t-back-{}", RunId::random())).unwrap();
    let [theirs, others] = [format!("grader-{run}-vol-data"), format!("not-grader-{run}-vol-data")];
    for volume in [&theirs, &others] {
        let named = VolumeCreateRequest { name: Some(volume.clone()), ..VolumeCreateRequest::default() };
        docker.create_volume(named).await.unwrap();
    }
    let wanted = SweepOptions { runs: Some(vec![run.clone()]), journal: None, images: None, ..SweepOptions::default() };
    let swept = sweep(&engine, &wanted).await.unwrap();
    let removed: Vec<&str> = swept.removed.iter().map(|removed| removed.name.as_str()).collect();
    assert_eq!(removed, [theirs.as_str()]);
    assert!(docker.inspect_volume(&theirs).await.is_err());
    docker.inspect_volume(&others).await.unwrap();
    docker.remove_volume(&others, None::<bollard::query_parameters::RemoveVolumeOptions>).await.unwrap();
}
