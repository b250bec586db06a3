//! What statements give, whatever engine ran them: rows of text, few and bounded, or the reason why there are none.

use std::time::Duration;

use grader_model::Evidence;

/// Longest time for one statement.
pub(crate) const STATEMENT: Duration = Duration::from_secs(10);
/// Rows of one result that are kept; statements ask for fewer.
pub(crate) const ROWS: usize = 10_000;
/// Columns of one result; a wider one is no answer to anything that is asked.
pub(crate) const COLUMNS: usize = 2_000;
/// Bytes that a server may send for one statement.
pub(crate) const BYTES: u64 = 32 << 20;
/// Characters of a server's own words that are kept.
const WORDS: usize = 500;

/// Why a database could not be read. Whose doing it is depends on what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SqlError {
    #[error("no connection: {0}")]
    Connect(String),
    #[error("no answer within {} s", STATEMENT.as_secs())]
    Slow,
    /// The server's own words, with its SQLSTATE.
    #[error("{message} (SQLSTATE {state})")]
    Refused { state: String, message: String },
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl SqlError {
    pub(crate) fn refused(state: &str, message: &str) -> Self {
        SqlError::Refused { state: cut(state, 5), message: cut(message, WORDS) }
    }

    pub(crate) fn broken(why: impl std::fmt::Display) -> Self {
        SqlError::Broken(cut(&why.to_string(), WORDS))
    }

    pub(crate) fn connect(why: impl std::fmt::Display) -> Self {
        SqlError::Connect(cut(&why.to_string(), WORDS))
    }
}

fn cut(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

/// A result as text; `None` is NULL. Bytes that are no text are written as `\x` and hexadecimal digits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

impl Rows {
    /// The cell in a row by its column's name; empty where it is NULL or missing.
    pub(crate) fn cell<'a>(&self, row: &'a [Option<String>], column: &str) -> &'a str {
        self.columns.iter().position(|name| name == column).and_then(|at| row.get(at)?.as_deref()).unwrap_or("")
    }

    /// The result as evidence under the statement that gave it.
    pub(crate) fn evidence(&self, query: &str) -> Evidence {
        const SHOWN: usize = 20;
        let cell = |value: &Option<String>| match value {
            Some(text) => text.chars().take(200).collect(),
            None => "NULL".to_owned(),
        };
        Evidence::Sql {
            query: query.to_owned(),
            columns: self.columns.clone(),
            rows: self.rows.iter().take(SHOWN).map(|row| row.iter().map(cell).collect()).collect(),
            truncated: self.rows.len() > SHOWN,
        }
    }
}

/// Bytes as [`Rows`] writes them.
pub(crate) fn text_of(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => text.to_owned(),
        _ => format!("\\x{}", hex::encode(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_are_cut_and_cannot_steer_a_terminal() {
        let error = SqlError::refused("42P01 and more", &format!("\u{1b}[31m{}", "x".repeat(10_000)));
        let SqlError::Refused { state, message } = error else { panic!() };
        assert_eq!((state.as_str(), message.chars().count()), ("42P01", WORDS));
        assert!(!message.contains('\u{1b}'));
    }

    #[test]
    fn bytes_that_are_no_text_become_digits() {
        assert_eq!(text_of(b"plain"), "plain");
        assert_eq!(text_of(&[0xff, 0x00]), "\\xff00");
    }
}
