//! What a host may do to a running stack on behalf of probes: run, read logs, pause, kill, restart.

use std::time::{Duration, Instant, SystemTime};

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::query_parameters::{KillContainerOptions, LogsOptions, RestartContainerOptions, UploadToContainerOptions};
use futures_util::StreamExt;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::errors::Doing;
use crate::ready;
use crate::stack::{RunningStack, Shared};
use crate::tree::{Archive, Ownership, Unpackable};
use crate::{SandboxError, ServiceReadiness, containers};

/// How a command is run in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOptions {
    /// After this the command is no longer waited for. It goes on in its container; an engine cannot end it.
    pub timeout: Duration,
    /// Bytes of each stream that are kept; the rest is read and dropped.
    pub output_bytes: usize,
    /// `user[:group]`; `None` is the container's own.
    pub user: Option<String>,
    /// Variables besides the container's own.
    pub environment: Vec<(String, String)>,
    /// `None` is the container's own.
    pub working_dir: Option<String>,
}

impl Default for ExecOptions {
    fn default() -> Self {
        ExecOptions {
            timeout: Duration::from_secs(60),
            output_bytes: 4 << 20,
            user: None,
            environment: Vec::new(),
            working_dir: None,
        }
    }
}

/// What a command said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecOutput {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// `None` when it did not end in time.
    pub exit_code: Option<i64>,
    /// Whether something was dropped.
    pub truncated: bool,
    /// How long it had said nothing when it ended, or was no longer waited for.
    pub quiet: Duration,
}

/// A point in a stack's logs, by the engine's clock. Written and read as RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogMark(OffsetDateTime);

impl std::fmt::Display for LogMark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.format(&Rfc3339).map_err(|_| std::fmt::Error)?)
    }
}

impl std::str::FromStr for LogMark {
    type Err = time::error::Parse;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        OffsetDateTime::parse(text, &Rfc3339).map(LogMark)
    }
}

/// Where a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStream {
    Stdout,
    Stderr,
}

/// A line of a service's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub at: OffsetDateTime,
    pub stream: LogStream,
    /// Without its line end; bytes that are no UTF-8 are replaced.
    pub text: String,
}

/// Lines that one reading of a log gives at most, the newest.
const LOG_LINES: &str = "20000";

impl RunningStack {
    /// Runs a command in a service's container.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchService`] when it does not run, [`SandboxError::CannotStart`] for a program that the
    /// image does not have.
    pub async fn exec(
        &self,
        service: &str,
        argv: &[String],
        options: &ExecOptions,
    ) -> Result<ExecOutput, SandboxError> {
        self.shared.exec(service, argv, options).await
    }

    /// Writes files into a service's container, replacing what stands there: absolute paths, as root, made just now.
    /// Folders that are missing are made; links on the way lead somewhere else in the container at the most.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchService`], [`SandboxError::TooLarge`] over the budget of trees.
    pub async fn put(&self, service: &str, files: &[(String, Vec<u8>)]) -> Result<(), SandboxError> {
        let container = self.shared.container(service)?;
        let limit = self.shared.run.options.limits.tree_bytes;
        let mut archive = Archive::new(Ownership { uid: 0, gid: 0 }, limit).made(SystemTime::now());
        for (path, bytes) in files {
            let inside = path.trim_start_matches('/');
            archive.assume_folder(inside.rsplit_once('/').map_or("", |(folder, _)| folder));
            archive.file(inside, bytes, 0o644).map_err(|why| match why {
                Unpackable::TooLarge => {
                    SandboxError::TooLarge { service: service.to_owned(), path: path.clone(), limit }
                }
                Unpackable::BadName => SandboxError::Missing {
                    service: service.to_owned(),
                    path: path.clone(),
                    what: "a name that fits an archive".to_owned(),
                },
            })?;
        }
        let options = UploadToContainerOptions { path: "/".to_owned(), ..UploadToContainerOptions::default() };
        let body = bollard::body_full(archive.finish().into());
        let put = self.shared.run.engine.docker.upload_to_container(container, Some(options), body);
        put.await.doing("put files into a container")
    }

    /// The present point in the logs.
    ///
    /// # Errors
    /// When the engine is away.
    pub async fn mark(&self) -> Result<LogMark, SandboxError> {
        let text = self.shared.run.engine.clock().await?;
        let unread = |error: time::error::Parse| SandboxError::Engine {
            doing: "tell the time".to_owned(),
            detail: error.to_string(),
        };
        text.parse().map_err(unread)
    }

    /// What a service has logged since a mark, or from its start; at most the last 20,000 lines.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchService`].
    pub async fn logs(&self, service: &str, since: Option<LogMark>) -> Result<Vec<LogLine>, SandboxError> {
        self.shared.log(service, since, LOG_LINES).await
    }

    /// Freezes every process of a service.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchService`].
    pub async fn pause(&self, service: &str) -> Result<(), SandboxError> {
        let container = self.shared.container(service)?;
        self.shared.run.engine.docker.pause_container(container).await.doing("pause a container")
    }

    /// Lets a paused service go on.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchService`].
    pub async fn unpause(&self, service: &str) -> Result<(), SandboxError> {
        let container = self.shared.container(service)?;
        self.shared.run.engine.docker.unpause_container(container).await.doing("unpause a container")
    }

    /// Ends a service at once. It stays down until [`start`](RunningStack::start).
    ///
    /// # Errors
    /// [`SandboxError::NoSuchService`].
    pub async fn kill(&self, service: &str) -> Result<(), SandboxError> {
        self.signal(service, "SIGKILL").await
    }

    /// Sends a signal to the first process of a service. If that ends it, it stays down.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchService`].
    pub async fn signal(&self, service: &str, signal: &str) -> Result<(), SandboxError> {
        let container = self.shared.container(service)?;
        self.shared.watch.expect_end(service, true);
        let options = KillContainerOptions { signal: signal.to_owned() };
        self.shared.run.engine.docker.kill_container(container, Some(options)).await.doing("signal a container")
    }

    /// Asks a service to end as an engine's stop does: by the stop signal that the document or the image declares,
    /// else SIGTERM. Gives the signal's name. If that ends it, it stays down.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchService`].
    pub async fn terminate(&self, service: &str) -> Result<String, SandboxError> {
        let container = self.shared.container(service)?;
        let found = self.shared.run.engine.docker.inspect_container(container, None).await;
        let config = found.doing("look at a container")?.config.unwrap_or_default();
        let signal = config.stop_signal.filter(|name| !name.is_empty()).unwrap_or_else(|| "SIGTERM".to_owned());
        self.signal(service, &signal).await?;
        Ok(signal)
    }

    /// Starts a service that has ended.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchService`], [`SandboxError::CannotStart`].
    pub async fn start(&self, service: &str) -> Result<(), SandboxError> {
        let container = self.shared.container(service)?;
        let started = containers::start(&self.shared.run, service, container).await;
        self.shared.watch.expect_end(service, false);
        started
    }

    /// Stops a service, with this long to end by itself, and starts it again. Its volumes and its root stay.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchService`], [`SandboxError::CannotStart`].
    pub async fn restart(&self, service: &str, grace: Duration) -> Result<(), SandboxError> {
        let container = self.shared.container(service)?;
        self.shared.watch.expect_end(service, true);
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = RestartContainerOptions { t: Some(seconds), ..RestartContainerOptions::default() };
        let done = self.shared.run.engine.docker.restart_container(container, Some(options)).await;
        self.shared.watch.expect_end(service, false);
        done.doing("restart a container")
    }

    /// Waits until a service is ready, from now on: after a restart, or where one service alone is of interest.
    ///
    /// # Errors
    /// As [`ready`](RunningStack::ready).
    pub async fn service_ready(&self, service: &str) -> Result<ServiceReadiness, SandboxError> {
        let ready = ready::wait(&self.shared, service);
        self.shared.run.within("waiting for a service to be ready", ready).await
    }

    /// Waits until a service has ended and gives its exit code; `None` when it still runs after `time`.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchService`].
    pub async fn ended(&self, service: &str, time: Duration) -> Result<Option<i64>, SandboxError> {
        let container = self.shared.container(service)?;
        let look = async {
            loop {
                let found = self.shared.run.engine.docker.inspect_container(container, None).await;
                let state = found.doing("look at a container")?.state.unwrap_or_default();
                if state.running != Some(true) && state.restarting != Some(true) {
                    return Ok(state.exit_code.unwrap_or(-1));
                }
                self.shared.watch.pause(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(time, look).await.ok().transpose()
    }
}

impl Shared {
    pub(crate) fn container(&self, service: &str) -> Result<&str, SandboxError> {
        self.state(service).map(|(state, _)| state.container.as_str())
    }

    pub(crate) async fn exec(
        &self,
        service: &str,
        argv: &[String],
        options: &ExecOptions,
    ) -> Result<ExecOutput, SandboxError> {
        let docker = &self.run.engine.docker;
        let container = self.container(service)?;
        let failed = |error: &bollard::errors::Error| match error {
            bollard::errors::Error::DockerResponseServerError { status_code: 404 | 409, .. } => {
                SandboxError::NoSuchService { service: service.to_owned() }
            }
            other => SandboxError::engine(format!("run a command in {service}"), other),
        };
        let request = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(argv.to_vec()),
            env: Some(options.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
            user: options.user.clone(),
            working_dir: options.working_dir.clone(),
            ..CreateExecOptions::default()
        };
        let mut done = ExecOutput::default();
        let mut spoke = Instant::now();
        let work = async {
            let exec = docker.create_exec(container, request).await.map_err(|error| failed(&error))?;
            let started = docker.start_exec(&exec.id, None).await.map_err(|error| failed(&error))?;
            if let StartExecResults::Attached { mut output, .. } = started {
                while let Some(piece) = output.next().await {
                    let (into, bytes) = match piece.doing("read what a command says")? {
                        LogOutput::StdErr { message } => (&mut done.stderr, message),
                        LogOutput::StdOut { message } | LogOutput::Console { message } => (&mut done.stdout, message),
                        LogOutput::StdIn { .. } => continue,
                    };
                    spoke = Instant::now();
                    let room = options.output_bytes.saturating_sub(into.len());
                    done.truncated |= bytes.len() > room;
                    into.extend_from_slice(&bytes[..bytes.len().min(room)]);
                }
            }
            docker.inspect_exec(&exec.id).await.map_err(|error| failed(&error))
        };
        let ended = tokio::time::timeout(options.timeout.min(self.run.remaining()), work).await;
        done.quiet = spoke.elapsed();
        match ended {
            Ok(found) => {
                done.exit_code = found?.exit_code;
                // The engine's own words for a program that is not there; shells use the same numbers.
                let said = [done.stdout.as_slice(), done.stderr.as_slice()].concat();
                let said = String::from_utf8_lossy(&said);
                if matches!(done.exit_code, Some(126 | 127)) && said.contains("OCI runtime exec failed") {
                    let detail = said.trim().to_owned();
                    return Err(SandboxError::CannotStart { service: service.to_owned(), detail, log: Vec::new() });
                }
                Ok(done)
            }
            Err(_) => Ok(done),
        }
    }

    /// The last lines of a service's log, for errors; empty when there is none.
    pub(crate) async fn tail(&self, service: &str) -> Vec<String> {
        let lines = self.log(service, None, "40").await.unwrap_or_default();
        lines.into_iter().map(|line| line.text).collect()
    }

    async fn log(&self, service: &str, since: Option<LogMark>, tail: &str) -> Result<Vec<LogLine>, SandboxError> {
        let container = self.container(service)?;
        let options = LogsOptions {
            stdout: true,
            stderr: true,
            timestamps: true,
            // Whole seconds only; what is too early is left out below.
            since: since.and_then(|mark| i32::try_from(mark.0.unix_timestamp()).ok()).unwrap_or(0),
            tail: tail.to_owned(),
            ..LogsOptions::default()
        };
        let mut stream = std::pin::pin!(self.run.engine.docker.logs(container, Some(options)));
        let mut lines = Vec::new();
        while let Some(piece) = stream.next().await {
            let piece = piece.doing("read a log")?;
            let stream = if matches!(piece, LogOutput::StdErr { .. }) { LogStream::Stderr } else { LogStream::Stdout };
            let text = String::from_utf8_lossy(piece.as_ref());
            for line in text.lines() {
                let Some((at, text)) = line.split_once(' ') else { continue };
                let Ok(at) = OffsetDateTime::parse(at, &Rfc3339) else { continue };
                if since.is_none_or(|mark| at > mark.0) {
                    lines.push(LogLine { at, stream, text: text.trim_end_matches('\r').to_owned() });
                }
            }
        }
        Ok(lines)
    }

    /// Runs a command that the document wants run once the container has started.
    pub(crate) async fn hook(&self, service: &str, hook: &grader_compose::project::Hook) -> Result<(), SandboxError> {
        let environment = hook.environment.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        let options = ExecOptions {
            user: hook.user.clone(),
            working_dir: hook.working_dir.clone(),
            environment: environment.collect(),
            timeout: self.run.options.limits.ready,
            ..ExecOptions::default()
        };
        let done = self.exec(service, &hook.command, &options).await?;
        if done.exit_code == Some(0) {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&done.stderr).into_owned();
        Err(SandboxError::CannotStart {
            service: service.to_owned(),
            detail: format!("its post_start hook {:?} failed", hook.command.join(" ")),
            log: text.lines().map(str::to_owned).collect(),
        })
    }
}
