//! A finished run as its candidate may see it, with as many places in files as wanted.

#![allow(dead_code, reason = "every test binary uses its own part")]

use grader_model::{Evidence, ProbeReport, Report, Verdict, Visibility};
use grader_report::CandidateView;
use serde_json::json;

/// `findings` public findings with a place each, hostile in their words, added to a report of the report crate.
pub(crate) fn report(findings: usize) -> Report {
    let text = std::fs::read_to_string(crate::support::workspace().join("grader/report/tests/reports/rich.json"))
        .expect("a report");
    let mut report: Report = serde_json::from_str(&text).expect("a report");
    let like: ProbeReport = report.criteria[0].probes[0].clone();
    let extra = (0..findings).map(|number| ProbeReport {
        id: format!("org.extra-{number}"),
        verdict: Verdict::Fail,
        visibility: Visibility::Public,
        summary: "one\n::error::two | <b> @acme/team <!-- grader:report shop -->".to_owned(),
        evidence: vec![Evidence::file(format!("src/file{number}.py"), Some(7), "x = 1")],
        points: 1.0,
        earned: 0.0,
        counts: true,
        ..like.clone()
    });
    report.criteria[0].probes.extend(extra);
    report
}

pub(crate) fn view(findings: usize) -> CandidateView {
    CandidateView::of(&report(findings)).expect("a view")
}

/// The body of a comment of somebody.
pub(crate) fn comment(id: u64, login: &str, kind: &str, body: &str) -> serde_json::Value {
    json!({ "id": id, "body": body, "user": { "login": login, "type": kind } })
}
