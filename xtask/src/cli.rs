//! The command line of the chores: one variant per chore, each handed to its own module.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::setup::{self, Wanted};
use crate::shell::Result;

#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", about = "Chores of this repository")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Find or start a Docker engine, and make sure that the base images are there
    Setup(SetupArgs),
    /// Stop the engine that setup started; any other is left alone
    Down,
}

#[derive(clap::Args)]
struct SetupArgs {
    /// Which engine to install where none answers
    #[arg(long, value_enum)]
    engine: Option<Wanted>,
    /// Make every stand-in image, not only the core set
    #[arg(long)]
    all: bool,
    /// Stop what setup started, and do nothing else
    #[arg(long)]
    stop: bool,
}

/// Reads the arguments and runs the chore.
///
/// # Errors
/// The chore's own; a chore that ran and found something wrong gives back a code instead.
pub(crate) fn run() -> Result<ExitCode> {
    match Cli::parse().chore {
        Chore::Setup(args) if args.stop => setup::stop()?,
        Chore::Setup(args) => setup::ensure(args.engine, args.all)?,
        Chore::Down => setup::stop()?,
    }
    Ok(ExitCode::SUCCESS)
}
