//! A comparison as one self-contained page; and the words that its other forms share.

use askama::Template;

use super::{Change, Comparison, Movement, Side};
use crate::html::words;
use crate::options::RenderError;

/// The page. Field names are those that the template uses.
#[derive(Template)]
#[template(path = "comparison.html", whitespace = "minimize")]
struct Page<'a> {
    comparison: &'a Comparison,
    groups: Vec<(&'static str, Vec<&'a Change>)>,
    /// Without a page around it.
    bare: bool,
}

pub(super) fn render(comparison: &Comparison, bare: bool) -> Result<String, RenderError> {
    let comparison = crate::digest::harmless(comparison)?;
    Ok(Page { groups: groups(&comparison.changes), comparison: &comparison, bare }.render()?)
}

impl Page<'_> {
    fn signed(&self, points: &f64) -> String {
        super::terminal::signed(*points)
    }

    /// The class of a figure's colour.
    fn tone(&self, points: &f64) -> &'static str {
        match *points {
            points if points > 0.0 => "good",
            points if points < 0.0 => "bad",
            _ => "quiet",
        }
    }

    /// A criterion's share as percent of its bar's width.
    fn share(&self, earned: &super::Earned) -> f64 {
        if earned.possible > 0.0 { (earned.earned * 100.0 / earned.possible).clamp(0.0, 100.0) } else { 0.0 }
    }

    fn place(&self, side: &Side) -> String {
        place(side)
    }

    fn verdicts(&self, change: &Change) -> String {
        verdicts(change)
    }
}

/// The changes under their headings; empty groups are left out.
pub(super) fn groups(changes: &[Change]) -> Vec<(&'static str, Vec<&Change>)> {
    let of =
        |heading, wanted: &dyn Fn(&Change) -> bool| (heading, changes.iter().filter(|change| wanted(change)).collect());
    let mut groups: Vec<(&'static str, Vec<&Change>)> = vec![
        of("Appeared and worse", &|change| change.movement.is_loss()),
        of("No longer told", &|change| change.movement == Movement::Obscured),
        of("Still there, seen otherwise", &|change| change.movement == Movement::Altered),
        of("Mended and better", &|change| {
            matches!(change.movement, Movement::Better | Movement::Shown | Movement::Gone)
        }),
    ];
    groups.retain(|(_, changes)| !changes.is_empty());
    groups
}

/// Where a run's tree came from.
pub(super) fn place(side: &Side) -> String {
    match side.commit.is_empty() {
        true => side.source.clone(),
        false => format!("{} at {}", side.source, side.commit.chars().take(12).collect::<String>()),
    }
}

/// Both verdicts in a reader's words.
pub(super) fn verdicts(change: &Change) -> String {
    let word = |verdict: Option<grader_model::Verdict>| verdict.as_ref().map_or("not in this run", words::verdict_word);
    format!("{} → {}", word(change.before), word(change.after))
}
