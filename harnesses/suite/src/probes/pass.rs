//! `test.pass`: the submission's own tests pass in its own environment.
//!
//! Observes the runner's own report of a run in an image made from the submission's Dockerfile, with a database of its
//! own. Fails when a test fails, when nothing was run, when the run hangs past its budget of time, and when
//! the report is not to be believed: a test of ours that fails is said to have passed, or the report names tests that
//! the sources do not have. Partial when every test passes and the runner still ends with an error. Undecided where the
//! runner itself does not start, when it is still at work when its time is over, or when what is missing is not the
//! submission's to bring. Planted defects: `test-pass` of
//! both submissions.

use std::time::Duration;

use grader_model::{Evidence, Finding};
use grader_spec::Params;
use regex::Regex;

use super::{View, counted, failure, steady};
use crate::examine::{Canary, Examined};

pub(super) const ID: &str = "test.pass";

/// Failures that are shown.
const SHOWN: usize = 10;

/// What has said nothing for so long does not come to an end by itself.
const SILENCE: Duration = Duration::from_secs(60);

pub(super) fn run(view: &View<'_>, _params: &Params) -> Finding {
    let examined = match view.examined(ID) {
        Ok(examined) => examined,
        Err(finding) => return *finding,
    };
    let expected = "every test passes";
    let first = &examined.first;
    let tail =
        || Evidence::Log { service: "tests".to_owned(), lines: first.tail.iter().map(|line| steady(line)).collect() };
    if let Some(trouble) = examined.trouble.as_ref().filter(|_| first.results.is_none()) {
        return Finding::inconclusive(ID, format!("The tests could not be run: {trouble}"));
    }
    if first.over_limits {
        return Finding::fail(ID, "The tests use more memory or write more than they may, and were stopped")
            .expected(expected)
            .actual("stopped")
            .evidence(tail());
    }
    if first.exit.is_none() && first.quiet < SILENCE {
        // A busy machine, or a suite larger than the budget: it may well pass.
        return Finding::inconclusive(ID, "The tests were still at work when their time was over").evidence(tail());
    }
    if first.exit.is_none() {
        return Finding::fail(ID, "The tests do not end within the time that they have")
            .expected(expected)
            .actual("still running when the time was over")
            .evidence(tail());
    }
    let Some(results) = first.results.as_ref().filter(|results| !results.cases.is_empty()) else {
        return nothing_ran(view, examined).expected(expected).evidence(tail());
    };
    if let Some(why) = disbelieved(view, examined) {
        return Finding::fail(ID, format!("The report of the tests is not to be believed: {why}"))
            .expected(expected)
            .actual("a report that says what did not happen")
            .evidence(Evidence::note(
                "Beside the submission's tests one of the grader's own was run, which fails; the report was compared \
                 with it and with the tests in the sources.",
            ));
    }
    let failed: Vec<_> = results.failed().collect();
    let shown = failed.iter().take(SHOWN).map(|case| Evidence::note(failure(case)));
    if !failed.is_empty() {
        if failed.iter().all(|case| is_for_want_of(&case.message)) {
            return Finding::inconclusive(ID, "The tests need what a sandbox without a way out does not have")
                .evidences(shown);
        }
        let silent = if first.exit == Some(0) { ", though the command ends with 0" } else { "" };
        let summary = format!(
            "{} of {} fail{}{silent}",
            failed.len(),
            counted(results.run(), "test"),
            if failed.len() == 1 { "s" } else { "" }
        );
        return Finding::fail(ID, summary)
            .expected(expected)
            .actual(format!("{} of {} failed", failed.len(), results.run()))
            .evidences(shown);
    }
    if results.run() == 0 {
        return Finding::fail(ID, "Every test is skipped").expected(expected).actual("nothing was run");
    }
    if first.exit != Some(0) {
        return Finding::partial(ID, 0.5, "Every test passes, and the runner still ends with an error")
            .expected("exit code 0")
            .actual(format!("exit code {}", first.exit.unwrap_or(-1)))
            .evidence(tail());
    }
    Finding::pass(ID, format!("All of {} pass", counted(results.run(), "test")))
        .expected(expected)
        .actual(format!("{} passed", results.run()))
        .evidence(Evidence::note(format!("Run with {} in an image made from the submission", view.suite.stack.title)))
}

fn nothing_ran(view: &View<'_>, examined: &Examined) -> Finding {
    let first = &examined.first;
    let said = first.tail.join("\n");
    if examined.no_runner || is_for_want_of(&said) {
        let title = &view.suite.stack.title;
        return Finding::inconclusive(ID, format!("{title} could not be started here"));
    }
    if first.exit == Some(0) {
        return Finding::fail(ID, "The test command ends well, and no test was run").actual("no report of any test");
    }
    Finding::fail(ID, "The tests do not start: the runner ends with an error before the first")
        .actual(format!("exit code {} and no report", first.exit.unwrap_or(-1)))
}

/// Why the report cannot be believed.
pub(super) fn disbelieved(view: &View<'_>, examined: &Examined) -> Option<&'static str> {
    if examined.canary == Canary::Passed {
        return Some("a test that fails is reported as passed");
    }
    let results = examined.first.results.as_ref()?;
    if results.failed().next().is_some() || view.tests.is_empty() {
        return None;
    }
    // Titles may be made by templates, so only a report in which hardly anything is known is none.
    let known = results.cases.iter().filter(|case| {
        view.tests.iter().any(|test| {
            let title = test.name.split(['%', '$', '#', '{']).next().unwrap_or_default().trim();
            title.len() > 2 && case.name.contains(title)
                || case.file.as_deref().is_some_and(|file| file.ends_with(&test.path))
        })
    });
    let by_name = known.count();
    (examined.canary == Canary::Absent && by_name * 4 < results.cases.len())
        .then_some("it names tests that the sources do not have")
}

/// Whether a message says that something is missing that no submission could bring into a sandbox.
fn is_for_want_of(message: &str) -> bool {
    let Ok(want) = Regex::new(
        r"(?i)valid docker environment|docker daemon|testcontainers|executable doesn't exist at|playwright install|could not find (chrome|browser)|temporary failure in name resolution|EAI_AGAIN|module lookup disabled|could not resolve dependencies|cannot access .* in offline mode|no cached version .* available for offline",
    ) else {
        return false;
    };
    want.is_match(message)
}
