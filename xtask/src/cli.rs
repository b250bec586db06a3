//! The command line of the chores: one variant per chore, each handed to its own module.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::setup::{self, Wanted};
use crate::shell::Result;
use crate::{bench, bless, demo, fuzz, soak, test, tidy};

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
    /// Set up, grade the bundled FastAPI submission from a git URL, and say where the report is
    Demo,
    /// Set up and run every test and check
    Test,
    /// Check the rules that the compiler does not know
    Tidy,
    /// Accept what the tests' golden files would say now; read the difference before committing it
    Bless(bless::Args),
    /// Try the readers of hostile text with what is nearly right, for minutes or hours
    Fuzz(fuzz::Args),
    /// Bring a small stack up and down many times, and kill a run in every sort of engine call
    Soak(soak::Args),
    /// Measure the grader
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(clap::Args)]
struct SetupArgs {
    /// Which engine to install where none answers
    #[arg(long, value_enum)]
    engine: Option<Wanted>,
    /// Make every stand-in image, not only the core set
    #[arg(long)]
    all: bool,
    /// Also bring this image, which a submission uses; where no registry gives it, the nearest stand-in takes its name
    #[arg(long = "image", value_name = "REFERENCE")]
    images: Vec<String>,
    /// Stop what setup started, and do nothing else
    #[arg(long, conflicts_with_all = ["engine", "all", "images"])]
    stop: bool,
}

#[derive(Subcommand)]
enum Bench {
    /// Grade every good submission and every planted defect, and compare verdict by verdict
    Accuracy(bench::Args),
    /// Bring a stack up and down by compose, by the grader and by hand, in turn, and print medians and ratios
    Bringup(bench::bringup::Args),
    /// Grade trees that nobody has seen yet twice, and print what the second time took of the first
    Regrade(bench::again::RegradeArgs),
    /// Grade four submissions in turn and at a time, and compare times and verdicts
    Concurrency(bench::again::Args),
    /// Read a tree of 500 files made of the fixtures' sources, and print seconds
    Reading(bench::reading::Args),
    /// Load schemas that others designed, and compare this project's rules with known catalogues of checks
    Schemas(bench::schemas::Args),
    /// Kill workers, count claims, and measure the service over a hundred thousand runs, on SQLite and PostgreSQL
    Service(bench::service::Args),
    /// Probe a running submission, and a stub that answers at once; send the same requests by hurl, and compare
    Probes(bench::probes::Args),
    /// Grade the same small programs with strong and with weak tests, and print what each notice of small faults
    Sensitivity(bench::sensitivity::Args),
}

/// Reads the arguments and runs the chore.
///
/// # Errors
/// The chore's own; a chore that ran and found something wrong gives back a code instead.
pub(crate) fn run() -> Result<ExitCode> {
    let good = match Cli::parse().chore {
        Chore::Setup(args) if args.stop => setup::stop().map(|()| true)?,
        Chore::Setup(args) => {
            setup::ensure(args.engine, args.all, &args.images)?;
            setup::ensure_tools().map(|()| true)?
        }
        Chore::Down => setup::stop().map(|()| true)?,
        Chore::Demo => demo::run()?,
        Chore::Test => test::run()?,
        Chore::Tidy => tidy::run()?,
        Chore::Bless(args) => bless::run(&args).map(|()| true)?,
        Chore::Soak(args) => soak::run(&args)?,
        Chore::Fuzz(args) => fuzz::run(&args)?,
        Chore::Bench(Bench::Accuracy(args)) => bench::run(&args)?,
        Chore::Bench(Bench::Reading(args)) => bench::reading::run(&args).map(|()| true)?,
        Chore::Bench(Bench::Schemas(args)) => bench::schemas::run(&args).map(|()| true)?,
        Chore::Bench(Bench::Service(args)) => bench::service::run(&args).map(|()| true)?,
        Chore::Bench(Bench::Bringup(args)) => bench::bringup::run(&args).map(|()| true)?,
        Chore::Bench(Bench::Regrade(args)) => bench::again::regrade(&args).map(|()| true)?,
        Chore::Bench(Bench::Probes(args)) => bench::probes::run(&args).map(|()| true)?,
        Chore::Bench(Bench::Sensitivity(args)) => bench::sensitivity::run(&args)?,
        Chore::Bench(Bench::Concurrency(args)) => bench::again::concurrency(&args).map(|()| true)?,
    };
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
