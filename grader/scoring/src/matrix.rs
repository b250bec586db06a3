//! The skill matrix: seven areas by three levels, decided by the probes that were measured.

use grader_model::{CriterionReport, Level, MatrixCell, ProbeReport, Verdict};

/// An area and the probes that speak for it: id prefixes or whole ids.
const AREAS: &[(&str, &[&str])] = &[
    ("API design", &["api."]),
    (
        "Database",
        &[
            "db.primary-keys",
            "db.foreign-keys",
            "db.normalized",
            "db.unique",
            "db.not-null",
            "db.money-type",
            "db.timestamps",
            "db.foreign-key-indexes",
            "db.checks",
            "db.migrations",
            "db.n-plus-one",
            "db.query-plans",
        ],
    ),
    (
        "System design",
        &[
            "db.transactions",
            "db.oversell",
            "db.connections",
            "db.persistence",
            "api.idempotency",
            "api.conditional",
            "error.dependency-down",
            "error.load",
            "org.layers",
            "org.proportion",
        ],
    ),
    ("Error handling", &["error."]),
    ("Testing", &["test."]),
    ("Security", &["auth."]),
    (
        "DevOps",
        &["org.container", "org.configuration", "org.hygiene", "test.automation", "error.shutdown", "error.logging"],
    ),
];

/// A level holds when at least this share of its measured points was earned.
const HOLDS: f64 = 0.75;

/// The matrix for graded criteria. An area without any measured probe has neither level nor stop.
pub fn matrix(criteria: &[CriterionReport]) -> Vec<MatrixCell> {
    AREAS.iter().map(|(area, probes)| cell(area, probes, criteria)).collect()
}

fn cell(area: &str, selectors: &[&str], criteria: &[CriterionReport]) -> MatrixCell {
    let speaks = |probe: &&ProbeReport| {
        selectors
            .iter()
            .any(|wanted| if wanted.ends_with('.') { probe.id.starts_with(wanted) } else { probe.id == *wanted })
            && probe.verdict.applies()
    };
    let probes: Vec<&ProbeReport> = criteria.iter().flat_map(|criterion| &criterion.probes).filter(speaks).collect();
    let mut reached = None;
    let mut stopped_at = None;
    let mut decided_by: Vec<String> = Vec::new();
    for level in Level::ALL {
        let at_level: Vec<&&ProbeReport> = probes.iter().filter(|probe| probe.level == level).collect();
        if at_level.is_empty() {
            // Nothing was measured here: it neither holds nor stops anything.
            continue;
        }
        let possible: f64 = at_level.iter().map(|probe| probe.points).sum();
        let earned: f64 = at_level.iter().map(|probe| probe.earned).sum();
        if earned / possible >= HOLDS {
            reached = Some(level);
            decided_by = at_level.iter().map(|probe| probe.id.clone()).collect();
        } else {
            stopped_at = Some(level);
            decided_by =
                at_level.iter().filter(|probe| probe.verdict != Verdict::Pass).map(|probe| probe.id.clone()).collect();
            break;
        }
    }
    MatrixCell { area: area.to_owned(), level: reached, stopped_at, decided_by }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grader_model::Visibility;

    fn probe(id: &str, level: Level, verdict: Verdict) -> ProbeReport {
        ProbeReport {
            id: id.into(),
            title: String::new(),
            verdict,
            blocked_by: None,
            points: 1.0,
            earned: if verdict == Verdict::Pass { 1.0 } else { 0.0 },
            counts: true,
            visibility: Visibility::Hidden,
            level,
            summary: String::new(),
            expected: String::new(),
            actual: String::new(),
            diff: String::new(),
            evidence: Vec::new(),
            attempts: 1,
            millis: 0,
        }
    }

    fn cell_for(probes: Vec<ProbeReport>) -> MatrixCell {
        let criterion =
            CriterionReport { id: "c".into(), title: String::new(), weight: 1.0, earned: 0.0, possible: 0.0, probes };
        matrix(&[criterion]).remove(0)
    }

    #[test]
    fn a_level_needs_all_lower_ones() {
        let cell = cell_for(vec![
            probe("api.roundtrip", Level::Junior, Verdict::Fail),
            probe("api.pagination.size", Level::Mid, Verdict::Pass),
        ]);
        assert_eq!((cell.level, cell.stopped_at), (None, Some(Level::Junior)));
        assert_eq!(cell.decided_by, ["api.roundtrip"]);
    }

    #[test]
    fn the_stop_names_what_decided_it() {
        let cell = cell_for(vec![
            probe("api.roundtrip", Level::Junior, Verdict::Pass),
            probe("api.pagination.size", Level::Mid, Verdict::Fail),
            probe("api.filtering", Level::Mid, Verdict::Pass),
        ]);
        assert_eq!((cell.level, cell.stopped_at), (Some(Level::Junior), Some(Level::Mid)));
        assert_eq!(cell.decided_by, ["api.pagination.size"]);
    }

    #[test]
    fn what_was_not_measured_decides_nothing() {
        let cell = cell_for(vec![probe("api.roundtrip", Level::Junior, Verdict::NotMeasured)]);
        assert_eq!((cell.level, cell.stopped_at), (None, None));
    }
}
