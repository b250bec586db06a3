//! Processes: a worker and a service, each on a database by URL, until they are told to stop or killed.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use grader_service::{App, ServiceConfig, WorkerConfig, keep_house, router, serve, work};
use grader_store::Store;
use tokio_util::sync::CancellationToken;

use super::fake::Sleeping;

/// What a process is to be.
#[derive(Debug, Clone)]
pub(crate) enum Role {
    /// Grades by sleeping so long.
    Worker { sleeps: Duration, slots: usize },
    /// Listens on that port of loopback.
    Service { port: u16 },
}

const VARIABLE: &str = "GRADER_TEST_ROLE";

impl Role {
    /// Starts this program anew in the role, with `arguments` in front of it.
    pub(crate) fn spawn(&self, url: &str, arguments: &[&str]) -> Process {
        let role = match self {
            Role::Worker { sleeps, slots } => format!("worker {} {slots} {url}", sleeps.as_millis()),
            Role::Service { port } => format!("service {port} 0 {url}"),
        };
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(arguments)
            .env(VARIABLE, role)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this program starts");
        Process { child }
    }
}

/// A running role, killed when it is dropped.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// SIGKILL: nothing of it has time for anything.
    pub(crate) fn kill(&mut self) {
        // One that has ended already is as dead.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Resident memory in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

/// Processor time that a process has taken so far, all threads together, to a hundredth of a second.
pub(crate) fn processor(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The command stands in parentheses and may hold anything; what follows begins with the third field.
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    // Linux counts in hundredths for whoever reads it here, whatever its own clock's rate.
    Duration::from_millis(ticks * 10)
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether this process was started in a role.
pub(crate) fn is_one() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Plays the role that this process was started in, without end.
pub(crate) async fn play() {
    let role = std::env::var(VARIABLE).expect("a role");
    let words: Vec<&str> = role.splitn(4, ' ').collect();
    let [kind, first, second, url] = words[..] else { panic!("no role: {role}") };
    let number = |word: &str| word.parse::<u64>().expect("a number");
    // The database may be starting anew.
    let store = loop {
        match Store::open(url, 8).await {
            Ok(store) => break store,
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    };
    let mut config = ServiceConfig::new("http://127.0.0.1".parse().expect("a URL"));
    config.allow_private_sources = true;
    config.rate = 100_000_000;
    // The storm kills more often than anything in the field does.
    config.most_losses = 1000;
    let stop = CancellationToken::new();
    let app = loop {
        match App::new(store.clone(), config.clone(), stop.clone()).await {
            Ok(app) => break app,
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    };
    if kind == "worker" {
        let worker = WorkerConfig {
            slots: usize::try_from(number(second)).expect("a number"),
            lease: LEASE,
            poll: Duration::from_millis(50),
            ..WorkerConfig::default()
        };
        work(app, Arc::new(Sleeping(Duration::from_millis(number(first)))), worker, stop).await;
    } else {
        tokio::spawn(keep_house(app.clone()));
        let port = u16::try_from(number(first)).expect("a port");
        serve(router(app, Router::new()), ([127, 0, 0, 1], port).into(), stop).await.expect("it listens");
    }
}

/// Of the workers here: a killed one is soon missed.
pub(crate) const LEASE: Duration = Duration::from_millis(1500);
