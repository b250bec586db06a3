//! Lines of a terminal page: wrapped to a width, indented, coloured on request, with nothing of their text left active.

use crate::text::{break_commands, clean, cut, sentence};

const INDENT: usize = 2;
const HANG: usize = 10;
/// Columns of the narrowest page.
const NARROWEST: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    Good,
    Warn,
    Bad,
}

impl Style {
    /// The SGR parameters of ECMA-48.
    fn code(self) -> &'static str {
        match self {
            Style::Plain => "",
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Good => "32",
            Style::Warn => "33",
            Style::Bad => "31",
        }
    }
}

/// A page that grows by lines.
#[derive(Debug)]
pub(crate) struct Page {
    width: usize,
    color: bool,
    text: String,
}

impl Page {
    pub(crate) fn new(width: usize, color: bool) -> Self {
        Page { width: width.max(NARROWEST), color, text: String::new() }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    pub(crate) fn heading(&mut self, heading: &str) {
        self.blank();
        self.line(Style::Bold, heading);
    }

    /// A sentence over as many lines as it needs.
    pub(crate) fn line(&mut self, style: Style, text: &str) {
        self.wrapped(style, text, 0, 0);
    }

    /// A sentence behind a mark.
    pub(crate) fn item(&mut self, style: Style, mark: &str, text: &str) {
        self.text.push_str(&" ".repeat(INDENT));
        self.paint(style, mark);
        self.text.push(' ');
        self.wrapped(Style::Plain, text, INDENT + 2, INDENT + 2);
    }

    /// A figure and the words that belong to it.
    pub(crate) fn columns(&mut self, style: Style, figure: &str, text: &str) {
        self.text.push_str(&" ".repeat(INDENT));
        self.paint(style, &safe(figure));
        self.text.push_str("  ");
        let used = INDENT + textwrap::core::display_width(figure) + 2;
        self.wrapped(Style::Plain, text, used, HANG);
    }

    /// What follows a line of `columns` or `item`.
    pub(crate) fn continued(&mut self, text: &str) {
        self.text.push_str(&" ".repeat(HANG));
        self.wrapped(Style::Dim, text, HANG, HANG);
    }

    /// A line as it stands, cut at the page's edge.
    pub(crate) fn quote(&mut self, text: &str) {
        let text = safe(text.lines().next().unwrap_or_default()).replace('\t', " ");
        let room = self.width - INDENT - 4;
        let text = match textwrap::core::break_words([textwrap::core::Word::from(text.as_str())], room).first() {
            Some(first) if first.word.len() < text.trim_end().len() => format!("{}…", first.word),
            _ => text,
        };
        self.text.push_str(&" ".repeat(INDENT + 2));
        self.paint(Style::Dim, &format!("│ {text}"));
        self.text.push('\n');
    }

    /// A titled bar with its figures.
    pub(crate) fn bar(&mut self, title: &str, column: usize, filled: usize, empty: usize, figures: &str) {
        let title = safe(title);
        let pad = column.saturating_sub(textwrap::core::display_width(&title));
        self.text.push_str(&format!("  {title}{}  ", " ".repeat(pad)));
        self.paint(Style::Good, &"█".repeat(filled));
        self.paint(Style::Dim, &"░".repeat(empty));
        self.text.push_str(&format!("  {figures}\n"));
    }

    /// Writes `text` where `used` columns of the line are taken; later lines start at `hang`.
    fn wrapped(&mut self, style: Style, text: &str, used: usize, hang: usize) {
        let text = safe(&sentence(text));
        let first = " ".repeat(used);
        let later = " ".repeat(hang);
        // Broken at blanks only: ids and paths are copied off this page.
        let options = textwrap::Options::new(self.width)
            .initial_indent(&first)
            .subsequent_indent(&later)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        for (index, line) in textwrap::wrap(&text, options).iter().enumerate() {
            let line = line.get(if index == 0 { used } else { 0 }..).unwrap_or_default();
            let words = line.trim_start();
            self.text.push_str(&line[..line.len() - words.len()]);
            self.paint(style, words);
            self.text.push('\n');
        }
    }

    fn paint(&mut self, style: Style, text: &str) {
        if self.color && !style.code().is_empty() && !text.is_empty() {
            self.text.push_str(&format!("\u{1b}[{}m{text}\u{1b}[0m", style.code()));
        } else {
            self.text.push_str(text);
        }
    }
}

/// Text without anything that a terminal or the log of a CI system acts on.
fn safe(text: &str) -> String {
    break_commands(&clean(&cut(text, crate::text::SENTENCE))).into_owned()
}
