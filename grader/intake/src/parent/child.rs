//! The child's life: started in a process group of its own with a bare environment, killed with all of that group.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::IntakeRequest;
use super::read::{Taken, read};
use crate::IntakeError;
use crate::wire::Job;

/// What a child sees of the grader's environment: how to find programs, the network and its certificates, and the ssh
/// agent. Neither git's own variables nor a home with git's configuration are among them.
const ENVIRONMENT: &[&str] = &[
    "PATH",
    "TMPDIR",
    "http_proxy",
    "https_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSH_AUTH_SOCK",
];

/// Bytes of the child's complaints that are kept.
const MAX_COMPLAINT: u64 = 4096;

/// Starts the child and reads its answer. Child and `scratch` are gone when this ends in whatever way.
pub(super) async fn run(request: &IntakeRequest, job: &Job, scratch: TempDir) -> Result<Taken, IntakeError> {
    let started = Instant::now();
    let deadline = request.limits.wall_clock;
    let mut line = serde_json::to_vec(job).map_err(|error| failed(error.to_string()))?;
    line.push(b'\n');
    let mut command = Command::new(&request.child.program);
    command
        .args(&request.child.args)
        .env_clear()
        .envs(ENVIRONMENT.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))))
        .env("LC_ALL", "C")
        .current_dir(scratch.path())
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| failed(format!("it does not start: {error}")))?;
    let mut guard = Guarded { child, scratch: Some(scratch) };
    let (Some(mut input), Some(output), Some(errors)) =
        (guard.child.stdin.take(), guard.child.stdout.take(), guard.child.stderr.take())
    else {
        return Err(failed("it has no pipes".to_owned()));
    };
    let complaint = tokio::spawn(async move {
        let mut text = Vec::new();
        // A failed read ends the complaint; what came before it is what there is.
        let _ = errors.take(MAX_COMPLAINT).read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    });
    let conversation = async {
        // A child that dies before it has read its job says why by its exit.
        let _ = input.write_all(&line).await;
        read(output, request).await
    };
    let mut taken = match tokio::time::timeout(deadline, conversation).await {
        Ok(Ok(taken)) => taken,
        Ok(Err(error @ IntakeError::Child { .. })) => {
            let status = guard.end().await;
            // Whoever held the other end of the pipe was of the group that is gone.
            let said = tokio::time::timeout(Duration::from_secs(1), complaint).await;
            return Err(explain(error, status, &said.ok().and_then(Result::ok).unwrap_or_default(), job));
        }
        Ok(Err(error)) => {
            guard.end().await;
            return Err(error);
        }
        Err(_) => {
            guard.end().await;
            return Err(IntakeError::Deadline { seconds: deadline.as_secs() });
        }
    };
    // The pipe stays open until here, since its end tells the child that nobody waits.
    drop(input);
    guard.end().await;
    taken.stats.elapsed = started.elapsed();
    Ok(taken)
}

fn failed(reason: String) -> IntakeError {
    IntakeError::Child { reason }
}

/// What the death of a child means, from how it died and what it said.
fn explain(error: IntakeError, status: Option<ExitStatus>, complaint: &str, job: &Job) -> IntakeError {
    // Rust's own words when an allocation fails, after which it aborts.
    if complaint.contains("memory allocation of") {
        return IntakeError::OutOfMemory { limit: job.limits.memory };
    }
    match status.and_then(|status| status.signal()) {
        Some(signal) if signal != Signal::KILL.as_raw() => failed(format!("it died of signal {signal}")),
        _ => match (error, complaint.trim()) {
            (error, "") => error,
            (IntakeError::Child { reason }, said) => failed(format!("{reason}; it said: {said}")),
            (other, _) => other,
        },
    }
}

/// A running child and its scratch folder. Dropped, it kills the child's group, waits until the child is gone, and
/// removes the folder, in this order, since a living child could still write.
struct Guarded {
    child: Child,
    scratch: Option<TempDir>,
}

impl Guarded {
    /// The child's group, which has the child's number. No number means that the child was waited for; the group's
    /// may be someone else's by then.
    fn group(&self) -> Option<Pid> {
        self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }

    /// Kills what is left of the group and removes the scratch folder off the runtime's threads.
    async fn end(&mut self) -> Option<ExitStatus> {
        let group = self.group();
        // A child that died keeps the status it died with.
        kill(group);
        let status = self.child.wait().await.ok();
        if let Some(scratch) = self.scratch.take() {
            // It fails only when the runtime shuts down, which drops the folder and so removes it.
            let _ = tokio::task::spawn_blocking(move || {
                wait_for(group);
                remove(scratch);
            })
            .await;
        }
        status
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let Some(scratch) = self.scratch.take() else { return };
        let group = self.group();
        kill(group);
        let patience = Instant::now() + Duration::from_secs(2);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(2));
        }
        wait_for(group);
        remove(scratch);
    }
}

fn kill(group: Option<Pid>) {
    if let Some(group) = group {
        // An error says that the group is gone.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Waits until no process of a killed group is left. The child's own children, such as ssh, are for the system's
/// first process to reap; where that one does not, they stay as entries without a process, hence the patience.
fn wait_for(group: Option<Pid>) {
    let patience = Instant::now() + Duration::from_millis(500);
    while group.is_some_and(|group| test_kill_process_group(group).is_ok()) && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Removes the folder; a process of the killed group may take a moment to stop writing.
fn remove(scratch: TempDir) {
    let path = scratch.keep();
    for _ in 0..50 {
        match std::fs::remove_dir_all(&path) {
            Ok(()) => return,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    tracing::warn!(path = %path.display(), "a temporary folder could not be removed");
}
