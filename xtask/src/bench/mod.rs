//! `cargo xtask bench accuracy`: how often the grader is right, measured on submissions whose
//! truth is known.
//!
//! A good submission tells false alarms; a planted defect tells whether it is found and whether
//! anything else moves. This module lets the pieces follow each other: `truth` says what is
//! expected, `case` makes the repositories, `compare` judges, `table` prints.

pub(crate) mod again;
pub(crate) mod bringup;
mod case;
mod chosen;
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
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use case::{Case, is_one_of};
use compare::{Compared, Run, Verdicts};

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
    /// Cases that are graded at a time; with one for each processor and more, none of them is ever idle
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    concurrency: u32,
    /// Grade by the probes alone that match this glob, such as `db.*`, and compare those; may be repeated. Cases in which
    /// nothing of that kind is planted are left out. What only other probes bring about is not seen then
    #[arg(long, value_name = "GLOB")]
    probes: Vec<String>,
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
        Args {
            only: glob.to_owned(),
            rounds: 1,
            concurrency: 1,
            probes: Vec::new(),
            json: None,
            tests: false,
            reports: None,
            submissions: None,
        }
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
    if !args.probes.is_empty() {
        cases.retain_mut(|case| case.about(&args.probes));
    }
    if cases.is_empty() {
        return Err(Failure::new(format!("no case in {} matches {}", folder.display(), args.only)));
    }
    setup::ensure(None, false, &[])?;
    let grader = build::grader()?;
    let work = tempfile::tempdir()?;
    let chosen: Vec<Chosen> =
        cases.into_iter().map(|case| Chosen::new(case, args, work.path())).collect::<Result<_>>()?;
    let next = AtomicUsize::new(0);
    let worker = || -> Result<Vec<(usize, Compared)>> {
        let mut results = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = chosen.get(number) else { return Ok(results) };
            let result = one.graded(args, &grader, work.path()).inspect_err(|_| {
                // The other workers end with the case that they are at.
                next.store(chosen.len(), Ordering::Relaxed);
            })?;
            // Long runs are watched: each result is shown when it is there.
            eprintln!("{}", table::row(&result).join("\n"));
            results.push((number, result));
        }
    };
    let mut results = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..args.concurrency).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_fold(Vec::new(), |mut all, worker| {
            all.extend(worker.join().map_err(|_| Failure::new("a worker of the bench panicked"))??);
            Ok::<_, Failure>(all)
        })
    })?;
    results.sort_by_key(|(number, _)| *number);
    let results: Vec<Compared> = results.into_iter().map(|(_, result)| result).collect();
    print!("{}", table::all(&results));
    if let Some(file) = &args.json {
        let text =
            serde_json::to_string_pretty(&table::json(&results)).map_err(|error| Failure::new(error.to_string()))?;
        std::fs::write(file, format!("{text}\n"))?;
    }
    Ok(results.iter().all(compare::Compared::ok))
}

/// A case, and how it is graded.
struct Chosen {
    case: Case,
    /// The assessment to name.
    spec: String,
    skip_tests: bool,
}

impl Chosen {
    fn new(case: Case, args: &Args, work: &Path) -> Result<Self> {
        let skip_tests = !args.tests && !case.is_about_tests();
        let spec = if args.probes.is_empty() && skip_tests {
            case.spec.clone()
        } else {
            let is_asked = |probe: &str| args.probes.is_empty() || is_one_of(&args.probes, probe);
            patience::spec(&case.spec, is_asked, work)?
        };
        Ok(Chosen { case, spec, skip_tests })
    }

    /// Grades it in every round and compares.
    fn graded(&self, args: &Args, grader: &Path, work: &Path) -> Result<Compared> {
        let name = self.case.name().replace('/', "--");
        let (repository, out) = (work.join(&name), work.join(format!("{name}.out")));
        self.case.make(&repository)?;
        setup::need_images(&case::images(&repository))?;
        let mut runs = Vec::new();
        for round in 1..=args.rounds {
            say(format!("{}, round {round} of {}", self.case.name(), args.rounds));
            runs.push(grade(grader, &self.spec, &repository, &out, self.skip_tests)?);
        }
        if let Some(folder) = &args.reports {
            std::fs::create_dir_all(folder)?;
            // A run without a report has said why already.
            let _ = std::fs::copy(out.join("report.json"), folder.join(format!("{name}.json")));
        }
        Ok(compare::judge(&self.case, runs))
    }
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

/// The value in the middle, or between the two that are; NaN of none.
fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
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

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn a_median_is_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
    }
}
