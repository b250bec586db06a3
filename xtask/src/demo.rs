//! `cargo xtask demo`: from a bare machine to a graded submission and a report to read.

use std::process::Command;

use crate::git_server::GitServer;
use crate::shell::{self, Failure, Result, say};
use crate::{build, setup};

const SUBMISSION: &str = "fastapi-bookstore";

/// Sets up, serves the bundled submission over git on loopback, and grades it from there.
/// `false` when the grader ended without a graded report.
///
/// # Errors
/// When a step before the grading fails.
pub(crate) fn run() -> Result<bool> {
    setup::ensure(None, false, &[])?;
    let grader = build::grader()?;
    let root = shell::workspace();
    let repositories = tempfile::tempdir()?;
    let history = root.join("fixtures/submissions").join(SUBMISSION).join("history.sh");
    // Its output would stand between ours; what went wrong is in the failure.
    shell::read(Command::new("bash").arg(&history).arg(repositories.path().join(SUBMISSION)))?;
    let server = GitServer::start(repositories.path())?;
    let out = root.join("out/demo");
    let url = server.url(SUBMISSION);
    say(format!("grader grade {url}"));
    let status = shell::status(
        Command::new(&grader).current_dir(&root).args(["grade", &url, "--spec", "bookstore", "--out"]).arg(&out),
    )?;
    let report = out.join("report.json");
    if !report.is_file() {
        return Err(Failure::new(format!("no report was written ({status})")));
    }
    let score = score(&std::fs::read_to_string(&report)?)?;
    println!("score   {score}");
    println!("report  {}", out.join("report.html").display());
    Ok(status.success())
}

fn score(report: &str) -> Result<String> {
    let report: serde_json::Value =
        serde_json::from_str(report).map_err(|error| Failure::new(format!("report.json is not JSON: {error}")))?;
    let number = |name: &str| report["score"][name].as_f64();
    match (number("earned"), number("possible"), number("percent")) {
        (Some(earned), Some(possible), Some(percent)) => {
            Ok(format!("{earned:.1} of {possible:.1} points, {percent:.1} %"))
        }
        _ => Err(Failure::new(format!("nothing was scored: the outcome is {}", report["outcome"]))),
    }
}

#[cfg(test)]
mod tests {
    use super::score;

    #[test]
    fn a_score_is_read_from_a_report() {
        let text = r#"{"outcome":"graded","score":{"earned":97.5,"possible":100,"percent":97.5}}"#;
        assert_eq!(score(text).unwrap(), "97.5 of 100.0 points, 97.5 %");
    }

    #[test]
    fn a_report_without_score_says_its_outcome() {
        let failure = score(r#"{"outcome":"not_graded","score":null}"#).unwrap_err();
        assert!(failure.to_string().contains("not_graded"), "{failure}");
    }
}
