//! Hostile text made harmless in the ways that every format needs: what the eye cannot see is made visible, what a
//! line reader could take for a command is broken up, and lengths are bounded. Escaping for a format is not done here.

use std::borrow::Cow;

/// The most characters of a sentence (a summary, a title) that a format for people shows.
pub(crate) const SENTENCE: usize = 600;
/// The most characters of a block (a body, a diff, an excerpt) that a format for people shows.
pub(crate) const BLOCK: usize = 6_000;
/// The most lines of a log or rows of a table that a format for people shows.
pub(crate) const LINES: usize = 60;

/// What stands for a character that must not reach a reader; `None` for one that may.
///
/// C0 controls become their control pictures, so that `ESC[31m` is seen as `␛[31m` and colours nothing. C1 controls,
/// direction marks and overrides, invisible operators, tag characters and noncharacters become U+FFFD. Joiners stay:
/// scripts and emoji need them.
pub fn stand_in(c: char) -> Option<char> {
    match c {
        '\n' | '\t' => None,
        // U+2400..=U+241F are the pictures of U+0000..=U+001F, in order.
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)),
        '\x7f' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{fffe}'
        | '\u{ffff}'
        | '\u{e0000}'..='\u{e007f}' => Some('\u{fffd}'),
        _ => None,
    }
}

/// Whether a terminal or an editor could act on the character instead of showing it. Line breaks and tabs included.
pub(crate) fn is_active(c: char) -> bool {
    stand_in(c).is_some()
}

/// `text` with every active character replaced by a visible one; `\r\n` becomes `\n`.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_active) {
        return Cow::Borrowed(text);
    }
    let text = text.replace("\r\n", "\n");
    Cow::Owned(text.chars().map(|c| stand_in(c).unwrap_or(c)).collect())
}

/// The first `limit` characters of `text`, followed by how many were left out, if any were.
pub(crate) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    // No character is shorter than a byte, so short texts need no counting.
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    match text.char_indices().nth(limit) {
        None => Cow::Borrowed(text),
        Some((at, _)) => {
            let rest = text[at..].chars().count();
            Cow::Owned(format!("{}… ({rest} more characters)", &text[..at]))
        }
    }
}

/// A harmless, bounded block of lines.
pub(crate) fn block(text: &str) -> String {
    clean(&cut(text, BLOCK)).into_owned()
}

/// A harmless, bounded sentence on one line.
pub(crate) fn sentence(text: &str) -> String {
    clean(&cut(text, SENTENCE)).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` in which no line is a workflow command to a CI system that reads its own log (`::error::…`, `##[…]`).
///
/// A zero-width space breaks the marker; what people see does not change.
pub fn break_commands(text: &str) -> Cow<'_, str> {
    if !text.contains("::") && !text.contains("##[") {
        return Cow::Borrowed(text);
    }
    // Twice, since of three in a row the first two hide the next pair.
    Cow::Owned(text.replace("::", ":\u{200b}:").replace("::", ":\u{200b}:").replace("##[", "#\u{200b}#["))
}

/// A JSON text laid out over lines; anything else unchanged.
pub(crate) fn pretty(body: &str) -> Cow<'_, str> {
    let trimmed = body.trim_start();
    // A bare number or string gains nothing, and a long body that is no JSON is not worth the attempt.
    if !trimmed.starts_with(['{', '[']) || body.len() > 64 * 1024 {
        return Cow::Borrowed(body);
    }
    match serde_json::from_str::<serde_json::Value>(body) {
        Ok(value) => serde_json::to_string_pretty(&value).map_or(Cow::Borrowed(body), Cow::Owned),
        Err(_) => Cow::Borrowed(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_characters_become_visible_ones() {
        assert_eq!(clean("\u{1b}[31mred\u{1b}[0m"), "␛[31mred␛[0m");
        assert_eq!(clean("a\0b\u{202e}c\u{9b}d\r\ne\tf"), "a␀b\u{fffd}c\u{fffd}d\ne\tf");
        assert_eq!(clean("👩‍💻 äöü"), "👩‍💻 äöü");
    }

    #[test]
    fn a_cut_says_how_much_is_gone_and_splits_no_character() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äöü… (1 more characters)");
        let long = "x".repeat(5 << 20);
        assert!(block(&long).len() < BLOCK + 40);
    }

    #[test]
    fn no_line_is_left_as_a_workflow_command() {
        let text = break_commands("::error::boo\n  ::set-output name=x::y\n:::error:::boo\n##[error]boo");
        assert!(!text.contains("::") && !text.contains("##["));
    }

    #[test]
    fn only_json_objects_and_arrays_are_laid_out() {
        assert_eq!(pretty("{\"b\":1,\"a\":[]}"), "{\n  \"b\": 1,\n  \"a\": []\n}");
        assert_eq!(pretty("{broken"), "{broken");
        assert_eq!(pretty("12"), "12");
    }
}
