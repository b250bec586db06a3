//! The weighted score: a criterion earns weight x (points earned / points that apply).

use std::collections::HashMap;

use grader_model::{CriterionReport, Finding, Level, ProbeReport, Score, Verdict, catalogue_entry};
use grader_spec::{Criterion, ProbeRef, ProbeState, Spec};

/// A graded spec.
#[derive(Debug, Clone, PartialEq)]
pub struct Scorecard {
    pub criteria: Vec<CriterionReport>,
    pub score: Score,
}

/// Scores `findings` against `spec` at `level`. A probe of the spec without a finding is *not measured* where the spec
/// marks it planned, and *inconclusive* otherwise: nothing vanishes silently. `diff` words expected against actual.
pub fn scorecard(
    spec: &Spec,
    level: Level,
    findings: &[Finding],
    fail_under: Option<f64>,
    diff: impl Fn(&str, &str) -> String,
) -> Scorecard {
    let by_probe: HashMap<&str, &Finding> = findings.iter().map(|finding| (finding.probe.as_str(), finding)).collect();
    let criteria: Vec<CriterionReport> =
        spec.criteria.iter().map(|criterion| graded(criterion, level, &by_probe, &diff)).collect();
    let score = total(&criteria, fail_under);
    Scorecard { criteria, score }
}

/// The score of graded criteria.
pub(crate) fn total(criteria: &[CriterionReport], fail_under: Option<f64>) -> Score {
    let earned: f64 = criteria.iter().map(|criterion| criterion.earned).sum();
    let possible: f64 = criteria.iter().map(|criterion| criterion.possible).sum();
    let unblocked: f64 = criteria.iter().map(unblocked).sum();
    let percent = percent(earned, possible);
    Score {
        earned: round(earned),
        possible: round(possible),
        percent,
        fail_under,
        passed: fail_under.map(|threshold| percent >= threshold),
        if_unblocked: self::percent(unblocked, possible),
    }
}

/// What a criterion of that weight earns by its probes, and what it could.
pub(crate) fn earned_and_possible(weight: f64, probes: &[ProbeReport]) -> (f64, f64) {
    let applying = || probes.iter().filter(|probe| probe.counts && probe.verdict.applies());
    let points: f64 = applying().map(|probe| probe.points).sum();
    let earned: f64 = applying().map(|probe| probe.earned).sum();
    if points > 0.0 { (round(weight * earned / points), round(weight)) } else { (0.0, 0.0) }
}

fn graded(
    criterion: &Criterion,
    level: Level,
    findings: &HashMap<&str, &Finding>,
    diff: &impl Fn(&str, &str) -> String,
) -> CriterionReport {
    let probes: Vec<ProbeReport> = criterion
        .probes
        .iter()
        .map(|probe| {
            let missing;
            let finding = match findings.get(probe.id.as_str()) {
                Some(finding) => *finding,
                None => {
                    missing = absent(probe);
                    &missing
                }
            };
            report(probe, finding, level, diff)
        })
        .collect();
    let (earned, possible) = earned_and_possible(criterion.weight, &probes);
    CriterionReport {
        id: criterion.id.clone(),
        title: criterion.title.clone(),
        weight: criterion.weight,
        earned,
        possible,
        probes,
    }
}

fn absent(probe: &ProbeRef) -> Finding {
    match probe.state {
        ProbeState::Planned => Finding::not_measured(&probe.id, "Not yet measured by this version"),
        ProbeState::Built => Finding::inconclusive(&probe.id, "The run ended before this was measured"),
    }
}

fn report(probe: &ProbeRef, finding: &Finding, level: Level, diff: &impl Fn(&str, &str) -> String) -> ProbeReport {
    let probe_level = probe.effective_level();
    let earned = match finding.verdict {
        Verdict::Pass => probe.points,
        Verdict::Partial => probe.points * finding.fraction.clamp(0.0, 1.0),
        _ => 0.0,
    };
    let shows_diff = finding.verdict.is_negative() && !finding.expected.is_empty() && !finding.actual.is_empty();
    ProbeReport {
        id: probe.id.clone(),
        title: match &probe.custom {
            Some(custom) => custom.title.clone(),
            None => {
                catalogue_entry(&probe.id).map(|entry| format!("Fails when {}", entry.fails_when)).unwrap_or_default()
            }
        },
        verdict: finding.verdict,
        blocked_by: finding.blocked_by.clone(),
        points: probe.points,
        earned: round(earned),
        counts: probe_level <= level,
        visibility: probe.visibility,
        level: probe_level,
        summary: finding.summary.clone(),
        expected: finding.expected.clone(),
        actual: finding.actual.clone(),
        diff: if shows_diff { diff(&finding.expected, &finding.actual) } else { String::new() },
        evidence: finding.evidence.clone(),
        attempts: finding.attempts,
        millis: finding.millis,
    }
}

/// What a criterion would earn if every blocked probe passed.
fn unblocked(criterion: &CriterionReport) -> f64 {
    let applying = || criterion.probes.iter().filter(|probe| probe.counts && probe.verdict.applies());
    let points: f64 = applying().map(|probe| probe.points).sum();
    let earned: f64 =
        applying().map(|probe| if probe.verdict == Verdict::Blocked { probe.points } else { probe.earned }).sum();
    if points > 0.0 { criterion.weight * earned / points } else { 0.0 }
}

fn percent(earned: f64, possible: f64) -> f64 {
    if possible > 0.0 { round(100.0 * earned / possible) } else { 0.0 }
}

pub(crate) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(probes: &str) -> Spec {
        let text = format!(
            r#"{{"schema": "grader.spec/1", "id": "x", "version": "1.0.0", "title": "X", "level": "mid", "brief": "",
            "criteria": [{{"id": "c", "title": "C", "weight": 20, "probes": {probes}}}],
            "domain": {{"prefixes": [""], "main": "r", "accounts": {{"identity": "e", "secret": "p", "fields": {{}},
            "register": {{}}, "login": {{}}}}, "resources": {{}}}}}}"#
        );
        serde_json::from_str(&text).expect("a spec")
    }

    fn score(spec: &Spec, findings: &[Finding]) -> Scorecard {
        scorecard(spec, Level::Mid, findings, Some(50.0), |_, _| String::new())
    }

    #[test]
    fn points_are_shared_by_what_applies() {
        let spec = spec(
            r#"[{"id": "api.roundtrip", "points": 3}, {"id": "api.methods", "points": 1},
                {"id": "api.versioning", "points": 6}, {"id": "api.idempotency", "points": 9}]"#,
        );
        let findings = [
            Finding::pass("api.roundtrip", ""),
            Finding::fail("api.methods", ""),
            Finding::inconclusive("api.versioning", ""),
            // A senior probe is shown and does not count at mid level.
            Finding::fail("api.idempotency", ""),
        ];
        let card = score(&spec, &findings);
        assert_eq!((card.criteria[0].earned, card.criteria[0].possible), (15.0, 20.0));
        assert_eq!((card.score.percent, card.score.passed), (75.0, Some(true)));
    }

    #[test]
    fn what_is_blocked_earns_nothing_and_shows_what_it_could() {
        let spec = spec(r#"[{"id": "auth.register", "points": 1}, {"id": "auth.login", "points": 3}]"#);
        let findings =
            [Finding::fail("auth.register", ""), Finding::blocked("auth.login", "auth.register", "nobody could")];
        let card = score(&spec, &findings);
        assert_eq!((card.score.percent, card.score.if_unblocked), (0.0, 75.0));
    }

    #[test]
    fn a_probe_without_a_finding_leaves_the_denominator_visibly() {
        let spec =
            spec(r#"[{"id": "api.roundtrip"}, {"id": "api.methods"}, {"id": "api.openapi", "state": "planned"}]"#);
        let card = score(&spec, &[Finding::pass("api.roundtrip", "")]);
        let verdicts: Vec<Verdict> = card.criteria[0].probes.iter().map(|probe| probe.verdict).collect();
        assert_eq!(verdicts, [Verdict::Pass, Verdict::Inconclusive, Verdict::NotMeasured]);
        assert_eq!(card.score.percent, 100.0);
    }

    #[test]
    fn a_criterion_without_points_has_no_weight() {
        let card = score(&spec(r#"[{"id": "api.roundtrip"}]"#), &[]);
        assert_eq!((card.score.earned, card.score.possible, card.score.percent), (0.0, 0.0, 0.0));
    }
}
