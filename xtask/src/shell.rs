//! Running other programs, and the one error type of the chores.
//!
//! It knows nothing of what the programs are for: callers say what went wrong in their own words.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// What a chore gives back.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// A chore that could not be done: what happened, and what a person can do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// A failure that says `message`, a sentence in lower case without a full stop.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// The same failure with the next step for a person.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n{hint}")?;
        }
        Ok(())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// Prints a step of a chore to stderr, so that stdout stays for results.
pub(crate) fn say(line: impl fmt::Display) {
    eprintln!("xtask: {line}");
}

/// The folder that holds the workspace's `Cargo.toml`.
pub(crate) fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Runs a command with the terminal inherited.
///
/// # Errors
/// When it cannot be started or ends with anything but success.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("`{}` ended with {status}", shown(command))))
}

/// Runs a command with the terminal inherited and gives back how it ended.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus> {
    command.status().map_err(|error| cannot_start(command, &error))
}

/// Runs a command and gives back what it printed to stdout, trimmed.
///
/// # Errors
/// When it cannot be started or fails; the message carries its stderr.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(Failure::new(format!(
        "`{}` ended with {}: {}",
        shown(command),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    )))
}

/// Runs a command with its output captured, whatever its end.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().map_err(|error| cannot_start(command, &error))
}

/// Whether a command ends with success; its output is dropped, and so is why it could not start.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    output(command).is_ok_and(|output| output.status.success())
}

/// Runs a command quietly for at most `limit`. `Ok(None)` means that it was stopped for being late;
/// `Ok(Some(text))` carries its stderr when it failed and `Ok(Some(String::new()))` is success.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn within(limit: Duration, command: &mut Command) -> Result<Option<String>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            let mut text = String::new();
            if !status.success() {
                if let Some(stderr) = &mut child.stderr {
                    // Text that is not UTF-8 is no reason to lose the verdict.
                    let _ = stderr.read_to_string(&mut text);
                }
                if text.trim().is_empty() {
                    text = status.to_string();
                }
            }
            return Ok(Some(text.trim().to_owned()));
        }
        if started.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether a program of this name is in `PATH`.
pub(crate) fn in_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

fn shown(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{}` could not be started: {error}", command.get_program().to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_command_is_stopped() {
        let started = Instant::now();
        let late = within(Duration::from_millis(100), Command::new("sleep").arg("30"));
        assert!(matches!(late, Ok(None)));
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_failing_command_says_why() {
        let text = within(Duration::from_secs(5), Command::new("sh").args(["-c", "echo because >&2; exit 3"]));
        assert_eq!(text.unwrap().as_deref(), Some("because"));
        let failure = read(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        assert!(failure.to_string().ends_with("why"), "{failure}");
    }

    #[test]
    fn a_hint_follows_the_message() {
        let failure = Failure::new("no engine answers").hint("install one");
        assert_eq!(failure.to_string(), "error: no engine answers\ninstall one");
    }
}
