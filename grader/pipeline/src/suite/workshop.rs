//! The workshop over the sandbox: one container in which tests run, and the databases beside it.

use std::time::Duration;

use async_trait::async_trait;
use grader_sandbox::{ExecOptions, ExecOutput, RunningStack, SandboxError};
use harness_kit::DatabaseHint;
use harness_suite::{Rows, Said, Trouble, Workshop};

use super::project::{Made, SERVICE};
use super::rows;

/// Bytes of each stream of a run that are kept.
const OUTPUT: usize = 1 << 20;

/// What reading or writing a file may take.
const FILE: Duration = Duration::from_secs(30);

/// The exit code of a process that was killed, as when its memory was used up.
const KILLED: i64 = 137;

/// The tests' container in its stack.
pub(super) struct Room {
    stack: RunningStack,
    databases: Vec<DatabaseHint>,
    /// The project's root in the container.
    home: String,
}

impl Room {
    /// Finds out where in the image the project is.
    ///
    /// # Errors
    /// When the engine is away, or the image has no shell.
    pub(super) async fn enter(stack: RunningStack, made: &Made) -> Result<Room, Trouble> {
        let said = stack.exec(SERVICE, &words(&["pwd"]), &ExecOptions::default()).await.map_err(trouble)?;
        let home = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        if said.exit_code != Some(0) || !home.starts_with('/') {
            return Err(Trouble("the tests' image has no working folder".to_owned()));
        }
        Ok(Room { stack, databases: made.databases.clone(), home })
    }

    /// Runs a program in one of the stack's services.
    pub(super) async fn exec(&self, service: &str, argv: &[&str], environment: &[(String, String)]) -> Option<String> {
        let options = ExecOptions { timeout: FILE, environment: environment.to_vec(), ..ExecOptions::default() };
        let said = self.stack.exec(service, &words(argv), &options).await.ok()?;
        (said.exit_code == Some(0)).then(|| String::from_utf8_lossy(&said.stdout).into_owned())
    }

    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.home.trim_end_matches('/')) }
    }

    /// Ends everything in the tests' container; its files stay.
    async fn clear(&self) -> Result<(), Trouble> {
        // One that ended by itself cannot be killed.
        let _ = self.stack.kill(SERVICE).await;
        let ended = self.stack.ended(SERVICE, FILE).await.map_err(trouble)?;
        if ended.is_none() {
            return Err(Trouble("the tests' container does not end".to_owned()));
        }
        self.stack.start(SERVICE).await.map_err(trouble)
    }
}

#[async_trait]
impl Workshop for Room {
    async fn run(
        &self,
        script: &str,
        arguments: &[String],
        environment: &[(String, String)],
        time: Duration,
    ) -> Result<Said, Trouble> {
        let mut argv = words(&["sh", "-c", script, "sh"]);
        argv.extend_from_slice(arguments);
        let options = ExecOptions {
            timeout: time,
            output_bytes: OUTPUT,
            environment: environment.to_vec(),
            ..ExecOptions::default()
        };
        let done = self.stack.exec(SERVICE, &argv, &options).await.map_err(trouble)?;
        let gone = self.stack.ended(SERVICE, Duration::from_millis(1)).await.map_err(trouble)?.is_some();
        if done.exit_code.is_none() || gone {
            self.clear().await?;
        }
        Ok(Said {
            output: output(&done),
            exit: done.exit_code.filter(|_| !gone),
            quiet: done.quiet,
            over_limits: gone || done.exit_code == Some(KILLED),
        })
    }

    async fn put(&self, path: &str, bytes: &[u8]) -> Result<(), Trouble> {
        self.stack.put(SERVICE, &[(self.absolute(path), bytes.to_vec())]).await.map_err(trouble)
    }

    async fn take(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, Trouble> {
        let options = ExecOptions { timeout: FILE, output_bytes: most, ..ExecOptions::default() };
        let argv = words(&["cat", "--", &self.absolute(path)]);
        let done = self.stack.exec(SERVICE, &argv, &options).await.map_err(trouble)?;
        // What does not fit would be read as something else than was written.
        Ok((done.exit_code == Some(0) && !done.truncated && !done.stdout.is_empty()).then_some(done.stdout))
    }

    async fn rows(&self) -> Option<Rows> {
        rows::count(self, &self.databases).await
    }
}

fn words(argv: &[&str]) -> Vec<String> {
    argv.iter().map(|word| (*word).to_owned()).collect()
}

fn trouble(error: SandboxError) -> Trouble {
    Trouble(error.fault().message)
}

fn output(done: &ExecOutput) -> String {
    let stdout = String::from_utf8_lossy(&done.stdout);
    let stderr = String::from_utf8_lossy(&done.stderr);
    format!("{stdout}\n{stderr}")
}
