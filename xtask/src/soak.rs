//! `cargo xtask soak`: the checks that need long: round after round of a small stack, a kill in every sort of call, and
//! an engine that restarts.

use crate::shell::{self, Result, say};
use crate::{build, setup};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Rounds of bringing a small stack up and down
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only the rounds
    #[arg(long)]
    only_rounds: bool,
}

/// Runs them and prints what each saw. `false` when anything grew or was left behind.
///
/// # Errors
/// When the set-up fails or cargo cannot be started.
pub(crate) fn run(args: &Args) -> Result<bool> {
    setup::ensure(None, false, &[])?;
    let mut good = true;
    let mut check = |package: &str, test: &str, name: &str, variable: (&str, String)| -> Result<()> {
        say(format!("{name} …"));
        let mut cargo = build::cargo();
        cargo.args(["test", "--quiet", "--package", package, "--test", test, "--"]);
        cargo.args(["--exact", name, "--nocapture", "--include-ignored"]).env(variable.0, variable.1);
        good &= shell::status(&mut cargo)?.success();
        Ok(())
    };
    let rounds = ("GRADER_ROUNDS", args.rounds.to_string());
    check("grader-sandbox", "engine", "soak::round_after_round_nothing_grows", rounds)?;
    if !args.only_rounds {
        let all = ("GRADER_ALL_CALLS", "1".to_owned());
        check("grader", "kills", "a_sweep_finds_what_a_kill_in_any_call_left", all.clone())?;
        check("grader", "restart", "an_engine_that_restarts_costs_the_candidate_nothing_and_leaves_nothing", all)?;
    }
    Ok(good)
}
