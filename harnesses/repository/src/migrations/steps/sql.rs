//! Steps of SQL files, by the tokens of their statements.
//!
//! A dialect's lexer is enough and never fails on what a grammar does not know: comments, quotes and dollar quotes are
//! its work, and what matters is written in the same few words everywhere.

use sqlparser::dialect::{Dialect, GenericDialect, MySqlDialect, PostgreSqlDialect};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::{Change, Read, plain};

/// Bytes of one text that are read.
const MOST: usize = 512 * 1024;

/// The part of a file that goes forward; the rest takes it back.
pub(super) fn forward(text: &str) -> &str {
    let back = text.lines().scan(0, |at, line| {
        let here = *at;
        *at += line.len() + 1;
        Some((here, line))
    });
    let end = back.into_iter().find_map(|(at, line)| {
        let comment = line.trim().strip_prefix("--")?.trim_start_matches(['-', ' ']).to_ascii_lowercase();
        let marks = ["down migration", "+goose down", "migrate:down", "rollback", "+micrate down", "+migrate down"];
        marks.iter().any(|mark| comment.starts_with(mark)).then_some(at)
    });
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// The steps of a text whose first line has this number.
pub(super) fn read(text: &str, line: u32) -> Vec<Read> {
    if text.len() > MOST {
        return Vec::new();
    }
    // Each of the two takes the other's quotes for odd marks.
    let dialect: &dyn Dialect = if text.contains('`') { &MySqlDialect {} } else { &PostgreSqlDialect {} };
    let tokens = Tokenizer::new(dialect, text)
        .tokenize_with_location()
        .or_else(|_| Tokenizer::new(&GenericDialect {}, text).tokenize_with_location())
        .unwrap_or_default();
    let ignored: Vec<u64> = tokens
        .iter()
        .filter(|token| matches!(&token.token, Token::Whitespace(space) if space.to_string().contains("squawk-ignore")))
        .map(|token| token.span.end.line)
        .collect();
    let words: Vec<TokenWithSpan> =
        tokens.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    let mut steps = Vec::new();
    for statement in words.split(|token| token.token == Token::SemiColon) {
        let Some(first) = statement.first().map(|token| token.span.start.line) else { continue };
        // Somebody who knows the rule has said why it does not matter here.
        if ignored.iter().any(|at| (*at..=at + 1).contains(&first)) {
            continue;
        }
        for (at, table, change) in Statement(statement).changes() {
            let number = u32::try_from(at.saturating_sub(1)).unwrap_or(0).saturating_add(line);
            steps.push((number, 0, table, change));
        }
    }
    steps
}

struct Statement<'a>(&'a [TokenWithSpan]);

impl Statement<'_> {
    fn changes(&self) -> Vec<(u64, String, Change)> {
        let one = |at: usize, change: Change| {
            self.name(at).map(|(table, _)| (self.line(0), table, change)).into_iter().collect()
        };
        if self.is(0, "CREATE") {
            let at = (1..6).find(|at| self.is(*at, "TABLE"));
            if let Some(at) = at.filter(|at| (1..*at).all(|at| !self.is(at, "INDEX") && !self.is(at, "FUNCTION"))) {
                return one(self.after_if(at + 1), Change::CreateTable);
            }
            let index = (1..4).find(|at| self.is(*at, "INDEX"));
            if let Some(index) = index {
                let on = (index..self.0.len().min(index + 10)).find(|at| self.is(*at, "ON"));
                let concurrently = self.is(index + 1, "CONCURRENTLY");
                let table = on.map(|on| if self.is(on + 1, "ONLY") { on + 2 } else { on + 1 });
                return table.map_or_else(Vec::new, |at| one(at, Change::CreateIndex { concurrently }));
            }
            return Vec::new();
        }
        if self.is(0, "DROP") && self.is(1, "TABLE") {
            return one(self.after_if(2), Change::DropTable);
        }
        if self.is(0, "RENAME") && self.is(1, "TABLE") {
            return one(2, Change::RenameTable);
        }
        if self.is(0, "ALTER") && self.is(1, "TABLE") {
            let at = self.after_if(2);
            let at = if self.is(at, "ONLY") { at + 1 } else { at };
            let Some((table, from)) = self.name(at) else { return Vec::new() };
            let actions = self.actions(from).into_iter();
            return actions
                .filter_map(|(at, end)| Some((self.line(at), table.clone(), self.action(at, end)?)))
                .collect();
        }
        Vec::new()
    }

    /// What one action of an ALTER TABLE does.
    fn action(&self, at: usize, end: usize) -> Option<Change> {
        let not_a_column = |at: usize| {
            ["CONSTRAINT", "PRIMARY", "FOREIGN", "UNIQUE", "CHECK", "INDEX", "KEY", "FULLTEXT", "PARTITION", "EXCLUDE"]
                .iter()
                .any(|word| self.is(at, word))
        };
        let skip_column = |at: usize| self.after_if(if self.is(at, "COLUMN") { at + 1 } else { at });
        let has =
            |one: &str, two: &str| (at..end).any(|at| self.is(at, one) && (two.is_empty() || self.is(at + 1, two)));
        if self.is(at, "ADD") {
            if not_a_column(at + 1) {
                return has("NOT", "VALID").then_some(Change::Prepare);
            }
            let filled = ["DEFAULT", "GENERATED", "AUTO_INCREMENT"].iter().any(|word| has(word, ""))
                || (at..end).any(|at| self.word(at).is_some_and(|word| word.to_ascii_uppercase().ends_with("SERIAL")));
            return ((has("NOT", "NULL") || has("PRIMARY", "KEY")) && !filled).then_some(Change::AddRequired);
        }
        if self.is(at, "DROP") {
            let other = not_a_column(at + 1) || self.is(at + 1, "DEFAULT");
            return (!other).then_some(Change::DropColumn);
        }
        if self.is(at, "RENAME") {
            if self.is(at + 1, "TO") || self.is(at + 1, "AS") {
                return Some(Change::RenameTable);
            }
            return (!not_a_column(at + 1)).then_some(Change::RenameColumn);
        }
        if self.is(at, "VALIDATE") {
            return Some(Change::Prepare);
        }
        if self.is(at, "MODIFY") || self.is(at, "CHANGE") {
            let name = skip_column(at + 1);
            let kind = if self.is(at, "CHANGE") { name + 2 } else { name + 1 };
            let renamed = self.is(at, "CHANGE") && self.word(name) != self.word(name + 1);
            return Some(if renamed { Change::RenameColumn } else { Change::RetypeColumn(self.text(kind, end)) });
        }
        if self.is(at, "ALTER") {
            let name = skip_column(at + 1);
            let kind = (name + 1..end.min(name + 4)).find(|at| self.is(*at, "TYPE"));
            if let Some(kind) = kind {
                return Some(Change::RetypeColumn(self.text(kind + 1, end)));
            }
            return (self.is(name + 1, "SET") && has("NOT", "NULL")).then_some(Change::Require);
        }
        None
    }

    /// The actions of an ALTER TABLE: what stands between its outermost commas.
    fn actions(&self, from: usize) -> Vec<(usize, usize)> {
        let (mut depth, mut start, mut actions) = (0_i32, from, Vec::new());
        for at in from..self.0.len() {
            match self.0[at].token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                Token::Comma if depth == 0 => {
                    actions.push((start, at));
                    start = at + 1;
                }
                _ => {}
            }
        }
        actions.push((start, self.0.len()));
        actions
    }

    fn word(&self, at: usize) -> Option<&str> {
        match &self.0.get(at)?.token {
            Token::Word(word) => Some(&word.value),
            _ => None,
        }
    }

    fn is(&self, at: usize, word: &str) -> bool {
        match self.0.get(at).map(|token| &token.token) {
            Some(Token::Word(found)) => found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word),
            _ => false,
        }
    }

    /// The position after an `IF [NOT] EXISTS`.
    fn after_if(&self, at: usize) -> usize {
        match (self.is(at, "IF"), self.is(at + 1, "NOT")) {
            (true, true) => at + 3,
            (true, false) => at + 2,
            _ => at,
        }
    }

    /// A table's plain name, and the position after it.
    fn name(&self, at: usize) -> Option<(String, usize)> {
        let mut at = at;
        let mut name = self.word(at)?;
        while self.0.get(at + 1).is_some_and(|token| token.token == Token::Period) {
            at += 2;
            name = self.word(at)?;
        }
        Some((plain(name), at + 1))
    }

    fn text(&self, from: usize, to: usize) -> String {
        let words: Vec<String> = self.0.get(from..to).unwrap_or_default().iter().map(|t| t.token.to_string()).collect();
        words.join(" ")
    }

    fn line(&self, at: usize) -> u64 {
        self.0.get(at).map_or(1, |token| token.span.start.line)
    }
}
