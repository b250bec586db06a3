//! Text from a submission made harmless for the places that only GitHub has: workflow commands, the runner's files,
//! plain text of annotations and titles.
//!
//! Markdown is escaped where it is rendered, in `grader-report`; what is checked here of it is only that nothing looks
//! like this program's own marker.

use std::fmt::Write as _;

use grader_report::{break_commands, stand_in};

/// The message of a workflow command (`::warning::MESSAGE`): percent signs and line breaks are encoded as the runner
/// decodes them, and what a terminal would act on is made visible.
pub fn command_data(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => escaped.push_str("%25"),
            '\r' => escaped.push_str("%0D"),
            '\n' => escaped.push_str("%0A"),
            c => escaped.push(visible(c)),
        }
    }
    escaped
}

/// A property of a workflow command (`file=…`, `title=…`): besides, `:` and `,` end one.
pub fn command_property(text: &str) -> String {
    command_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// One line for the log of a workflow's step. The runner takes a line for a command where `::` begins it or `##[`
/// stands anywhere in it, so both are broken up wherever they stand.
pub fn log_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { visible(c) }).collect();
    break_commands(&line).into_owned()
}

/// Plain text of an annotation or a title: GitHub shows it as it is, so only what a terminal or an editor acts on has
/// to go. Line breaks stay.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { c } else { visible(c) }).collect()
}

/// One line of [`plain`] text.
pub fn plain_line(text: &str) -> String {
    plain(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `NAME=VALUE` for `GITHUB_OUTPUT`, in the form for any value: a delimiter that stands in no line of the value. The
/// runner reads up to a line that is the delimiter, so a value that held it could set outputs of its own.
///
/// # Panics
/// Never: the delimiter is random and tried until it is not in the value.
pub fn output(name: &str, value: &str) -> String {
    let delimiter = loop {
        let delimiter = format!("grader_{}", uuid::Uuid::new_v4().simple());
        if !value.contains(&delimiter) {
            break delimiter;
        }
    };
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(text, "{name}<<{delimiter}\n{value}\n{delimiter}\n");
    text
}

/// What is shown for a character. A tab is a space.
fn visible(c: char) -> char {
    if c == '\t' { ' ' } else { stand_in(c).unwrap_or(c) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the runner makes of a message: the inverse of its encoding.
    fn decoded(text: &str) -> String {
        text.replace("%3A", ":").replace("%2C", ",").replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
    }

    /// What the runner reads out of `GITHUB_OUTPUT`: `NAME=VALUE` lines and heredocs.
    fn read_outputs(file: &str) -> Vec<(String, String)> {
        let (mut read, mut lines) = (Vec::new(), file.split('\n'));
        while let Some(line) = lines.next() {
            if let Some((name, delimiter)) = line.split_once("<<") {
                let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
                read.push((name.to_owned(), value.join("\n")));
            } else if let Some((name, value)) = line.split_once('=') {
                read.push((name.to_owned(), value.to_owned()));
            }
        }
        read
    }

    #[test]
    fn a_hostile_message_stays_one_command() {
        let text = "done\n::set-output name=score::100\r\n::add-mask::x\u{1b}[31m%0A";
        let line = format!("::warning file={}::{}", command_property("a,line=9::b"), command_data(text));
        assert_eq!(line.lines().count(), 1);
        assert!(line.starts_with("::warning file=a%2Cline=9%3A%3Ab::done%0A::set"));
        assert!(!line.contains('\u{1b}') && line.contains("%250A"));
    }

    #[test]
    fn an_output_cannot_set_another() {
        let file = output("outcome", "graded\nEOF\nscore=100\noutcome<<EOF\nx");
        let read = read_outputs(&file);
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].1, "graded\nEOF\nscore=100\noutcome<<EOF\nx");
    }

    proptest! {
        #[test]
        fn commands_are_one_line_and_say_the_same(text in "(?s).{0,200}") {
            for escaped in [command_data(&text), command_property(&text)] {
                prop_assert!(!escaped.contains(['\n', '\r', '\x1b', '\x07']));
                let shown: String = text.chars().map(|c| if matches!(c, '\r' | '\n') { c } else { visible(c) }).collect();
                prop_assert_eq!(decoded(&escaped), shown);
            }
            prop_assert!(!command_property(&text).contains([':', ',']));
        }

        #[test]
        fn no_log_line_is_a_command(text in "(?s)[:#\\[a-z\n\r\u{1b} ]{0,60}") {
            let line = log_line(&text);
            prop_assert!(!line.contains("::") && !line.contains("##[") && !line.contains(['\n', '\r', '\x1b']));
        }

        #[test]
        fn outputs_read_back(value in "(?s)[a-z<=\n_]{0,120}", name in "[a-z-]{1,12}") {
            prop_assert_eq!(read_outputs(&output(&name, &value)), vec![(name, value)]);
        }

        #[test]
        fn plain_text_carries_no_codes(text in "(?s).{0,200}") {
            prop_assert!(plain(&text).chars().all(|c| c == '\n' || !c.is_control()));
            prop_assert!(!plain_line(&text).contains('\n'));
        }
    }
}
