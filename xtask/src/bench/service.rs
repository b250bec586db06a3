//! `cargo xtask bench service`: the service's figures, SQLite and PostgreSQL side by side; with `--real`, real runs under
//! SIGKILL.

use crate::build;
use crate::setup;
use crate::shell::{self, Result};

/// How it is built.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// cargo's profile: `release` for figures to quote, `dev` where building that takes too long
    #[arg(long, default_value = "release")]
    profile: String,
    /// Ten real runs on the engine while the service and its workers are killed at random, in place of the figures; always
    /// built by `dev`, since the stacks take the time
    #[arg(long)]
    real: bool,
}

/// Builds and runs the bench, which prints its table on stdout.
///
/// # Errors
/// When PostgreSQL or the engine is missing and cannot be set up, or a figure cannot be taken.
pub(crate) fn run(args: &Args) -> Result<()> {
    setup::need_postgres()?;
    let (package, bench, profile) = if args.real {
        setup::ensure(None, false, &[])?;
        ("grader", "crash", "dev")
    } else {
        ("grader-service", "service", args.profile.as_str())
    };
    let what = ["bench", "--quiet", "--package", package, "--bench", bench, "--profile", profile];
    shell::run(build::cargo().args(what))
}
