//! Reviewers' words over a report: the score as it stands with them, and how far reviewers agree.

use std::collections::{BTreeMap, BTreeSet};

use grader_model::{ProbeReport, Report, ReviewerWord, Verdict, WordState};

use crate::matrix::matrix;
use crate::scorecard::{earned_and_possible, round, total};

/// Lays the words over the report as it was graded. Words that come in as [`WordState::Stale`] stay so; of the others,
/// those of one probe that agree are applied, and where two differ the grader's own verdict stands.
///
/// A word's verdict decides the points, unless it names them; more than the probe has are cut. Words on probes that the
/// report does not have are left out.
pub fn review(report: &mut Report, words: Vec<ReviewerWord>) {
    report.overrides = words
        .into_iter()
        .filter_map(|mut word| {
            let probe = probes(report).find(|probe| probe.id == word.probe)?;
            (word.graded_verdict, word.graded_earned) = (probe.verdict, probe.earned);
            Some(word)
        })
        .collect();
    for at in 0..report.overrides.len() {
        let word = &report.overrides[at];
        let disputed = |other: &ReviewerWord| {
            other.probe == word.probe
                && other.state != WordState::Stale
                && (other.verdict, points(other)) != (word.verdict, points(word))
        };
        if word.state != WordState::Stale {
            let state = if report.overrides.iter().any(disputed) { WordState::Disputed } else { WordState::Applied };
            report.overrides[at].state = state;
        }
    }
    let applied: Vec<ReviewerWord> =
        report.overrides.iter().filter(|word| word.state == WordState::Applied).cloned().collect();
    if !applied.iter().any(changes) {
        return;
    }
    for criterion in &mut report.criteria {
        for probe in &mut criterion.probes {
            if let Some(word) = applied.iter().find(|word| word.probe == probe.id) {
                apply(probe, word);
            }
        }
        (criterion.earned, criterion.possible) = earned_and_possible(criterion.weight, &criterion.probes);
    }
    report.score = total(&report.criteria, report.score.fail_under);
    report.matrix = matrix(&report.criteria);
}

/// How far two reviewers agree.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// In the order of their names.
    pub reviewers: (String, String),
    /// On how many probes both have spoken.
    pub probes: usize,
    /// On how many of these they say the same verdict.
    pub agreed: usize,
    /// Cohen's kappa: agreement beyond what chance would bring, 1 at most; `None` where both say one verdict
    /// throughout, which leaves nothing to chance.
    pub kappa: Option<f64>,
}

/// The agreement of each two reviewers who have spoken on the same probes, stale words left out.
pub fn agreement(words: &[ReviewerWord]) -> Vec<Agreement> {
    let mut said: BTreeMap<&str, BTreeMap<&str, Verdict>> = BTreeMap::new();
    for word in words.iter().filter(|word| word.state != WordState::Stale) {
        said.entry(&word.author).or_default().insert(&word.probe, word.verdict);
    }
    let reviewers: Vec<_> = said.into_iter().collect();
    let mut all = Vec::new();
    for (at, (one, first)) in reviewers.iter().enumerate() {
        for (other, second) in &reviewers[at + 1..] {
            let both: Vec<(Verdict, Verdict)> =
                first.iter().filter_map(|(probe, verdict)| Some((*verdict, *second.get(probe)?))).collect();
            if both.is_empty() {
                continue;
            }
            let agreed = both.iter().filter(|(one, other)| one == other).count();
            all.push(Agreement {
                reviewers: ((*one).to_owned(), (*other).to_owned()),
                probes: both.len(),
                agreed,
                kappa: kappa(&both, agreed),
            });
        }
    }
    all
}

/// J. Cohen, "A Coefficient of Agreement for Nominal Scales", 1960.
#[expect(clippy::cast_precision_loss, reason = "counts of probes")]
fn kappa(both: &[(Verdict, Verdict)], agreed: usize) -> Option<f64> {
    let number = both.len() as f64;
    let verdicts: BTreeSet<&str> = both.iter().flat_map(|(one, other)| [one.as_str(), other.as_str()]).collect();
    let by_chance: f64 = verdicts
        .iter()
        .map(|verdict| {
            let one = both.iter().filter(|(one, _)| one.as_str() == *verdict).count() as f64;
            let other = both.iter().filter(|(_, other)| other.as_str() == *verdict).count() as f64;
            one * other / (number * number)
        })
        .sum();
    (by_chance < 1.0).then(|| round((agreed as f64 / number - by_chance) / (1.0 - by_chance)))
}

fn probes(report: &Report) -> impl Iterator<Item = &ProbeReport> {
    report.criteria.iter().flat_map(|criterion| &criterion.probes)
}

/// The points of a word in hundredths, for comparing.
fn points(word: &ReviewerWord) -> Option<String> {
    word.points.map(|points| format!("{points:.2}"))
}

/// Whether the word says anything but what the grader did.
fn changes(word: &ReviewerWord) -> bool {
    word.verdict != word.graded_verdict || word.points.is_some_and(|points| round(points) != word.graded_earned)
}

fn apply(probe: &mut ProbeReport, word: &ReviewerWord) {
    if !changes(word) {
        return;
    }
    probe.earned = match (word.verdict, word.points) {
        (verdict, _) if !verdict.applies() => 0.0,
        (_, Some(points)) => round(points.clamp(0.0, probe.points)),
        (Verdict::Pass, None) => probe.points,
        (verdict, None) if verdict == probe.verdict => probe.earned,
        // A partial word that does not say how much is half.
        (Verdict::Partial, None) => round(probe.points / 2.0),
        (_, None) => 0.0,
    };
    probe.verdict = word.verdict;
    if word.verdict != Verdict::Blocked {
        probe.blocked_by = None;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that panics has failed")]
mod tests {
    use grader_model::Level;

    use super::*;
    use crate::testing::{criterion, probe};

    fn report() -> Report {
        let probes =
            [("api.roundtrip", Verdict::Pass), ("api.methods", Verdict::Fail), ("api.versioning", Verdict::Fail)];
        let probes = probes.map(|(id, verdict)| probe(id, Level::Junior, verdict)).to_vec();
        let (earned, possible) = earned_and_possible(10.0, &probes);
        let criteria = serde_json::to_value([grader_model::CriterionReport { earned, possible, ..criterion(probes) }]);
        let mut report: Report = serde_json::from_value(serde_json::json!({
            "schema": "", "tool": {"version": ""}, "outcome": "graded", "fault": null, "criteria": criteria.unwrap(),
            "spec": {"id": "", "title": "", "version": "", "digest": "", "level": "mid"},
            "submission": {"source": "", "commit": "", "tree": "", "seed": 1},
            "score": {"earned": 0, "possible": 0, "percent": 0, "fail_under": null, "passed": null, "if_unblocked": 0},
            "red_flags": [], "matrix": [], "questions": [], "bindings": [], "notes": [],
            "stack": {"services": [], "rewrites": []},
            "timings": {"clone": 0, "build": 0, "up": 0, "probe": 0, "down": 0, "total": 0},
        }))
        .unwrap();
        report.score = total(&report.criteria, None);
        report
    }

    fn word(author: &str, probe: &str, verdict: Verdict, points: Option<f64>) -> ReviewerWord {
        ReviewerWord {
            probe: probe.to_owned(),
            verdict,
            points,
            reason: "seen by hand".to_owned(),
            author: author.to_owned(),
            at: String::new(),
            state: WordState::Applied,
            graded_verdict: Verdict::Fail,
            graded_earned: 0.0,
        }
    }

    #[test]
    fn a_word_moves_the_score_and_keeps_what_was_graded() {
        let mut report = report();
        assert_eq!(report.score.percent, 33.3);
        review(&mut report, vec![word("ann", "api.methods", Verdict::Pass, None)]);
        assert_eq!(report.score.percent, 66.7);
        let kept = &report.overrides[0];
        assert_eq!((kept.state, kept.graded_verdict, kept.graded_earned), (WordState::Applied, Verdict::Fail, 0.0));
    }

    #[test]
    fn points_are_cut_at_what_the_probe_has() {
        for (points, percent) in [(0.5, 50.0), (7.0, 66.7), (-1.0, 33.3)] {
            let mut report = report();
            review(&mut report, vec![word("ann", "api.methods", Verdict::Partial, Some(points))]);
            assert_eq!(report.score.percent, percent, "{points}");
        }
    }

    #[test]
    fn what_does_not_apply_leaves_the_denominator() {
        let mut report = report();
        review(&mut report, vec![word("ann", "api.methods", Verdict::NotApplicable, None)]);
        assert_eq!(report.score.percent, 50.0);
    }

    #[test]
    fn where_reviewers_differ_the_grader_stands() {
        let mut report = report();
        let words = vec![
            word("ann", "api.methods", Verdict::Pass, None),
            word("bob", "api.methods", Verdict::Fail, None),
            word("ann", "api.versioning", Verdict::Pass, None),
            word("bob", "api.versioning", Verdict::Pass, None),
        ];
        review(&mut report, words);
        assert_eq!(report.score.percent, 66.7);
        let states: Vec<WordState> = report.overrides.iter().map(|word| word.state).collect();
        assert_eq!(states, [WordState::Disputed, WordState::Disputed, WordState::Applied, WordState::Applied]);
        let agreement = agreement(&report.overrides);
        assert_eq!((agreement[0].probes, agreement[0].agreed), (2, 1));
        assert_eq!(agreement[0].kappa, Some(0.0));
    }

    #[test]
    fn a_stale_word_and_one_on_an_unknown_probe_change_nothing() {
        let mut report = report();
        let stale = ReviewerWord { state: WordState::Stale, ..word("ann", "api.methods", Verdict::Pass, None) };
        review(&mut report, vec![stale, word("ann", "no.such", Verdict::Pass, None)]);
        assert_eq!(report.score.percent, 33.3);
        assert_eq!(report.overrides.len(), 1);
    }
}
