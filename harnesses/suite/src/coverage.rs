//! Which lines of the application the tests reach, as the stack's own tool reports it.

use std::collections::{BTreeMap, BTreeSet};

use quick_xml::Reader;
use quick_xml::events::Event;
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::stack::CoverageFormat;

/// Lines of one file that are believed.
const MOST_LINES: u32 = 100_000;

/// Files of one report.
const MOST_FILES: usize = 10_000;

/// Lines by file, as the tool names files.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    pub files: BTreeMap<String, Lines>,
    /// Names of tests that [`Lines::tests`] numbers.
    pub tests: Vec<String>,
}

/// The lines of one file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lines {
    pub covered: BTreeSet<u32>,
    pub missing: BTreeSet<u32>,
    /// Which tests reached a line, where the tool knows.
    pub tests: BTreeMap<u32, Vec<usize>>,
}

impl Coverage {
    /// The coverage of files that the tool may know by an absolute or another longer name: `paths` are those of the
    /// project. What is none of them is left out.
    pub fn of(&self, paths: &[&str]) -> Coverage {
        let mut files: BTreeMap<String, Lines> = BTreeMap::new();
        for (name, lines) in &self.files {
            let name = name.replace('\\', "/");
            let fits =
                |path: &&&str| name == **path || name.strip_suffix(**path).is_some_and(|rest| rest.ends_with('/'));
            // The longest fit: `app/main.py` is nobody's `main.py`.
            let from_below = paths.iter().filter(fits).max_by_key(|path| path.len());
            // Tools that name files from a source folder give less than the path.
            let from_above = || {
                let mut ends = paths
                    .iter()
                    .filter(|path| path.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('/')));
                ends.next().filter(|_| ends.next().is_none())
            };
            if let Some(path) = from_below.or_else(from_above) {
                let into = files.entry((*path).to_owned()).or_default();
                into.covered.extend(&lines.covered);
                into.missing.extend(&lines.missing);
                for (line, tests) in &lines.tests {
                    into.tests.entry(*line).or_default().extend(tests);
                }
            }
        }
        for lines in files.values_mut() {
            let covered = std::mem::take(&mut lines.covered);
            lines.missing.retain(|line| !covered.contains(line));
            lines.covered = covered;
        }
        Coverage { files, tests: self.tests.clone() }
    }

    /// Covered lines and all lines that can be.
    pub fn totals(&self) -> (usize, usize) {
        let covered = self.files.values().map(|lines| lines.covered.len()).sum();
        let missing: usize = self.files.values().map(|lines| lines.missing.len()).sum();
        (covered, covered + missing)
    }

    fn file(&mut self, name: &str) -> Option<&mut Lines> {
        if self.files.len() >= MOST_FILES && !self.files.contains_key(name) {
            return None;
        }
        Some(self.files.entry(name.to_owned()).or_default())
    }

    fn count(&mut self, name: &str, line: u32, hits: bool) {
        if line == 0 || line > MOST_LINES {
            return;
        }
        if let Some(lines) = self.file(name) {
            if hits {
                lines.covered.insert(line);
                lines.missing.remove(&line);
            } else if !lines.covered.contains(&line) {
                lines.missing.insert(line);
            }
        }
    }
}

/// Reads what a tool wrote; `None` when it is not in its format or names no line.
pub(crate) fn read(format: CoverageFormat, bytes: &[u8]) -> Option<Coverage> {
    let text = String::from_utf8_lossy(bytes);
    let found = match format {
        CoverageFormat::CoveragePy => python(&text)?,
        CoverageFormat::Lcov => lcov(&text),
        CoverageFormat::Go => go(&text)?,
        CoverageFormat::Cobertura => xml(&text, Xml::Cobertura)?,
        CoverageFormat::Jacoco => xml(&text, Xml::Jacoco)?,
    };
    (found.totals().1 > 0).then_some(found)
}

#[derive(Deserialize)]
struct Python {
    tests: Vec<String>,
    files: BTreeMap<String, PythonFile>,
}

#[derive(Deserialize)]
struct PythonFile {
    covered: Vec<u32>,
    missing: Vec<u32>,
    #[serde(default)]
    tests: BTreeMap<u32, Vec<usize>>,
}

/// What `lines.py` of the Python stacks writes.
fn python(text: &str) -> Option<Coverage> {
    let read: Python = serde_json::from_str(text).ok()?;
    let count = read.tests.len();
    let files = read.files.into_iter().take(MOST_FILES).map(|(name, file)| {
        let believed = |line: &u32| (1..=MOST_LINES).contains(line);
        let tests =
            file.tests.into_iter().map(|(line, tests)| (line, tests.into_iter().filter(|at| *at < count).collect()));
        let lines = Lines {
            covered: file.covered.into_iter().filter(believed).collect(),
            missing: file.missing.into_iter().filter(believed).collect(),
            tests: tests.collect(),
        };
        (name, lines)
    });
    Some(Coverage { files: files.collect(), tests: read.tests })
}

fn lcov(text: &str) -> Coverage {
    let mut found = Coverage::default();
    let mut file = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("SF:") {
            file = Some(name.trim().to_owned());
        } else if let (Some(file), Some((number, hits))) =
            (&file, line.strip_prefix("DA:").and_then(|da| da.split_once(',')))
            && let Ok(number) = number.parse()
        {
            found.count(file, number, !matches!(hits.split(',').next(), Some("0")));
        } else if line == "end_of_record" {
            file = None;
        }
    }
    found
}

/// `NAME:FROM.COLUMN,TO.COLUMN STATEMENTS COUNT`, a block a line.
fn go(text: &str) -> Option<Coverage> {
    // The literal is well formed.
    let block = Regex::new(r"^(.+):(\d+)\.\d+,(\d+)\.\d+ \d+ (\d+)$").ok()?;
    let mut found = Coverage::default();
    for line in text.lines() {
        let Some(parts) = block.captures(line) else { continue };
        let number = |at: usize| parts[at].parse::<u32>().ok();
        let (Some(from), Some(to)) = (number(2), number(3)) else { continue };
        for line in from..=to.min(from.saturating_add(2_000)) {
            found.count(&parts[1], line, &parts[4] != "0");
        }
    }
    Some(found)
}

#[derive(Clone, Copy, PartialEq)]
enum Xml {
    Cobertura,
    Jacoco,
}

fn xml(text: &str, kind: Xml) -> Option<Coverage> {
    let mut found = Coverage::default();
    let mut reader = Reader::from_str(text);
    let (mut package, mut file) = (String::new(), String::new());
    loop {
        let element = match reader.read_event().ok()? {
            Event::Start(element) | Event::Empty(element) => element,
            Event::Eof => return Some(found),
            _ => continue,
        };
        let value = |name: &str| {
            let attribute =
                element.attributes().with_checks(false).flatten().find(|a| a.key.as_ref() == name.as_bytes())?;
            Some(String::from_utf8_lossy(&attribute.value).into_owned())
        };
        let number = |name: &str| value(name).and_then(|text| text.parse::<u32>().ok());
        match (kind, element.local_name().as_ref()) {
            (Xml::Cobertura, b"class") => file = value("filename").unwrap_or_default(),
            (Xml::Cobertura, b"line") => {
                if let (Some(line), Some(hits)) = (number("number"), value("hits")) {
                    found.count(&file, line, hits != "0");
                }
            }
            (Xml::Jacoco, b"package") => package = value("name").unwrap_or_default(),
            (Xml::Jacoco, b"sourcefile") => file = format!("{package}/{}", value("name").unwrap_or_default()),
            (Xml::Jacoco, b"line") => {
                if let (Some(line), Some(hits)) = (number("nr"), number("ci")) {
                    found.count(&file, line, hits > 0);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(coverage: &Coverage, file: &str) -> (Vec<u32>, Vec<u32>) {
        let lines = &coverage.files[file];
        (lines.covered.iter().copied().collect(), lines.missing.iter().copied().collect())
    }

    #[test]
    fn every_format_gives_lines() {
        let python = r#"{"tests": ["a::b"], "files": {"/srv/app/x.py": {"covered": [1, 2], "missing": [3], "tests": {"2": [0, 9]}}}}"#;
        let lcov = "TN:\nSF:src/x.py\nDA:1,4\nDA:2,1,hash\nDA:3,0\nend_of_record\n";
        let go = "mode: set\nexample.test/x/app/x.py:1.10,2.3 1 1\nexample.test/x/app/x.py:3.1,3.9 1 0\n";
        let cobertura = r#"<coverage><packages><package><classes><class filename="app/x.py"><lines><line number="1" hits="1"/><line number="2" hits="7"/><line number="3" hits="0"/></lines></class></classes></package></packages></coverage>"#;
        let jacoco = r#"<report><package name="app"><sourcefile name="x.py"><line nr="1" mi="0" ci="3"/><line nr="2" mi="1" ci="1"/><line nr="3" mi="2" ci="0"/></sourcefile></package></report>"#;
        for (format, text, name) in [
            (CoverageFormat::CoveragePy, python, "/srv/app/x.py"),
            (CoverageFormat::Lcov, lcov, "src/x.py"),
            (CoverageFormat::Go, go, "example.test/x/app/x.py"),
            (CoverageFormat::Cobertura, cobertura, "app/x.py"),
            (CoverageFormat::Jacoco, jacoco, "app/x.py"),
        ] {
            let coverage = read(format, text.as_bytes()).unwrap();
            assert_eq!(lines(&coverage, name), (vec![1, 2], vec![3]), "{format:?}");
        }
        let python = read(CoverageFormat::CoveragePy, python.as_bytes()).unwrap();
        assert_eq!(python.files["/srv/app/x.py"].tests[&2], [0]);
    }

    #[test]
    fn names_of_tools_are_brought_back_to_the_projects() {
        let text = "SF:/app/src/main.ts\nDA:1,1\nSF:/app/main.ts\nDA:1,0\nSF:/usr/lib/other.ts\nDA:1,1\n";
        let coverage = read(CoverageFormat::Lcov, text.as_bytes()).unwrap().of(&["src/main.ts", "main.ts"]);
        assert_eq!(lines(&coverage, "src/main.ts"), (vec![1], vec![]));
        assert_eq!(lines(&coverage, "main.ts"), (vec![], vec![1]));
        assert_eq!(coverage.totals(), (1, 2));
    }

    #[test]
    fn what_is_no_coverage_is_none() {
        for format in [CoverageFormat::CoveragePy, CoverageFormat::Lcov, CoverageFormat::Go, CoverageFormat::Jacoco] {
            assert_eq!(read(format, b"<html>404</html>"), None, "{format:?}");
            assert_eq!(read(format, b""), None, "{format:?}");
        }
    }
}
