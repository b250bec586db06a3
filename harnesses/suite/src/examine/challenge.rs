//! Small faults, one after the other: does a test notice?
//!
//! For each, the tests that are likeliest to notice run first and the rest only if they do not, each run ending with the
//! first failure. Afterwards the tests that noticed last run once more without a fault: if they fail then, nothing that
//! was seen before means anything.

use std::time::Duration;

use grader_model::Snapshot;
use serde::{Deserialize, Serialize};

use super::{Bench, Examined, Plan, Run};
use crate::coverage::Coverage;
use crate::faults::{Fault, sample};
use crate::paths::name;
use crate::recognise::Suite;
use crate::stack::By;
use crate::workshop::Trouble;

/// Tests that are run first for a fault.
const FIRST_TESTS: usize = 10;

/// Fewer faults than this say nothing.
pub(crate) const LEAST: usize = 5;

/// Fewer faults than this do not condemn, unless there are no more to try.
const ENOUGH: usize = 12;

/// Tests that are run for a fault at the most: a command's arguments are limited.
const MOST_TESTS: usize = 400;

/// Test files that are run first for a fault.
const FIRST_FILES: usize = 2;

/// What became of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// A test failed, or the tests did not end.
    Noticed,
    /// Every test passed.
    Unnoticed,
    /// The program does not compile with it, which says nothing about tests.
    Impossible,
}

/// A fault that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    pub fault: Fault,
    pub fate: Fate,
    /// The test that noticed, where one did.
    pub by: Option<String>,
}

/// All the faults that were tried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    pub tried: Vec<Tried>,
    /// Faults that could have been tried.
    pub sampled: usize,
    pub out_of_time: bool,
    /// The suite failed without a fault afterwards.
    pub spoilt: bool,
}

impl Challenge {
    /// Noticed, and tried in all; what does not compile counts in neither.
    pub fn score(&self) -> (usize, usize) {
        let noticed = self.tried.iter().filter(|tried| tried.fate == Fate::Noticed).count();
        (noticed, self.tried.iter().filter(|tried| tried.fate != Fate::Impossible).count())
    }

    /// Whether what was tried suffices to say on which side of `at_least` percent the tests are. Where time ended it, few
    /// faults may acquit and only many condemn.
    pub(crate) fn decides(&self, at_least: usize) -> bool {
        let (noticed, tried) = self.score();
        tried >= LEAST && (!self.out_of_time || tried >= ENOUGH || noticed * 100 / tried >= at_least)
    }
}

pub(super) async fn run(
    suite: &Suite,
    snapshot: &Snapshot,
    bench: &mut Bench<'_>,
    plan: &Plan,
    examined: &Examined,
) -> Result<Challenge, Trouble> {
    let mut challenge = Challenge::default();
    let (first, coverage) = (&examined.first, examined.coverage.as_ref());
    // Without the tool of coverage, which takes time of its own.
    let plain = Duration::from_millis(examined.again.as_ref().unwrap_or(first).millis);
    let Some(selected) = &suite.stack.selected else { return Ok(challenge) };
    // Some do not compile: there have to be others.
    let spare = if suite.stack.compiled { plan.faults } else { plan.faults / 4 };
    let faults = sample(suite, snapshot, coverage, plan.seed, plan.faults + spare);
    challenge.sampled = faults.len().min(plan.faults);
    let mut witness = None;
    for fault in faults {
        if challenge.score().1 >= plan.faults {
            break;
        }
        // A fault that no test notices costs the whole suite.
        if bench.left() < plain + Duration::from_secs(8) {
            challenge.out_of_time = true;
            break;
        }
        let (Some(text), Some(inside)) = (snapshot.text(&fault.path), suite.inside(&fault.path)) else { continue };
        let Some(faulty) = fault.applied(text) else { continue };
        let stages = stages(suite, selected.by, first, coverage, inside, fault.line);
        bench.workshop.put(inside, faulty.as_bytes()).await?;
        let mut outcome = (Fate::Unnoticed, None);
        let mut cut_off = false;
        for stage in &stages {
            let time = plain * 3 + Duration::from_secs(15);
            let run = bench.part(&selected.run, stage, time).await?;
            if run.exit.is_none() && bench.left().is_zero() {
                cut_off = true;
                break;
            }
            outcome = judged(suite, &run);
            if outcome.0 != Fate::Unnoticed {
                if outcome.0 == Fate::Noticed && run.exit.is_some() {
                    witness = Some(stage.clone());
                }
                break;
            }
        }
        bench.workshop.put(inside, text.as_bytes()).await?;
        if cut_off {
            // The budget, and not a test, ended it.
            challenge.out_of_time = true;
            break;
        }
        challenge.tried.push(Tried { fault, fate: outcome.0, by: outcome.1 });
    }
    if let Some(witness) = witness {
        // What is left may not be enough; the sandbox's own end of the run is later.
        let control =
            bench.part(&selected.run, &witness, (plain * 3 + Duration::from_secs(15)).max(bench.left())).await?;
        challenge.spoilt = control.exit.is_some() && !control.all_passed();
    }
    Ok(challenge)
}

/// What a run over a fault says.
fn judged(suite: &Suite, run: &Run) -> (Fate, Option<String>) {
    if run.exit.is_none() {
        return (Fate::Noticed, Some("the tests did not end".to_owned()));
    }
    let failed = run.results.as_ref().and_then(|results| results.failed().next());
    let does_not_compile = suite.stack.compiled && run.exit != Some(0) && !ran_something(run)
        || failed.is_some_and(|case| case.message.contains("error TS") || case.message.contains("Diagnostics"));
    match failed {
        _ if does_not_compile => (Fate::Impossible, None),
        Some(case) => (Fate::Noticed, Some(case.name.clone())),
        None if run.exit == Some(0) => (Fate::Unnoticed, None),
        None => (Fate::Noticed, None),
    }
}

/// Whether a test had its say; a package or crate that does not compile is no test.
fn ran_something(run: &Run) -> bool {
    run.results.as_ref().is_some_and(|results| {
        results.cases.iter().any(|case| !case.name.ends_with(" (package)") && case.name != "it does not compile")
    })
}

/// What to run for a fault, one stage after the other until it is noticed.
fn stages(suite: &Suite, by: By, first: &Run, coverage: Option<&Coverage>, path: &str, line: u32) -> Vec<Vec<String>> {
    match by {
        By::All => vec![Vec::new()],
        By::Test => {
            let Some(coverage) = coverage else { return vec![Vec::new()] };
            let tests = reaching(coverage, path, line);
            if tests.is_empty() {
                // Reached while modules are loaded: any test may notice.
                return vec![Vec::new()];
            }
            split(tests, FIRST_TESTS, MOST_TESTS)
        }
        By::File => {
            let files = suite.files.iter().filter_map(|file| suite.inside(file));
            by_file(files.map(|file| (file.to_owned(), cost(first, file))).collect(), path)
        }
    }
}

/// Milliseconds that the tests of a file took; 0 where the report names no files.
fn cost(run: &Run, file: &str) -> u64 {
    let cases = run.results.iter().flat_map(|results| &results.cases);
    // Some runners name files from the root of the disk.
    let stands_in =
        |path: &str| path.strip_suffix(file).is_some_and(|before| before.is_empty() || before.ends_with('/'));
    cases.filter(|case| case.file.as_deref().is_some_and(stands_in)).map(|case| case.millis).sum()
}

/// The files whose names are near the source's; then the cheap ones, together half as dear as all of the rest; then those
/// that are left. A runner that ends with the first failure often begins with the file that takes longest.
fn by_file(mut files: Vec<(String, u64)>, path: &str) -> Vec<Vec<String>> {
    files.sort_by_cached_key(|(file, cost)| (std::cmp::Reverse(affinity(file, path)), *cost, file.clone()));
    let near = files.iter().filter(|(file, _)| affinity(file, path) > 0).count().min(FIRST_FILES);
    let mut rest = files.split_off(near);
    rest.sort_by(|(one, its), (other, theirs)| (its, one).cmp(&(theirs, other)));
    let half = rest.iter().map(|(_, cost)| cost).sum::<u64>() / 2;
    let mut so_far = 0;
    let cheap = rest.iter().take_while(|(_, cost)| {
        so_far += cost;
        so_far <= half
    });
    let dear = rest.split_off(cheap.count());
    let stages = [files, rest, dear].into_iter().filter(|stage| !stage.is_empty());
    stages.map(|stage| stage.into_iter().map(|(file, _)| file).collect()).collect()
}

fn split(mut all: Vec<String>, first: usize, most: usize) -> Vec<Vec<String>> {
    all.truncate(most);
    let rest = all.split_off(first.min(all.len()));
    if rest.is_empty() { vec![all] } else { vec![all, rest] }
}

/// The tests that reach a line, those first that reach little else.
fn reaching(coverage: &Coverage, path: &str, line: u32) -> Vec<String> {
    let Some(tests) = coverage.files.get(path).and_then(|lines| lines.tests.get(&line)) else { return Vec::new() };
    let mut breadth = vec![0_usize; coverage.tests.len()];
    for tests in coverage.files.values().flat_map(|lines| lines.tests.values()) {
        for test in tests {
            if let Some(count) = breadth.get_mut(*test) {
                *count += 1;
            }
        }
    }
    let mut tests: Vec<usize> = tests.iter().copied().filter(|test| *test < coverage.tests.len()).collect();
    tests.sort_by_key(|test| (breadth[*test], *test));
    tests.into_iter().map(|test| coverage.tests[test].clone()).collect()
}

/// How many words of their names a test file and a source file share.
fn affinity(test: &str, source: &str) -> usize {
    let words = |path: &str| -> Vec<String> {
        let spaced: String = name(path)
            .chars()
            .flat_map(|c| if c.is_uppercase() { vec![' ', c] } else { vec![c] })
            .map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { ' ' })
            .collect();
        // Extensions and what says that it is a test are no words; one letter is none either.
        let words = spaced
            .split_whitespace()
            .filter(|word| word.len() > 2 && !matches!(*word, "test" | "spec" | "e2e" | "index"));
        words.map(|word| word.trim_end_matches('s').to_owned()).collect()
    };
    let of_source = words(source);
    words(test).iter().filter(|word| of_source.contains(word)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::Lines;

    #[test]
    fn cheap_files_come_before_dear_ones() {
        let files = |all: &[(&str, u64)]| all.iter().map(|(file, cost)| ((*file).to_owned(), *cost)).collect();
        let all = [("dear.test.ts", 6_000), ("books.test.ts", 200), ("cheap.test.ts", 10), ("middle.test.ts", 2_000)];
        let near_and_rest = [vec!["books.test.ts"], vec!["cheap.test.ts", "middle.test.ts"], vec!["dear.test.ts"]];
        assert_eq!(by_file(files(&all), "src/book-service.ts"), near_and_rest);
        // Nothing is near.
        let stages = by_file(files(&all), "src/app.ts");
        assert_eq!(stages, [vec!["cheap.test.ts", "books.test.ts", "middle.test.ts"], vec!["dear.test.ts"]]);
        // No file is named by the report.
        assert_eq!(by_file(files(&[("b.test.ts", 0), ("a.test.ts", 0)]), "src/app.ts"), [["a.test.ts", "b.test.ts"]]);
        assert_eq!(by_file(files(&[("a.test.ts", 9)]), "src/app.ts"), [["a.test.ts"]]);
    }

    #[test]
    fn a_files_cost_is_that_of_its_cases() {
        let case = |file: &str, millis| crate::results::Case {
            name: "a".to_owned(),
            file: Some(file.to_owned()),
            outcome: crate::results::Outcome::Passed,
            millis,
            message: String::new(),
        };
        let cases = vec![case("/app/test/a.test.ts", 3), case("test/a.test.ts", 4), case("/app/test/ba.test.ts", 9)];
        let run = Run { results: Some(crate::results::Results { cases }), ..Run::default() };
        assert_eq!((cost(&run, "test/a.test.ts"), cost(&run, "a.test.ts"), cost(&run, "c.test.ts")), (7, 7, 0));
    }

    #[test]
    fn the_nearest_tests_come_first() {
        assert!(affinity("test/http/orders.test.ts", "src/services/order-service.ts") > 0);
        assert_eq!(affinity("test/http/books.test.ts", "src/services/order-service.ts"), 0);
        assert!(affinity("test/unit/passwordHasher.test.ts", "src/services/password-hasher.ts") == 2);
    }

    fn challenge(noticed: usize, unnoticed: usize, out_of_time: bool) -> Challenge {
        let fault: Fault = serde_json::from_value(serde_json::json!({
            "kind": "Comparison", "path": "a.py", "line": 1, "range": {"start": 0, "end": 1}, "from": "<", "to": "<=",
        }))
        .unwrap();
        let fates = std::iter::repeat_n(Fate::Noticed, noticed).chain(std::iter::repeat_n(Fate::Unnoticed, unnoticed));
        let tried = fates.map(|fate| Tried { fault: fault.clone(), fate, by: None }).collect();
        Challenge { tried, sampled: 20, out_of_time, spoilt: false }
    }

    #[test]
    fn few_faults_acquit_and_only_many_condemn() {
        assert!(!challenge(4, 0, true).decides(60));
        assert!(challenge(4, 1, true).decides(60));
        assert!(!challenge(4, 1, true).decides(90));
        assert!(!challenge(0, 11, true).decides(60));
        assert!(challenge(0, 12, true).decides(60));
        // There were no more to try.
        assert!(challenge(0, 5, false).decides(60));
        assert!(!challenge(0, 4, false).decides(60));
    }

    #[test]
    fn tests_that_reach_little_else_come_first() {
        let mut lines = Lines::default();
        lines.tests.insert(1, vec![0, 1]);
        lines.tests.insert(2, vec![0]);
        let coverage = Coverage {
            files: [("a.py".to_owned(), lines)].into(),
            tests: vec!["broad".to_owned(), "narrow".to_owned()],
        };
        assert_eq!(reaching(&coverage, "a.py", 1), ["narrow", "broad"]);
        assert_eq!(reaching(&coverage, "b.py", 1), Vec::<String>::new());
    }
}
