//! Finds a Docker engine, or has one installed and started where this program may do so.
//!
//! An engine that already answers is used as it is, whoever started it; only one that setup
//! itself started is ever stopped or replaced.

use std::process::Command;
use std::time::Duration;

use super::{daemon, packages};
use crate::shell::{self, Failure, Result, say};

/// Which engine to install where none answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Wanted {
    /// The one of this Debian release (20.10 on Debian 12).
    Distribution,
    /// The one of the next stable Debian release (26.1), beside the present one at a low priority.
    Next,
}

impl Wanted {
    /// The name used for state folders and in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Distribution => "distribution",
            Self::Next => "next",
        }
    }
}

/// An engine that is asked this long and says nothing counts as absent.
const ANSWER: Duration = Duration::from_secs(10);

/// Makes sure that an engine answers, and gives back its version.
///
/// `wanted` is `None` when the caller does not care; then any engine is fine.
///
/// # Errors
/// When no engine answers and none can be installed or started here; the hint says what a person
/// has to do. Also when another engine than the asked-for one runs and is not setup's own.
pub(crate) fn ensure(wanted: Option<Wanted>) -> Result<String> {
    if let Some(version) = version() {
        match (wanted, daemon::started()) {
            (Some(wanted), Some(running)) if running != wanted => {
                say(format!("the {} engine runs; stopping it for the {} one", running.name(), wanted.name()));
                daemon::stop()?;
            }
            (Some(wanted), None) if packages::offered(wanted).is_some_and(|o| !same(&o, &version)) => {
                return Err(Failure::new(format!(
                    "engine {version} answers, which setup did not start, and the {} one was asked for",
                    wanted.name()
                ))
                .hint("Stop that engine first, or leave --engine away to use it."));
            }
            _ => {
                say(format!("engine {version} answers"));
                return Ok(version);
            }
        }
    }
    if let Some(host) = std::env::var_os("DOCKER_HOST") {
        return Err(Failure::new(format!("DOCKER_HOST is {} and no engine answers there", host.to_string_lossy()))
            .hint("Start that engine, or unset DOCKER_HOST so that setup may start one."));
    }
    let wanted = wanted.unwrap_or(Wanted::Next);
    packages::install(wanted)?;
    daemon::start(wanted)?;
    version().ok_or_else(|| {
        Failure::new("the engine was started and does not answer")
            .hint(format!("Its log is {}.", daemon::log().display()))
    })
}

/// Stops the engine that setup started, if it still runs. Any other engine is left alone.
///
/// # Errors
/// When the engine does not end.
pub(crate) fn stop() -> Result<()> {
    match daemon::started() {
        Some(engine) => {
            daemon::stop()?;
            say(format!("the {} engine that setup started is stopped", engine.name()));
        }
        None => say("no engine of setup's runs"),
    }
    Ok(())
}

/// The version of the engine that answers at `DOCKER_HOST`, the current context or the default socket.
pub(crate) fn version() -> Option<String> {
    let ask = || {
        let mut command = Command::new("docker");
        command.args(["version", "--format", "{{.Server.Version}}"]);
        command
    };
    // A dead TCP endpoint would hold a plain call for minutes.
    let complaint = shell::within(ANSWER, &mut ask()).ok()??;
    if !complaint.is_empty() {
        return None;
    }
    shell::read(&mut ask()).ok().filter(|v| !v.is_empty())
}

/// Debian's version `26.1.5+dfsg1-9` and the engine's `26.1.5+dfsg1` are the same release when
/// their numbers are.
fn same(package: &str, engine: &str) -> bool {
    let numbers = |text: &str| -> String { text.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect() };
    numbers(package) == numbers(engine)
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn releases_are_compared_by_their_numbers() {
        assert!(same("26.1.5+dfsg1-9+deb13u1", "26.1.5+dfsg1"));
        assert!(!same("20.10.24+dfsg1-1", "26.1.5+dfsg1"));
    }
}
