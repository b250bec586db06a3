//! A comparison as a page of text.

use super::{Change, Comparison, FileChangeKind};
use crate::number::{count, decimal};
use crate::options::RenderOptions;
use crate::terminal::paint::{Page, Style};

/// Changed files that are listed.
const FILES: usize = 30;

pub(super) fn render(comparison: &Comparison, options: &RenderOptions) -> String {
    let mut page = Page::new(options.width, options.color);
    let (before, after) = (&comparison.before, &comparison.after);
    for (word, side) in [("before", before), ("after", after)] {
        let score = side.percent.map_or("not scored".to_owned(), |percent| format!("{} %", decimal(percent)));
        page.columns(Style::Bold, &format!("{word:<7} {score:>8}"), &super::page::place(side));
    }
    page.blank();
    if before.percent.is_some() && after.percent.is_some() {
        page.line(style(comparison.percent), &format!("{} percentage points", signed(comparison.percent)));
    }
    for reason in &comparison.unlike {
        page.item(Style::Warn, "!", reason);
    }
    if !comparison.criteria.is_empty() {
        page.heading("Criteria");
        for criterion in &comparison.criteria {
            let figures = format!("{:>7}", signed(criterion.points));
            let text = format!("{}: {}, was {}", criterion.title, criterion.after, criterion.before);
            page.columns(style(criterion.points), &figures, &text);
        }
    }
    flags(&mut page, comparison);
    for (heading, changes) in super::page::groups(&comparison.changes) {
        page.heading(heading);
        for change in changes {
            told(&mut page, change);
        }
    }
    page.blank();
    page.line(Style::Dim, &format!("{} unchanged.", count(comparison.unchanged, "probe")));
    if comparison.shifted != 0.0 {
        let shifted = signed(comparison.shifted);
        page.line(Style::Dim, &format!("{shifted} points moved with the probes that entered or left their criteria."));
    }
    code(&mut page, comparison);
    page.finish()
}

fn flags(page: &mut Page, comparison: &Comparison) {
    if comparison.flags_raised.is_empty() && comparison.flags_gone.is_empty() {
        return;
    }
    page.heading("Red flags");
    for title in &comparison.flags_raised {
        page.item(Style::Bad, "+", title);
    }
    for title in &comparison.flags_gone {
        page.item(Style::Good, "-", title);
    }
}

fn told(page: &mut Page, change: &Change) {
    let words = format!("{} {} ({})", change.probe, change.movement.word(), super::page::verdicts(change));
    page.columns(style(change.points), &format!("{:>7}", signed(change.points)), &words);
    if !change.was.is_empty() {
        page.continued(&format!("was: {}", change.was));
    }
    if !change.is.is_empty() {
        page.continued(&format!("is: {}", change.is));
    }
}

fn code(page: &mut Page, comparison: &Comparison) {
    let Some(code) = &comparison.code else { return };
    page.heading("Code");
    if code.files.is_empty() {
        page.line(Style::Plain, "Nothing changed.");
        return;
    }
    page.line(
        Style::Plain,
        &format!(
            "{} changed, +{} -{} lines",
            count(code.files.len() + code.omitted, "file"),
            code.insertions,
            code.deletions
        ),
    );
    for file in code.files.iter().take(FILES) {
        let from = if file.kind == FileChangeKind::Moved { format!(" from {}", file.from) } else { String::new() };
        let lines = format!("+{} -{}", file.insertions, file.deletions);
        page.columns(Style::Dim, &format!("{lines:>12}"), &format!("{} {}{from}", file.kind.as_str(), file.path));
    }
    if code.files.len() + code.omitted > FILES {
        page.line(Style::Dim, &format!("and {} more", code.files.len() + code.omitted - FILES));
    }
}

fn style(points: f64) -> Style {
    match points {
        _ if points > 0.0 => Style::Good,
        _ if points < 0.0 => Style::Bad,
        _ => Style::Dim,
    }
}

/// With its sign, which nothing has none of.
pub(super) fn signed(points: f64) -> String {
    if points > 0.0 { format!("+{}", decimal(points)) } else { decimal(points) }
}
