//! Source text as tokens: words, string literals and marks, with comments gone and brackets paired.
//!
//! One lexer for all languages that submissions come in, since what is read from them (calls, decorators, literals)
//! looks alike everywhere. It knows no grammar and never fails: text that is not what its name says gives odd tokens.
//! One pass, no recursion, no backtracking further than a literal.

use std::ops::Range;

use crate::tree::Language;

/// Tokens that are taken to belong to a bracket that is never closed.
const UNCLOSED: usize = 500;
/// Tokens that one question goes through; an honest file never needs as many.
const MOST_LOOKED_AT: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier, keyword or number; PHP's keep their `$`.
    Word,
    /// A string literal; `text` is what stands between the quotes, escapes as written.
    Text,
    /// A literal with places to fill in: an f-string, a template literal.
    Template,
    /// One other character.
    Mark,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    /// From 1.
    pub(crate) line: u32,
    /// Whether it is the first of its line.
    pub(crate) first: bool,
    /// Bytes from the line's start.
    pub(crate) column: u32,
}

/// A file as tokens.
pub(crate) struct Code<'a> {
    pub(crate) tokens: Vec<Token<'a>>,
    /// The position of the bracket that closes (or opened) the one at a position; itself where there is none.
    partner: Vec<usize>,
    /// The brace that opens the block around a position; `usize::MAX` where there is none.
    around: Vec<usize>,
}

impl<'a> Code<'a> {
    pub(crate) fn read(text: &'a str, language: Language) -> Self {
        let tokens = Lexer { text, bytes: text.as_bytes(), at: 0, line: 1, line_start: 0, fresh: true, language }.run();
        let mut partner: Vec<usize> = (0..tokens.len()).collect();
        let mut around: Vec<usize> = Vec::with_capacity(tokens.len());
        let mut braces: Vec<usize> = Vec::new();
        let mut open: Vec<(usize, u8)> = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            around.push(braces.last().copied().unwrap_or(usize::MAX));
            let Some(mark) = token.text.as_bytes().first().filter(|_| token.kind == Kind::Mark) else { continue };
            match mark {
                b'(' | b'[' | b'{' => {
                    open.push((at, *mark));
                    if *mark == b'{' {
                        braces.push(at);
                    }
                }
                b')' | b']' | b'}' => {
                    let wanted = match mark {
                        b')' => b'(',
                        b']' => b'[',
                        _ => b'{',
                    };
                    // A stray closer is skipped; a missing one is closed by the next outer closer.
                    if let Some(depth) = open.iter().rposition(|(_, mark)| *mark == wanted) {
                        partner[open[depth].0] = at;
                        partner[at] = open[depth].0;
                        open.truncate(depth);
                        while braces.last().is_some_and(|brace| *brace >= partner[at]) {
                            braces.pop();
                        }
                    }
                }
                _ => {}
            }
        }
        Code { tokens, partner, around }
    }

    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(crate) fn line(&self, at: usize) -> u32 {
        self.tokens.get(at).map_or(1, |token| token.line)
    }

    pub(crate) fn word(&self, at: usize) -> Option<&'a str> {
        self.tokens.get(at).filter(|token| token.kind == Kind::Word).map(|token| token.text)
    }

    pub(crate) fn is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.text == text && matches!(token.kind, Kind::Word | Kind::Mark))
    }

    /// The literal at a position, also one with places to fill in.
    pub(crate) fn literal(&self, at: usize) -> Option<&'a str> {
        self.tokens.get(at).filter(|token| matches!(token.kind, Kind::Text | Kind::Template)).map(|token| token.text)
    }

    /// The position of the closing bracket; a little further on for one that is never closed.
    pub(crate) fn close(&self, open: usize) -> usize {
        match self.partner.get(open) {
            Some(close) if *close > open => *close,
            _ => self.len().min(open + UNCLOSED),
        }
    }

    /// The position of the opening bracket of the closing one at `close`.
    pub(crate) fn open(&self, close: usize) -> Option<usize> {
        self.partner.get(close).copied().filter(|open| *open < close)
    }

    /// What stands between the bracket at `open` and its partner, split at the commas of that level.
    pub(crate) fn arguments(&self, open: usize) -> Vec<Range<usize>> {
        self.split(open + 1..self.close(open))
    }

    /// A range split at its outermost commas; no empty parts.
    pub(crate) fn split(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let (mut at, mut start) = (range.start, range.start);
        while at < range.end {
            if self.is(at, ",") {
                parts.push(start..at);
                start = at + 1;
            }
            at = self.step(at);
        }
        parts.push(start..range.end.min(self.len()));
        parts.retain(|part| part.start < part.end);
        parts
    }

    /// The next position on the same level.
    pub(crate) fn step(&self, at: usize) -> usize {
        match self.tokens.get(at) {
            Some(token) if token.kind == Kind::Mark && matches!(token.text, "(" | "[" | "{") => self.close(at) + 1,
            _ => at + 1,
        }
    }

    /// The innermost `{}` block around a position, or the whole file.
    pub(crate) fn block(&self, at: usize) -> Range<usize> {
        match self.around.get(at) {
            Some(open) if *open != usize::MAX && self.partner[*open] > at => *open..self.partner[*open],
            _ => 0..self.len(),
        }
    }

    /// The value of a named argument: `name=…`, `name: …` or `name => …` in these parts.
    pub(crate) fn named(&self, parts: &[Range<usize>], name: &str) -> Option<Range<usize>> {
        parts.iter().find_map(|part| {
            let key = self.tokens.get(part.start)?;
            if key.text != name || matches!(key.kind, Kind::Mark) {
                return None;
            }
            let value = match (self.is(part.start + 1, "="), self.is(part.start + 1, ":"), self.is(part.start + 2, ">"))
            {
                (true, _, true) => part.start + 3,
                (true, _, false) | (_, true, _) => part.start + 2,
                _ => return None,
            };
            (value < part.end).then_some(value..part.end)
        })
    }

    /// Whether a part is a named argument.
    pub(crate) fn is_named(&self, part: &Range<usize>) -> bool {
        part.len() > 2
            && self.word(part.start).is_some()
            && (self.is(part.start + 1, "=") && !self.is(part.start + 2, "=")
                || self.is(part.start + 1, ":") && !self.is(part.start + 2, ":"))
    }

    /// The words of a dotted expression in a range: `a.b(c).d`, `a::b`, `$a->b` give their names outside of brackets.
    pub(crate) fn path(&self, range: &Range<usize>) -> Vec<&'a str> {
        let mut words = Vec::new();
        let mut at = range.start;
        while at < range.end {
            if let Some(word) = self.word(at) {
                if !matches!(word, "new" | "await" | "async" | "mut" | "ref" | "this" | "self") {
                    words.push(word);
                }
            } else if !(self.is(at, ".")
                || self.is(at, ":")
                || self.is(at, "-")
                || self.is(at, ">")
                || self.is(at, "&")
                || self.is(at, "(")
                || self.is(at, "?")
                || self.is(at, "!")
                || self.is(at, "*"))
            {
                break;
            }
            at = self.step(at);
        }
        words
    }

    /// Every string literal in a range.
    pub(crate) fn literals(&self, range: Range<usize>) -> Vec<&'a str> {
        (range.start..range.end.min(range.start + MOST_LOOKED_AT)).filter_map(|at| self.literal(at)).collect()
    }
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    line: u32,
    line_start: usize,
    /// No token of this line was seen yet.
    fresh: bool,
    language: Language,
}

impl<'a> Lexer<'a> {
    fn run(mut self) -> Vec<Token<'a>> {
        let mut tokens: Vec<Token<'a>> = Vec::new();
        while let Some(byte) = self.peek(0) {
            if byte == b'\n' || byte.is_ascii_whitespace() {
                self.advance(1);
            } else if let Some(length) = self.comment() {
                self.advance(length);
            } else if let Some((quote, template)) = self.quote() {
                let token = self.string(quote, template);
                tokens.push(token);
            } else if byte == b'/' && self.language == Language::Script && regex_may_start(tokens.last()) {
                self.script_regex();
            } else if is_word(byte) {
                let length = self.bytes[self.at..].iter().take_while(|byte| is_word(**byte)).count();
                let token = self.token(Kind::Word, self.at..self.at + length);
                self.advance(length);
                tokens.push(token);
            } else {
                let length = self.text[self.at..].chars().next().map_or(1, char::len_utf8);
                let token = self.token(Kind::Mark, self.at..self.at + length);
                self.advance(length);
                tokens.push(token);
            }
        }
        tokens
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn starts(&self, with: &str) -> bool {
        self.bytes[self.at..].starts_with(with.as_bytes())
    }

    fn advance(&mut self, length: usize) {
        let end = (self.at + length).min(self.bytes.len());
        for at in self.at..end {
            if self.bytes[at] == b'\n' {
                self.line += 1;
                self.line_start = at + 1;
                self.fresh = true;
            }
        }
        self.at = end;
        // Every step above is by whole ASCII bytes or whole characters, save inside literals that end at a quote.
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
    }

    fn token(&mut self, kind: Kind, range: Range<usize>) -> Token<'a> {
        let first = std::mem::replace(&mut self.fresh, false);
        let column = u32::try_from(self.at - self.line_start).unwrap_or(u32::MAX);
        Token { kind, text: self.text.get(range).unwrap_or(""), line: self.line, first, column }
    }

    /// The length of a comment that starts here.
    fn comment(&self) -> Option<usize> {
        let hash = matches!(self.language, Language::Python | Language::Ruby | Language::Php | Language::Elixir);
        let rest = &self.bytes[self.at..];
        if hash && self.starts("#") && !(self.language == Language::Php && self.starts("#[")) {
            return Some(until(rest, b"\n"));
        }
        if matches!(self.language, Language::Python | Language::Ruby | Language::Elixir) {
            return None;
        }
        if self.starts("//") {
            return Some(until(rest, b"\n"));
        }
        self.starts("/*").then(|| until(&rest[2..], b"*/") + 4)
    }

    /// The closing quote of a literal that starts here, and whether it has places to fill in.
    fn quote(&self) -> Option<(String, bool)> {
        let prefix = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let letters = &self.text[self.at..self.at + prefix];
        let first = self.peek(prefix)?;
        let three = |quote: u8| self.peek(prefix + 1) == Some(quote) && self.peek(prefix + 2) == Some(quote);
        match self.language {
            Language::Python => {
                let known = prefix <= 2 && letters.bytes().all(|byte| b"rbfuRBFU".contains(&byte));
                if !known || !matches!(first, b'"' | b'\'') {
                    return None;
                }
                let template = letters.to_ascii_lowercase().contains('f');
                Some((char::from(first).to_string().repeat(if three(first) { 3 } else { 1 }), template))
            }
            Language::Rust => match (letters, first) {
                ("r" | "br", b'"' | b'#') => {
                    let hashes = self.bytes[self.at + prefix..].iter().take_while(|byte| **byte == b'#').count();
                    (hashes < 16 && self.peek(prefix + hashes) == Some(b'"'))
                        .then(|| (format!("\"{}", "#".repeat(hashes)), false))
                }
                ("" | "b", b'"') => Some(("\"".to_owned(), false)),
                // A character, as opposed to a lifetime.
                ("", b'\'') if self.peek(2) == Some(b'\'') || self.peek(1) == Some(b'\\') => {
                    Some(("'".to_owned(), false))
                }
                _ => None,
            },
            _ if prefix > 0 => None,
            Language::Script => match first {
                b'"' | b'\'' => Some((char::from(first).to_string(), false)),
                b'`' => Some(("`".to_owned(), true)),
                _ => None,
            },
            Language::Jvm | Language::Elixir | Language::CSharp => match first {
                b'"' if three(b'"') => Some(("\"\"\"".to_owned(), false)),
                b'"' | b'\'' => Some((char::from(first).to_string(), false)),
                _ => None,
            },
            Language::Go | Language::Php | Language::Ruby => match first {
                b'"' | b'\'' | b'`' => Some((char::from(first).to_string(), false)),
                _ => None,
            },
        }
    }

    fn string(&mut self, close: String, template: bool) -> Token<'a> {
        let raw = self.language == Language::Rust && matches!(self.peek(0), Some(b'r'))
            || self.peek(0) == Some(b'`') && self.language == Language::Go;
        let letters = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let start = self.at + letters + close.len();
        // One-line literals end with their line, so that a stray quote costs a line and not the file.
        let multiline = close.len() > 1
            || matches!(close.as_str(), "`")
            || matches!(self.language, Language::Rust | Language::Php | Language::Ruby);
        let mut at = start.min(self.bytes.len());
        let mut depth = 0_u32;
        while at < self.bytes.len() {
            let rest = &self.bytes[at..];
            if rest[0] == b'\\' && !raw {
                at += 2;
                continue;
            }
            if template && close == "`" && rest.starts_with(b"${") {
                depth += 1;
                at += 2;
                continue;
            }
            if depth > 0 && rest[0] == b'}' {
                depth -= 1;
            } else if (depth == 0 || close != "`") && rest.starts_with(close.as_bytes()) {
                break;
            }
            if rest[0] == b'\n' && !multiline {
                break;
            }
            at += 1;
        }
        let end = at.min(self.bytes.len());
        let token = self.token(if template { Kind::Template } else { Kind::Text }, start.min(end)..end);
        let closed = self.bytes[end..].starts_with(close.as_bytes());
        let length = end - self.at + if closed { close.len() } else { 0 };
        self.advance(length.max(1));
        token
    }

    /// Skips a regular expression literal of JavaScript, whose quotes are no strings.
    fn script_regex(&mut self) {
        let mut class = false;
        let mut length = 1;
        while let Some(byte) = self.peek(length) {
            match byte {
                b'\n' => break,
                b'\\' => length += 1,
                b'[' => class = true,
                b']' => class = false,
                b'/' if !class => {
                    length += 1;
                    break;
                }
                _ => {}
            }
            length += 1;
        }
        self.advance(length);
    }
}

fn regex_may_start(previous: Option<&Token<'_>>) -> bool {
    previous.is_none_or(|token| match token.kind {
        Kind::Word => matches!(token.text, "return" | "typeof" | "case" | "in" | "of"),
        Kind::Mark => !matches!(token.text, ")" | "]" | "}"),
        Kind::Text | Kind::Template => false,
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}

fn until(bytes: &[u8], end: &[u8]) -> usize {
    bytes.windows(end.len()).position(|window| window == end).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, language: Language) -> Vec<String> {
        Code::read(text, language)
            .tokens
            .iter()
            .map(|token| match token.kind {
                Kind::Word => token.text.to_owned(),
                Kind::Text => format!("'{}'", token.text),
                Kind::Template => format!("`{}`", token.text),
                Kind::Mark => format!("<{}>", token.text),
            })
            .collect()
    }

    #[test]
    fn literals_and_comments_of_each_language() {
        assert_eq!(
            shown("a = f'{x}/y'  # 'no'\n\"\"\"d\n'q'\"\"\"", Language::Python),
            ["a", "<=>", "`{x}/y`", "'d\n'q''"]
        );
        assert_eq!(
            shown("x.get(`/a/${b('}')}`) // '\n/['\"]/.test(y)", Language::Script)[..4],
            ["x", "<.>", "get", "<(>"]
        );
        assert_eq!(shown("fn f<'a>(c: char) { r#\"a\"b\"# '\\'' }", Language::Rust)[12..14], ["'a\"b'", "'\\''"]);
        assert_eq!(
            shown("#[Route('/a')] # no\n$x->y", Language::Php),
            ["<#>", "<[>", "Route", "<(>", "'/a'", "<)>", "<]>", "$x", "<->", "<>>", "y"]
        );
        assert_eq!(shown("a /* ' */ b `r\n\\` 'c'", Language::Go), ["a", "b", "'r\n\\'", "'c'"]);
    }

    #[test]
    fn brackets_pair_and_odd_ones_do_no_harm() {
        let code = Code::read("f(a, [b, c], {d: (e)}) ) ] g(", Language::Script);
        assert_eq!(code.arguments(1).len(), 3);
        assert_eq!(code.close(code.len() - 1), code.len());
        for text in
            ["", "'", "\"\"\"", "`${`${", "((((", "))))", "é'é", "\\", "/*", "r#", "b'", "#", "r####\"é", "'\\é"]
        {
            for language in [
                Language::Python,
                Language::Script,
                Language::Rust,
                Language::Php,
                Language::Go,
                Language::Ruby,
                Language::Jvm,
            ] {
                let code = Code::read(text, language);
                for at in 0..code.len() {
                    code.arguments(at);
                    code.block(at);
                }
            }
        }
    }
}
