//! `org.duplication`: what has to change together stands in one place.
//!
//! Observes the tokens of the source (names and literals as written, comments and layout gone) in windows of `tokens`
//! (70, between the 50 and 100 that the usual detectors take). Two places with the same window are duplicates, grown as
//! far as they agree; imports and declarations of a language's boilerplate are too short for that. Counted are the lines
//! of every place but the first. More than `at_most_percent` (5) of all lines of code is a partial, three times that a
//! fail; fewer than 20 lines are never charged. Tests, migrations, generated and lock files are left out. Planted
//! defects: `org-duplication-*`.

use std::collections::{BTreeSet, HashMap};

use grader_model::{Evidence, Finding};
use grader_spec::Params;

use super::{Tree, number};
use crate::code::{Code, Kind};
use crate::structure;
use crate::tree;

pub(super) const ID: &str = "org.duplication";

/// Lines that are never charged.
const FORGIVEN: usize = 20;
/// Pairs that are shown.
const SHOWN: usize = 5;
/// Tokens of all files together that are compared.
const MOST_TOKENS: usize = 2_000_000;

/// A file's tokens as numbers: equal texts have equal numbers.
struct Numbered<'a> {
    path: &'a str,
    words: Vec<u32>,
    lines: Vec<u32>,
}

/// Two places that agree.
struct Pair {
    file: usize,
    lines: (u32, u32),
    first: (usize, u32),
    tokens: usize,
}

pub(super) fn run(tree: &Tree<'_>, params: &Params) -> Finding {
    let window = usize::try_from(number(params, "tokens", 70).clamp(20, 1_000)).unwrap_or(70);
    let at_most = number(params, "at_most_percent", 5);
    let (files, all_lines) = numbered(tree);
    let expected = format!("at most {at_most} % of the lines in blocks of {window} tokens that repeat");
    if all_lines == 0 {
        return Finding::inconclusive(ID, "The tree has no source in a language that is read here");
    }
    let pairs = pairs(&files, window);
    let mut repeated: BTreeSet<(usize, u32)> = BTreeSet::new();
    for pair in &pairs {
        let lines = &files[pair.file].lines;
        repeated.extend(
            lines.iter().filter(|line| (pair.lines.0..=pair.lines.1).contains(line)).map(|line| (pair.file, *line)),
        );
    }
    let percent = repeated.len() as f64 * 100.0 / all_lines as f64;
    let actual = format!("{percent:.1} % ({} of {all_lines} lines)", repeated.len());
    if repeated.len() < FORGIVEN || percent <= at_most as f64 {
        return Finding::pass(ID, "Hardly anything stands twice").expected(expected).actual(actual);
    }
    let mut shown: Vec<&Pair> = pairs.iter().collect();
    shown.sort_by_key(|pair| std::cmp::Reverse(pair.tokens));
    let evidence: Vec<Evidence> = shown
        .iter()
        .take(SHOWN)
        .map(|pair| {
            let (first, line) = pair.first;
            let shown = format!(
                "lines {} to {} repeat {}:{line} ({} tokens)",
                pair.lines.0, pair.lines.1, files[first].path, pair.tokens
            );
            Evidence::file(files[pair.file].path, Some(pair.lines.0), shown)
        })
        .collect();
    let finding = if percent >= 3.0 * at_most as f64 {
        Finding::fail(ID, format!("{percent:.0} % of the lines repeat others"))
    } else {
        Finding::partial(ID, 0.5, format!("{percent:.0} % of the lines repeat others"))
    };
    finding.expected(expected).actual(actual).evidences(evidence)
}

/// The tokens of the service's files, and how many lines of code they have together.
fn numbered<'a>(tree: &Tree<'a>) -> (Vec<Numbered<'a>>, usize) {
    let mut known: HashMap<&'a str, u32> = HashMap::new();
    let mut files = Vec::new();
    let mut all_lines = 0;
    let mut left = MOST_TOKENS;
    for (path, text, language) in &tree.sources {
        if !structure::is_service(path) || structure::is_generated(text) || tree::is_example(path) {
            continue;
        }
        let code = Code::read(text, *language);
        all_lines += structure::code_lines(&code).len();
        let mut file = Numbered { path, words: Vec::new(), lines: Vec::new() };
        let mut skipped = 0;
        for token in &code.tokens {
            // Imports repeat by nature.
            if token.first && matches!(token.text, "import" | "from" | "use" | "require" | "package" | "using") {
                skipped = token.line;
            }
            if token.line == skipped {
                continue;
            }
            let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
            // A word and a literal of the same text are two things.
            let number = *known.entry(token.text).or_insert(next);
            let kind = u32::from(matches!(token.kind, Kind::Text | Kind::Template));
            file.words.push(number.wrapping_mul(2).wrapping_add(kind));
            file.lines.push(token.line);
        }
        if file.words.len() > left {
            break;
        }
        left -= file.words.len();
        files.push(file);
    }
    (files, all_lines)
}

/// Every place that repeats an earlier one, grown as far as both agree.
fn pairs(files: &[Numbered<'_>], window: usize) -> Vec<Pair> {
    let mut first_seen: HashMap<u64, (usize, usize)> = HashMap::new();
    let mut pairs = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let mut at = 0;
        let mut hash = Rolling::new(window);
        for (index, word) in file.words.iter().enumerate() {
            hash.push(*word, index.checked_sub(window).map(|gone| file.words[gone]));
            let Some(start) = (index + 1).checked_sub(window) else { continue };
            let here = &file.words[start..=index];
            match first_seen.get(&hash.value) {
                Some((other, from)) if start >= at => {
                    let there = &files[*other].words;
                    let apart = *other != number || from + window <= start;
                    if apart && there[*from..from + window] == *here {
                        let longest = if *other == number { start - from } else { usize::MAX };
                        let tokens = (window..)
                            .take_while(|more| *more < longest)
                            .take_while(|more| {
                                file.words.get(start + more).is_some_and(|word| there.get(from + more) == Some(word))
                            })
                            .last()
                            .map_or(window, |more| more + 1);
                        pairs.push(Pair {
                            file: number,
                            lines: (file.lines[start], file.lines[start + tokens - 1]),
                            first: (*other, files[*other].lines[*from]),
                            tokens,
                        });
                        at = start + tokens;
                    }
                }
                Some(_) => {}
                None => {
                    first_seen.insert(hash.value, (number, start));
                }
            }
        }
    }
    pairs
}

/// A polynomial hash over the last words (Rabin and Karp).
struct Rolling {
    value: u64,
    leaving: u64,
}

impl Rolling {
    const BASE: u64 = 0x9E37_79B9_7F4A_7C15 | 1;

    fn new(window: usize) -> Self {
        let leaving = (0..window).fold(1_u64, |power, _| power.wrapping_mul(Self::BASE));
        Rolling { value: 0, leaving }
    }

    fn push(&mut self, word: u32, gone: Option<u32>) {
        self.value = self.value.wrapping_mul(Self::BASE).wrapping_add(u64::from(word) + 1);
        if let Some(gone) = gone {
            self.value = self.value.wrapping_sub((u64::from(gone) + 1).wrapping_mul(self.leaving));
        }
    }
}

#[cfg(test)]
mod tests {
    use grader_model::Verdict;

    use super::super::over;
    use super::*;

    fn block(name: &str, salt: usize) -> String {
        let lines: String =
            (0..12).map(|n| format!("    const v{n} = await store.read{n}(request.{n}, '{salt}-{n}');\n")).collect();
        format!("async function {name}() {{\n{lines}}}\n")
    }

    fn others(count: usize) -> String {
        (100..100 + count).map(|salt| block(&format!("f{salt}"), salt)).collect()
    }

    #[test]
    fn copies_are_found_across_files_and_inside_one() {
        let (copy, one) = (block("b", 1), block("a", 1));
        let finding =
            over(&[("src/a.js", &(one.clone() + &others(2))), ("src/b.js", &(copy.clone() + &others(0)))], run);
        assert_eq!(finding.verdict, Verdict::Pass, "12 lines are forgiven: {}", finding.actual);
        let finding = over(&[("src/a.js", &(one.clone() + &copy + &block("c", 1) + &others(1)))], run);
        assert_eq!(finding.verdict, Verdict::Fail, "{}", finding.actual);
        let finding = over(&[("src/a.js", &(one + &copy + &block("c", 1) + &others(16)))], run);
        assert_eq!(finding.verdict, Verdict::Partial, "{}", finding.actual);
    }

    #[test]
    fn what_is_alike_and_not_the_same_is_no_copy() {
        let finding = over(&[("src/a.js", &others(6))], run);
        assert_eq!(finding.verdict, Verdict::Pass);
        assert!(finding.actual.starts_with("0.0 %"), "{}", finding.actual);
    }

    #[test]
    fn tests_and_migrations_are_left_out() {
        let one = block("a", 1);
        let files =
            [("src/a.js", one.as_str()), ("test/a.test.js", &one.repeat(9)), ("migrations/1.js", &one.repeat(9))];
        assert_eq!(over(&files, run).verdict, Verdict::Pass);
    }
}
