//! The functions of a suite's test code by syntax: which are tests, which assert something, which speak HTTP.
//!
//! What a test does through a helper, a fixture or a set-up of the same file, it does: calls are followed by name within
//! the test code. Texts of the submission are parsed within limits; a file that cannot be parsed has no units.

use std::collections::{BTreeMap, BTreeSet};

use grader_model::Snapshot;
use harness_syntax::{Language, Limits, Node, Tree, parse, walk};

use crate::recognise::Suite;
use crate::stack::Family;
use crate::words::{self, Words};

/// Functions of one suite that are read.
const MOST_UNITS: usize = 20_000;

/// A test, and what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    pub path: String,
    /// From 1.
    pub line: u32,
    pub name: String,
    pub asserts: bool,
    pub speaks_http: bool,
}

/// What a function of the test code is to the runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Test,
    /// Run around the tests of its file.
    SetUp,
    Helper,
}

struct Unit {
    path: String,
    line: u32,
    name: String,
    role: Role,
    /// Names that it calls.
    uses: BTreeSet<String>,
    /// Fixtures that it is given.
    given: BTreeSet<String>,
    asserts: bool,
    speaks_http: bool,
}

/// The tests of a suite, in order of path and line. Those that are always skipped are left out.
pub fn tests(suite: &Suite, snapshot: &Snapshot) -> Vec<Test> {
    let words = Words::of(suite.stack.family);
    let mut units = Vec::new();
    for (path, text) in suite.texts(snapshot) {
        let Some(language) = Language::of_path(path) else { continue };
        let in_file = suite.files.iter().any(|file| file == path);
        let of_tests = in_file || crate::paths::belongs_to_tests(&suite.stack, path);
        if Family::of(language) != suite.stack.family || !of_tests || units.len() > MOST_UNITS {
            continue;
        }
        if let Ok(tree) = parse(language, text, Limits::default()) {
            read(&tree, path, in_file, &words, &mut units);
        }
    }
    follow(&mut units);
    let mut tests: Vec<Test> = units
        .into_iter()
        .filter(|unit| unit.role == Role::Test)
        .map(|unit| Test {
            path: unit.path,
            line: unit.line,
            name: unit.name,
            asserts: unit.asserts,
            speaks_http: unit.speaks_http,
        })
        .collect();
    tests.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    tests
}

/// What a unit does through what it uses, until nothing is added any more.
fn follow(units: &mut [Unit]) {
    // What is asserted while a fixture is made is no assertion of the test.
    spread(units, |unit| unit.asserts, |unit| unit.asserts = true, false);
    spread(units, |unit| unit.speaks_http, |unit| unit.speaks_http = true, true);
    // A request in a set-up is what the tests of its file look at.
    let mut files: BTreeMap<String, bool> = BTreeMap::new();
    for unit in units.iter().filter(|unit| unit.role == Role::SetUp && unit.speaks_http) {
        files.insert(unit.path.clone(), true);
    }
    for unit in units.iter_mut().filter(|unit| files.contains_key(&unit.path)) {
        unit.speaks_http = true;
    }
}

fn spread(units: &mut [Unit], does: fn(&Unit) -> bool, set: fn(&mut Unit), through_fixtures: bool) {
    loop {
        let helpers = units.iter().filter(|unit| unit.role == Role::Helper && does(unit));
        let names: BTreeSet<String> = helpers.map(|unit| unit.name.clone()).filter(|name| !name.is_empty()).collect();
        let mut more = false;
        for unit in units.iter_mut().filter(|unit| !does(unit)) {
            let used = unit.uses.iter().any(|name| names.contains(name));
            if used || through_fixtures && unit.given.iter().any(|name| names.contains(name)) {
                set(unit);
                more |= unit.role == Role::Helper;
            }
        }
        if !more {
            return;
        }
    }
}

fn read(tree: &Tree<'_>, path: &str, in_test_file: bool, words: &Words, units: &mut Vec<Unit>) {
    let family = Family::of(tree.language());
    for function in tree.functions() {
        let name = function.name.unwrap_or_default().to_owned();
        let (role, skipped) = role_of_function(tree, family, &name, function.node, in_test_file);
        let nameless = name.is_empty() && role == Role::Helper;
        if !skipped && !nameless {
            units.push(unit(tree, path, name, role, function.node, words));
        }
    }
    if matches!(family, Family::Script | Family::Ruby | Family::Php) {
        for visited in tree.walk() {
            if let Some((name, role)) = role_of_call(tree, family, visited.node) {
                units.push(unit(tree, path, name, role, visited.node, words));
            }
        }
    }
}

fn unit(tree: &Tree<'_>, path: &str, name: String, role: Role, node: Node<'_>, words: &Words) -> Unit {
    let (mut uses, mut given) = (BTreeSet::new(), BTreeSet::new());
    // Attributes and annotations stand beside what they are about.
    let mut asserts = beside(tree, node).is_some_and(|text| words.asserting_attribute(&text));
    for visited in walk(node) {
        let inner = visited.node;
        if let Some(called) = words::called(tree, inner) {
            // That a preparation went well is not what a test is about.
            asserts |= words.asserts(&called) && (role == Role::Test || called.last != "raise_for_status");
            uses.insert(called.last);
        } else if words.asserting_statement(tree, inner) {
            asserts = true;
        } else if inner.kind() == "identifier"
            && inner.parent().is_some_and(|parent| matches!(parent.kind(), "parameters" | "typed_parameter"))
        {
            given.insert(tree.text(inner).to_owned());
        }
    }
    // A function that calls itself by name needs no following.
    uses.remove(&name);
    Unit {
        path: path.to_owned(),
        line: u32::try_from(node.start_position().row + 1).unwrap_or(u32::MAX),
        speaks_http: words.speaks_http(tree.text(node)),
        name,
        role,
        uses,
        given,
        asserts,
    }
}

/// What a function is, and whether it is always skipped.
fn role_of_function(tree: &Tree<'_>, family: Family, name: &str, node: Node<'_>, in_test_file: bool) -> (Role, bool) {
    let beside = || beside(tree, node).unwrap_or_default();
    match family {
        Family::Python => {
            let text = beside();
            if ["setUp", "setup", "setup_method", "setUpClass", "setUpTestData", "asyncSetUp"].contains(&name)
                || text.contains("autouse=True")
            {
                return (Role::SetUp, false);
            }
            let test = in_test_file && name.starts_with("test") && !text.contains("fixture");
            (
                if test { Role::Test } else { Role::Helper },
                text.contains("skip") && !text.contains("skipif") && !text.contains("skipIf"),
            )
        }
        Family::Go => {
            let test = ["Test", "Fuzz"].iter().any(|start| name.starts_with(start)) && name != "TestMain";
            let takes_t =
                node.child_by_field_name("parameters").is_some_and(|list| tree.text(list).contains("testing."));
            let method = node.kind() == "method_declaration";
            (if in_test_file && test && (takes_t || method) { Role::Test } else { Role::Helper }, false)
        }
        Family::Java => {
            let text = tree.text(node);
            let head = text.split('{').next().unwrap_or(text);
            let marked = |words: &[&str]| words.iter().any(|word| head.contains(word));
            if marked(&["@BeforeEach", "@BeforeAll", "@Before"]) {
                return (Role::SetUp, false);
            }
            let test = marked(&["@Test", "@ParameterizedTest", "@RepeatedTest", "@TestFactory"]);
            (if test { Role::Test } else { Role::Helper }, marked(&["@Disabled", "@Ignore"]))
        }
        Family::Rust => {
            let text = beside();
            let test = ["test]", "test(", "rstest", "test_case"].iter().any(|word| text.contains(word));
            (if test && !text.contains("cfg(test)") { Role::Test } else { Role::Helper }, text.contains("ignore"))
        }
        Family::Php => {
            if name == "setUp" {
                return (Role::SetUp, false);
            }
            let text = beside();
            let marked =
                text.contains("@test") || tree.text(node).split('{').next().is_some_and(|head| head.contains("#[Test"));
            let test = in_test_file && (name.starts_with("test") || marked);
            (if test { Role::Test } else { Role::Helper }, false)
        }
        Family::Ruby => {
            let test = in_test_file && name.starts_with("test_");
            (if test { Role::Test } else { Role::Helper }, false)
        }
        Family::Script => (Role::Helper, false),
    }
}

/// A test or set-up that is a call: `it('…', () => …)`, `it '…' do`, Pest's `it('…', function …)`.
fn role_of_call(tree: &Tree<'_>, family: Family, node: Node<'_>) -> Option<(String, Role)> {
    let called = words::called(tree, node)?;
    let root = called.full.split(['.', '(']).next().unwrap_or_default();
    let tests: &[&str] = match family {
        Family::Script => &["it", "test", "specify"],
        Family::Php => &["it", "test"],
        _ => &["it", "specify", "test", "scenario", "example"],
    };
    let set_ups: &[&str] = match family {
        Family::Script | Family::Php => &["beforeEach", "beforeAll", "before"],
        _ => &["before", "setup", "let", "let!", "subject"],
    };
    if set_ups.contains(&called.full.as_str()) {
        return Some((String::new(), Role::SetUp));
    }
    if !tests.contains(&root) || ["skip", "todo", "skipIf"].iter().any(|word| called.full.contains(word)) {
        return None;
    }
    // `it.each(table)('…', …)` is called twice; the outer call is the test.
    let body = walk(node).skip(1).any(|visited| {
        matches!(
            visited.node.kind(),
            "arrow_function" | "function_expression" | "do_block" | "block" | "anonymous_function" | "statement_block"
        )
    });
    let outer = node.parent().is_some_and(|parent| {
        parent.kind() == "call_expression"
            && parent.child_by_field_name("function").is_some_and(|f| f.id() == node.id())
    });
    if !body || outer {
        return None;
    }
    let title =
        node.child_by_field_name("arguments").and_then(|list| list.named_child(0)).map(|first| tree.text(first));
    let title = title.unwrap_or_default().trim_matches(['\'', '"', '`']).chars().take(200).collect();
    Some((title, Role::Test))
}

/// Decorators, attributes or the doc comment right before a function.
fn beside(tree: &Tree<'_>, node: Node<'_>) -> Option<String> {
    let mut text = String::new();
    if let Some(parent) = node.parent().filter(|parent| parent.kind() == "decorated_definition") {
        let upto = node.start_byte().saturating_sub(parent.start_byte());
        text.push_str(tree.text(parent).get(..upto)?);
    }
    let mut before = node.prev_sibling();
    while let Some(sibling) =
        before.filter(|sibling| matches!(sibling.kind(), "attribute_item" | "comment" | "line_comment"))
    {
        if sibling.kind() != "line_comment" {
            text.push_str(tree.text(sibling));
        }
        before = sibling.prev_sibling();
    }
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::recognise;
    use crate::stack::stacks;
    use crate::testing::snapshot;

    /// `name asserts http`, a test a line.
    fn seen(files: &[(&str, &str)]) -> Vec<String> {
        let tree = snapshot(files);
        let suite = recognise(&tree, &stacks().unwrap()).unwrap();
        let mark = |yes: bool, word: &str| if yes { format!(" {word}") } else { String::new() };
        let tests = tests(&suite, &tree);
        tests
            .iter()
            .map(|test| format!("{}{}{}", test.name, mark(test.asserts, "asserts"), mark(test.speaks_http, "http")))
            .collect()
    }

    #[test]
    fn python() {
        let files = [
            ("requirements.txt", "pytest"),
            (
                "tests/conftest.py",
                "import pytest\n@pytest.fixture\ndef client():\n    return TestClient(app)\n@pytest.fixture\ndef book(client):\n    return client.post('/books').json()\n",
            ),
            (
                "tests/support.py",
                "def check(answer):\n    assert answer.status_code == 200\ndef outer(a):\n    check(a)\n",
            ),
            (
                "tests/test_a.py",
                "def test_one(client):\n    assert client.get('/x').status_code == 200\ndef test_two(book):\n    outer(book)\ndef test_three():\n    assert add(1, 2) == 3\ndef test_four():\n    add(1, 2)\ndef test_five():\n    assert True\ndef test_six():\n    with pytest.raises(ValueError):\n        add('a')\n@pytest.mark.skip(reason='x')\ndef test_seven(): pass\nclass TestX:\n    def test_eight(self):\n        mock.assert_called_once()\n",
            ),
        ];
        assert_eq!(
            seen(&files),
            [
                "test_one asserts http",
                "test_two asserts http",
                "test_three asserts",
                "test_four",
                "test_five",
                "test_six asserts",
                "test_eight asserts"
            ]
        );
    }

    #[test]
    fn script() {
        let files = [
            ("package.json", r#"{"devDependencies": {"vitest": "3"}}"#),
            ("test/support.ts", "export async function signIn(app) { return request(app).post('/login'); }\n"),
            (
                "test/a.test.ts",
                "describe('x', () => {\n it('one', async () => { await request(app).get('/x').expect(200); });\n it('two', () => { expect(add(1, 2)).toBe(3); });\n test.each([1])('three %s', (n) => { add(n); });\n it('four', () => { expect(true).toBe(true); });\n it.skip('five', () => {});\n it('six', async () => { const t = await signIn(app); assert.equal(t.status, 200); });\n it('seven', async () => { await expect(f()).rejects.toThrow(); });\n it('eight', () => { throwing(() => f()); });\n});\n",
            ),
        ];
        assert_eq!(
            seen(&files),
            ["one asserts http", "two asserts", "three %s", "four", "six asserts http", "seven asserts", "eight"]
        );
    }

    #[test]
    fn a_request_in_a_set_up_is_its_tests() {
        let files = [
            ("package.json", r#"{"devDependencies": {"jest": "29"}}"#),
            (
                "a.test.js",
                "beforeEach(async () => { response = await fetch(`${base}/x`); });\ntest('one', () => { expect(response.status).toBe(200); });\n",
            ),
        ];
        assert_eq!(seen(&files), ["one asserts http"]);
    }

    #[test]
    fn other_languages() {
        for (files, expected) in [
            (
                vec![
                    ("go.mod", "module x"),
                    (
                        "a_test.go",
                        "package a\nfunc TestOne(t *testing.T) { if add(1) != 2 { t.Fatalf(\"x\") } }\nfunc TestTwo(t *testing.T) { add(1) }\nfunc TestThree(t *testing.T) { r := httptest.NewRecorder(); h.ServeHTTP(r, q); require.Equal(t, 200, r.Code) }\nfunc TestMain(m *testing.M) {}\nfunc helper(t *testing.T) {}\n",
                    ),
                ],
                vec!["TestOne asserts", "TestTwo", "TestThree asserts http"],
            ),
            (
                vec![
                    ("pom.xml", "<project/>"),
                    (
                        "src/test/java/ATest.java",
                        "class ATest {\n @Test void one() { assertEquals(3, add(1, 2)); }\n @Test void two() { add(1, 2); }\n @Test void three() throws Exception { mockMvc.perform(get(\"/x\")).andExpect(status().isOk()); }\n @Test @Disabled void four() {}\n void helper() {}\n @Test void five() { assertTrue(true); }\n}",
                    ),
                ],
                vec!["one asserts", "two", "three asserts http", "five"],
            ),
            (
                vec![
                    ("Cargo.toml", "[package]"),
                    (
                        "src/a.rs",
                        "fn add() {}\n#[cfg(test)]\nmod tests {\n #[test]\n fn one() { assert_eq!(add(1), 2); }\n #[tokio::test]\n async fn two() { add(1); }\n #[test]\n #[should_panic]\n fn three() { add(0); }\n #[test]\n fn four() { assert!(true); }\n}\n",
                    ),
                ],
                vec!["one asserts", "two", "three asserts", "four"],
            ),
            (
                vec![
                    ("composer.json", r#"{"require-dev": {"phpunit/phpunit": "11"}}"#),
                    (
                        "tests/ATest.php",
                        "<?php\nclass ATest extends TestCase {\n public function testOne() { $this->assertSame(1, add()); }\n public function testTwo() { add(); }\n public function testThree() { $this->getJson('/x')->assertStatus(200); }\n}\n",
                    ),
                ],
                vec!["testOne asserts", "testTwo", "testThree asserts http"],
            ),
            (
                vec![
                    ("Gemfile", "gem 'rspec'"),
                    (
                        "spec/a_spec.rb",
                        "describe 'x' do\n  it 'one' do\n    expect(add(1)).to eq 2\n  end\n  it 'two' do\n    add(1)\n  end\n  it 'three' do\n    get '/x'\n    expect(last_response.status).to eq 200\n  end\nend\n",
                    ),
                ],
                vec!["one asserts", "two", "three asserts http"],
            ),
        ] {
            assert_eq!(seen(&files), expected);
        }
    }
}
