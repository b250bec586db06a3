//! `cargo xtask bench regrade` and `bench concurrency`: what grading the same tree again costs, and what several at a
//! time gain.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime};

use serde_json::Value;

use super::copy;
use crate::shell::{self, Result, say};
use crate::{build, setup};

const SUBMISSIONS: [&str; 2] = ["fastapi-bookstore", "express-bookstore"];

/// Submissions at a time.
const AT_ONCE: usize = 4;

/// What is graded several at a time.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run the submissions' own tests as well, which takes most of half an hour
    #[arg(long)]
    tests: bool,
}

/// What is graded twice.
#[derive(clap::Args)]
pub(crate) struct RegradeArgs {
    /// Submissions, by their folders' names below `fixtures/submissions`
    #[arg(value_name = "SUBMISSION", default_values = &SUBMISSIONS)]
    submissions: Vec<String>,
}

/// Grades trees that nobody has seen yet twice in turn, and prints what the second time took of the first.
///
/// # Errors
/// When the set-up fails or a run ends without a report.
pub(crate) fn regrade(args: &RegradeArgs) -> Result<()> {
    setup::ensure(None, false, &[])?;
    let grader = build::grader()?;
    println!("submission             first   again   ratio (<= 0.4)   without the probes' own time");
    for name in &args.submissions {
        let work = tempfile::tempdir()?;
        let tree = fresh(name, 0, work.path())?;
        let mut runs = Vec::new();
        for _ in 0..2 {
            let mut command = Command::new(&grader);
            command.arg("grade").arg(&tree).args(["--spec", "bookstore", "--seed", "1"]);
            runs.push(super::graded(&mut command, &work.path().join("out"))?);
        }
        let total = [&runs[0], &runs[1]].map(|report| super::seconds(report, "total"));
        let probes = [&runs[0], &runs[1]].map(|report| super::seconds(report, "probe"));
        let rest = [total[0] - probes[0], total[1] - probes[1]];
        println!(
            "{name:<20} {:>6.1} s {:>5.1} s   {:.2}             {:.1} s, {:.1} s: {:.2}",
            total[0],
            total[1],
            total[1] / total[0],
            rest[0],
            rest[1],
            rest[1] / rest[0]
        );
        if verdicts(&runs[0]) != verdicts(&runs[1]) {
            println!("{name}: the verdicts differ");
        }
    }
    Ok(())
}

/// Grades four submissions one after the other and four at a time, their images built before, and compares.
///
/// # Errors
/// When the set-up fails or a run ends without a report.
pub(crate) fn concurrency(args: &Args) -> Result<()> {
    setup::ensure(None, false, &[])?;
    let grader = build::grader()?;
    let work = tempfile::tempdir()?;
    let trees: Vec<PathBuf> = (0..AT_ONCE)
        .map(|number| fresh(SUBMISSIONS[number % SUBMISSIONS.len()], number, work.path()))
        .collect::<Result<_>>()?;
    say("building the images");
    let tests = if args.tests { "--fresh" } else { "--skip-tests" };
    all(&grader, &trees, 1, &work.path().join("first"), "fixtures/bench/spec.yaml", tests)?;
    let mut seen = Vec::new();
    let mut took = Vec::new();
    for at_once in [1, AT_ONCE] {
        let out = work.path().join(format!("out-{at_once}"));
        let begun = Instant::now();
        seen.push(all(&grader, &trees, at_once, &out, "bookstore", tests)?);
        took.push(begun.elapsed().as_secs_f64());
    }
    println!(
        "{AT_ONCE} submissions: {:.1} s in turn, {:.1} s at a time: {:.2} (<= 0.8)",
        took[0],
        took[1],
        took[1] / took[0]
    );
    for (at, tree) in trees.iter().enumerate() {
        let (one, other) = (verdicts(&seen[0][at]), verdicts(&seen[1][at]));
        let differing: Vec<String> = one
            .iter()
            .zip(&other)
            .filter(|(one, other)| one != other)
            .map(|(one, other)| format!("{} {} -> {}", one.0, one.1, other.1))
            .collect();
        let name = tree.file_name().unwrap_or_default().to_string_lossy();
        println!("  {name}: {} verdicts, {} differ {}", one.len(), differing.len(), differing.join(", "));
    }
    Ok(())
}

fn all(grader: &Path, trees: &[PathBuf], at_once: usize, out: &Path, spec: &str, tests: &str) -> Result<Vec<Value>> {
    let mut command = Command::new(grader);
    command.current_dir(shell::workspace()).arg("grade").args(trees).args(["--seed", "1", "--spec", spec]);
    command.args([tests, "--concurrency", &at_once.to_string(), "--out"]).arg(out);
    shell::output(&mut command)?;
    trees.iter().map(|tree| super::read_report(&out.join(tree.file_name().unwrap_or_default()))).collect()
}

/// A copy of a submission that no builder has an earlier result for: even what it depends on is new to it.
fn fresh(name: &str, number: usize, work: &Path) -> Result<PathBuf> {
    let to = work.join(format!("{name}-{number}"));
    copy(&shell::workspace().join("fixtures/submissions").join(name).join("repo"), &to)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let dockerfile = to.join("Dockerfile");
    let text = std::fs::read_to_string(&dockerfile)?;
    // After each FROM, so that every stage is built anew.
    let mut salted = String::new();
    for line in text.lines() {
        salted.push_str(line);
        salted.push('\n');
        if line.starts_with("FROM ") {
            salted.push_str(&format!("ENV SALT={now}\n"));
        }
    }
    std::fs::write(dockerfile, salted)?;
    Ok(to)
}

fn verdicts(report: &Value) -> Vec<(String, String)> {
    let criteria = report["criteria"].as_array().into_iter().flatten();
    let probes = criteria.flat_map(|criterion| criterion["probes"].as_array().into_iter().flatten());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    probes.map(|probe| (text(&probe["id"]), text(&probe["verdict"]))).collect()
}
