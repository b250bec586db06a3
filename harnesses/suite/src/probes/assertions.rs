//! `test.assertions`: tests assert something.
//!
//! Observes by syntax whether a test, or a helper that it calls, makes an assertion about a value; `assert True` is
//! none. One test in ten may do without: that a thing can be done at all is sometimes what is tested. Earns a part up to
//! a third, fails beyond. Planted defects: `test-assertions` of both submissions.

use grader_model::{Evidence, Finding};
use grader_spec::Params;

use super::{View, counted};

pub(super) const ID: &str = "test.assertions";

/// Tests that are shown.
const SHOWN: usize = 10;

pub(super) fn run(view: &View<'_>, _params: &Params) -> Finding {
    let all = view.tests.len();
    if all == 0 {
        return Finding::inconclusive(ID, "The tests could not be told by their text");
    }
    let mute: Vec<_> = view.tests.iter().filter(|test| !test.asserts).collect();
    let evidence = mute.iter().take(SHOWN).map(|test| Evidence::file(&test.path, Some(test.line), test.name.clone()));
    let finding = match mute.len() {
        0 => Finding::pass(ID, "Every test asserts something"),
        few if few * 10 <= all => Finding::pass(ID, "All but a few tests assert something"),
        some if some * 3 <= all => {
            Finding::partial(ID, 0.5, format!("{} of {} assert nothing", some, counted(all, "test")))
        }
        many => Finding::fail(ID, format!("{} of {} assert nothing", many, counted(all, "test"))),
    };
    finding
        .expected("every test asserts something")
        .actual(format!("{} of {} assert nothing", mute.len(), counted(all, "test")))
        .evidences(evidence)
}
