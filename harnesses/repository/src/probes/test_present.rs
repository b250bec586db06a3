//! `test.present`: as many automated tests as the brief asks for, counted by their text.
//!
//! Stands where the tests could not be run; where they were, the suite's family counts by the runner's own report.
//! Observes the test functions of the tree by the syntax of each runner: pytest, unittest, Jest, Vitest, Mocha and
//! `node:test`, Go, Cargo, JUnit, PHPUnit and Pest, RSpec and Minitest, xUnit and NUnit, ExUnit. A parametrized test
//! counts once, at least; one that is always skipped does not count. Fails below `at_least` (8 unless told).
//! Planted defect: `test-present` of the FastAPI submission.

use std::collections::BTreeMap;

use grader_model::{Evidence, Finding};
use grader_spec::Params;

use super::{Tree, counted, number};
use crate::code::Code;
use crate::tree::{self, Language};

pub(super) const ID: &str = "test.present";

/// Files that are shown as evidence.
const SHOWN: usize = 12;

pub(super) fn run(tree: &Tree<'_>, params: &Params) -> Finding {
    let wanted = number(params, "at_least", 8);
    let files = by_file(&tree.texts);
    let total: usize = files.values().map(|(count, _)| count).sum();
    let expected = format!("at least {}", counted(usize::try_from(wanted).unwrap_or(usize::MAX), "automated test"));
    let actual = match files.len() {
        0 => "no test that a runner would find".to_owned(),
        count => format!("{} in {}", counted(total, "test"), counted(count, "file")),
    };
    let evidence = files
        .iter()
        .take(SHOWN)
        .map(|(path, (count, line))| Evidence::file(*path, Some(*line), counted(*count, "test")));
    let finding = if total as u64 >= wanted {
        Finding::pass(ID, format!("The tree has {}", counted(total, "automated test")))
    } else if total == 0 {
        Finding::fail(ID, "The tree has no automated test")
    } else {
        Finding::fail(
            ID,
            format!("The tree has {} where the brief asks for {wanted}", counted(total, "automated test")),
        )
    };
    finding.expected(expected).actual(actual).evidences(evidence)
}

/// Tests of each file that has some, with the line of the first.
pub(super) fn by_file<'a>(texts: &[(&'a str, &str)]) -> BTreeMap<&'a str, (usize, u32)> {
    let mut files = BTreeMap::new();
    for (path, text) in texts {
        let Some(language) = tree::language(path) else { continue };
        if !may_hold_tests(path, text, language) {
            continue;
        }
        let found = tests(path, text, language);
        if let Some(line) = found.first() {
            files.insert(*path, (found.len(), *line));
        }
    }
    files
}

fn may_hold_tests(path: &str, text: &str, language: Language) -> bool {
    match language {
        // Rust's unit tests stand beside the code.
        Language::Rust => text.contains("test"),
        _ => tree::is_test(path),
    }
}

/// The lines at which the tests of a file begin.
fn tests(path: &str, text: &str, language: Language) -> Vec<u32> {
    let code = Code::read(text, language);
    let found = (0..code.len()).filter(|at| is_test(&code, *at, language)).map(|at| code.line(at));
    let mut lines: Vec<u32> = found.collect();
    if language == Language::Php && tree::file_name(path).ends_with("Test.php") {
        let marked = text.lines().zip(1..).filter(|(line, _)| line.contains("* @test") || line.contains("@test */"));
        lines.extend(marked.map(|(_, line)| line));
    }
    lines
}

fn is_test(code: &Code<'_>, at: usize, language: Language) -> bool {
    let Some(word) = code.word(at) else { return false };
    let member = code.is(at.wrapping_sub(1), ".");
    let annotated = code.is(at.wrapping_sub(1), "@");
    match language {
        Language::Python => {
            word == "def"
                && code.word(at + 1).is_some_and(|name| name.starts_with("test"))
                && code.is(at + 2, "(")
                && !skipped(code, at)
        }
        Language::Script => script_test(code, at, word, member),
        Language::Go => {
            let name = code.word(at + 1).unwrap_or("");
            let function = word == "func"
                && ["Test", "Fuzz"].iter().any(|start| name.starts_with(start))
                && code.is(at + 2, "(")
                && name != "TestMain"
                && !code.is(at + 3, ")");
            let method = word == "func"
                && code.is(at + 1, "(")
                && code.word(code.close(at + 1) + 1).is_some_and(|name| name.starts_with("Test"));
            let ginkgo = matches!(word, "It" | "Specify" | "Entry")
                && !member
                && code.is(at + 1, "(")
                && code.literal(at + 2).is_some();
            function || method || ginkgo
        }
        Language::Rust => {
            let attribute = matches!(word, "test" | "rstest" | "test_case" | "quickcheck") && code.is(at + 1, "]")
                || matches!(word, "test" | "test_case") && code.is(at + 1, "(");
            let opened = code.is(at.wrapping_sub(1), "[") && code.is(at.wrapping_sub(2), "#");
            let pathed = code.is(at.wrapping_sub(1), ":")
                && code.is(at.wrapping_sub(2), ":")
                && code.is(at.wrapping_sub(4), "[")
                && code.is(at.wrapping_sub(5), "#");
            attribute && (opened || pathed)
        }
        Language::Jvm => {
            let junit = annotated
                && matches!(
                    word,
                    "Test" | "ParameterizedTest" | "RepeatedTest" | "TestFactory" | "TestTemplate" | "Property"
                )
                && !disabled(code, at);
            let spock = word == "def" && code.literal(at + 1).is_some() && code.is(at + 2, "(");
            let kotest = matches!(word, "test" | "it" | "should" | "scenario")
                && !member
                && !annotated
                && code.is(at + 1, "(")
                && code.literal(at + 2).is_some();
            junit || spock || kotest
        }
        Language::Php => {
            let method = word == "function"
                && code.word(at + 1).is_some_and(|name| name.starts_with("test"))
                && code.is(at + 2, "(");
            let attribute = word == "Test" && code.is(at.wrapping_sub(1), "[") && code.is(at + 1, "]");
            let pest = matches!(word, "it" | "test")
                && code.is(at + 1, "(")
                && code.literal(at + 2).is_some()
                && !code.is(at.wrapping_sub(1), ">");
            method || attribute || pest
        }
        Language::Ruby => {
            let begins = code.tokens[at].first;
            let spec = begins
                && matches!(word, "it" | "specify" | "test" | "scenario")
                && (code.literal(at + 1).is_some()
                    || code.is(at + 1, "{")
                    || code.is(at + 1, "do")
                    || code.is(at + 1, "(") && code.literal(at + 2).is_some());
            let minitest = word == "def" && code.word(at + 1).is_some_and(|name| name.starts_with("test_"));
            spec || minitest || begins && word == "run_test" && code.is(at + 1, "!")
        }
        Language::CSharp => {
            matches!(word, "Fact" | "Theory" | "Test" | "TestMethod" | "TestCase" | "DataTestMethod")
                && code.is(at.wrapping_sub(1), "[")
        }
        Language::Elixir => {
            matches!(word, "test" | "property") && code.tokens[at].first && code.literal(at + 1).is_some()
        }
    }
}

/// `it('…')`, `test.each(table)('…')`, `Deno.test('…')`, `t.test('…')`; neither `skip` nor `todo` nor a method of
/// something else that is called `test`.
fn script_test(code: &Code<'_>, at: usize, word: &str, member: bool) -> bool {
    if !matches!(word, "it" | "test" | "specify") {
        return false;
    }
    if member {
        let owner = code.word(at.wrapping_sub(2)).unwrap_or("");
        return matches!(owner, "Deno" | "t") && code.is(at + 1, "(") && code.literal(at + 2).is_some();
    }
    if code.is(at + 1, ".") {
        let modifier = code.word(at + 2).unwrap_or("");
        return matches!(modifier, "each" | "only" | "concurrent" | "for" | "sequential" | "fails" | "prop" | "extend")
            && (code.is(at + 3, "(") || code.is(at + 3, ".") || code.literal(at + 3).is_some());
    }
    code.is(at + 1, "(") && at + 2 < code.len() && !code.is(at + 2, ")")
}

/// Whether a Python test is always skipped: a `skip` among the decorators right above it.
fn skipped(code: &Code<'_>, at: usize) -> bool {
    let mut back = at;
    for _ in 0..60 {
        if back == 0 {
            return false;
        }
        back -= 1;
        let token = code.tokens[back];
        if token.first && !matches!(token.text, "@" | "async" | ")" | "]") && token.column <= code.tokens[at].column {
            return false;
        }
        if code.is(back, "skip") && code.line(at) - token.line < 8 && (back + 1 == at || !code.is(back + 1, "=")) {
            return true;
        }
    }
    false
}

/// Whether `@Disabled` or `@Ignore` stands beside the annotation.
fn disabled(code: &Code<'_>, at: usize) -> bool {
    let near = at.saturating_sub(4)..code.len().min(at + 8);
    near.into_iter().any(|near| {
        matches!(code.word(near), Some("Disabled" | "Ignore"))
            && code.is(near.wrapping_sub(1), "@")
            && code.line(near).abs_diff(code.line(at)) <= 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_of_each_runner() {
        for (path, text, count) in [
            (
                "tests/test_a.py",
                "def test_a(): ...\n@pytest.mark.parametrize('x', [1, 2])\nasync def test_b(x): ...\nclass TestX:\n    def test_c(self): ...\n    def helper(self): ...\n@pytest.mark.skip(reason='x')\ndef test_d(): ...\ndef test_e(): ...\n",
                4,
            ),
            (
                "src/a.test.ts",
                "describe('x', () => {\n it('a', () => {});\n test.each([[1]])('b %s', () => {});\n it.skip('c', f);\n it.todo('d');\n expect(/x/.test('y'));\n});",
                2,
            ),
            ("test/a.js", "test('top', async (t) => { await t.test('sub', () => {}); });", 2),
            (
                "a_test.go",
                "func TestA(t *testing.T) {}\nfunc TestMain(m *testing.M) {}\nfunc (s *Suite) TestB() {}\nfunc helper(t *testing.T) {}",
                2,
            ),
            (
                "src/a.rs",
                "#[cfg(test)]\nmod tests { #[test] fn a() {} #[tokio::test] async fn b() {} #[sqlx::test(migrations = \"x\")] async fn c() {} fn d() {} }",
                3,
            ),
            (
                "src/test/java/ATest.java",
                "class ATest {\n @Test\n void a() {}\n @ParameterizedTest\n @ValueSource(ints = {1})\n void b(int i) {}\n @Test\n @Disabled\n void c() {}\n}",
                2,
            ),
            (
                "tests/Feature/BookTest.php",
                "class BookTest { public function test_a() {} /** @test */\n public function b() {} #[Test]\n public function c() {} }",
                3,
            ),
            ("tests/a.php", "it('does', function () {}); test('that', fn () => 1);", 2),
            (
                "spec/a_spec.rb",
                "describe 'x' do\n  it 'a' do\n  end\n  it { is_expected.to be }\n  let(:it_) { 1 }\nend\n",
                2,
            ),
            (
                "Tests/ATests.cs",
                "public class A { [Fact] public void B() {} [Theory] [InlineData(1)] public void C(int x) {} }",
                2,
            ),
        ] {
            assert_eq!(tests(path, text, tree::language(path).unwrap()).len(), count, "{path}");
        }
    }

    #[test]
    fn fewer_than_asked_fail() {
        let finding = super::super::over(&[("tests/test_a.py", "def test_a(): ...\n"), ("src/test_data.ts", "")], run);
        assert_eq!(finding.verdict, grader_model::Verdict::Fail);
        assert_eq!(finding.actual, "1 test in 1 file");
    }
}
