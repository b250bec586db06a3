//! Graded probes and criteria for this crate's tests.

use grader_model::{CriterionReport, Level, ProbeReport, Verdict, Visibility};

/// A probe of one point with that verdict; a partial earns half of it.
pub(crate) fn probe(id: &str, level: Level, verdict: Verdict) -> ProbeReport {
    ProbeReport {
        id: id.into(),
        title: String::new(),
        verdict,
        blocked_by: None,
        points: 1.0,
        earned: match verdict {
            Verdict::Pass => 1.0,
            Verdict::Partial => 0.5,
            _ => 0.0,
        },
        counts: true,
        visibility: Visibility::Hidden,
        level,
        summary: format!("what was seen of {id}."),
        expected: String::new(),
        actual: String::new(),
        diff: String::new(),
        evidence: Vec::new(),
        attempts: 1,
        millis: 0,
    }
}

/// A criterion of weight 10 that holds those probes.
pub(crate) fn criterion(probes: Vec<ProbeReport>) -> CriterionReport {
    CriterionReport { id: "c".into(), title: String::new(), weight: 10.0, earned: 0.0, possible: 10.0, probes }
}
