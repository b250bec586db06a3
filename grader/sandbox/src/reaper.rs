//! A child process that cleans up after a grader that was killed.
//!
//! It reads a pipe. While the grader lives it hears which runs begin and end; when the pipe closes, the grader is gone,
//! and whatever run has not ended is removed. It sits in a process group of its own, so that a signal from the terminal
//! does not take both.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tokio::io::AsyncBufReadExt;

use crate::labels::RunId;
use crate::sweep::{SweepOptions, sweep};
use crate::{ConnectOptions, Engine, SandboxError};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Message {
    Watch { run: String, journal: PathBuf, engine: String },
    Done { run: String },
}

/// The parent's end. Cheap to clone; the child goes when the last clone does.
#[derive(Debug, Clone)]
pub struct Reaper {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    child: Child,
    /// Taken when the pipe is closed.
    pipe: Option<ChildStdin>,
}

impl Reaper {
    /// Starts `program args…`, which must end up in [`reaper_main`].
    ///
    /// # Errors
    /// [`SandboxError::Reaper`] when it cannot be started.
    pub fn spawn(program: &Path, args: &[&str]) -> Result<Self, SandboxError> {
        use std::os::unix::process::CommandExt;
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| broken(&error))?;
        let pipe = child.stdin.take();
        Ok(Reaper { shared: Arc::new(Mutex::new(Shared { child, pipe })) })
    }

    pub(crate) fn watch(&self, run: &RunId, journal: &Path, engine: &Engine) -> Result<(), SandboxError> {
        self.tell(&Message::Watch {
            run: run.to_string(),
            journal: journal.to_owned(),
            engine: engine.info().address.clone(),
        })
    }

    pub(crate) fn done(&self, run: &RunId) -> Result<(), SandboxError> {
        self.tell(&Message::Done { run: run.to_string() })
    }

    fn tell(&self, message: &Message) -> Result<(), SandboxError> {
        let mut line = serde_json::to_vec(message).map_err(|error| broken(&error.into()))?;
        line.push(b'\n');
        let mut shared = self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &mut shared.pipe {
            Some(pipe) => pipe.write_all(&line).and_then(|()| pipe.flush()).map_err(|error| broken(&error)),
            None => Err(broken(&std::io::ErrorKind::BrokenPipe.into())),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The end of the pipe ends the child; with every run done it does so at once.
        drop(self.pipe.take());
        let _ = self.child.wait();
    }
}

fn broken(error: &std::io::Error) -> SandboxError {
    SandboxError::Reaper { detail: error.to_string() }
}

/// The child: reads standard input to its end and removes what is left. Gives back an exit code.
pub async fn reaper_main() -> u8 {
    let mut lines = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    let mut runs: BTreeMap<String, (PathBuf, String)> = BTreeMap::new();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Message::Watch { run, journal, engine }) => {
                runs.insert(run, (journal, engine));
            }
            Ok(Message::Done { run }) => {
                runs.remove(&run);
            }
            // A line that was cut by the parent's death says nothing.
            Err(_) => {}
        }
    }
    let mut code = 0;
    for (run, (journal, address)) in runs {
        if let Err(error) = reap(&run, journal, address).await {
            tracing::error!(run, %error, "the reaper left something behind");
            code = 1;
        }
    }
    code
}

async fn reap(run: &str, journal: PathBuf, address: String) -> Result<(), SandboxError> {
    let engine = Engine::connect(ConnectOptions { address: Some(address) }).await?;
    let runs = Some(vec![RunId::new(run)?]);
    let options = SweepOptions { journal: Some(journal), runs, images: None, ..SweepOptions::default() };
    match sweep(&engine, &options).await?.failed.pop() {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}
