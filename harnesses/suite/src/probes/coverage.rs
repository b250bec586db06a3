//! `test.coverage`: line coverage of the application code, by the stack's own tool.
//!
//! Parameter: `at_least`, percent (60 unless told). Passes from there on, earns a part from two thirds of it, fails
//! below. An application file that the tool does not name was never loaded: its lines count as not reached. Planted
//! defects: `test-coverage` of both submissions.

use grader_model::{Evidence, Finding};
use grader_spec::Params;
use harness_syntax::{Language, Limits, parse};

use super::{View, number};
use crate::coverage::Coverage;
use crate::paths::is_application;

pub(super) const ID: &str = "test.coverage";

/// Files that are shown.
const SHOWN: usize = 8;

struct Share {
    path: String,
    covered: usize,
    all: usize,
}

pub(super) fn run(view: &View<'_>, params: &Params) -> Finding {
    let examined = match view.examined(ID) {
        Ok(examined) => examined,
        Err(finding) => return *finding,
    };
    let Some(coverage) = &examined.coverage else {
        if examined.first.exit.is_none() {
            return Finding::inconclusive(ID, "The first run of the tests did not come to an end");
        }
        if examined.first.count() == 0 {
            return Finding::blocked(ID, super::pass::ID, "No test was run");
        }
        return Finding::inconclusive(ID, "The stack's coverage tool gave nothing that could be read");
    };
    let shares = shares(view, coverage);
    let (covered, all) = shares.iter().fold((0, 0), |(c, a), share| (c + share.covered, a + share.all));
    if all == 0 {
        return Finding::inconclusive(ID, "The stack's coverage tool names no line of the application");
    }
    let bound = number(params, "at_least", 60).min(100);
    let percent = covered * 100 / all;
    let enough = percent as u64 >= bound;
    let mut low: Vec<&Share> = shares.iter().filter(|share| share.covered < share.all).collect();
    low.sort_by_key(|share| (std::cmp::Reverse(share.all - share.covered), &share.path));
    let evidence = low
        .into_iter()
        .take(SHOWN)
        .map(|share| Evidence::file(&share.path, None, format!("{} of {} lines reached", share.covered, share.all)));
    let finding = if enough {
        Finding::pass(ID, "The tests reach most of the application code")
    } else if percent as u64 * 3 >= bound * 2 {
        #[expect(clippy::cast_precision_loss, reason = "percents")]
        let fraction = percent as f64 / bound as f64 / 2.0;
        Finding::partial(ID, fraction, "The tests leave much of the application code unreached")
    } else {
        Finding::fail(ID, "The tests leave most of the application code unreached")
    };
    finding.expected(format!("at least {bound} % of lines")).actual(format!("{percent} % of lines")).evidences(evidence)
}

/// Lines reached and all lines of each application file.
fn shares(view: &View<'_>, coverage: &Coverage) -> Vec<Share> {
    let mut shares = Vec::new();
    for (path, text) in view.suite.texts(view.snapshot) {
        let Some(inside) = view.suite.inside(path) else { continue };
        if !is_application(&view.suite.stack, inside) {
            continue;
        }
        let (covered, all) = match coverage.files.get(inside) {
            Some(lines) => (lines.covered.len(), lines.covered.len() + lines.missing.len()),
            None => (0, statements(path, text)),
        };
        shares.push(Share { path: path.to_owned(), covered, all });
    }
    shares
}

/// Lines in function bodies on which a statement begins.
fn statements(path: &str, text: &str) -> usize {
    let Some(Ok(tree)) = Language::of_path(path).map(|language| parse(language, text, Limits::default())) else {
        return 0;
    };
    let functions = tree.functions();
    let bodies: Vec<_> = functions.iter().filter_map(|function| Some(function.body?.byte_range())).collect();
    let mut lines: Vec<usize> = tree
        .walk()
        .filter(|visited| {
            let kind = visited.node.kind();
            let start = visited.node.start_byte();
            (kind.ends_with("_statement") || kind.ends_with("_declaration"))
                && bodies.iter().any(|body| body.contains(&start))
        })
        .map(|visited| visited.node.start_position().row)
        .collect();
    lines.sort_unstable();
    lines.dedup();
    lines.len()
}
