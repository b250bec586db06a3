//! `test.kinds`: tests of single parts and tests over HTTP, and not only one sort.
//!
//! Observes by syntax which tests make a request, themselves or through a helper, a fixture or a set-up. Fails when all
//! or none do. Planted defects: `test-kinds` of both submissions.

use grader_model::{Evidence, Finding};
use grader_spec::Params;

use super::{View, counted};

pub(super) const ID: &str = "test.kinds";

/// Tests of each sort that are shown.
const SHOWN: usize = 4;

pub(super) fn run(view: &View<'_>, _params: &Params) -> Finding {
    let (http, unit): (Vec<_>, Vec<_>) = view.tests.iter().partition(|test| test.speaks_http);
    if view.tests.is_empty() {
        return Finding::inconclusive(ID, "The tests could not be told apart by their text");
    }
    let shown = |tests: &[&crate::units::Test], sort: &str| -> Vec<Evidence> {
        let tests = tests.iter().take(SHOWN);
        tests.map(|test| Evidence::file(&test.path, Some(test.line), format!("{sort}: {}", test.name))).collect()
    };
    let actual = format!("{} over HTTP, {} of single parts", counted(http.len(), "test"), unit.len());
    let finding = match (http.len(), unit.len()) {
        (_, 0) => Finding::fail(ID, "Every test goes through HTTP; no part is tested by itself"),
        (0, _) => Finding::fail(ID, "No test goes through HTTP; only parts are tested"),
        _ => Finding::pass(ID, "There are tests over HTTP and tests of single parts"),
    };
    finding
        .expected("tests over HTTP and tests of single parts")
        .actual(actual)
        .evidences(shown(&http, "over HTTP"))
        .evidences(shown(&unit, "of a part"))
}
