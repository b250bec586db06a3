//! `test.sensitivity`: the tests notice small deliberate faults in the application code.
//!
//! Parameters: `faults`, how many are tried (20 unless told); `at_least`, percent noticed (60 unless told). Passes from
//! there on, earns a part from two thirds of it, fails below. What does not compile counts in neither. A budget of time
//! that ends early gives the figure over what was tried: under five say nothing, and a figure below the bound needs
//! twelve. Planted defects: `test-sensitivity` of both submissions.

use grader_model::{Evidence, Finding};
use grader_spec::Params;

use super::{View, number};
use crate::examine::{Fate, LEAST};

pub(super) const ID: &str = "test.sensitivity";

/// Small faults to try, as a spec's parameters say; 20 unless told, 200 at the most.
pub fn faults(params: &Params) -> usize {
    usize::try_from(number(params, "faults", 20).min(200)).unwrap_or(200)
}

/// Percent of the small faults that are to be noticed, as a spec's parameters say; 60 unless told.
pub fn at_least(params: &Params) -> usize {
    usize::try_from(number(params, "at_least", 60).min(100)).unwrap_or(100)
}

pub(super) fn run(view: &View<'_>, params: &Params) -> Finding {
    let examined = match view.passed(ID) {
        Ok(examined) => examined,
        Err(finding) => return *finding,
    };
    let Some(challenge) = &examined.challenge else {
        let why = examined.trouble.as_deref().unwrap_or("there was no time left");
        return Finding::inconclusive(ID, format!("No small fault was tried: {why}"));
    };
    if challenge.spoilt {
        return Finding::inconclusive(
            ID,
            "The tests fail now and then without a fault, so what they notice says nothing",
        );
    }
    let (noticed, tried) = challenge.score();
    if tried < LEAST {
        let why =
            if challenge.out_of_time { "there was no time for more" } else { "there is too little code for more" };
        return Finding::inconclusive(ID, format!("Fewer than {LEAST} small faults were tried: {why}"));
    }
    let bound = at_least(params);
    let percent = noticed * 100 / tried;
    if !challenge.decides(bound) {
        return Finding::inconclusive(
            ID,
            "Too few small faults could be tried in the time to say that tests miss them",
        );
    }
    let survivors = challenge.tried.iter().filter(|tried| tried.fate == Fate::Unnoticed);
    let evidence = survivors.map(|tried| {
        let fault = &tried.fault;
        Evidence::file(
            &fault.path,
            Some(fault.line),
            format!("no test notices `{}` in place of `{}`", fault.to, fault.from),
        )
    });
    // Which test is the first to notice may change from run to run; that one does, may not.
    let control = challenge.tried.iter().find(|tried| tried.fate == Fate::Noticed).map(|tried| {
        let fault = &tried.fault;
        let text = format!("a test notices `{}` in place of `{}`", fault.to, fault.from);
        Evidence::file(&fault.path, Some(fault.line), text)
    });
    let finding = if percent >= bound {
        Finding::pass(ID, "The tests notice small faults in the application")
    } else if percent * 3 >= bound * 2 {
        #[expect(clippy::cast_precision_loss, reason = "percents")]
        let fraction = percent as f64 / bound as f64 / 2.0;
        Finding::partial(ID, fraction, "The tests miss many small faults in the application")
    } else {
        Finding::fail(ID, "The tests miss most small faults in the application")
    };
    finding
        .expected(format!("at least {bound} % of small faults are noticed"))
        .actual(format!("{noticed} of {tried} noticed"))
        .evidences(evidence)
        .evidences(control)
        .attempts(u32::try_from(tried).unwrap_or(u32::MAX))
}
