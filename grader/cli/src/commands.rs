//! The subcommands, one module each.

mod action;
mod compose;
mod diff;
mod doctor;
mod grade;
pub(crate) mod harness;
mod inspect;
mod probe;
mod service;
mod setup;
mod similar;
mod spec;
mod sweep;

use std::process::ExitCode;

use crate::args::{Args, Command};
use crate::exit::Exit;

/// Runs what was asked for.
pub(crate) async fn run(args: Args) -> ExitCode {
    let exit = match args.command {
        Command::Grade(command) => grade::run(command, args.verbose > 0).await,
        Command::Probe(command) => probe::run(command).await,
        Command::Inspect(command) => inspect::run(command).await,
        Command::Diff(command) => diff::run(command).await,
        Command::Similar(command) => similar::run(command).await,
        Command::Compose(command) => compose::run(&command),
        Command::Serve(command) => service::serve::run(command).await,
        Command::Worker(command) => service::worker::run(command).await,
        Command::Token(command) => service::access::token(command).await,
        Command::User(command) => service::access::user(command).await,
        Command::Backup(command) => service::access::backup(command).await,
        Command::Action => action::run().await,
        Command::Sweep => sweep::run().await,
        Command::Doctor => doctor::run().await,
        Command::Spec(command) => spec::run(command),
        Command::Completions { shell } => {
            use clap::CommandFactory as _;
            clap_complete::generate(shell, &mut Args::command(), "grader", &mut std::io::stdout());
            Exit::Graded
        }
    };
    exit.into()
}
