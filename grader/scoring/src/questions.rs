//! Which questions of the bank an interview should start with: for each area those that begin where the evidence stopped.
//!
//! - After defects: the dearest finding of an area first, one question each; a finding is asked about once.
//! - Where nothing was found: a question that goes on from what passed, at the highest level that holds.
//! - No more than an interview has time for.
//!
//! Chosen by the evidence alone: the level that a report is graded for changes nothing, nor does the seed.

use std::collections::HashSet;

use grader_model::{AREAS, CriterionReport, Level, MatrixCell, ProbeReport, Question, Verdict};
use grader_spec::{Asked, BankQuestion, QuestionBank, Words};

use crate::matrix::speaks_for;

/// Questions of one area after defects.
const EACH: usize = 2;
/// Questions altogether; an hour has room for no more.
const MOST: usize = 14;

/// The questions for graded criteria and their matrix, by area in the matrix' order.
pub fn questions(
    bank: &QuestionBank,
    words: &Words,
    criteria: &[CriterionReport],
    matrix: &[MatrixCell],
) -> Vec<Question> {
    let chooser = Chooser { bank, words, criteria };
    let mut asked: HashSet<&str> = HashSet::new();
    let mut told: HashSet<&str> = HashSet::new();
    let mut chosen = Vec::new();
    for area in AREAS {
        let cell = matrix.iter().find(|cell| cell.area == area);
        let stopped = cell.and_then(|cell| cell.stopped_at);
        let after = chooser.after_findings(area, stopped, &mut asked, &mut told);
        if after.is_empty() && cell.is_some_and(|cell| cell.level.is_some()) {
            chosen.extend(chooser.after_passes(area, &mut asked));
        }
        chosen.extend(after);
    }
    chosen.truncate(MOST);
    chosen
}

struct Chooser<'a> {
    bank: &'a QuestionBank,
    words: &'a Words,
    criteria: &'a [CriterionReport],
}

impl<'a> Chooser<'a> {
    fn probes(&self) -> impl Iterator<Item = (&'a CriterionReport, &'a ProbeReport)> {
        self.criteria.iter().flat_map(|criterion| criterion.probes.iter().map(move |probe| (criterion, probe)))
    }

    fn probe(&self, id: &str) -> Option<&'a ProbeReport> {
        self.probes().map(|(_, probe)| probe).find(|probe| probe.id == id)
    }

    /// Defects of an area, those of the level where it stopped first and among them the dearest first.
    fn defects(&self, area: &str, stopped: Option<Level>) -> Vec<&'a ProbeReport> {
        let mut defects: Vec<(&CriterionReport, &ProbeReport)> =
            self.probes().filter(|(_, probe)| probe.verdict.is_negative() && speaks_for(area, &probe.id)).collect();
        let lost = |(criterion, probe): &(&CriterionReport, &ProbeReport)| {
            // By weight in the whole: what the probe lost of all that its criterion's measured points share.
            let points: f64 = criterion.probes.iter().filter(|p| p.verdict.applies()).map(|p| p.points).sum();
            criterion.weight * (probe.points - probe.earned) / points.max(probe.points)
        };
        defects.sort_by(|a, b| {
            let elsewhere = |probe: &ProbeReport| stopped.is_some_and(|level| probe.level != level);
            elsewhere(a.1).cmp(&elsewhere(b.1)).then(lost(b).total_cmp(&lost(a)))
        });
        defects.into_iter().map(|(_, probe)| probe).collect()
    }

    fn after_findings(
        &self,
        area: &str,
        stopped: Option<Level>,
        asked: &mut HashSet<&'a str>,
        told: &mut HashSet<&'a str>,
    ) -> Vec<Question> {
        let mut chosen = Vec::new();
        for defect in self.defects(area, stopped) {
            if chosen.len() >= EACH {
                break;
            }
            if told.contains(defect.id.as_str()) {
                continue;
            }
            let fitting = self.bank.questions.iter().filter(|question| {
                question.asked == Asked::Finding
                    && question.area == area
                    && question.probes.contains(&defect.id)
                    && !asked.contains(question.id.as_str())
            });
            let Some((question, filled)) = self.first_that_fits(fitting) else { continue };
            asked.insert(&question.id);
            // The defects that one question is about are talked about together.
            let because: Vec<&ProbeReport> = question
                .probes
                .iter()
                .filter_map(|id| self.probe(id))
                .filter(|probe| probe.verdict.is_negative() && !told.contains(probe.id.as_str()))
                .collect();
            told.extend(because.iter().map(|probe| probe.id.as_str()));
            chosen.push(Question {
                seen: defect.summary.clone(),
                because: because.iter().map(|probe| probe.id.clone()).collect(),
                ..filled
            });
        }
        chosen
    }

    /// One question that goes on from what passed, at the highest level that has one.
    fn after_passes(&self, area: &str, asked: &mut HashSet<&'a str>) -> Option<Question> {
        let grounds = |question: &BankQuestion| -> Vec<String> {
            let measured: Vec<&ProbeReport> = question
                .probes
                .iter()
                .filter_map(|id| self.probe(id))
                .filter(|probe| probe.verdict.applies())
                .collect();
            let passed = measured.iter().all(|probe| probe.verdict == Verdict::Pass);
            // A question says what was seen, and its first probe is the one that sees it.
            let premise = measured.first().is_some_and(|probe| Some(&probe.id) == question.probes.first());
            if passed && premise { measured.iter().map(|probe| probe.id.clone()).collect() } else { Vec::new() }
        };
        let mut fitting: Vec<&'a BankQuestion> = self
            .bank
            .questions
            .iter()
            .filter(|question| {
                question.asked == Asked::Pass
                    && question.area == area
                    && !asked.contains(question.id.as_str())
                    && !grounds(question).is_empty()
            })
            .collect();
        fitting.sort_by_key(|question| std::cmp::Reverse(question.level));
        let (question, filled) = self.first_that_fits(fitting.into_iter())?;
        asked.insert(&question.id);
        Some(Question { because: grounds(question), ..filled })
    }

    /// The first question whose words the assessment has, with its places filled in.
    fn first_that_fits(
        &self,
        questions: impl Iterator<Item = &'a BankQuestion>,
    ) -> Option<(&'a BankQuestion, Question)> {
        questions.into_iter().find_map(|question| {
            let filled = Question {
                area: question.area.clone(),
                level: question.level,
                question: self.words.fill(&question.question)?,
                seen: String::new(),
                strong: self.words.fill(&question.strong)?,
                weak: self.words.fill(&question.weak)?,
                because: Vec::new(),
            };
            Some((question, filled))
        })
    }
}

#[cfg(test)]
mod tests {
    use grader_spec::{load_named, load_questions};

    use super::*;
    use crate::matrix;
    use crate::testing::{criterion, probe};

    fn asked(probes: Vec<ProbeReport>) -> Vec<Question> {
        let words = Words::of(&load_named("bookstore").expect("a sound spec").spec);
        let criteria = [criterion(probes)];
        questions(&load_questions().expect("a sound bank"), &words, &criteria, &matrix(&criteria))
    }

    #[test]
    fn a_finding_leads_to_its_question() {
        let questions = asked(vec![
            probe("api.methods", Level::Junior, Verdict::Pass),
            probe("api.pagination.bounded", Level::Mid, Verdict::Fail),
        ]);
        assert_eq!(questions.len(), 1);
        assert_eq!(questions[0].because, ["api.pagination.bounded"]);
        assert!(questions[0].question.contains("books") && !questions[0].question.contains('{'));
        assert!(!questions[0].seen.is_empty() && !questions[0].weak.is_empty());
    }

    #[test]
    fn what_passed_is_asked_further_and_what_was_not_measured_is_not() {
        let questions = asked(vec![
            probe("auth.token.expiry", Level::Mid, Verdict::Pass),
            probe("auth.token.secret", Level::Mid, Verdict::NotMeasured),
            probe("db.transactions", Level::Mid, Verdict::NotMeasured),
        ]);
        assert_eq!(questions.len(), 1);
        assert_eq!((questions[0].area.as_str(), questions[0].because.len()), ("Security", 1));
        assert!(questions[0].seen.is_empty());
        // "The description is served and fits" is not said of one that nobody looked at.
        let questions = asked(vec![
            probe("api.openapi", Level::Mid, Verdict::NotMeasured),
            probe("api.versioning", Level::Mid, Verdict::Pass),
        ]);
        assert!(questions.is_empty(), "{questions:?}");
    }

    #[test]
    fn one_cause_is_asked_about_once() {
        let questions = asked(vec![
            probe("auth.rate-limit", Level::Mid, Verdict::Fail),
            probe("auth.rate-limit.scope", Level::Mid, Verdict::Fail),
            probe("auth.rate-limit.retry-after", Level::Mid, Verdict::Blocked),
        ]);
        assert_eq!(questions.len(), 1);
        assert_eq!(questions[0].because, ["auth.rate-limit", "auth.rate-limit.scope"]);
    }

    #[test]
    fn the_stop_comes_before_dearer_findings_of_other_levels() {
        let mut dear = probe("auth.enumeration", Level::Mid, Verdict::Fail);
        dear.points = 9.0;
        let questions = asked(vec![probe("auth.object-access", Level::Junior, Verdict::Fail), dear]);
        assert_eq!(questions[0].because, ["auth.object-access"]);
        assert_eq!(questions[1].because, ["auth.enumeration"]);
    }

    #[test]
    fn no_interview_is_longer_than_an_hour() {
        let everything =
            grader_model::CATALOGUE.iter().map(|entry| probe(entry.id, entry.level, Verdict::Fail)).collect();
        let questions = asked(everything);
        assert_eq!(questions.len(), MOST);
        let areas: HashSet<&str> = questions.iter().map(|question| question.area.as_str()).collect();
        assert_eq!(areas.len(), AREAS.len());
    }
}
