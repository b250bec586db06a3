//! `cargo xtask bench reading`: how long reading a tree of 500 files takes, without an engine and without its history.

use crate::build;
use crate::shell::{self, Result};

/// How it is built and how often it is read.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// cargo's profiles, in turn
    #[arg(long, value_name = "NAME", default_values = ["dev", "release"])]
    profile: Vec<String>,
    /// How often to read it with each; every time is printed
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// Builds the reader by each profile and runs it, which prints a line.
///
/// # Errors
/// When it does not build, or the fixtures cannot be read.
pub(crate) fn run(args: &Args) -> Result<()> {
    for profile in &args.profile {
        println!("{profile}:");
        for _ in 0..args.rounds {
            let reader = ["run", "--quiet", "--package", "harness-repository", "--example", "reading", "--profile"];
            shell::run(build::cargo().args(reader).arg(profile))?;
        }
    }
    Ok(())
}
