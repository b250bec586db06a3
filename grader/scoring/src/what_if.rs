//! A stored report scored by another version of its assessment: whose score a changed spec would move, before it counts.
//!
//! Only what was observed then is used: a probe that the new version adds is as undecided as it is, and what a probe saw
//! under other parameters stays what it saw.

use grader_model::{CriterionReport, Finding, Level, ProbeReport, Verdict};
use grader_spec::Spec;

use crate::scorecard::{Scorecard, scorecard};

/// The score that a report's `criteria` would have under `spec`, at the level and threshold that it was graded for.
/// Reviewers' words that they carry count as they do there.
pub fn what_if(criteria: &[CriterionReport], level: Level, fail_under: Option<f64>, spec: &Spec) -> Scorecard {
    let findings: Vec<Finding> = criteria.iter().flat_map(|criterion| &criterion.probes).map(finding).collect();
    scorecard(spec, level, &findings, fail_under, |_, _| String::new())
}

fn finding(probe: &ProbeReport) -> Finding {
    Finding {
        probe: probe.id.clone(),
        verdict: probe.verdict,
        fraction: match probe.verdict {
            Verdict::Pass => 1.0,
            // Without points a report does not keep the fraction.
            Verdict::Partial if probe.points > 0.0 => (probe.earned / probe.points).clamp(0.0, 1.0),
            Verdict::Partial => 0.5,
            _ => 0.0,
        },
        blocked_by: probe.blocked_by.clone(),
        summary: probe.summary.clone(),
        expected: String::new(),
        actual: String::new(),
        evidence: Vec::new(),
        attempts: probe.attempts,
        millis: probe.millis,
    }
}

#[cfg(test)]
mod tests {
    use grader_spec::load_named;

    use super::*;

    /// What the bookstore's spec gives when every third probe passes, fails and is partial.
    fn graded(spec: &Spec) -> Scorecard {
        let findings: Vec<Finding> = spec
            .probes()
            .enumerate()
            .map(|(at, (_, probe))| match at % 3 {
                0 => Finding::pass(&probe.id, "seen"),
                1 => Finding::fail(&probe.id, "not seen"),
                _ => Finding::partial(&probe.id, 0.25, "seen in part"),
            })
            .collect();
        scorecard(spec, spec.level, &findings, Some(50.0), |_, _| String::new())
    }

    #[test]
    fn the_same_spec_gives_the_same_score() {
        let spec = load_named("bookstore").expect("it ships").spec;
        let card = graded(&spec);
        let again = what_if(&card.criteria, spec.level, Some(50.0), &spec).score;
        assert!((again.percent - card.score.percent).abs() < 0.05, "{} and {}", again.percent, card.score.percent);
        assert_eq!(again.passed, card.score.passed);
    }

    #[test]
    fn other_points_give_another_score_and_new_probes_none() {
        let mut spec = load_named("bookstore").expect("it ships").spec;
        let card = graded(&spec);
        let first = &mut spec.criteria[0];
        first.weight *= 3.0;
        let heavier = what_if(&card.criteria, spec.level, None, &spec);
        assert_ne!(heavier.score.percent, card.score.percent);
        spec.criteria[0].probes[0].id = "custom.new".to_owned();
        let renamed = what_if(&card.criteria, spec.level, None, &spec);
        assert_eq!(renamed.criteria[0].probes[0].verdict, Verdict::Inconclusive);
    }
}
