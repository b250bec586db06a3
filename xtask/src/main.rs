//! The repository's own chores: `cargo xtask setup | down | demo | test | tidy | bless | bench | fuzz | soak`.
//!
//! Everything a fresh machine needs to build, try and judge the grader starts here. This crate
//! drives the other crates only through their programs; it must not know any of their types.

mod bench;
mod bless;
mod build;
mod cli;
mod demo;
mod fuzz;
mod git_server;
mod setup;
mod shell;
mod soak;
mod test;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
