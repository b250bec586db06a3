//! How each language's tests assert and speak HTTP: names of calls and forms of statements, the same for every domain.

use harness_syntax::{Node, Tree, walk};
use regex::Regex;

use crate::stack::Family;

/// A call: the callee as it is written, and its last name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Called {
    /// At most 200 bytes; without what stands before the last `)` of a chain.
    pub(crate) full: String,
    pub(crate) last: String,
    /// Whether everything that it is given is a literal, and it is nobody's method.
    pub(crate) about_nothing: bool,
}

/// What a node calls; `None` when it is no call.
pub(crate) fn called(tree: &Tree<'_>, node: Node<'_>) -> Option<Called> {
    let field = |name: &str| node.child_by_field_name(name);
    let text = |node: Node<'_>| tree.text(node).to_owned();
    let mut arguments = field("arguments");
    // Languages either call an expression or name a method and, apart from it, an object.
    let (callee, object) = match node.kind() {
        "call" => match field("function") {
            Some(function) => (text(function), None),
            None => (text(field("method")?), field("receiver")),
        },
        "call_expression" | "function_call_expression" => (text(field("function")?), None),
        "method_invocation" | "member_call_expression" | "nullsafe_member_call_expression" => {
            (text(field("name")?), field("object"))
        }
        "scoped_call_expression" => (text(field("name")?), field("scope")),
        "macro_invocation" => {
            arguments = node.child(node.child_count().saturating_sub(1));
            (text(field("macro")?), None)
        }
        _ => return None,
    };
    let callee: String = callee.split_whitespace().collect();
    // Of a chain, only what is called last: the calls before it are met on their own.
    let tail = callee.rsplit(')').next().unwrap_or_default();
    let mut full = if tail.is_empty() { callee.as_str() } else { tail };
    while full.len() > 200 {
        full = full.get(full.len() - 200..).unwrap_or_default();
    }
    let last = full.rsplit(['.', ':', '>', '?']).next().unwrap_or_default();
    let owner = match object {
        Some(object) => tree.text(object).trim(),
        None => callee.strip_suffix(last).unwrap_or_default().trim_end_matches(['.', ':', '>', '-', '?']),
    };
    Some(Called {
        full: full.to_owned(),
        last: last.to_owned(),
        about_nothing: NOBODY.contains(&owner)
            && arguments.is_some_and(|list| list.named_child_count() > 0 && !names_something(list)),
    })
}

/// Whose assertions are about what they are given, and not about their owner.
const NOBODY: &[&str] =
    &["", "self", "this", "$this", "Self", "static", "t", "assert", "Assert", "Assertions", "chai", "expect", "should"];

/// Whether anything under a node is more than a literal.
fn names_something(node: Node<'_>) -> bool {
    walk(node).any(|visited| {
        let kind = visited.node.kind();
        visited.node.is_named()
            && (kind.contains("identifier")
                || kind.contains("call")
                || matches!(
                    kind,
                    "name" | "variable_name" | "constant" | "interpolation" | "instance_variable" | "self" | "this"
                ))
    })
}

/// The words of one family of languages.
pub(crate) struct Words {
    family: Family,
    calls: Option<Regex>,
    http: Option<Regex>,
}

impl Words {
    pub(crate) fn of(family: Family) -> Words {
        let calls = match family {
            Family::Python => {
                r"(^|\.)(_?assert\w*|fail|raises|warns|deprecated_call|raise_for_status|_?expect\w*|_?verify\w*|should\w*|_?check_?\w*)$"
            }
            Family::Script => {
                r"^(expect|assert|should|expectTypeOf|assertType|expectType)\b|^(t|tap)\.(is|not|true|false|truthy|falsy|equal|notEqual|deepEqual|same|ok|notOk|match|throws|rejects|pass|fail|snapshot|assert\.?\w*)|\.(expect|should)$|\.(assert\w*|toMatchSnapshot)$|^sinon\.assert"
            }
            Family::Go => {
                r"^\w+\.(Error|Errorf|Fatal|Fatalf|Fail|FailNow)$|^(assert|require|is|be|qt|must|check|expect)\.\w+|(^|\.)((?i:assert|require|expect|check|verify|must)\w*|(Equal|NotEqual|NoError|True|False|Nil|NotNil|Contains|Len|ErrorIs|Expect|Ω))$"
            }
            Family::Java => {
                r"^(assert\w*|verify\w*|expect\w*|andExpect\w*|fail|should\w*|statusCode|isEqualTo|isOk|isNotNull|hasSize|containsExactly\w*)$"
            }
            Family::Rust => {
                r"(^|::|\.)(assert\w*|debug_assert\w*|prop_assert\w*|panic|unreachable|unwrap_err|expect_err|expect_\w+|check_\w+|verify\w*)$"
            }
            Family::Php => {
                r"^(assert\w*|expect\w*|see\w*|dontSee\w*|should\w*|fail|verify\w*|toBe\w*|toEqual\w*|toThrow)$"
            }
            Family::Ruby => {
                r"^(expect|is_expected|assert\w*|refute\w*|must_\w+|wont_\w+|should|should_not|flunk|raise)$"
            }
        };
        let http = match family {
            Family::Python => {
                r#"(?i)\b(\w*client|\w*api|requests|httpx|http|session|ac|c)\s*\.\s*(get|post|put|patch|delete|request|head|options|open)\s*\(|TestClient\s*\(|ASGITransport|test_client\s*\(|APIClient|urlopen\s*\("#
            }
            Family::Script => {
                r#"\b(request|supertest|agent|st)\s*\(|\bfetch\s*\(|\.inject\s*\(|\baxios\b|chai\.request|\b\w*(client|api|http|agent|server|app)\s*\.\s*(get|post|put|patch|delete|request)\s*\(|\bhttp\.(get|request)\s*\(|pactum|\.handle\s*\(\s*new Request"#
            }
            Family::Go => {
                r#"httptest\.|http\.(NewRequest|Get|Post|Client|DefaultClient)|\.ServeHTTP\s*\(|\bapp\.Test\s*\(|resty\.|httpexpect"#
            }
            Family::Java => {
                r"(?i)mockMvc|webTestClient|restTemplate|RestAssured|\bgiven\s*\(\s*\)|HttpClient|TestRestTemplate|MockHttpServletRequest"
            }
            Family::Rust => {
                r"\.oneshot\s*\(|TestServer|test::(call_service|TestRequest|init_service)|reqwest|Request::(builder|get|post|put|patch|delete)|Client::(tracked|untracked)"
            }
            Family::Php => {
                r"->(get|post|put|patch|delete|head|options)(Json)?\s*\(\s*['\x22/]|->json\s*\(|->(request|call|handle)\s*\(|createRequest|createClient"
            }
            Family::Ruby => {
                r#"(?m)^\s*(get|post|put|patch|delete|head)[\s(]+['":/\w]|Net::HTTP|Rack::MockRequest|Faraday"#
            }
        };
        // A test makes the words of every family.
        Words { family, calls: Regex::new(calls).ok(), http: Regex::new(http).ok() }
    }

    /// Whether a call is an assertion about something.
    pub(crate) fn asserts(&self, called: &Called) -> bool {
        // `t.Fatal("…")` and its like say something by being reached.
        let by_itself = ["fail", "fatal", "error", "flunk", "panic", "raise", "unreachable"];
        let last = called.last.to_ascii_lowercase();
        let reached = by_itself.iter().any(|word| last.starts_with(word));
        (reached || !called.about_nothing) && self.calls.as_ref().is_some_and(|calls| calls.is_match(&called.full))
    }

    /// Whether a statement asserts without a call.
    pub(crate) fn asserting_statement(&self, tree: &Tree<'_>, node: Node<'_>) -> bool {
        match (self.family, node.kind()) {
            (Family::Python, "assert_statement") => names_something(node),
            (Family::Python, "raise_statement") => tree.text(node).contains("AssertionError"),
            (Family::Java, "assert_statement") => names_something(node),
            (Family::Script | Family::Java, "throw_statement") => tree.text(node).contains("Error"),
            _ => false,
        }
    }

    /// Whether an attribute or annotation beside a test asserts.
    pub(crate) fn asserting_attribute(&self, text: &str) -> bool {
        match self.family {
            Family::Rust => text.contains("should_panic"),
            Family::Php => text.contains("@expectedException"),
            Family::Python => text.contains("xfail") && text.contains("strict"),
            _ => false,
        }
    }

    pub(crate) fn speaks_http(&self, text: &str) -> bool {
        self.http.as_ref().is_some_and(|http| http.is_match(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_familys_words_are_well_formed() {
        for family in
            [Family::Python, Family::Script, Family::Go, Family::Java, Family::Rust, Family::Php, Family::Ruby]
        {
            let words = Words::of(family);
            assert!(words.calls.is_some() && words.http.is_some(), "{family:?}");
        }
    }
}
