//! Two runs held against each other: points won and lost, findings that appeared and went, what kept either from being
//! told. Two attempts of one candidate or two candidates, as long as the same assessment was graded.
//!
//! Pure, and blind to what a reader may not see: both reports are made fit for their reader first.

mod code;
mod markdown;
mod page;
mod terminal;

use std::collections::HashMap;
use std::str::FromStr;

use grader_model::{CriterionReport, Level, Outcome, ProbeReport, RedFlag, Report, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::code::{CodeChange, FileChange, FileChangeKind, code_change};
use crate::diff::text_diff;
use crate::digest::View;
use crate::number::decimal;
use crate::options::{RenderError, RenderOptions};

/// The value of `schema` in every comparison of this shape.
pub const COMPARISON_SCHEMA: &str = "grader.comparison/1";

/// What lies between two runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// Always [`COMPARISON_SCHEMA`].
    pub schema: String,
    pub before: Side,
    pub after: Side,
    /// Percent won, negative when lost; 0 unless both runs are scored.
    pub percent: f64,
    /// Why the difference of the points is not all the submissions' doing; empty when both were graded alike.
    pub unlike: Vec<String>,
    pub criteria: Vec<CriterionChange>,
    /// What changed, the dearest loss first and the greatest gain last.
    pub changes: Vec<Change>,
    /// Points that changed without any verdict changing: other probes entered or left a criterion.
    pub shifted: f64,
    /// Probes of which both runs say the same.
    pub unchanged: usize,
    /// Titles of red flags that only the later run raises.
    pub flags_raised: Vec<String>,
    /// Titles of red flags that only the earlier run raises.
    pub flags_gone: Vec<String>,
    /// What changed in the tree; absent when the trees were not at hand.
    pub code: Option<CodeChange>,
}

/// One of the two runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Side {
    pub source: String,
    pub commit: String,
    pub tree: String,
    pub spec: String,
    pub version: String,
    pub level: Level,
    pub outcome: Outcome,
    /// Absent for a run that was not scored.
    pub percent: Option<f64>,
    pub earned: f64,
    pub possible: f64,
}

/// A criterion of either run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CriterionChange {
    pub id: String,
    pub title: String,
    pub before: Earned,
    pub after: Earned,
    /// Points won, negative when lost.
    pub points: f64,
}

/// Points of a criterion in one run; nothing possible where nothing was measured or the run has no such criterion.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Earned {
    pub earned: f64,
    pub possible: f64,
}

impl std::fmt::Display for Earned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.possible > 0.0 {
            true => write!(f, "{} of {}", decimal(self.earned), decimal(self.possible)),
            false => f.write_str("not measured"),
        }
    }
}

/// How a probe's finding moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    /// A defect that the earlier run did not show.
    Appeared,
    /// A defect still, and a greater one.
    Worse,
    /// Told before; the later run cannot tell or does not ask.
    Obscured,
    /// A defect of the same weight that shows otherwise.
    Altered,
    /// A defect still, and a smaller one.
    Better,
    /// Not told before; demonstrated now.
    Shown,
    /// A defect that is mended.
    Gone,
}

impl Movement {
    /// As a reader sees it.
    pub fn word(self) -> &'static str {
        match self {
            Movement::Appeared => "appeared",
            Movement::Worse => "worse",
            Movement::Obscured => "no longer told",
            Movement::Altered => "altered",
            Movement::Better => "better",
            Movement::Shown => "now shown",
            Movement::Gone => "mended",
        }
    }

    /// Whether it speaks against the later run.
    pub fn is_loss(self) -> bool {
        matches!(self, Movement::Appeared | Movement::Worse)
    }
}

/// A probe whose finding is another in the later run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    pub probe: String,
    /// The criterion's title.
    pub criterion: String,
    pub movement: Movement,
    /// Absent where the run has no such probe.
    pub before: Option<Verdict>,
    pub after: Option<Verdict>,
    /// Points of the whole score won, negative when lost.
    pub points: f64,
    /// What the earlier run saw.
    pub was: String,
    /// What the later run saw.
    pub is: String,
    /// What both ask for, where they say so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub expected: String,
    /// Unified diff of what each saw, where both say it as a value.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub diff: String,
}

/// The forms that a comparison can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ComparisonFormat {
    Terminal,
    Json,
    Markdown,
    Html,
}

impl ComparisonFormat {
    pub const ALL: [ComparisonFormat; 4] =
        [ComparisonFormat::Terminal, ComparisonFormat::Json, ComparisonFormat::Markdown, ComparisonFormat::Html];

    /// The name as the command line spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            ComparisonFormat::Terminal => "terminal",
            ComparisonFormat::Json => "json",
            ComparisonFormat::Markdown => "markdown",
            ComparisonFormat::Html => "html",
        }
    }
}

impl std::fmt::Display for ComparisonFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A form's name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a comparison cannot be written as {name:?}; there are terminal, json, markdown and html")]
pub struct UnknownComparisonFormat {
    pub name: String,
}

impl FromStr for ComparisonFormat {
    type Err = UnknownComparisonFormat;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        ComparisonFormat::ALL
            .into_iter()
            .find(|format| format.as_str() == name)
            .ok_or_else(|| UnknownComparisonFormat { name: name.to_owned() })
    }
}

/// Compares two runs for the reader that `options` names.
///
/// # Errors
/// [`RenderError`] where a report does not fit JSON.
pub fn compare(before: &Report, after: &Report, options: &RenderOptions) -> Result<Comparison, RenderError> {
    let (view_before, view_after) = (View::new(before, options)?, View::new(after, options)?);
    let was: HashMap<&str, Worth<'_>> =
        view_before.ranked().map(|ranked| (ranked.probe.id.as_str(), worth(&ranked))).collect();
    let is: HashMap<&str, Worth<'_>> =
        view_after.ranked().map(|ranked| (ranked.probe.id.as_str(), worth(&ranked))).collect();
    let mut comparison = Comparison {
        schema: COMPARISON_SCHEMA.to_owned(),
        percent: match (percent(before), percent(after)) {
            (Some(before), Some(after)) => round(after - before),
            _ => 0.0,
        },
        unlike: unlike(before, after),
        before: side(&view_before.report),
        after: side(&view_after.report),
        criteria: criteria(&view_before.report, &view_after.report),
        changes: Vec::new(),
        shifted: 0.0,
        unchanged: 0,
        flags_raised: flags(&view_after.report.red_flags, &view_before.report.red_flags),
        flags_gone: flags(&view_before.report.red_flags, &view_after.report.red_flags),
        code: None,
    };
    // In the later run's order, then what only the earlier one has.
    let ids =
        view_after.ranked().chain(view_before.ranked().filter(|ranked| !is.contains_key(ranked.probe.id.as_str())));
    for id in ids.map(|ranked| ranked.probe.id.as_str()) {
        let (was, is) = (was.get(id), is.get(id));
        let points = is.map_or(0.0, |worth| worth.earned) - was.map_or(0.0, |worth| worth.earned);
        match movement(was.map(|worth| worth.probe), is.map(|worth| worth.probe)) {
            Some(movement) => comparison.changes.push(change(id, movement, points, was, is)),
            None => {
                comparison.unchanged += 1;
                comparison.shifted += points;
            }
        }
    }
    comparison.shifted = round(comparison.shifted);
    comparison.changes.sort_by(|a, b| rank(a).0.cmp(&rank(b).0).then(rank(a).1.total_cmp(&rank(b).1)));
    Ok(comparison)
}

/// Writes a comparison. The same comparison and options always give the same bytes.
///
/// # Errors
/// [`RenderError`] names the format whose writer failed.
pub fn render_comparison(
    comparison: &Comparison,
    format: ComparisonFormat,
    options: &RenderOptions,
) -> Result<String, RenderError> {
    match format {
        ComparisonFormat::Json => {
            let mut json = crate::json::inert(&serde_json::to_string_pretty(comparison)?);
            json.push('\n');
            Ok(json)
        }
        ComparisonFormat::Terminal => Ok(terminal::render(comparison, options)),
        ComparisonFormat::Markdown => Ok(markdown::render(comparison)),
        ComparisonFormat::Html => page::render(comparison, false),
    }
}

/// A comparison as HTML without a page around it, for a page of somebody's own that has [`crate::STYLE`]. Everything is
/// escaped; no script, no style of its own.
///
/// # Errors
/// [`RenderError`].
pub fn comparison_fragment(comparison: &Comparison) -> Result<String, RenderError> {
    page::render(comparison, true)
}

/// A probe with the points of the whole score that it earned.
struct Worth<'a> {
    probe: &'a ProbeReport,
    criterion: &'a CriterionReport,
    earned: f64,
}

fn worth<'a>(ranked: &crate::digest::Ranked<'a>) -> Worth<'a> {
    Worth { probe: ranked.probe, criterion: ranked.criterion, earned: ranked.worth - ranked.lost }
}

/// Losses first, by points; gains last, by points.
fn rank(change: &Change) -> (u8, f64) {
    let group = match change.movement {
        _ if change.points < 0.0 => 0,
        Movement::Appeared | Movement::Worse => 1,
        Movement::Obscured => 2,
        Movement::Altered => 3,
        Movement::Better | Movement::Shown | Movement::Gone => 4,
    };
    (group, change.points)
}

fn change(id: &str, movement: Movement, points: f64, was: Option<&Worth<'_>>, is: Option<&Worth<'_>>) -> Change {
    let text = |worth: Option<&Worth<'_>>, field: fn(&ProbeReport) -> &String| {
        worth.map(|worth| field(worth.probe).clone()).unwrap_or_default()
    };
    let either = is.or(was);
    let (expected_was, expected_is) = (text(was, |probe| &probe.expected), text(is, |probe| &probe.expected));
    Change {
        probe: id.to_owned(),
        criterion: either.map(|worth| worth.criterion.title.clone()).unwrap_or_default(),
        movement,
        before: was.map(|worth| worth.probe.verdict),
        after: is.map(|worth| worth.probe.verdict),
        points: round(points),
        was: text(was, |probe| &probe.summary),
        is: text(is, |probe| &probe.summary),
        diff: text_diff(&text(was, |probe| &probe.actual), &text(is, |probe| &probe.actual)),
        expected: if expected_is.is_empty() { expected_was } else { expected_is },
    }
}

/// How a finding moved; `None` when both runs say the same.
fn movement(was: Option<&ProbeReport>, is: Option<&ProbeReport>) -> Option<Movement> {
    let told = |probe: Option<&ProbeReport>| {
        probe.is_some_and(|probe| matches!(probe.verdict, Verdict::Pass | Verdict::Partial | Verdict::Fail))
    };
    let negative = |probe: Option<&ProbeReport>| probe.is_some_and(|probe| probe.verdict.is_negative());
    match (told(was), told(is)) {
        (true, false) => Some(Movement::Obscured),
        (false, true) => Some(if negative(is) { Movement::Appeared } else { Movement::Shown }),
        (false, false) => None,
        (true, true) => match (negative(was), negative(is)) {
            (false, false) => None,
            (false, true) => Some(Movement::Appeared),
            (true, false) => Some(Movement::Gone),
            (true, true) => between_defects(was?, is?),
        },
    }
}

fn between_defects(was: &ProbeReport, is: &ProbeReport) -> Option<Movement> {
    let fraction = |probe: &ProbeReport| if probe.points > 0.0 { probe.earned / probe.points } else { 0.0 };
    let (before, after) = (round(fraction(was)), round(fraction(is)));
    if after > before {
        Some(Movement::Better)
    } else if after < before {
        Some(Movement::Worse)
    } else {
        let says = |probe: &ProbeReport| (probe.summary.clone(), probe.actual.clone());
        (says(was) != says(is)).then_some(Movement::Altered)
    }
}

fn criteria(before: &Report, after: &Report) -> Vec<CriterionChange> {
    let earned = |criterion: Option<&CriterionReport>| {
        criterion
            .map_or(Earned::default(), |criterion| Earned { earned: criterion.earned, possible: criterion.possible })
    };
    let of = |report: &Report, id: &str| earned(report.criteria.iter().find(|criterion| criterion.id == id));
    let only_before = before.criteria.iter().filter(|was| after.criteria.iter().all(|is| is.id != was.id));
    after
        .criteria
        .iter()
        .chain(only_before)
        .map(|criterion| {
            let (was, is) = (of(before, &criterion.id), of(after, &criterion.id));
            CriterionChange {
                id: criterion.id.clone(),
                title: criterion.title.clone(),
                before: was,
                after: is,
                points: round(is.earned - was.earned),
            }
        })
        .collect()
}

fn flags(of: &[RedFlag], not_in: &[RedFlag]) -> Vec<String> {
    of.iter().filter(|flag| not_in.iter().all(|other| other.id != flag.id)).map(|flag| flag.title.clone()).collect()
}

fn side(report: &Report) -> Side {
    Side {
        source: report.submission.source.clone(),
        commit: report.submission.commit.clone(),
        tree: report.submission.tree.clone(),
        spec: report.spec.id.clone(),
        version: report.spec.version.clone(),
        level: report.spec.level,
        outcome: report.outcome,
        percent: percent(report),
        earned: report.score.earned,
        possible: report.score.possible,
    }
}

fn percent(report: &Report) -> Option<f64> {
    matches!(report.outcome, Outcome::Graded | Outcome::DoesNotStart).then_some(report.score.percent)
}

fn unlike(before: &Report, after: &Report) -> Vec<String> {
    let mut reasons = Vec::new();
    for (which, report) in [("earlier", before), ("later", after)] {
        match report.outcome {
            Outcome::Refused => reasons.push(format!("The {which} run was refused by the sandbox's policy.")),
            Outcome::NotGraded => {
                reasons.push(format!("The {which} run was not graded: the grader's or its machine's fault."))
            }
            Outcome::Graded | Outcome::DoesNotStart => {}
        }
    }
    let (was, is) = (&before.spec, &after.spec);
    if was.id != is.id {
        reasons.push(format!("The assessments differ: {} and {}.", was.id, is.id));
    } else if was.digest != is.digest {
        reasons.push(format!("The assessment has changed in between: {} and {}.", was.version, is.version));
    }
    if was.level != is.level {
        reasons.push(format!("The levels differ: {} and {}.", was.level, is.level));
    }
    if before.tool.version != after.tool.version {
        reasons.push(format!("The graders differ: {} and {}.", before.tool.version, after.tool.version));
    }
    reasons
}

fn round(value: f64) -> f64 {
    let rounded = (value * 100.0).round() / 100.0;
    // A negative nothing would be written with its sign.
    if rounded == 0.0 { 0.0 } else { rounded }
}
