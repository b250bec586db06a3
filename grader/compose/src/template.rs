//! `$VAR` and `${VAR…}` in one text, as the reference reads them.
//!
//! Forms: `$$` is a dollar; `$NAME`, `${NAME}`; `${NAME-x}` and `${NAME:-x}` (x if unset, or empty); `${NAME+x}` and
//! `${NAME:+x}` (x if set, and not empty); `${NAME?x}` and `${NAME:?x}` (an error that says x). What stands for x may
//! hold such forms itself. A `$` before anything else is a dollar.
//!
//! It knows nothing of documents. What it makes is bounded: variables that double each other end in an error.

use std::cell::Cell;

/// Levels of `${A:-${B:-…}}`.
const MAX_DEPTH: usize = 32;

/// Where values come from.
pub(crate) trait Variables {
    /// The value of a variable, if it is set.
    fn get(&self, name: &str) -> Option<String>;
}

impl<F: Fn(&str) -> Option<String>> Variables for F {
    fn get(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// Bytes that may still be made; shared by all texts of a project.
#[derive(Debug)]
pub(crate) struct Allowance(Cell<usize>);

impl Allowance {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Cell::new(bytes))
    }

    /// Takes bytes off what may still be made.
    pub(crate) fn spend(&self, bytes: usize) -> Result<(), TemplateError> {
        match self.0.get().checked_sub(bytes) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => Err(TemplateError::TooLong),
        }
    }
}

/// Why a text could not be completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TemplateError {
    /// A `${` that is no form.
    Invalid,
    /// A `?` form of a variable that has no value.
    Required { name: String, message: String },
    /// More levels than are read.
    TooDeep,
    /// More text than may be made.
    TooLong,
}

/// Replaces every form in `text`. `unset` hears of each variable that has no value where none is provided for.
///
/// # Errors
/// See [`TemplateError`].
pub(crate) fn substitute(
    text: &str,
    variables: &dyn Variables,
    allowance: &Allowance,
    unset: &mut dyn FnMut(&str),
) -> Result<String, TemplateError> {
    Substitution { variables, allowance, unset }.run(text, 0)
}

struct Substitution<'a> {
    variables: &'a dyn Variables,
    allowance: &'a Allowance,
    unset: &'a mut dyn FnMut(&str),
}

impl Substitution<'_> {
    fn run(&mut self, text: &str, depth: usize) -> Result<String, TemplateError> {
        if depth > MAX_DEPTH {
            return Err(TemplateError::TooDeep);
        }
        let mut made = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            made.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(next) = after.strip_prefix('$') {
                made.push('$');
                rest = next;
            } else if let Some(inner) = after.strip_prefix('{') {
                let (value, used) = self.braced(inner, depth)?;
                self.allowance.spend(value.len())?;
                made.push_str(&value);
                rest = &inner[used..];
            } else {
                let name = name_at(after);
                if name.is_empty() {
                    made.push('$');
                } else {
                    let value = self.plain(name);
                    self.allowance.spend(value.len())?;
                    made.push_str(&value);
                }
                rest = &after[name.len()..];
            }
        }
        made.push_str(rest);
        self.allowance.spend(made.len())?;
        Ok(made)
    }

    fn plain(&mut self, name: &str) -> String {
        self.variables.get(name).unwrap_or_else(|| {
            (self.unset)(name);
            String::new()
        })
    }

    /// The value of what follows `${`, and how many bytes of it the form takes with its closing brace.
    fn braced(&mut self, inner: &str, depth: usize) -> Result<(String, usize), TemplateError> {
        let name = name_at(inner);
        if name.is_empty() {
            return Err(TemplateError::Invalid);
        }
        let tail = &inner[name.len()..];
        if tail.starts_with('}') {
            return Ok((self.plain(name), name.len() + 1));
        }
        let (operator, body) = Operator::read(tail).ok_or(TemplateError::Invalid)?;
        let end = closing_brace(inner).ok_or(TemplateError::Invalid)?;
        let body = &inner[inner.len() - body.len()..end];
        // The reference completes the body whether it is used or not, so its mistakes count.
        let body = self.run(body, depth + 1)?;
        let value = self.variables.get(name);
        let counts = value.as_ref().is_some_and(|value| !(operator.empty_is_unset && value.is_empty()));
        let value = match operator.kind {
            OperatorKind::Default if counts => value.unwrap_or_default(),
            OperatorKind::Alternative if !counts => value.unwrap_or_default(),
            OperatorKind::Default | OperatorKind::Alternative => body,
            OperatorKind::Required if counts => value.unwrap_or_default(),
            OperatorKind::Required => {
                return Err(TemplateError::Required { name: name.to_owned(), message: body });
            }
        };
        Ok((value, end + 1))
    }
}

struct Operator {
    kind: OperatorKind,
    /// Whether a colon stands before it.
    empty_is_unset: bool,
}

enum OperatorKind {
    Default,
    Alternative,
    Required,
}

impl Operator {
    fn read(text: &str) -> Option<(Self, &str)> {
        let (empty_is_unset, text) = text.strip_prefix(':').map_or((false, text), |rest| (true, rest));
        let kind = match text.as_bytes().first()? {
            b'-' => OperatorKind::Default,
            b'+' => OperatorKind::Alternative,
            b'?' => OperatorKind::Required,
            _ => return None,
        };
        Some((Self { kind, empty_is_unset }, &text[1..]))
    }
}

/// A variable's name at the start of a text; empty if none stands there.
fn name_at(text: &str) -> &str {
    let starts = |first: u8| first == b'_' || first.is_ascii_alphabetic();
    if !text.as_bytes().first().copied().is_some_and(starts) {
        return "";
    }
    let end = text.bytes().position(|byte| byte != b'_' && !byte.is_ascii_alphanumeric()).unwrap_or(text.len());
    &text[..end]
}

/// Where the brace is that closes the form whose inside starts here. A form does not reach past the end of its line.
/// If braces do not balance, it is the last one of the line.
fn closing_brace(inner: &str) -> Option<usize> {
    let line = inner.split('\n').next().unwrap_or(inner);
    let last = line.rfind('}')?;
    let bytes = &line.as_bytes()[..=last];
    let mut open = 1_usize;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'}' => {
                open -= 1;
                if open == 0 {
                    return Some(at);
                }
            }
            // As in the reference, what follows an opening brace is not looked at.
            b'{' => {
                open += 1;
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    Some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(name: &str) -> Option<String> {
        match name {
            "FOO" => Some("first".to_owned()),
            "BAR" => Some(String::new()),
            _ => None,
        }
    }

    fn complete(text: &str) -> Result<String, TemplateError> {
        substitute(text, &variables, &Allowance::new(1 << 16), &mut |_| {})
    }

    #[test]
    fn every_form_is_completed() {
        for (text, value) in [
            ("ok", "ok"),
            ("$FOO ${FOO} ${foo}", "first first "),
            ("$$FOO $${FOO} 5$ $1 $-", "$FOO ${FOO} 5$ $1 $-"),
            ("${BAR-x}|${BAR:-x}|${NO-x}|${NO:-x}|${FOO:-x}", "|x|x|x|first"),
            ("${BAR+x}|${BAR:+x}|${NO+x}|${FOO:+x}", "x|||x"),
            ("${FOO?e}|${BAR?e}|${FOO:?e}", "first||first"),
            ("${NO:-${BAR:-${FOO}}}", "first"),
            ("${NO:-a} b ${FOO} c}", "a b first c}"),
            ("${NO:-{\"a\": {}}}", "{\"a\": {}}"),
            ("${NO:-http://x:80/?a=b}", "http://x:80/?a=b"),
            ("${NO:-}", ""),
        ] {
            assert_eq!(complete(text).as_deref(), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_form_is_an_error() {
        for text in ["${", "${}", "${FOO", "${1}", "${FOO!x}", "${FOO:-x", "${FOO:-a\nb}", "${ FOO}"] {
            assert_eq!(complete(text), Err(TemplateError::Invalid), "{text}");
        }
    }

    #[test]
    fn a_required_variable_says_why() {
        let missing =
            |message: &str| Err(TemplateError::Required { name: "NO".to_owned(), message: message.to_owned() });
        assert_eq!(complete("${NO:?set ${FOO}}"), missing("set first"));
        assert_eq!(complete("${NO?}"), missing(""));
    }

    #[test]
    fn unset_variables_are_reported_where_nothing_stands_in() {
        let mut unset = Vec::new();
        substitute("$A ${B} ${C:-c} $FOO", &variables, &Allowance::new(99), &mut |name| unset.push(name.to_owned()))
            .unwrap();
        assert_eq!(unset, ["A", "B"]);
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = format!("{}x{}", "${A:-".repeat(100), "}".repeat(100));
        assert_eq!(complete(&deep), Err(TemplateError::TooDeep));
        assert_eq!(complete(&"$FOO".repeat(20_000)), Err(TemplateError::TooLong));
    }
    proptest::proptest! {
        #[test]
        fn any_text_gets_an_answer(text in "(?s)[$\\{\\}:?+A-F_\n -]{0,64}|.{0,64}") {
            let _ = complete(&text);
        }

        #[test]
        fn text_without_dollars_stays_as_it_is(text in "[^$]{0,64}") {
            proptest::prop_assert_eq!(complete(&text), Ok(text));
        }

        #[test]
        fn escaped_text_comes_back(text in "(?s).{0,64}") {
            proptest::prop_assert_eq!(complete(&text.replace('$', "$$")), Ok(text));
        }
    }
}
