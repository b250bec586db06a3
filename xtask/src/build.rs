//! Cargo as the chores call it, and where it puts the grader's program.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{self, Failure, Result, say};

/// `cargo`, the one that runs this chore, in the workspace's folder.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(program);
    cargo.current_dir(shell::workspace());
    cargo
}

/// Builds the grader and gives back its program.
///
/// # Errors
/// When it does not build.
pub(crate) fn grader() -> Result<PathBuf> {
    say("building grader");
    shell::run(cargo().args(["build", "--quiet", "--package", "grader"]))?;
    // Both are built by the same profile into the same folder.
    let program = std::env::current_exe()?.with_file_name(if cfg!(windows) { "grader.exe" } else { "grader" });
    if program.is_file() { Ok(program) } else { Err(Failure::new(format!("cargo built no {}", program.display()))) }
}
