//! The report as JUnit XML: one test suite per criterion, one test case per probe.
//!
//! Fail and partial are failures; what was not decided or does not count is skipped, with the reason. A run with a
//! fault has one more suite that holds it, so that no reader takes an empty report for green.

use std::time::Duration;

use grader_model::{CriterionReport, Fault, FaultSide, ProbeReport, Report, Verdict};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use crate::digest::{View, needs_diff, override_change, word_state};
use crate::number::decimal;
use crate::options::RenderError;
use crate::text::{block, break_commands, sentence};

pub(crate) fn render(view: &View<'_>) -> Result<String, RenderError> {
    let report: &Report = &view.report;
    let mut document = quick_junit::Report::new(safe(&report.spec.id));
    document.set_time(Duration::from_millis(report.timings.total));
    if let Some(fault) = &report.fault {
        let mut suite = TestSuite::new("run");
        for fault in std::iter::once(fault).chain(&fault.also) {
            suite.add_test_case(fault_case(fault));
        }
        document.add_test_suite(suite);
    }
    for criterion in &report.criteria {
        document.add_test_suite(suite(criterion));
    }
    if !(report.matrix.is_empty() && report.questions.is_empty()) {
        document.add_test_suite(interview(report));
    }
    if !report.overrides.is_empty() {
        document.add_test_suite(overrides(report));
    }
    Ok(document.to_string()?)
}

/// Reviewers' words, as properties of a suite without cases; the cases above stand with them.
fn overrides(report: &Report) -> TestSuite {
    let mut suite = TestSuite::new("overrides");
    for (number, word) in (1..).zip(&report.overrides) {
        let (change, state) = (override_change(word), word_state(word.state));
        let value = format!("{}: {change} ({state}): {} - {}", word.probe, word.reason, word.author);
        suite.add_property((format!("override {number}").as_str(), safe(&value).as_str()));
    }
    suite
}

/// The skill matrix and the questions, as properties of a suite without cases: nothing there passes or fails.
fn interview(report: &Report) -> TestSuite {
    let mut suite = TestSuite::new("interview");
    for cell in &report.matrix {
        let shown = cell.level.map_or("not shown", |level| level.as_str());
        let stopped = cell.stopped_at.map(|level| {
            let ids: Vec<&str> = cell.decided_by.iter().map(String::as_str).collect();
            format!(", stopped at {level}: {}", ids.join(" "))
        });
        let value = format!("{shown}{}", stopped.unwrap_or_default());
        suite.add_property((format!("skill {}", safe(&cell.area)).as_str(), safe(&value).as_str()));
    }
    for (number, question) in (1..).zip(&report.questions) {
        let value = format!("{}, {}: {}", question.area, question.level, question.question);
        suite.add_property((format!("question {number}").as_str(), safe(&value).as_str()));
        let value = format!("strong: {} weak: {}", question.strong, question.weak);
        suite.add_property((format!("answer {number}").as_str(), safe(&value).as_str()));
    }
    suite
}

fn suite(criterion: &CriterionReport) -> TestSuite {
    let mut suite = TestSuite::new(safe(&criterion.title));
    for (name, value) in [("earned", criterion.earned), ("possible", criterion.possible), ("weight", criterion.weight)]
    {
        suite.add_property((name, decimal(value).as_str()));
    }
    let millis = criterion.probes.iter().map(|probe| probe.millis).sum();
    suite.set_time(Duration::from_millis(millis));
    for probe in &criterion.probes {
        suite.add_test_case(case(criterion, probe));
    }
    suite
}

fn case(criterion: &CriterionReport, probe: &ProbeReport) -> TestCase {
    let summary = safe(&probe.summary);
    let status = match probe.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        Verdict::Fail | Verdict::Partial if probe.counts => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(probe.verdict.as_str()).set_message(summary).set_description(description(probe));
            status
        }
        Verdict::Fail | Verdict::Partial => {
            skipped(&format!("{} at {} level, above this report's: {summary}", probe.verdict, probe.level))
        }
        Verdict::Blocked => {
            let cause = probe.blocked_by.as_deref().unwrap_or("a finding that is not shown");
            skipped(&format!("blocked by {cause}: {summary}"))
        }
        Verdict::NotApplicable | Verdict::Inconclusive | Verdict::NotMeasured => {
            skipped(&format!("{}: {summary}", probe.verdict.as_str().replace('_', " ")))
        }
    };
    let mut case = TestCase::new(safe(&probe.id), status);
    case.set_classname(safe(&criterion.id)).set_time(Duration::from_millis(probe.millis));
    case
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(safe(message));
    status
}

fn description(probe: &ProbeReport) -> String {
    let mut parts = vec![format!("{} of {} points of the criterion", decimal(probe.earned), decimal(probe.points))];
    if needs_diff(probe) {
        parts.push(block(&probe.diff).trim_end().to_owned());
    } else if !probe.expected.is_empty() || !probe.actual.is_empty() {
        parts.push(format!("expected: {}\nactual: {}", block(&probe.expected), block(&probe.actual)));
    }
    for exchange in probe.evidence.iter().filter_map(|evidence| match evidence {
        grader_model::Evidence::Exchange(exchange) => Some(exchange),
        _ => None,
    }) {
        parts.push(block(&exchange.curl));
    }
    break_commands(&parts.join("\n")).into_owned()
}

fn fault_case(fault: &Fault) -> TestCase {
    // A test that fails says that the submission is wrong; an error, that the test could not be made.
    let kind = if fault.side == FaultSide::Candidate { NonSuccessKind::Failure } else { NonSuccessKind::Error };
    let mut status = TestCaseStatus::non_success(kind);
    let mut lines = vec![fault.to_string(), fault.hint.clone()];
    lines.extend(fault.log.iter().cloned());
    lines.retain(|line| !line.is_empty());
    status
        .set_type(safe(&fault.code))
        .set_message(safe(&fault.message))
        .set_description(break_commands(&block(&lines.join("\n"))).into_owned());
    let mut case = TestCase::new(safe(&fault.code), status);
    case.set_classname(fault.stage.as_str());
    case
}

fn safe(text: &str) -> String {
    break_commands(&sentence(text)).into_owned()
}
