//! `cargo xtask bench accuracy`: how often the grader is right, measured on submissions whose
//! truth is known.
//!
//! A good submission tells false alarms; a planted defect tells whether it is found and whether
//! anything else moves. This module lets the pieces follow each other: `truth` says what is
//! expected, `case` makes the repositories, `compare` judges, `table` prints.

pub(crate) mod again;
pub(crate) mod bringup;
mod case;
mod compare;
mod patience;
pub(crate) mod probes;
pub(crate) mod reading;
pub(crate) mod schemas;
pub(crate) mod sensitivity;
pub(crate) mod service;
mod table;
mod truth;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use case::Case;
use compare::{Run, Verdicts};

use crate::shell::{self, Failure, Result, say};
use crate::{build, setup};

/// The same for every run: a verdict that depends on it would be a flip.
const SEED: &str = "1";

/// What to grade and how often.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only cases whose SUBMISSION/DEFECT matches this glob; `*/good` are the good submissions
    #[arg(long, value_name = "GLOB", default_value = "*")]
    only: String,
    /// How often to grade each case; more than one shows verdicts that flip
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Where to write every comparison as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Run the submissions' own tests in every case; otherwise only where a defect of theirs is planted, and what they
    /// would show is not compared elsewhere. A case takes several times as long
    #[arg(long)]
    tests: bool,
    /// Where to keep each case's last report, as SUBMISSION--DEFECT.json
    #[arg(long, value_name = "DIR")]
    reports: Option<PathBuf>,
    /// The folder of submissions, instead of the repository's own
    #[arg(long, value_name = "DIR")]
    submissions: Option<PathBuf>,
}

impl Args {
    /// One round of the cases that match a glob.
    pub(crate) fn only(glob: &str) -> Self {
        Args { only: glob.to_owned(), rounds: 1, json: None, tests: false, reports: None, submissions: None }
    }
}

/// Grades every chosen case in every round and prints what was seen beside what was expected.
/// `false` when anything differs, flips, or was not graded.
///
/// # Errors
/// When the set-up, the build or a submission's folder is not in order.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let folder = args.submissions.clone().unwrap_or_else(|| shell::workspace().join("fixtures/submissions"));
    let mut cases = case::find(&folder, &args.only)?;
    if !args.tests {
        cases.iter_mut().filter(|case| !case.is_about_tests()).for_each(Case::without_tests);
    }
    if cases.is_empty() {
        return Err(Failure::new(format!("no case in {} matches {}", folder.display(), args.only)));
    }
    setup::ensure(None, false, &[])?;
    let grader = build::grader()?;
    let work = tempfile::tempdir()?;
    let mut results = Vec::new();
    for case in &cases {
        let repository = work.path().join(case.name().replace('/', "--"));
        case.make(&repository)?;
        let mut runs = Vec::new();
        for round in 1..=args.rounds {
            say(format!("{}, round {round} of {}", case.name(), args.rounds));
            let skip_tests = !args.tests && !case.is_about_tests();
            let spec = if skip_tests { case.spec.clone() } else { patience::spec(&case.spec, work.path())? };
            runs.push(grade(&grader, &spec, &repository, &work.path().join("out"), skip_tests)?);
        }
        if let Some(folder) = &args.reports {
            std::fs::create_dir_all(folder)?;
            let kept = folder.join(format!("{}.json", case.name().replace('/', "--")));
            // A run without a report has said why already.
            let _ = std::fs::copy(work.path().join("out/report.json"), kept);
        }
        let result = compare::judge(case, runs);
        // Long runs are watched: each result is shown when it is there.
        for line in table::row(&result) {
            eprintln!("{line}");
        }
        results.push(result);
    }
    print!("{}", table::all(&results));
    if let Some(file) = &args.json {
        let text =
            serde_json::to_string_pretty(&table::json(&results)).map_err(|error| Failure::new(error.to_string()))?;
        std::fs::write(file, format!("{text}\n"))?;
    }
    Ok(results.iter().all(compare::Compared::ok))
}

fn grade(grader: &Path, spec: &str, repository: &Path, out: &Path, skip_tests: bool) -> Result<Run> {
    if out.exists() {
        std::fs::remove_dir_all(out)?;
    }
    let begun = Instant::now();
    let mut command = Command::new(grader);
    command
        .current_dir(shell::workspace())
        .arg("grade")
        .arg(repository)
        .args(["--spec", spec, "--seed", SEED, "--format", "json", "--out"])
        .arg(out)
        .stdout(Stdio::null());
    if skip_tests {
        command.arg("--skip-tests");
    } else {
        // A bench that looks for verdicts that change asks each time.
        command.arg("--fresh");
    }
    let output = shell::output(&mut command)?;
    let seconds = begun.elapsed().as_secs_f64();
    let report = std::fs::read_to_string(out.join("report.json")).unwrap_or_default();
    // Candidates' faults (1, 4, 5) are graded as well; a report is what counts.
    let read = match output.status.code() {
        Some(0 | 1 | 4 | 5) => Verdicts::read(&report),
        _ => Err(format!("{}: {}", output.status, last_lines(&String::from_utf8_lossy(&output.stderr)))),
    };
    Ok(Run { seconds, read })
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(3)..].join(" / ")
}

impl Case {
    fn name(&self) -> String {
        format!("{}/{}", self.submission, self.defect.as_deref().unwrap_or("good"))
    }
}

/// Runs a grading whose report goes to `out`, and reads it.
fn graded(command: &mut Command, out: &Path) -> Result<serde_json::Value> {
    if out.exists() {
        std::fs::remove_dir_all(out)?;
    }
    let output = shell::output(command.arg("--out").arg(out))?;
    read_report(out).map_err(|failure| failure.hint(last_lines(&String::from_utf8_lossy(&output.stderr))))
}

fn read_report(out: &Path) -> Result<serde_json::Value> {
    let file = out.join("report.json");
    let text = std::fs::read_to_string(&file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    let report: serde_json::Value = serde_json::from_str(&text).map_err(|error| Failure::new(error.to_string()))?;
    match report["outcome"].as_str() {
        Some("graded") => Ok(report),
        _ => Err(Failure::new(format!("a run was not graded: {}", report["fault"]["message"]))),
    }
}

/// The seconds that a stage of a run took.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run")]
fn seconds(report: &serde_json::Value, stage: &str) -> f64 {
    report["timings"][stage].as_u64().unwrap_or_default() as f64 / 1000.0
}

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
