//! The sources of a submission as they are compared. Kept, they are compared later without the tree, and without anything
//! of it being parsed again: whoever compares need not touch what a submission wrote.

use grader_model::Snapshot;
use serde::{Deserialize, Serialize};

use crate::source::{self, Code, State};

/// The value of `schema` in every kept reading. Another one was read by other rules and cannot be held against these.
const SCHEMA: &str = "grader.reading/1";

/// Bytes of text that are read along, for the lines of a place; beyond them a place names its lines and quotes none.
const MOST_TEXT: usize = 4 << 20;

/// What was read of a tree: its source files with their tokens as numbers, within the bounds of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    schema: String,
    files: Vec<ReadFile>,
}

/// A source file. The three lists are of one length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ReadFile {
    path: String,
    text: String,
    words: Vec<u32>,
    texts: Vec<u32>,
    lines: Vec<u32>,
}

impl Reading {
    /// Reads a tree.
    pub fn of(tree: &Snapshot) -> Self {
        let mut left = MOST_TEXT;
        let file = |code: Code| {
            let text = tree.text(&code.path).filter(|text| text.len() <= left).unwrap_or_default();
            left -= text.len();
            ReadFile { text: text.to_owned(), path: code.path, words: code.words, texts: code.texts, lines: code.lines }
        };
        Reading { schema: SCHEMA.to_owned(), files: source::read(tree).into_iter().map(file).collect() }
    }

    /// Whether nothing was read: no source in a language that is known.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// For keeping.
    pub fn to_json(&self) -> String {
        // Texts and numbers are JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What was kept; `None` where it is none, or was read by other rules than these.
    pub fn parse(json: &[u8]) -> Option<Self> {
        let reading: Reading = serde_json::from_slice(json).ok()?;
        let sound = |file: &ReadFile| file.words.len() == file.texts.len() && file.words.len() == file.lines.len();
        (reading.schema == SCHEMA && reading.files.iter().all(sound)).then_some(reading)
    }

    pub(crate) fn code(&self) -> Vec<Code> {
        let code = |file: &ReadFile| Code {
            path: file.path.clone(),
            words: file.words.clone(),
            texts: file.texts.clone(),
            lines: file.lines.clone(),
            state: vec![State::Own; file.words.len()],
        };
        self.files.iter().map(code).collect()
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }
}
