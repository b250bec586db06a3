//! GitHub's limits on what is published, and the cutting that keeps them.
//!
//! The figures are those of GitHub's reference ("Create a check run", "Workflow commands", "Adding a job summary").

/// Characters of a check run's `summary` and `text`, and of a comment's body.
pub const TEXT: usize = 65_535;
/// Annotations in one request for a check run.
pub const ANNOTATIONS_PER_REQUEST: usize = 50;
/// Annotations of one check run in all: the costliest findings come first, and nobody reads the thousandth.
pub const ANNOTATIONS: usize = 200;
/// Bytes of an annotation's message (64 KB).
pub const ANNOTATION_MESSAGE: usize = 64_000;
/// Characters of an annotation's title.
pub const ANNOTATION_TITLE: usize = 255;
/// Annotations of one type in one step of a workflow.
pub const ANNOTATIONS_PER_STEP: usize = 10;
/// Bytes of a step's summary (1 MiB).
pub const STEP_SUMMARY: usize = 1 << 20;
/// Bytes of a webhook's payload (GitHub sends none above 25 MB).
pub const PAYLOAD: usize = 25 << 20;

/// The first `limit` bytes of `text` at most, whole characters, with an ellipsis where something is missing.
pub fn cut_bytes(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// The first `limit` characters of `text` at most, with an ellipsis where something is missing.
pub fn cut_chars(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(limit.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// How a Markdown text is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Characters,
    Bytes,
}

impl Measure {
    fn of(self, text: &str) -> usize {
        match self {
            Measure::Characters => text.chars().count(),
            Measure::Bytes => text.len(),
        }
    }
}

/// What a reader of a text is told where it was cut.
fn rest(link: Option<&str>) -> String {
    match link {
        Some(link) => format!("\nThe rest is left out here for its length: [the whole report]({link}).\n"),
        None => "\nThe rest is left out here for its length.\n".to_owned(),
    }
}

/// `text` within `limit`: cut at the end of a line that is in no code block, with the `<details>` that are open there
/// closed, and a word about it with a link to the whole.
///
/// `link` is the grader's own, never a submission's.
pub fn cut_markdown(text: &str, limit: usize, measure: Measure, link: Option<&str>) -> String {
    if measure.of(text) <= limit {
        return text.to_owned();
    }
    let room = limit.saturating_sub(measure.of(&rest(link)));
    let mut fence: Option<&str> = None;
    let (mut depth, mut used, mut at) = (0usize, 0usize, 0usize);
    // Up to where the text is whole, and how many `<details>` are open there.
    let mut good = (0usize, 0usize);
    for line in text.split_inclusive('\n') {
        used += measure.of(line);
        at += line.len();
        let trimmed = line.trim();
        let run = &trimmed[..trimmed.len() - trimmed.trim_start_matches('`').len()];
        match fence {
            Some(open) if trimmed.len() == run.len() && run.len() >= open.len() => fence = None,
            None if run.len() >= 3 => fence = Some(run),
            None if trimmed.starts_with("<details>") => depth += 1,
            None if trimmed.starts_with("</details>") => depth = depth.saturating_sub(1),
            Some(_) | None => {}
        }
        if used + depth * CLOSING.len() > room {
            break;
        }
        if fence.is_none() && line.ends_with('\n') {
            good = (at, depth);
        }
    }
    let (end, open) = good;
    format!("{}{}{}", &text[..end], CLOSING.repeat(open), rest(link))
}

const CLOSING: &str = "\n</details>\n";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_text_is_left_alone() {
        assert_eq!(cut_markdown("a\nb", 3, Measure::Characters, None), "a\nb");
        assert_eq!(cut_bytes("äö", 4), "äö");
    }

    #[test]
    fn a_cut_closes_what_is_open_and_opens_no_code_block() {
        let body =
            format!("# head\n<details><summary>s</summary>\n\nline\n```\n{}\n```\n</details>\n", "x\n".repeat(200));
        let cut = cut_markdown(&body, 200, Measure::Characters, Some("https://grader.test/1"));
        assert!(cut.chars().count() <= 200);
        assert!(cut.contains("(https://grader.test/1)"));
        assert_eq!(cut.matches("```").count(), 0);
        assert_eq!(cut.matches("<details>").count(), cut.matches("</details>").count());
    }

    #[test]
    fn a_fence_inside_a_longer_one_closes_nothing() {
        let body = format!("````\n```\n{}````\nend\n", "y\n".repeat(100));
        assert!(!cut_markdown(&body, 150, Measure::Characters, None).contains('y'));
    }

    proptest! {
        #[test]
        fn no_cut_is_longer_than_it_may_be(text in "(?s)[a-zäß`<\n]{0,400}", limit in 60usize..300) {
            prop_assert!(cut_markdown(&text, limit, Measure::Characters, None).chars().count() <= limit);
            prop_assert!(cut_markdown(&text, limit, Measure::Bytes, None).len() <= limit);
            prop_assert!(cut_bytes(&text, limit).len() <= limit);
            prop_assert!(cut_chars(&text, limit).chars().count() <= limit);
        }
    }
}
