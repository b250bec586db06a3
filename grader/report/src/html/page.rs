//! What the HTML templates print that is more than a field of the report: bars, slices of time, groups.

use askama::Template;
use grader_model::{Evidence, Fault, Level, Note, Outcome, ProbeReport, Report, Verdict, WordState};

use super::words;
use crate::digest::{BlockedGroup, Digest, Ranked, View};
use crate::options::RenderOptions;
use crate::text::LINES;

/// The page. Field names are those that the templates use.
#[derive(Template)]
#[template(path = "report.html", whitespace = "minimize")]
pub(super) struct Page<'a> {
    report: &'a Report,
    digest: Digest<'a>,
    reviewer: bool,
    /// Whether hidden probes are left out.
    abridged: bool,
    scored: bool,
    bars: Vec<Bar<'a>>,
    /// Notes that hold a line for the bindings file.
    asks: Vec<&'a Note>,
    notes: Vec<&'a Note>,
    faults: Vec<&'a Fault>,
    slices: Vec<Slice>,
    passed: Vec<Group<'a>>,
    reproduce: String,
    bare: bool,
    review: Option<&'a str>,
}

/// Where the report is shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shown<'a> {
    /// Without a page around it.
    pub(super) bare: bool,
    /// Where a reviewer says a word on a probe, whose id is put behind it; absent where nobody can.
    pub(super) review: Option<&'a str>,
}

/// One criterion's bar; the lengths are percent of its width.
struct Bar<'a> {
    title: &'a str,
    weight: f64,
    earned: f64,
    possible: f64,
    filled: f64,
    /// What lies behind another finding, drawn after `filled`.
    blocked: f64,
    passed: usize,
    applicable: usize,
}

/// A stage of the run; `start` and `length` are percent of the whole.
struct Slice {
    name: &'static str,
    millis: u64,
    start: f64,
    length: f64,
}

/// Probes under their criterion.
struct Group<'a> {
    title: &'a str,
    probes: Vec<Ranked<'a>>,
}

impl<'a> Page<'a> {
    pub(super) fn new(view: &'a View<'_>, options: &RenderOptions, shown: Shown<'a>) -> Self {
        let report: &Report = &view.report;
        let digest = view.digest();
        let (asks, notes) = report.notes.iter().partition(|note| !note.ask.is_empty());
        Page {
            bars: bars(report, &digest),
            asks,
            notes,
            faults: report.fault.iter().flat_map(|fault| std::iter::once(fault).chain(&fault.also)).collect(),
            slices: slices(report),
            passed: by_criterion(&digest.passed),
            reproduce: crate::reproduce::command(report),
            reviewer: options.reviewer(),
            bare: shown.bare,
            review: shown.review,
            abridged: options.hides(),
            scored: matches!(report.outcome, Outcome::Graded | Outcome::DoesNotStart),
            report,
            digest,
        }
    }

    /// Whether something must be seen before the score is believed.
    fn needs_a_person(&self) -> bool {
        !self.faults.is_empty() || (self.reviewer && !(self.asks.is_empty() && self.digest.undecided.is_empty()))
    }

    fn has_stack(&self) -> bool {
        !(self.report.stack.services.is_empty() && self.report.stack.rewrites.is_empty())
    }

    /// The summary of the finding that a group lies behind.
    fn cause(&self, group: &BlockedGroup<'_>) -> Option<&ProbeReport> {
        self.report.criteria.iter().flat_map(|criterion| &criterion.probes).find(|probe| probe.id == group.cause)
    }

    fn outcome(&self) -> &'static str {
        match self.report.outcome {
            Outcome::Graded => "Graded",
            Outcome::DoesNotStart => "The submission does not start",
            Outcome::Refused => "Refused by the sandbox’s policy",
            Outcome::NotGraded => "Not graded",
        }
    }

    fn commit(&self) -> String {
        self.report.submission.commit.chars().take(12).collect()
    }
}

fn bars<'a>(report: &'a Report, digest: &Digest<'_>) -> Vec<Bar<'a>> {
    report
        .criteria
        .iter()
        .map(|criterion| {
            let percent = |points: f64| {
                let share = if criterion.possible > 0.0 { points / criterion.possible } else { 0.0 };
                // A bar ends at its ends whatever a report says.
                (share * 100.0).clamp(0.0, 100.0)
            };
            let behind = digest.blocked.iter().flat_map(|group| &group.probes);
            let behind: f64 = behind.filter(|r| std::ptr::eq(r.criterion, criterion)).map(|r| r.lost).sum();
            let filled = percent(criterion.earned);
            let counted = |verdicts: &[Verdict]| {
                criterion.probes.iter().filter(|probe| probe.counts && verdicts.contains(&probe.verdict)).count()
            };
            Bar {
                title: &criterion.title,
                weight: criterion.weight,
                earned: criterion.earned,
                possible: criterion.possible,
                filled,
                blocked: percent(behind).min(100.0 - filled),
                passed: counted(&[Verdict::Pass]),
                applicable: counted(&[Verdict::Pass, Verdict::Partial, Verdict::Fail, Verdict::Blocked]),
            }
        })
        .collect()
}

fn slices(report: &Report) -> Vec<Slice> {
    let timings = &report.timings;
    let stages = [
        ("clone", timings.clone),
        ("build", timings.build),
        ("start", timings.up),
        ("probes", timings.probe),
        ("teardown", timings.down),
    ];
    let sum: u64 = stages.iter().map(|(_, millis)| millis).sum();
    let whole = sum.max(timings.total).max(1) as f64;
    let mut start = 0.0;
    stages
        .into_iter()
        .map(|(name, millis)| {
            let length = millis as f64 * 100.0 / whole;
            start += length;
            Slice { name, millis, start: start - length, length }
        })
        .collect()
}

fn by_criterion<'a>(probes: &[Ranked<'a>]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for ranked in probes {
        match groups.last_mut() {
            Some(group) if std::ptr::eq(group.probes[0].criterion, ranked.criterion) => group.probes.push(*ranked),
            _ => groups.push(Group { title: &ranked.criterion.title, probes: vec![*ranked] }),
        }
    }
    groups
}
