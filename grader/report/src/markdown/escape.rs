//! Text from a submission inside Markdown as GitHub reads it: no markup, HTML, link, mention or reference survives.

use std::fmt::Write as _;

use crate::text::{SENTENCE, block, break_commands, clean, cut, sentence};

/// Breaks an autolink, a mention or a reference without showing; escaping alone does not stop these, since GitHub
/// looks for them in the rendered text.
const BREAK: char = '\u{200b}';

/// One line of prose for a paragraph, a list item or a table cell.
pub(crate) fn prose(text: &str) -> String {
    let text = sentence(text);
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut previous = ' ';
    for c in text.chars() {
        match c {
            // Entities cannot open a tag even where a renderer ignores backslashes.
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '@' | '#' => {
                escaped.push('\\');
                escaped.push(c);
                escaped.push(BREAK);
            }
            // `https://…`, and the `::` of workflow commands.
            '/' | ':' if previous == ':' => {
                escaped.push(BREAK);
                escaped.push(c);
            }
            '.' if previous.eq_ignore_ascii_case(&'w') => {
                escaped.push(BREAK);
                escaped.push(c);
            }
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '!' | '|' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            // Only at a line's start do these begin a list or a rule.
            '-' | '+' | '=' if escaped.is_empty() => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
        previous = c;
    }
    ordered_list(escaped)
}

/// `1.` and `1)` at the start begin an ordered list.
fn ordered_list(text: String) -> String {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits > 0 && text[digits..].starts_with('.') {
        return format!("{}\\{}", &text[..digits], &text[digits..]);
    }
    text
}

/// One line of text inside HTML that stands in the Markdown, such as a `<summary>`.
pub(crate) fn html(text: &str) -> String {
    let mut escaped = String::new();
    for c in sentence(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' | '[' | ']' | '(' | ')' | '`' | '*' | '_' | '|' | '~' | '!' | '$' | '\\' => {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "&#x{:x};", u32::from(c));
            }
            '@' | '#' => {
                escaped.push(c);
                escaped.push(BREAK);
            }
            '/' | ':' if escaped.ends_with(':') => {
                escaped.push(BREAK);
                escaped.push(c);
            }
            '.' if escaped.ends_with(['w', 'W']) => {
                escaped.push(BREAK);
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

/// A code span for anywhere but a table. GitHub looks for no mention or link inside one.
pub(crate) fn code(text: &str) -> String {
    let text = break_commands(&sentence(text)).into_owned();
    if text.is_empty() {
        return String::new();
    }
    let fence = "`".repeat(longest_run(&text) + 1);
    // The padding keeps a backtick at either end from joining the fence; renderers strip it.
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A fenced block, at most `limit` characters.
pub(crate) fn fenced(language: &str, text: &str, limit: usize) -> String {
    let text = break_commands(&block(&cut(text, limit))).into_owned();
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

/// The length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A shell line in one block, or nothing when there is none.
pub(crate) fn shell(line: &str) -> String {
    if line.is_empty() { String::new() } else { fenced("sh", &clean(&cut(line, 2 * SENTENCE)), 2 * SENTENCE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_holds_no_markup() {
        let hostile = "| x | <script> @team #1 [a](javascript:b) **b** `c` https://evil.test www.evil.test ::error::";
        let text = prose(hostile);
        for part in ["<script", "@t", "#1", "[a](", "**", "://", "www.", "::", " | "] {
            assert!(!text.contains(part), "{part:?} is in {text}");
        }
        assert_eq!(prose("1. a"), "1\\. a");
        assert_eq!(prose("- a"), "\\- a");
    }

    #[test]
    fn a_fence_is_longer_than_any_inside() {
        let text = fenced("json", "```\n````\nout", 100);
        assert!(text.starts_with("`````json\n") && text.ends_with("\n`````\n"), "{text}");
    }

    #[test]
    fn a_code_span_keeps_its_backticks() {
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
    }
}
