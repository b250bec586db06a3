//! `test.present`: as many automated tests as the brief asks for, counted by the runner's own report.
//!
//! Says nothing where no report was to be had or believed: then tests are counted by their text, in the repository's
//! family. A test that was skipped does not count; each case of a parametrized one does. Planted defect:
//! `test-present` of the FastAPI submission.

use grader_model::{Evidence, Finding};
use grader_spec::Params;

use super::{Told, View, counted, number, pass};

pub(super) const ID: &str = "test.present";

/// Files that are shown as evidence.
const SHOWN: usize = 12;

pub(super) fn run(view: &View<'_>, params: &Params) -> Option<Finding> {
    let Told::Examined(examined) = view.told else { return None };
    let count = examined.first.count();
    if count == 0 || pass::disbelieved(view, examined).is_some() {
        return None;
    }
    let wanted = number(params, "at_least", 8);
    let expected = format!("at least {}", counted(usize::try_from(wanted).unwrap_or(usize::MAX), "automated test"));
    let evidence = view.suite.files.iter().take(SHOWN).map(|path| {
        let in_file = view.tests.iter().filter(|test| test.path == *path);
        let line = in_file.clone().map(|test| test.line).min();
        Evidence::file(path, line, format!("{} by syntax", counted(in_file.count(), "test")))
    });
    let title = &view.suite.stack.title;
    let finding = if count as u64 >= wanted {
        Finding::pass(ID, format!("{title} runs {}", counted(count, "test")))
    } else {
        let ran = counted(count, "test");
        Finding::fail(ID, format!("{title} runs {ran} where the brief asks for {wanted}"))
    };
    Some(finding.expected(expected).actual(counted(count, "test")).evidences(evidence))
}
