//! A comparison as a comment on a pull request, in GitHub's dialect; bounded to what one comment holds.

use super::terminal::signed;
use super::{Comparison, page};
use crate::markdown::details;
use crate::markdown::escape::{code, fenced, prose};
use crate::number::{count, decimal};

/// GitHub refuses comments of more than 65,536 characters; callers add a marker line of their own.
const LIMIT: usize = 60_000;
/// Characters of one diff.
const EXCERPT: usize = 1_500;

pub(super) fn render(comparison: &Comparison) -> String {
    let (before, after) = (&comparison.before, &comparison.after);
    let score =
        |percent: Option<f64>| percent.map_or("not scored".to_owned(), |percent| format!("{} %", decimal(percent)));
    let mut text = format!("## {} → {}", score(before.percent), score(after.percent));
    if before.percent.is_some() && after.percent.is_some() {
        text.push_str(&format!(" ({})", signed(comparison.percent)));
    }
    text.push_str(&format!("\n\n{} → {}\n\n", prose(&page::place(before)), prose(&page::place(after))));
    for reason in &comparison.unlike {
        text.push_str(&format!("> {}\n>\n", prose(reason)));
    }
    if !comparison.unlike.is_empty() {
        text.push('\n');
    }
    if !comparison.criteria.is_empty() {
        text.push_str("| Criterion | Before | After | Change |\n| --- | ---: | ---: | ---: |\n");
        for criterion in &comparison.criteria {
            text.push_str(&format!(
                "| {} | {} | {} | {} |\n",
                prose(&criterion.title),
                criterion.before,
                criterion.after,
                signed(criterion.points)
            ));
        }
        text.push('\n');
    }
    for title in &comparison.flags_raised {
        text.push_str(&format!("- **Red flag raised:** {}\n", prose(title)));
    }
    for title in &comparison.flags_gone {
        text.push_str(&format!("- Red flag gone: {}\n", prose(title)));
    }
    if !(comparison.flags_raised.is_empty() && comparison.flags_gone.is_empty()) {
        text.push('\n');
    }
    let mut tail = format!("\n{} unchanged.", count(comparison.unchanged, "probe"));
    if comparison.shifted != 0.0 {
        let shifted = signed(comparison.shifted);
        tail.push_str(&format!(" {shifted} points moved with the probes that entered or left their criteria."));
    }
    tail.push('\n');
    changed_files(&mut tail, comparison);
    let mut left = LIMIT.saturating_sub(text.chars().count() + tail.chars().count());
    let mut untold = 0;
    for (heading, changes) in page::groups(&comparison.changes) {
        let mut part = format!("### {heading}\n\n");
        for change in changes {
            let mut item = format!(
                "- **{}** {} {} ({})",
                signed(change.points),
                code(&change.probe),
                change.movement.word(),
                page::verdicts(change)
            );
            for (name, words) in [("was", &change.was), ("is", &change.is)] {
                if !words.is_empty() {
                    item.push_str(&format!("\n  - {name}: {}", prose(words)));
                }
            }
            item.push('\n');
            if !change.diff.is_empty() {
                let block = fenced("diff", &change.diff, EXCERPT);
                item.push_str(&block.lines().map(|line| format!("  {line}\n")).collect::<String>());
            }
            if part.chars().count() + item.chars().count() > left {
                untold += 1;
            } else {
                part.push_str(&item);
            }
        }
        part.push('\n');
        left = left.saturating_sub(part.chars().count());
        text.push_str(&part);
    }
    if untold > 0 {
        text.push_str(&format!("{} more did not fit.\n", count(untold, "change")));
    }
    text.push_str(&tail);
    text
}

fn changed_files(text: &mut String, comparison: &Comparison) {
    let Some(change) = &comparison.code else { return };
    if change.files.is_empty() {
        text.push_str("\nNo file changed.\n");
        return;
    }
    let mut body = String::new();
    for file in change.files.iter().take(100) {
        body.push_str(&format!(
            "- {} {} (+{} −{})\n",
            file.kind.as_str(),
            code(&file.path),
            file.insertions,
            file.deletions
        ));
    }
    let all = change.files.len() + change.omitted;
    if all > 100 {
        body.push_str(&format!("- and {} more\n", all - 100));
    }
    text.push('\n');
    details(
        text,
        &format!("{} changed, +{} −{} lines", count(all, "file"), change.insertions, change.deletions),
        &body,
    );
}
