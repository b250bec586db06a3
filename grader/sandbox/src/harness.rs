//! The harness in its container: an image made from a binary and its libraries, and a pipe to it.
//!
//! The image is sent to the engine as an archive, so that no registry has to be asked. Its container has no
//! capability, a read-only root, no volume, and listens on nothing.

mod image;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bollard::container::LogOutput;
use bollard::models::{ContainerCreateBody, HealthConfig, HostConfig};
use bollard::query_parameters::{AttachContainerOptions, CreateContainerOptions, WaitContainerOptions};
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncWrite, AsyncWriteExt, DuplexStream};

use crate::errors::Doing;
use crate::journal::Kind;
use crate::run::Inner;
use crate::stack::RunningStack;
use crate::{SandboxError, containers};

pub use image::HarnessImage;

/// Bytes on their way from the harness to whoever reads them.
const PIPE: usize = 64 << 10;

/// Lines of its standard error that are kept.
const ERROR_LINES: usize = 200;

/// Bytes of such a line that are kept.
const LINE_BYTES: usize = 4 << 10;

/// Who the harness is in its container: nobody.
const USER: &str = "65534:65534";

/// A running harness.
pub struct HarnessIo {
    /// Its standard input. Shutting it down is how the harness learns that there is no more.
    pub stdin: Pin<Box<dyn AsyncWrite + Send>>,
    /// Its standard output, to be read as lines. Ends when the harness does.
    pub stdout: DuplexStream,
    errors: Arc<Mutex<VecDeque<String>>>,
    run: Arc<Inner>,
}

impl std::fmt::Debug for HarnessIo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HarnessIo").field("run", &self.run.options.run_id).finish_non_exhaustive()
    }
}

impl HarnessIo {
    /// The last lines of its standard error, at most 200.
    pub fn stderr(&self) -> Vec<String> {
        let lines = self.errors.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        lines.iter().cloned().collect()
    }

    /// Waits for its end and gives its exit code.
    ///
    /// # Errors
    /// When the engine is away.
    pub async fn exit(&self) -> Result<i64, SandboxError> {
        let mut stream =
            std::pin::pin!(self.run.engine.docker.wait_container(&self.run.harness(), None::<WaitContainerOptions>));
        match stream.next().await {
            Some(Ok(done)) => Ok(done.status_code),
            // The client calls every other code than 0 an error.
            Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(SandboxError::engine("wait for the harness", &error)),
            None => Err(SandboxError::Engine {
                doing: "wait for the harness".to_owned(),
                detail: "the engine said nothing".to_owned(),
            }),
        }
    }
}

impl RunningStack {
    /// Starts the harness on the networks of the stack. One at a time: another is started after the first has ended.
    ///
    /// # Errors
    /// Of the engine; [`SandboxError::CannotStart`] never, since the image is ours.
    pub async fn start_harness(&self, image: &HarnessImage, argv: &[String]) -> Result<HarnessIo, SandboxError> {
        let run = &self.shared.run;
        let docker = &run.engine.docker;
        let name = run.harness();
        let mut networks: Vec<&String> = self.shared.networks.values().collect();
        networks.sort();
        let limits = &run.options.limits;
        let body = ContainerCreateBody {
            image: Some(image.reference.clone()),
            entrypoint: Some(vec![image::PROGRAM.to_owned()]),
            cmd: Some(argv.to_vec()),
            user: Some(USER.to_owned()),
            labels: Some(run.labels.map()),
            open_stdin: Some(true),
            stdin_once: Some(true),
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
            host_config: Some(HostConfig {
                network_mode: Some(networks.first().map_or("none", |name| name.as_str()).to_owned()),
                readonly_rootfs: Some(true),
                // It may not be slowed down by the very stack that it measures.
                ..containers::walls(run, limits.harness_memory, f64::MAX, limits.harness_pids)
            }),
            ..ContainerCreateBody::default()
        };
        run.journal.will_create([(Kind::Container, name.as_str())])?;
        let options = CreateContainerOptions { name: Some(name.clone()), ..CreateContainerOptions::default() };
        docker.create_container(Some(options), body).await.doing("make the harness")?;
        for network in networks.into_iter().skip(1) {
            containers::connect(run, &name, network, Vec::new()).await?;
        }
        let options = AttachContainerOptions {
            stream: true,
            stdin: true,
            stdout: true,
            stderr: true,
            ..AttachContainerOptions::default()
        };
        // Attached before it starts: nothing that it says is missed.
        let attached = docker.attach_container(&name, Some(options)).await.doing("attach to the harness")?;
        docker.start_container(&name, None).await.doing("start the harness")?;
        let (writer, stdout) = tokio::io::duplex(PIPE);
        let errors = Arc::new(Mutex::new(VecDeque::new()));
        // Ends with the container, or when nobody reads any more.
        tokio::spawn(split(attached.output, writer, errors.clone()));
        Ok(HarnessIo { stdin: attached.input, stdout, errors, run: run.clone() })
    }

    /// Removes the harness, whether it runs or not, so that another can be started.
    ///
    /// # Errors
    /// When the engine is away.
    pub async fn stop_harness(&self) -> Result<(), SandboxError> {
        let options = bollard::query_parameters::RemoveContainerOptions { v: true, force: true, link: false };
        match self.shared.run.engine.docker.remove_container(&self.shared.run.harness(), Some(options)).await {
            Err(error) if crate::errors::is_missing(&error) => Ok(()),
            other => other.doing("remove the harness"),
        }
    }
}

/// Takes the two streams apart that come through one connection.
async fn split(
    mut output: Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
    mut stdout: DuplexStream,
    errors: Arc<Mutex<VecDeque<String>>>,
) {
    // A line may come in several pieces.
    let mut open = Vec::new();
    while let Some(Ok(piece)) = output.next().await {
        match piece {
            LogOutput::StdErr { message } => {
                for part in message.split_inclusive(|byte| *byte == b'\n') {
                    let room = LINE_BYTES.saturating_sub(open.len());
                    open.extend_from_slice(&part[..part.len().min(room)]);
                    if part.ends_with(b"\n") {
                        keep(&errors, &std::mem::take(&mut open));
                    }
                }
            }
            LogOutput::StdOut { message } | LogOutput::Console { message } => {
                if stdout.write_all(&message).await.is_err() {
                    return;
                }
            }
            LogOutput::StdIn { .. } => {}
        }
    }
    if !open.is_empty() {
        keep(&errors, &open);
    }
}

fn keep(errors: &Mutex<VecDeque<String>>, line: &[u8]) {
    let mut lines = errors.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if lines.len() == ERROR_LINES {
        lines.pop_front();
    }
    lines.push_back(String::from_utf8_lossy(line).trim_end().to_owned());
}
