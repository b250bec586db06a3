//! `cargo xtask fuzz`: tries the readers of hostile text with what is nearly right, for as long as it is told.
//!
//! The readers and their budgets are those of the test `untrusted`; this runs it for longer than a test run may last.

use std::process::Command;

use crate::build;
use crate::shell::{self, Failure, Result};

/// Readers that share the time: one test each.
const READERS: [&str; 5] = ["compose_documents", "interpolated_texts", "environment_files", "dockerfiles", "trees"];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Minutes in all, shared out equally
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Only this reader
    #[arg(long, value_name = "NAME", value_parser = READERS)]
    only: Option<String>,
}

/// Runs the readers one after the other and prints each one's figures. `false` when one panicked, hung or cost more
/// than its budget; the text that made it do so is printed.
///
/// # Errors
/// When cargo cannot be started.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let readers: Vec<&str> =
        READERS.into_iter().filter(|name| args.only.as_deref().is_none_or(|only| only == *name)).collect();
    let count = u64::try_from(readers.len()).map_err(|error| Failure::new(error.to_string()))?;
    let seconds = (args.minutes * 60).div_ceil(count.max(1));
    let mut good = true;
    for reader in readers {
        let mut test: Command = build::cargo();
        test.args([
            "test",
            "--quiet",
            "--package",
            "grader",
            "--test",
            "untrusted",
            "--",
            "--exact",
            reader,
            "--nocapture",
        ])
        .env("GRADER_FUZZ_SECONDS", seconds.to_string());
        good &= shell::status(&mut test)?.success();
    }
    Ok(good)
}
