//! `test.isolation`: run twice, and in another order, the tests still pass and leave no records behind.
//!
//! Observes a second run on the same database, shuffled by a seed where the runner can, and rows by table before and
//! after each run. Where the second run fails, a third one in the runner's own order tells the order from the
//! repetition. Rows count when the same tables grow with each of three runs: what a run clears before it starts is not
//! left behind. Fails when a run fails; half of it when rows are left. Planted defects: `test-isolation` of both
//! submissions.

use grader_model::{Evidence, Finding};
use grader_spec::Params;

use super::{View, counted, failure};
use crate::examine::{Examined, grown};

pub(super) const ID: &str = "test.isolation";

/// Failures and tables that are shown.
const SHOWN: usize = 8;

pub(super) fn run(view: &View<'_>, _params: &Params) -> Finding {
    let examined = match view.passed(ID) {
        Ok(examined) => examined,
        Err(finding) => return *finding,
    };
    let Some(again) = &examined.again else {
        let why = examined.trouble.as_deref().unwrap_or("the budget of time was used up by the first run");
        return Finding::inconclusive(ID, format!("The tests were not run a second time: {why}"));
    };
    let expected = "pass again and in another order, and leave nothing";
    if !again.all_passed() {
        let by_order = examined.shuffled && examined.third.as_ref().is_some_and(crate::examine::Run::all_passed);
        if examined.shuffled && examined.third.is_none() {
            return Finding::inconclusive(ID, "The tests failed once, and there was no time to see why");
        }
        let (summary, actual) = if by_order {
            ("The tests depend on their order", "fail in another order")
        } else {
            ("The tests fail when they are run a second time", "fail the second time")
        };
        let failed = again.results.iter().flat_map(|results| results.failed()).take(SHOWN);
        return Finding::fail(ID, summary)
            .expected(expected)
            .actual(actual)
            .evidences(failed.map(|case| Evidence::note(failure(case))));
    }
    let left = left_behind(examined);
    if !left.is_empty() {
        let tables = left.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        return Finding::partial(ID, 0.5, "The tests leave records behind")
            .expected(expected)
            .actual(format!("{} more with every run", counted(left.len(), "table")))
            .evidence(Evidence::note(format!("Tables with more rows after each of three runs: {tables}")));
    }
    let order = if examined.shuffled { "a second time, in another order" } else { "a second time" };
    Finding::pass(ID, format!("The tests pass {order}, and leave nothing behind"))
        .expected(expected)
        .actual(format!("pass {order}"))
        .attempts(if examined.third.is_some() { 3 } else { 2 })
}

/// Tables that had more rows after every run than before it.
fn left_behind(examined: &Examined) -> Vec<String> {
    let [before, first, second, third] = examined.rows.as_slice() else { return Vec::new() };
    let mut tables = grown(first, second);
    tables.retain(|table| grown(second, third).contains(table) && grown(before, first).contains(table));
    tables
}
