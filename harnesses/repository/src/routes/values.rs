//! The text that an expression stands for, as far as literals and constants of the tree tell.

use std::collections::HashMap;
use std::ops::Range;

use crate::code::{Code, Kind};

/// Constants of one submission.
const MOST: usize = 5_000;

/// Names that are given a path-like text somewhere in the tree, such as `API_V1_STR = "/api/v1"`.
#[derive(Debug, Default)]
pub(super) struct Constants {
    values: HashMap<String, String>,
}

impl Constants {
    /// Takes in what a file sets. The first value that the tree gives to a name stays.
    pub(super) fn read(&mut self, code: &Code<'_>) {
        for at in 1..code.len() {
            let Some(value) = code.literal(at).filter(|value| path_like(value)) else { continue };
            if self.values.len() >= MOST {
                return;
            }
            let Some(name) = given_to(code, at) else { continue };
            self.values.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        }
    }

    /// The text of an expression: a literal, a constant, a template, or a sum of those. `None` where nothing of it is
    /// known.
    pub(super) fn text(&self, code: &Code<'_>, range: Range<usize>) -> Option<String> {
        let mut text = String::new();
        let mut known = false;
        let mut at = range.start;
        let mut name = None;
        while at < range.end && text.len() < 400 {
            let token = code.tokens.get(at)?;
            match token.kind {
                Kind::Text => {
                    text.push_str(token.text);
                    known = true;
                    name = None;
                }
                Kind::Template => {
                    text.push_str(&self.filled(token.text));
                    known = true;
                    name = None;
                }
                Kind::Word => name = Some(token.text),
                Kind::Mark if token.text == "+" => {
                    if let Some(value) = name.take().and_then(|name| self.values.get(name)) {
                        text.push_str(value);
                        known = true;
                    }
                }
                Kind::Mark => {}
            }
            at = code.step(at);
        }
        if let Some(value) = name.and_then(|name| self.values.get(name)) {
            text.push_str(value);
            known = true;
        }
        known.then_some(text)
    }

    /// A template with the constants filled in; what is unknown is left out.
    fn filled(&self, template: &str) -> String {
        let mut text = String::new();
        let mut rest = template;
        while let Some(open) = rest.find('{') {
            text.push_str(rest[..open].trim_end_matches('$'));
            let Some(close) = rest[open..].find('}') else { break };
            let inner = &rest[open + 1..open + close];
            let name = inner.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
            match self.values.get(name) {
                Some(value) => text.push_str(value),
                // A doubled brace of an f-string is a path parameter.
                None if inner.starts_with('{') => text.push_str(&format!("{inner}}}")),
                None => {}
            }
            rest = rest[open + close + 1..].trim_start_matches(if inner.starts_with('{') { "}" } else { "\0" });
        }
        text.push_str(rest);
        text
    }
}

/// The name that the literal at a position is the whole or default value of.
fn given_to<'a>(code: &Code<'a>, at: usize) -> Option<&'a str> {
    let before = at.checked_sub(1)?;
    let wrapped = code.is(before, "(").then(|| before.checked_sub(1)).flatten().and_then(|word| code.word(word));
    let mut back = before;
    if wrapped.is_some_and(|word| matches!(word, "Field" | "String" | "str")) {
        back = before.checked_sub(2)?;
    }
    if code.is(back, "=") && !back.checked_sub(1).is_some_and(|at| code.is(at, "=")) || code.is(back, ":") {
        back = back.checked_sub(1)?;
        if code.is(back, ":") {
            back = back.checked_sub(1)?;
        }
        // `NAME: str = "…"`, `const NAME: &'static str = "…"`, `NAME string = "…"`.
        let mut kind = back;
        while kind > 0 && ["&", "'", "static"].iter().any(|mark| code.is(kind - 1, mark)) {
            kind -= 1;
        }
        if kind >= 2 && code.is(kind - 1, ":") && code.line(kind - 1) == code.line(back) && !code.is(kind - 2, ":") {
            back = kind - 2;
        }
        if code.word(back).is_some_and(|word| word == "string" || word == "String")
            && back.checked_sub(1).is_some_and(|at| code.word(at).is_some())
        {
            back -= 1;
        }
        return code.word(back);
    }
    None
}

fn path_like(value: &str) -> bool {
    (1..80).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.:{}".contains(&byte))
        && (value.starts_with('/') || matches!(value.trim_end_matches('/'), "api" | "v1" | "v2" | "api/v1" | "1" | "2"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Language;

    #[test]
    fn constants_templates_and_sums() {
        let code = Code::read(
            "API_V1_STR: str = \"/api/v1\"\nPREFIX = '/x'\nf(settings.API_V1_STR + '/books', f'{settings.API_V1_STR}/auth/{{id}}', other)",
            Language::Python,
        );
        let mut constants = Constants::default();
        constants.read(&code);
        let open = (0..code.len()).find(|at| code.is(*at, "(")).unwrap();
        let texts: Vec<Option<String>> =
            code.arguments(open).into_iter().map(|part| constants.text(&code, part)).collect();
        assert_eq!(texts, [Some("/api/v1/books".into()), Some("/api/v1/auth/{id}".into()), None]);
    }

    #[test]
    fn constants_of_other_languages() {
        for (text, language) in [
            ("const PREFIX = '/api';", Language::Script),
            ("const PREFIX: &str = \"/api\";", Language::Rust),
            ("const PREFIX string = \"/api\"", Language::Go),
            ("public static final String PREFIX = \"/api\";", Language::Jvm),
            ("PREFIX: str = Field(\"/api\")", Language::Python),
        ] {
            let mut constants = Constants::default();
            constants.read(&Code::read(text, language));
            assert_eq!(constants.values.get("PREFIX").map(String::as_str), Some("/api"), "{text}");
        }
    }
}
