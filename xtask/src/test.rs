//! `cargo xtask test`: everything that has to hold before a change is handed in.
//!
//! All steps run even when one fails, so that one run tells everything.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Command, Stdio};

use crate::shell::{self, Failure, Result, say};
use crate::{bench, build, setup, tidy};

/// How many tests and checks passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    /// Of those that passed: at their second try.
    flaky: u64,
}

impl Tally {
    fn check(good: bool) -> Self {
        Self { passed: u64::from(good), failed: u64::from(!good), flaky: 0 }
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.flaky += other.flaky;
    }
}

/// Sets up and runs tests, documentation tests, formatter, linter and [`tidy`]. Each of the last
/// three, and each part of the accuracy bench, counts as one. `false` when anything failed.
///
/// # Errors
/// When the set-up fails or cargo cannot be started.
pub(crate) fn run() -> Result<bool> {
    setup::ensure(None, false, &[])?;
    setup::ensure_tools()?;
    let mut tally = Tally::default();
    for (name, step) in STEPS {
        say(format!("{name} …"));
        let result = step()?;
        say(format!("{name}: {} passed, {} failed", result.passed, result.failed));
        tally.add(result);
    }
    if tally.flaky > 0 {
        say(format!("{} of the tests passed at their second try alone: look for FLAKY above", tally.flaky));
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(tally.failed == 0)
}

type Step = fn() -> Result<Tally>;

/// The part of the accuracy bench that every change is held to: the good submissions, and a family of defects that
/// needs the whole way. The rest is `cargo xtask bench accuracy`.
const ACCURACY: [&str; 2] = ["*/good", "*/auth-token-*"];

const STEPS: [(&str, Step); 6] = [
    ("tests", tests),
    ("documentation tests", documentation),
    ("format", || checked(build::cargo().args(["fmt", "--all", "--check"]))),
    ("lints", || {
        checked(build::cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
    }),
    ("tidy", || tidy::run().map(Tally::check)),
    ("accuracy", accuracy),
];

fn accuracy() -> Result<Tally> {
    let mut tally = Tally::default();
    for only in ACCURACY {
        tally.add(Tally::check(bench::run(&bench::Args::only(only))?));
    }
    Ok(tally)
}

fn tests() -> Result<Tally> {
    // Tests of the service start the program itself; a stale one would be tested otherwise.
    shell::run(build::cargo().args(["build", "--quiet", "--package", "grader"]))?;
    if shell::in_path("cargo-nextest") {
        let mut run = build::cargo();
        run.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
        return counted(&mut run, nextest_line);
    }
    say("cargo-nextest is missing (`cargo install --locked cargo-nextest`); taking the slower `cargo test`");
    let mut run = build::cargo();
    run.args(["test", "--workspace", "--all-targets", "--no-fail-fast"]);
    counted(&mut run, libtest_line)
}

fn documentation() -> Result<Tally> {
    let mut run = build::cargo();
    run.args(["test", "--workspace", "--doc", "--quiet", "--no-fail-fast"]);
    counted(&mut run, libtest_line)
}

fn checked(command: &mut Command) -> Result<Tally> {
    Ok(Tally::check(shell::status(command)?.success()))
}

/// Runs a test program, shows its output as it comes, and adds up its own summaries. A program
/// that fails without having counted a failure (it did not compile) counts as one.
fn counted(command: &mut Command, read: fn(&str) -> Option<Tally>) -> Result<Tally> {
    command.env("CARGO_TERM_COLOR", "never");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::new(format!("cargo could not be started: {error}")))?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(Failure::new("cargo's output is not to be had"));
    };
    let other = std::thread::spawn(move || passed_on(stdout, read));
    let mut tally = passed_on(stderr, read);
    if let Ok(more) = other.join() {
        tally.add(more);
    }
    if !child.wait()?.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

fn passed_on(stream: impl Read, read: fn(&str) -> Option<Tally>) -> Tally {
    let mut tally = Tally::default();
    for line in BufReader::new(stream).split(b'\n').map_while(std::io::Result::ok) {
        let line = String::from_utf8_lossy(&line);
        // A closed terminal is no reason to stop counting.
        let _ = writeln!(std::io::stderr(), "{line}");
        if let Some(more) = read(&line) {
            tally.add(more);
        }
    }
    tally
}

/// `Summary [   0.194s] 20 tests run: 18 passed (1 slow, 1 flaky), 2 failed, 0 skipped`
fn nextest_line(line: &str) -> Option<Tally> {
    let (_, counts) = line.trim_start().strip_prefix("Summary [")?.split_once(" run: ")?;
    let count = |what: &[&str]| {
        counts
            .split([',', '(', ')'])
            .filter_map(|part| {
                let mut words = part.split_whitespace();
                let number: u64 = words.next()?.parse().ok()?;
                what.contains(&words.next()?).then_some(number)
            })
            .sum()
    };
    Some(Tally { passed: count(&["passed"]), failed: count(&["failed", "timed", "exec"]), flaky: count(&["flaky"]) })
}

/// `test result: ok. 3 passed; 0 failed; 0 ignored; …`
fn libtest_line(line: &str) -> Option<Tally> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let count = |what: &str| counts.split("; ").find_map(|part| part.strip_suffix(what)?.trim().parse().ok());
    Some(Tally { passed: count("passed")?, failed: count("failed")?, flaky: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u64, failed: u64) -> Option<Tally> {
        Some(Tally { passed, failed, flaky: 0 })
    }

    #[test]
    fn nextest_is_counted() {
        let line = "     Summary [   0.194s] 20 tests run: 20 passed, 0 skipped";
        assert_eq!(nextest_line(line), tally(20, 0));
        let line = "     Summary [   9.194s] 9 tests run: 5 passed (1 slow, 1 flaky), 2 failed, 1 timed out, 1 exec failed, 3 skipped";
        assert_eq!(nextest_line(line), Some(Tally { passed: 5, failed: 4, flaky: 1 }));
        assert_eq!(nextest_line("        PASS [ 0.007s] a::b"), None);
    }

    #[test]
    fn libtest_is_counted() {
        let line = "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 2 filtered out";
        assert_eq!(libtest_line(line), tally(3, 1));
        assert_eq!(libtest_line("running 3 tests"), None);
    }

    #[test]
    fn a_run_that_does_not_compile_counts_as_one_failure() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo error >&2; exit 101"]);
        assert_eq!(counted(&mut command, libtest_line).ok(), tally(0, 1));
    }

    #[test]
    fn summaries_of_both_streams_are_added() {
        let mut command = Command::new("sh");
        command.args(["-c", "l='test result: ok. 3 passed; 0 failed'; echo $l; echo $l >&2"]);
        assert_eq!(counted(&mut command, libtest_line).ok(), tally(6, 0));
    }
}
