//! The dialect of `.env` and `env_file` that the reference reads.
//!
//! `KEY=value` or `KEY: value`, `export` before it allowed; `#` starts a comment at the start of a line or after a
//! space; single quotes keep text as it is, double quotes know escapes, both may span lines; values are completed with
//! what is known so far unless single-quoted; a key alone takes its value from outside.

use std::sync::LazyLock;

use indexmap::IndexMap;
use regex::Regex;

use crate::template::{Allowance, TemplateError, Variables, substitute};

/// Variables in the order in which they first appear.
pub(crate) type Env = IndexMap<String, String>;

/// A mistake and its line, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DotenvError {
    pub(crate) line: u32,
    pub(crate) message: String,
}

/// Reads a file's text into `env`. Values are completed from `outer` first, then from what `env` holds by then.
///
/// # Errors
/// The first line that cannot be read.
pub(crate) fn read(text: &str, env: &mut Env, outer: &dyn Variables, allowance: &Allowance) -> Result<(), DotenvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { text, at: 0 };
    while reader.skip_to_statement() {
        reader.statement(env, outer, allowance)?;
    }
    Ok(())
}

/// Reads the `raw` format: `KEY=value` lines, nothing quoted, escaped or completed.
pub(crate) fn read_raw(text: &str, env: &mut Env, outer: &dyn Variables) {
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        match line.split_once('=') {
            Some((key, value)) => {
                env.insert(key.to_owned(), value.to_owned());
            }
            None => {
                if let Some(value) = outer.get(line) {
                    env.insert(line.to_owned(), value);
                }
            }
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, at: usize, message: impl Into<String>) -> DotenvError {
        let lines = self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|&&byte| byte == b'\n').count();
        DotenvError { line: u32::try_from(lines + 1).unwrap_or(u32::MAX), message: message.into() }
    }

    /// Moves past blank space and comments; false at the end.
    fn skip_to_statement(&mut self) -> bool {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if !self.rest().starts_with('#') {
                return !self.rest().is_empty();
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn statement(&mut self, env: &mut Env, outer: &dyn Variables, allowance: &Allowance) -> Result<(), DotenvError> {
        let start = self.at;
        let Some((key, has_value)) = self.key()? else { return Ok(()) };
        if key.contains(' ') {
            return Err(self.error(start, format!("the key `{key}` holds a space")));
        }
        if has_value {
            let value = self.value(env, outer, allowance)?;
            env.insert(key, value);
        } else if let Some(value) = outer.get(&key) {
            env.insert(key, value);
        }
        Ok(())
    }

    /// A key and whether a value follows; `None` if the text ends in the middle of a key.
    fn key(&mut self) -> Result<Option<(String, bool)>, DotenvError> {
        if let Some(after) = self.rest().strip_prefix("export")
            && after.starts_with(char::is_whitespace)
        {
            self.at += "export".len() + (after.len() - after.trim_start_matches(is_blank).len());
        }
        let rest = self.rest();
        for (index, letter) in rest.char_indices() {
            match letter {
                letter if is_blank(letter) => {}
                '=' | ':' | '\n' => {
                    let key = rest[..index].trim_end().to_owned();
                    let after = &rest[index + 1..];
                    self.at += index + 1 + (after.len() - after.trim_start_matches(is_blank).len());
                    return Ok(Some((key, letter != '\n')));
                }
                '_' | '.' | '-' | '[' | ']' => {}
                letter if letter.is_alphabetic() || letter.is_numeric() => {}
                letter => {
                    let line = rest.lines().next().unwrap_or_default();
                    let message = format!("unexpected character `{letter}` in the variable name `{line}`");
                    return Err(self.error(self.at, message));
                }
            }
        }
        // A key alone in the last line, without a line break: the reference reads the empty key there.
        self.at = self.text.len();
        Ok(None)
    }

    fn value(&mut self, env: &Env, outer: &dyn Variables, allowance: &Allowance) -> Result<String, DotenvError> {
        let start = self.at;
        let known = |name: &str| outer.get(name).or_else(|| env.get(name).cloned());
        let complete = |text: &str| {
            substitute(text, &known, allowance, &mut |_| {}).map_err(|error| self.error(start, describe(&error)))
        };
        let rest = self.rest();
        let quote = match rest.as_bytes().first() {
            Some(&quote @ (b'"' | b'\'')) => quote,
            _ => {
                let line = rest.split('\n').next().unwrap_or(rest);
                let value = line.split(" #").next().unwrap_or(line).trim_end();
                let value = complete(value)?;
                self.at = (start + line.len() + 1).min(self.text.len());
                return Ok(value);
            }
        };
        let Some((value, used)) = quoted(&rest[1..], quote) else {
            let line = rest.lines().next().unwrap_or_default();
            return Err(self.error(start, format!("unterminated quoted value {line}")));
        };
        let value = if quote == b'"' { complete(&unescape(&value))? } else { value };
        self.at = start + 1 + used;
        Ok(value)
    }
}

/// The text up to the closing quote, and how many bytes that is with the quote. A backslash keeps its meaning for
/// later but before the quote itself.
fn quoted(text: &str, quote: u8) -> Option<(String, usize)> {
    let mut made = String::new();
    let mut escaped = false;
    for (index, letter) in text.char_indices() {
        let is_quote = letter == char::from(quote);
        if is_quote && !escaped {
            return Some((made, index + 1));
        }
        if !escaped && letter == '\\' {
            escaped = true;
            continue;
        }
        if escaped && !is_quote {
            made.push('\\');
        }
        escaped = false;
        made.push(letter);
    }
    None
}

/// The escapes of double-quoted values; `\$` becomes `$$`, which completion turns into a dollar.
fn unescape(text: &str) -> String {
    static ESCAPE: LazyLock<Regex> = LazyLock::new(|| {
        #[expect(clippy::unwrap_used, reason = "the pattern is a constant, and a test compiles it")]
        Regex::new(r#"\\(?:[abcfnrtv$"\\]|0\d{0,3})"#).unwrap()
    });
    ESCAPE
        .replace_all(text, |found: &regex::Captures<'_>| {
            let whole = &found[0];
            match &whole[1..2] {
                "$" => "$$".to_owned(),
                "a" => "\u{7}".to_owned(),
                "b" => "\u{8}".to_owned(),
                "f" => "\u{c}".to_owned(),
                "n" => "\n".to_owned(),
                "r" => "\r".to_owned(),
                "t" => "\t".to_owned(),
                "v" => "\u{b}".to_owned(),
                "\"" => "\"".to_owned(),
                "\\" => "\\".to_owned(),
                "0" => octal(&whole[2..]).map_or_else(|| whole.to_owned(), String::from),
                _ => whole.to_owned(),
            }
        })
        .into_owned()
}

/// Three octal digits as a character; Go reads no fewer.
fn octal(digits: &str) -> Option<char> {
    if digits.len() != 3 {
        return None;
    }
    u8::from_str_radix(digits, 8).ok().map(char::from)
}

fn is_blank(letter: char) -> bool {
    matches!(letter, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

fn describe(error: &TemplateError) -> String {
    match error {
        TemplateError::Invalid => "invalid `${…}` in a value".to_owned(),
        TemplateError::Required { name, message } => format!("required variable {name} is missing a value: {message}"),
        TemplateError::TooDeep | TemplateError::TooLong => "the values refer to each other without end".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outer(name: &str) -> Option<String> {
        (name == "OUT").then(|| "outside".to_owned())
    }

    fn parse(text: &str) -> Result<Vec<(String, String)>, DotenvError> {
        let mut env = Env::new();
        read(text, &mut env, &outer, &Allowance::new(1 << 16))?;
        Ok(env.into_iter().collect())
    }

    #[test]
    fn every_form_is_read() {
        for (text, value) in [
            ("A=b", "b"),
            ("A = b  ", "b"),
            ("A: b", "b"),
            ("export A=b", "b"),
            ("\u{feff}A=b\r\n", "b"),
            ("# c\n\n  A=b # comment\n", "b"),
            ("A=b#c", "b#c"),
            ("A=", ""),
            ("A='x $OUT \\n'", "x $OUT \\n"),
            ("A='it\\'s'", "it's"),
            ("A=\"x $OUT\\n\\$y \\\"q\\\"\"", "x outside\n$y \"q\""),
            ("A=\"two\nlines\"", "two\nlines"),
            ("A=${OUT}-${NO:-d}", "outside-d"),
            ("A=postgres://u:p@db:5432/x?y=z", "postgres://u:p@db:5432/x?y=z"),
            ("A=\"\\0101\"", "A"),
            ("A=1\nA=2", "2"),
        ] {
            let read = parse(text).unwrap();
            assert_eq!(read, [("A".to_owned(), value.to_owned())], "{text:?}");
        }
    }

    #[test]
    fn values_see_those_before_them_and_a_key_alone_looks_outside() {
        let read = parse("A=x\nB=$A$A\nOUT\nNO\n").unwrap();
        let expected = [("A", "x"), ("B", "xx"), ("OUT", "outside")];
        assert_eq!(read, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, line) in [("A=1\nB!=2\n", 2), ("\n\nA B=1\n", 3), ("A=\"x", 1), ("A=1\nB=${\n", 2), ("A B\n", 1)] {
            assert_eq!(parse(text).unwrap_err().line, line, "{text:?}");
        }
    }

    #[test]
    fn doubling_values_end() {
        let mut text = "A0=xxxxxxxxxxxxxxxx\n".to_owned();
        for index in 1..60 {
            text.push_str(&format!("A{index}=$A{}$A{}\n", index - 1, index - 1));
        }
        assert!(parse(&text).unwrap_err().message.contains("without end"));
    }

    #[test]
    fn raw_keeps_everything() {
        let mut env = Env::new();
        read_raw("A=\"$OUT\" # x\n#B=1\nOUT\n", &mut env, &outer);
        assert_eq!(env["A"], "\"$OUT\" # x");
        assert_eq!(env["OUT"], "outside");
        assert_eq!(env.len(), 2);
    }
    proptest::proptest! {
        #[test]
        fn any_text_gets_an_answer(text in "(?s)[A-C=:#'\"$\\{\\}\\\\ \n\texpor-]{0,64}|.{0,64}") {
            if let Err(error) = parse(&text) {
                proptest::prop_assert!(error.line as usize <= text.lines().count().max(1) + 1);
            }
        }

        #[test]
        fn single_quoted_text_comes_back(text in "[^'\\\\]{0,64}") {
            let read = parse(&format!("A='{text}'\n")).unwrap();
            proptest::prop_assert_eq!(read, [("A".to_owned(), text)]);
        }
    }
}
