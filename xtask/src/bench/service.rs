//! `cargo xtask bench service`: the service's figures, SQLite and PostgreSQL side by side.

use crate::build;
use crate::setup;
use crate::shell::{self, Result};

/// How it is built.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// cargo's profile: `release` for figures to quote, `dev` where building that takes too long
    #[arg(long, default_value = "release")]
    profile: String,
}

/// Builds and runs the bench, which prints its table on stdout.
///
/// # Errors
/// When PostgreSQL is missing and cannot be installed, or a figure cannot be taken.
pub(crate) fn run(args: &Args) -> Result<()> {
    setup::need_postgres()?;
    let bench = ["bench", "--quiet", "--package", "grader-service", "--bench", "service", "--profile"];
    shell::run(build::cargo().args(bench).arg(&args.profile))
}
