//! The commands of one examination: where reports go, which variables a run sees, our own test beside the suite's.

use std::time::{Duration, Instant};

use grader_model::Snapshot;

use super::{Plan, Run, read_run};
use crate::paths::{folder, name};
use crate::recognise::Suite;
use crate::stack::Family;
use crate::workshop::{Trouble, Workshop};

/// The workshop with the names of one examination.
pub(crate) struct Bench<'a> {
    pub(crate) workshop: &'a dyn Workshop,
    suite: &'a Suite,
    secret: &'a str,
    seed: u64,
    began: Instant,
    budget: Duration,
    runs: usize,
}

impl<'a> Bench<'a> {
    pub(super) fn new(suite: &'a Suite, workshop: &'a dyn Workshop, plan: &'a Plan) -> Self {
        Bench {
            workshop,
            suite,
            secret: &plan.secret,
            seed: plan.seed,
            began: Instant::now(),
            budget: plan.budget,
            runs: 0,
        }
    }

    pub(crate) fn secret(&self) -> &str {
        self.secret
    }

    /// What is left of the budget.
    pub(crate) fn left(&self) -> Duration {
        self.budget.saturating_sub(self.began.elapsed())
    }

    /// A folder that nobody could have put anything into before.
    fn home(&self) -> String {
        format!("/tmp/{}", self.secret)
    }

    pub(crate) fn coverage_file(&self) -> String {
        format!("{}/coverage", self.home())
    }

    /// Puts the stack's own files where `$GRADER` says.
    pub(super) async fn furnish(&self) -> Result<(), Trouble> {
        for (name, text) in &self.suite.stack.files {
            self.workshop.put(&format!("{}/{name}", self.home()), text.as_bytes()).await?;
        }
        self.workshop.put(&format!("{}/here", self.home()), b"").await
    }

    /// The whole suite, with all the time that is left.
    pub(super) async fn whole(&mut self, script: &str) -> Result<Run, Trouble> {
        self.part(script, &[], self.left()).await
    }

    /// What a command runs, with a report of a name that no run had before.
    pub(super) async fn part(&mut self, script: &str, arguments: &[String], time: Duration) -> Result<Run, Trouble> {
        self.runs += 1;
        let report = format!("{}/report-{}", self.home(), self.runs);
        let mut environment: Vec<(String, String)> =
            self.suite.stack.environment.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        // Runners want 32 bits, some of them without a sign.
        let seed = self.seed % 0x7fff_ffff + 1;
        for (name, value) in [
            ("GRADER", self.home()),
            ("REPORT", report.clone()),
            ("COVERAGE", self.coverage_file()),
            ("SEED", seed.to_string()),
        ] {
            environment.push((name.to_owned(), value));
        }
        let began = Instant::now();
        let mut said = self.workshop.run(script, arguments, &environment, time.min(self.left())).await?;
        if said.exit.is_none() && said.quiet > Duration::from_secs(60) {
            // Some runners write to their report only.
            let recent = ["find \"$1\" -mmin -2 | grep -q .".to_owned(), report.clone()];
            let found = self.workshop.run(&recent[0], &recent[1..], &[], Duration::from_secs(20)).await?;
            if found.exit == Some(0) {
                said.quiet = Duration::ZERO;
            }
        }
        read_run(self.suite, self.workshop, &report, said, began).await
    }

    /// Puts the failing test of ours beside the suite's first; gives its path.
    pub(super) async fn place_canary(&self, suite: &Suite, snapshot: &Snapshot) -> Result<Option<String>, Trouble> {
        let (Some(canary), Some(beside)) = (&suite.stack.canary, suite.files.first()) else { return Ok(None) };
        let Some(inside) = suite.inside(beside) else { return Ok(None) };
        let neighbour = snapshot.text(beside).unwrap_or_default();
        // Runners find tests by how their names end: `.test.ts` here, `.spec.js` there.
        let suffix = name(inside).split_once('.').map_or("", |(_, suffix)| suffix);
        let file = match suite.stack.family {
            Family::Script => format!("{}.{suffix}", self.secret),
            _ => canary.file.replace("NAME", self.secret),
        };
        let module = suite.stack.family == Family::Script && is_module(suite, snapshot, inside, neighbour);
        let tests = std::iter::once(neighbour).chain(suite.files.iter().filter_map(|file| snapshot.text(file)));
        let text = match canary.module_text.as_deref().filter(|_| module) {
            Some(text) => text,
            None => canary.text_beside(tests),
        };
        let text = text.replace("NAME", self.secret).replace("PACKAGE", package(suite.stack.family, neighbour));
        let path = match folder(inside) {
            "" => file,
            folder => format!("{folder}/{file}"),
        };
        self.workshop.put(&path, text.as_bytes()).await?;
        Ok(Some(path))
    }

    pub(super) async fn remove(&self, path: &str) -> Result<(), Trouble> {
        let done = self.workshop.run("rm -f -- \"$1\"", &[path.to_owned()], &[], Duration::from_secs(20)).await?;
        if done.exit == Some(0) {
            Ok(())
        } else {
            Err(Trouble("a file of the grader's could not be removed".to_owned()))
        }
    }
}

/// Whether a neighbour of the test of ours is an ES module.
fn is_module(suite: &Suite, snapshot: &Snapshot, path: &str, text: &str) -> bool {
    let declared = snapshot.text(&suite.outside("package.json")).is_some_and(|package| {
        serde_json::from_str::<serde_json::Value>(package).is_ok_and(|package| package["type"] == "module")
    });
    let by_name = path.ends_with(".mjs") || path.ends_with(".mts") || path.ends_with(".ts");
    by_name || declared && !path.ends_with(".cjs") || text.lines().any(|line| line.starts_with("import "))
}

/// The package clause of a neighbour, as its language repeats it.
fn package(family: Family, text: &str) -> &str {
    let line = text.lines().map(str::trim).find(|line| line.starts_with("package "));
    match (family, line) {
        (Family::Go, Some(line)) => line.trim_start_matches("package ").split_whitespace().next().unwrap_or("main"),
        (Family::Java, Some(line)) => line,
        (Family::Go, None) => "main",
        _ => "",
    }
}
