//! A report sorted the way a reviewer reads it; what HTML, Markdown and the terminal page have in common.
//!
//! Only sorts and adds up: every verdict and every point was decided before.

use std::borrow::Cow;
use std::collections::HashMap;

use grader_model::{CriterionReport, ProbeReport, Report, ReviewerWord, Verdict, WordState};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::number::decimal;
use crate::options::{RenderError, RenderOptions};
use crate::redact::redact;
use crate::text::{block, sentence};

/// A probe with its place in the score. `worth` and `lost` are in points of the whole score, not of the criterion.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ranked<'a> {
    pub(crate) criterion: &'a CriterionReport,
    pub(crate) probe: &'a ProbeReport,
    /// What the probe can earn; 0 for one that does not count.
    pub(crate) worth: f64,
    /// What it did not earn.
    pub(crate) lost: f64,
}

/// The probes that one cause keeps from being observed.
#[derive(Debug)]
pub(crate) struct BlockedGroup<'a> {
    /// The id of the cause; empty when it is not named.
    pub(crate) cause: &'a str,
    pub(crate) probes: Vec<Ranked<'a>>,
    /// Points of the score that lie behind the cause.
    pub(crate) lost: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Digest<'a> {
    /// Defects that cost points, the dearest first.
    pub(crate) findings: Vec<Ranked<'a>>,
    /// Defects from above the level or without points: shown, not charged.
    pub(crate) uncharged: Vec<Ranked<'a>>,
    /// What the grader could not tell.
    pub(crate) undecided: Vec<Ranked<'a>>,
    /// By points that lie behind, the most first.
    pub(crate) blocked: Vec<BlockedGroup<'a>>,
    pub(crate) passed: Vec<Ranked<'a>>,
    pub(crate) not_measured: Vec<Ranked<'a>>,
    pub(crate) not_applicable: Vec<Ranked<'a>>,
}

/// A report that was made fit for its reader, with what an unabridged one is needed for.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) report: Cow<'a, Report>,
    /// Points of the whole score per point inside each criterion, in the report's order. Taken before hidden probes
    /// leave, since the shown ones no longer tell how many points share a criterion's weight.
    shares: Vec<f64>,
}

impl<'a> View<'a> {
    pub(crate) fn new(report: &'a Report, options: &RenderOptions) -> Result<Self, RenderError> {
        let shares = report.criteria.iter().map(share).collect();
        Ok(View { report: redact(report, options)?, shares })
    }

    /// The same view with every text cleaned and bounded, for a format that only escapes.
    pub(crate) fn harmless(&self) -> Result<View<'static>, RenderError> {
        Ok(View { report: Cow::Owned(harmless(&*self.report)?), shares: self.shares.clone() })
    }

    /// Sorts the report.
    pub(crate) fn digest(&self) -> Digest<'_> {
        let mut digest = Digest::default();
        let mut blocked = Vec::new();
        for ranked in self.ranked() {
            match ranked.probe.verdict {
                Verdict::Fail | Verdict::Partial if ranked.lost > 0.0 => digest.findings.push(ranked),
                Verdict::Fail | Verdict::Partial => digest.uncharged.push(ranked),
                Verdict::Inconclusive => digest.undecided.push(ranked),
                Verdict::Blocked => blocked.push(ranked),
                Verdict::Pass => digest.passed.push(ranked),
                Verdict::NotMeasured => digest.not_measured.push(ranked),
                Verdict::NotApplicable => digest.not_applicable.push(ranked),
            }
        }
        // The sorts are stable: what costs the same stays in the report's order.
        digest.findings.sort_by(|a, b| b.lost.total_cmp(&a.lost));
        digest.blocked = group(&self.report, blocked);
        digest
    }

    /// Every shown probe in the report's order.
    pub(crate) fn ranked(&self) -> impl Iterator<Item = Ranked<'_>> {
        self.report.criteria.iter().zip(&self.shares).flat_map(|(criterion, share)| {
            criterion.probes.iter().map(move |probe| {
                let share = if in_denominator(probe) { *share } else { 0.0 };
                let missing = (probe.points - probe.earned).max(0.0);
                Ranked { criterion, probe, worth: probe.points * share, lost: missing * share }
            })
        })
    }
}

/// Whether a diff says more than expected and actual beside each other: not for two short values.
pub(crate) fn needs_diff(probe: &ProbeReport) -> bool {
    let long = |text: &str| text.is_empty() || text.len() > 160 || text.contains(['\n', '{', '[']);
    !probe.diff.is_empty() && (long(&probe.expected) || long(&probe.actual))
}

/// What a reviewer's word changes: from the grader's verdict to theirs, with the points where they name them.
pub(crate) fn override_change(word: &ReviewerWord) -> String {
    let verdict = |verdict: Verdict| verdict.as_str().replace('_', " ");
    let points = word.points.map_or(String::new(), |points| format!(" with {} points", decimal(points)));
    if word.verdict == word.graded_verdict {
        return format!("{} agreed{points}", verdict(word.verdict));
    }
    format!("{} → {}{points}", verdict(word.graded_verdict), verdict(word.verdict))
}

pub(crate) fn word_state(state: WordState) -> &'static str {
    match state {
        WordState::Applied => "applied",
        WordState::Stale => "stale: said of other evidence",
        WordState::Disputed => "disputed: the grader’s verdict stands",
    }
}

/// The same document with every text cleaned and bounded.
pub(crate) fn harmless<T: Serialize + DeserializeOwned>(document: &T) -> Result<T, RenderError> {
    let mut value = serde_json::to_value(document)?;
    clean_value(&mut value);
    Ok(serde_json::from_value(value)?)
}

fn clean_value(value: &mut Value) {
    match value {
        Value::String(text) => *text = block(text),
        Value::Array(items) => items.iter_mut().for_each(clean_value),
        // Names of submitted fields are keys of `Binding::fields`.
        Value::Object(members) => {
            *members = std::mem::take(members)
                .into_iter()
                .map(|(name, mut member)| {
                    clean_value(&mut member);
                    (sentence(&name), member)
                })
                .collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn in_denominator(probe: &ProbeReport) -> bool {
    probe.counts && probe.verdict.applies()
}

fn share(criterion: &CriterionReport) -> f64 {
    let points: f64 = criterion.probes.iter().filter(|probe| in_denominator(probe)).map(|probe| probe.points).sum();
    if points > 0.0 { criterion.possible / points } else { 0.0 }
}

fn group<'a>(report: &'a Report, blocked: Vec<Ranked<'a>>) -> Vec<BlockedGroup<'a>> {
    let causes: HashMap<&str, &str> = report
        .criteria
        .iter()
        .flat_map(|criterion| &criterion.probes)
        .filter(|probe| probe.verdict == Verdict::Blocked)
        .filter_map(|probe| Some((probe.id.as_str(), probe.blocked_by.as_deref()?)))
        .collect();
    let mut groups: Vec<BlockedGroup<'a>> = Vec::new();
    for ranked in blocked {
        let cause = root(&causes, ranked.probe.blocked_by.as_deref().unwrap_or_default());
        let index = groups.iter().position(|group| group.cause == cause).unwrap_or_else(|| {
            groups.push(BlockedGroup { cause, probes: Vec::new(), lost: 0.0 });
            groups.len() - 1
        });
        groups[index].lost += ranked.lost;
        groups[index].probes.push(ranked);
    }
    groups.sort_by(|a, b| b.lost.total_cmp(&a.lost));
    groups
}

/// Follows causes that are blocked themselves to the finding that started it.
fn root<'a>(causes: &HashMap<&'a str, &'a str>, cause: &'a str) -> &'a str {
    let mut cause = cause;
    // A report that blocks in a circle must not hang a renderer.
    for _ in 0..causes.len() {
        match causes.get(cause) {
            Some(next) => cause = next,
            None => break,
        }
    }
    cause
}
