//! The `grader` binary: the composition root. It reads arguments, wires the parts, prints, and chooses an exit code;
//! whatever is decided, is decided elsewhere.

#[macro_use]
mod print;

mod args;
mod commands;
mod exit;
mod families;
mod output;
mod progress;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // Roles that this binary plays for itself come before everything else: they read no arguments and print no help.
    match std::env::args().nth(1).as_deref() {
        Some("intake-child") => return grader_intake::child_main(),
        Some("reaper") => return block_on(async { ExitCode::from(grader_sandbox::reaper_main().await) }),
        Some("harness") => {
            output::init_logging(0);
            return block_on(commands::harness::run());
        }
        _ => {}
    }
    let args = args::Args::parse();
    match args.command {
        args::Command::Serve(_) | args::Command::Worker(_) => output::init_service_logging(args.verbose),
        _ => output::init_logging(args.verbose),
    }
    block_on(commands::run(args))
}

fn block_on(work: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(work);
            // A blocked read of standard input must not keep the process.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            eprintln!("grader: cannot start its threads: {error}");
            exit::Exit::NotGraded.into()
        }
    }
}
