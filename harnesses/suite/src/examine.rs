//! Runs a suite and challenges it: once with coverage, again in another order with a test of ours that fails, and, when
//! all is well, over small faults. Keeps what happened; what it means the probes say.

mod challenge;
mod commands;

use std::time::{Duration, Instant};

use grader_model::Snapshot;
use serde::{Deserialize, Serialize};

use crate::coverage::{self, Coverage};
use crate::lint::{self, Linted};
use crate::recognise::Suite;
use crate::results::{self, BadReport, Outcome, Results};
use crate::workshop::{Rows, Said, Trouble, Workshop};

pub(crate) use challenge::LEAST;
pub use challenge::{Challenge, Fate, Tried};
pub(crate) use commands::Bench;

/// Bytes of a report that are read: a report of twenty thousand tests fits.
const REPORT_BYTES: usize = 16 << 20;

/// Bytes of a coverage file that are read.
const COVERAGE_BYTES: usize = 64 << 20;

/// How a suite is examined.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Wall clock for everything.
    pub budget: Duration,
    /// Decides the order of tests and which faults are tried.
    pub seed: u64,
    /// Small faults to try; 0 for none.
    pub faults: usize,
    /// A name that a submission cannot have known: lower-case letters and digits, starting with a letter.
    pub secret: String,
}

/// One run of a suite.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub results: Option<Results>,
    /// Why there are no results although there is a report.
    pub bad_report: Option<BadReport>,
    /// `None` when it did not end in time.
    pub exit: Option<i64>,
    pub over_limits: bool,
    /// How long nothing had been heard of it when it ended: neither a line nor a change of its report.
    pub quiet: Duration,
    /// The last lines that it printed.
    pub tail: Vec<String>,
    pub millis: u64,
}

impl Run {
    /// Whether the runner's report says that everything passed.
    pub fn all_passed(&self) -> bool {
        self.results.as_ref().is_some_and(Results::all_passed)
    }

    pub(crate) fn count(&self) -> usize {
        self.results.as_ref().map_or(0, Results::run)
    }
}

/// What became of the test of ours that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Canary {
    /// The stack has none, or it could not be placed.
    None,
    /// The report says that it failed: it tells the truth.
    Failed,
    /// The report says that it passed.
    Passed,
    /// It is not in the report.
    Absent,
}

/// What examining a suite brought.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Examined {
    pub first: Run,
    /// Run a second time; in another order where `shuffled`.
    pub again: Option<Run>,
    pub shuffled: bool,
    /// Run a third time in the runner's own order, where the second left a question.
    pub third: Option<Run>,
    pub canary: Canary,
    /// The runner itself does not start, whatever the tests are.
    pub no_runner: bool,
    pub coverage: Option<Coverage>,
    /// Rows before the first run and after each.
    pub rows: Vec<Rows>,
    pub challenge: Option<Challenge>,
    /// What the stack's own linter said, where one could be run.
    pub linted: Option<Linted>,
    /// Why it ended early: the grader's own trouble.
    pub trouble: Option<String>,
    /// The budget was used up before everything was done.
    pub out_of_time: bool,
}

impl Examined {
    /// Whether a regrade of the same tree may take this for its own: the tests passed every time that they had to be run,
    /// and where the budget ended the small faults, those before it decide whether `at_least` percent are noticed. What
    /// failed is run again every time; it may have been the machine.
    pub fn settled(&self, at_least: usize) -> bool {
        let runs = [Some(&self.first), self.again.as_ref(), self.third.as_ref()];
        let decides = |challenge: &Challenge| challenge.out_of_time && challenge.decides(at_least);
        self.trouble.is_none()
            && (!self.out_of_time || self.challenge.as_ref().is_some_and(decides))
            && self.again.is_some()
            && (self.third.is_some() || !more_rows(self))
            && runs.into_iter().flatten().all(|run| run.all_passed() && run.exit.is_some() && !run.over_limits)
            && trustworthy(self)
            && !self.challenge.as_ref().is_some_and(|challenge| challenge.spoilt)
    }
}

/// Examines a suite within the plan's budget. Never fails: what went wrong is in the result.
pub async fn examine(suite: &Suite, snapshot: &Snapshot, workshop: &dyn Workshop, plan: &Plan) -> Examined {
    let mut examined = Examined {
        first: Run::default(),
        again: None,
        shuffled: false,
        third: None,
        canary: Canary::None,
        no_runner: false,
        coverage: None,
        rows: Vec::new(),
        challenge: None,
        linted: None,
        trouble: None,
        out_of_time: false,
    };
    let mut bench = Bench::new(suite, workshop, plan);
    if let Err(trouble) = steps(suite, snapshot, &mut bench, plan, &mut examined).await {
        examined.trouble = Some(trouble.to_string());
    }
    examined
}

async fn steps(
    suite: &Suite,
    snapshot: &Snapshot,
    bench: &mut Bench<'_>,
    plan: &Plan,
    examined: &mut Examined,
) -> Result<(), Trouble> {
    bench.furnish().await?;
    // Before the tests: what they and their tools write is nobody's to lint.
    examined.linted = lint::run(suite, snapshot, bench).await?;
    examined.rows.extend(bench.workshop.rows().await);
    first(suite, snapshot, bench, examined).await?;
    examined.rows.extend(bench.workshop.rows().await);
    if examined.first.exit.is_none() || examined.first.count() == 0 {
        // A runner that does not even say its version is not for the tests to answer for.
        let check = bench.part(&suite.stack.check, &[], Duration::from_secs(60)).await?;
        examined.no_runner = examined.first.exit.is_some() && check.exit != Some(0);
        return Ok(());
    }
    again(suite, snapshot, bench, examined).await?;
    if examined.first.all_passed() && plan.faults > 0 && trustworthy(examined) {
        let challenge = challenge::run(suite, snapshot, bench, plan, examined).await?;
        examined.out_of_time |= challenge.out_of_time;
        examined.challenge = Some(challenge);
    }
    Ok(())
}

/// Whether the report can be believed as far as our own test shows.
pub(crate) fn trustworthy(examined: &Examined) -> bool {
    examined.canary != Canary::Passed
}

/// The first run, with coverage where the stack can; without, where that gives no report.
async fn first(
    suite: &Suite,
    snapshot: &Snapshot,
    bench: &mut Bench<'_>,
    examined: &mut Examined,
) -> Result<(), Trouble> {
    if let Some(wish) = &suite.stack.coverage {
        examined.first = bench.whole(&wish.run).await?;
        if let Some(bytes) = bench.workshop.take(&bench.coverage_file(), COVERAGE_BYTES).await? {
            let paths: Vec<&str> = suite.texts(snapshot).filter_map(|(path, _)| suite.inside(path)).collect();
            examined.coverage = coverage::read(wish.format, &bytes).map(|coverage| coverage.of(&paths));
        }
        let ended = examined.first.exit == Some(0) && examined.first.all_passed();
        // What fails under the eyes of a tool that slows it down gets another chance without.
        let again = Duration::from_millis(examined.first.millis) + Duration::from_secs(5);
        if ended || examined.first.exit.is_none() || bench.left() < again {
            return Ok(());
        }
    }
    // Tools of coverage end with errors of their own, such as a threshold of the submission's.
    let plain = bench.whole(&suite.stack.run).await?;
    if plain.results.is_some() || examined.first.results.is_none() {
        examined.first = plain;
    }
    Ok(())
}

/// The second run, with the test of ours; a third where the second fails or rows were added.
async fn again(
    suite: &Suite,
    snapshot: &Snapshot,
    bench: &mut Bench<'_>,
    examined: &mut Examined,
) -> Result<(), Trouble> {
    let enough = |bench: &Bench<'_>, millis: u64| bench.left() > Duration::from_millis(millis + millis / 4 + 3_000);
    if !enough(bench, examined.first.millis) {
        examined.out_of_time = true;
        return Ok(());
    }
    let canary = bench.place_canary(suite, snapshot).await?;
    let mut run = match &suite.stack.shuffled {
        Some(shuffled) => {
            let run = bench.whole(shuffled).await?;
            // Older runners do not know the option.
            examined.shuffled = run.count() > 0;
            run
        }
        None => Run::default(),
    };
    if !examined.shuffled {
        run = bench.whole(&suite.stack.run).await?;
    }
    if let Some(path) = canary {
        bench.remove(&path).await?;
        examined.canary = match run.results.as_ref().map(|results| results.of(bench.secret())) {
            Some(Some(Outcome::Failed)) => Canary::Failed,
            Some(Some(_)) => Canary::Passed,
            Some(None) => Canary::Absent,
            // No report at all tells nothing about it.
            None => Canary::None,
        };
        run.results = run.results.map(|results| results.without(bench.secret()));
        if run.results.is_none() && run.exit.is_some() && enough(bench, examined.first.millis) {
            // Our test may be what did not compile or load beside theirs: nothing that is theirs to answer for.
            run = bench.whole(&suite.stack.run).await?;
        }
    }
    examined.rows.extend(bench.workshop.rows().await);
    let passed = run.all_passed();
    examined.again = Some(run);
    if examined.first.all_passed() && (!passed || more_rows(examined)) {
        if enough(bench, examined.first.millis) {
            examined.third = Some(bench.whole(&suite.stack.run).await?);
            examined.rows.extend(bench.workshop.rows().await);
        } else {
            examined.out_of_time = true;
        }
    }
    Ok(())
}

fn more_rows(examined: &Examined) -> bool {
    match examined.rows.as_slice() {
        [.., before, after] => !grown(before, after).is_empty(),
        _ => false,
    }
}

/// Tables with more rows than before.
pub(crate) fn grown(before: &Rows, after: &Rows) -> Vec<String> {
    let more = after.iter().filter(|(table, count)| **count > before.get(*table).copied().unwrap_or(0));
    more.map(|(table, _)| table.clone()).collect()
}

/// Reads what a run left.
pub(crate) async fn read_run(
    suite: &Suite,
    workshop: &dyn Workshop,
    report: &str,
    said: Said,
    began: Instant,
) -> Result<Run, Trouble> {
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (mut results, mut bad_report) = (None, None);
    if let Some(bytes) = workshop.take(report, REPORT_BYTES).await? {
        match results::read(suite.stack.report, &bytes) {
            Ok(read) => results = Some(read),
            Err(bad) => bad_report = Some(bad),
        }
    }
    let tail: Vec<&str> = said.output.lines().rev().filter(|line| !line.trim().is_empty()).take(12).collect();
    Ok(Run {
        results,
        bad_report,
        exit: said.exit,
        over_limits: said.over_limits,
        quiet: said.quiet,
        tail: tail.into_iter().rev().map(|line| line.chars().take(200).collect()).collect(),
        millis,
    })
}
