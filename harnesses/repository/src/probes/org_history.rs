//! `org.history`: the history shows work in steps that somebody else can follow.
//!
//! Observes the commits that lead to the graded one: how many there are (`at_least_commits`, 4 unless told), whether one
//! of them brought nearly everything, and whether the messages say anything. One commit, or several of which one brought
//! everything under messages that say nothing, is a fail; each single weakness is a partial. Branches and merges are
//! noted only, as are the time that the work took, its authors and the commits' size: working alone on the main branch is
//! no mistake. Commits by bots do not count. Planted defect:
//! `org-history` of the FastAPI submission.

use std::collections::HashSet;

use grader_model::{Commit, Evidence, Finding};
use grader_spec::Params;

use super::{Tree, counted, number};

pub(super) const ID: &str = "org.history";

/// Of all added lines, the share by which one commit is a dump of everything.
const DUMP: f64 = 0.95;
/// Of all messages, the share that may say nothing.
const MEANINGLESS: f64 = 0.5;

pub(super) fn run(tree: &Tree<'_>, params: &Params) -> Finding {
    let wanted = usize::try_from(number(params, "at_least_commits", 4)).unwrap_or(usize::MAX);
    if tree.snapshot.commits.is_empty() {
        return Finding::inconclusive(ID, "What was handed in is a folder without git history");
    }
    let own: Vec<&Commit> = tree.snapshot.commits.iter().filter(|commit| !commit.author.contains("[bot]")).collect();
    let work: Vec<&Commit> = own.iter().copied().filter(|commit| commit.parents.len() < 2).collect();
    let merges = own.len() - work.len();
    let expected = format!("at least {} with messages that say what and why", counted(wanted, "commit"));
    let lines: u64 = work.iter().map(|commit| u64::from(commit.insertions)).sum();
    let largest = work.iter().max_by_key(|commit| commit.insertions);
    let share = largest.map_or(0.0, |commit| f64::from(commit.insertions) / (lines.max(1) as f64));
    let vague: Vec<&Commit> = work.iter().copied().filter(|commit| says_nothing(&commit.message)).collect();
    let vague_share = vague.len() as f64 / (work.len().max(1) as f64);

    let mut weaknesses = Vec::new();
    let mut fraction = 1.0;
    if own.len() < wanted && !tree.snapshot.history_truncated {
        weaknesses.push(format!("only {}", counted(own.len(), "commit")));
        fraction *= if own.len() <= 1 { 0.0 } else { 0.5 };
    }
    if work.len() > 1 && share >= DUMP && !tree.snapshot.history_truncated {
        weaknesses.push(format!("one commit brought {:.0} % of all lines", share * 100.0));
        fraction *= 0.5;
    }
    if vague_share > MEANINGLESS {
        weaknesses.push(format!("{} of {} messages say nothing", vague.len(), work.len()));
        fraction *= 0.5;
    }
    let branches = if merges > 0 {
        format!("{} merged", counted(merges, "branch").replace("branchs", "branches"))
    } else {
        "no merged branch".to_owned()
    };
    let actual = format!("{}, {branches}, {}", counted(own.len(), "commit"), span(&own));
    let shown =
        if weaknesses.is_empty() { Vec::new() } else { own.iter().take(6).map(|commit| evidence(commit)).collect() };
    let finding = if weaknesses.is_empty() {
        Finding::pass(ID, format!("The history tells the work in {}", counted(own.len(), "commit")))
    } else if fraction <= 0.25 {
        Finding::fail(ID, format!("The history does not tell how the work was done: {}", weaknesses.join(", ")))
    } else {
        Finding::partial(ID, fraction, format!("The history tells little: {}", weaknesses.join(", ")))
    };
    let actual = if weaknesses.is_empty() { actual } else { format!("{actual}; {}", weaknesses.join(", ")) };
    finding.expected(expected).actual(actual).evidences(shown)
}

/// Over how long, by how many authors and how large: facts for the reviewer that decide nothing.
fn span(commits: &[&Commit]) -> String {
    let times = || commits.iter().map(|commit| commit.time);
    let seconds = times().max().unwrap_or(0).saturating_sub(times().min().unwrap_or(0));
    let over = match seconds {
        0..7_200 => format!("within {} minutes", seconds / 60),
        7_200..172_800 => format!("within {} hours", seconds / 3_600),
        _ => format!("over {} days", seconds / 86_400 + 1),
    };
    let authors: HashSet<&str> = commits.iter().map(|commit| commit.email.as_str()).collect();
    let mut sizes: Vec<u32> = commits.iter().map(|commit| commit.insertions + commit.deletions).collect();
    sizes.sort_unstable();
    let middle = sizes.get(sizes.len() / 2).copied().unwrap_or(0);
    format!("{over} by {}, half of them under {} lines", counted(authors.len(), "author"), middle + 1)
}

fn evidence(commit: &Commit) -> Evidence {
    let id: String = commit.id.chars().take(10).collect();
    let subject: String = commit.message.lines().next().unwrap_or("").chars().take(100).collect();
    Evidence::note(format!(
        "{id} `{subject}` ({} files, +{} −{})",
        commit.files_changed, commit.insertions, commit.deletions
    ))
}

/// Words that alone say nothing of a change.
const EMPTY: &[&str] = &[
    "wip",
    "update",
    "updates",
    "updated",
    "fix",
    "fixes",
    "fixed",
    "change",
    "changes",
    "changed",
    "commit",
    "test",
    "testing",
    "final",
    "done",
    "initial",
    "init",
    "first",
    "upload",
    "uploads",
    "add",
    "added",
    "files",
    "file",
    "via",
    "misc",
    "stuff",
    "minor",
    "more",
    "temp",
    "tmp",
    "save",
    "work",
    "progress",
    "asdf",
    "aaa",
    "xxx",
    "new",
    "the",
    "last",
    "finish",
    "finished",
    "project",
    "code",
    "all",
    "some",
    "and",
    "my",
    "backup",
    "push",
    "ok",
    "again",
    "version",
    "latest",
    "submission",
    "assignment",
    "task",
    "everything",
    "small",
    "bug",
    "bugs",
];

/// Whether a message consists of nothing but such words. `Initial commit` is the habit for the first one and not counted.
fn says_nothing(message: &str) -> bool {
    let subject = message.lines().next().unwrap_or("").trim();
    if subject.eq_ignore_ascii_case("initial commit") || subject.eq_ignore_ascii_case("first commit") {
        return false;
    }
    // A conventional prefix such as `feat(api):` says nothing itself.
    let body = subject.split_once(": ").map_or(subject, |(_, rest)| rest);
    if body.chars().any(|c| c.is_alphabetic() && !c.is_ascii()) {
        return body.chars().count() < 3;
    }
    let words: Vec<String> = body
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|word| word.len() > 1)
        .map(str::to_ascii_lowercase)
        .collect();
    words.iter().all(|word| EMPTY.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use grader_model::{Snapshot, Verdict};

    use super::*;

    fn history(commits: &[(&str, u32)]) -> Finding {
        let commits = commits.iter().enumerate().map(|(at, (message, insertions))| Commit {
            id: format!("{at:040x}"),
            parents: vec!["p".into()],
            author: "Ada".into(),
            email: "ada@example.org".into(),
            time: 0,
            message: (*message).into(),
            files_changed: 1,
            insertions: *insertions,
            deletions: 0,
        });
        let snapshot = Snapshot { commits: commits.collect(), ..Snapshot::default() };
        run(&Tree::new(&snapshot, ""), &Params::new())
    }

    #[test]
    fn verdicts_by_history() {
        let good = [("Add books", 300), ("Add orders", 200), ("Test orders", 100), ("feat: document the API", 50)];
        assert_eq!(history(&good).verdict, Verdict::Pass);
        assert_eq!(history(&[("upload", 9_000)]).verdict, Verdict::Fail);
        assert_eq!(history(&[("Build the whole API", 9_000)]).verdict, Verdict::Fail);
        assert_eq!(history(&[("Add books", 50), ("Add orders", 50)]).verdict, Verdict::Partial);
        assert_eq!(
            history(&[("wip", 50), ("fix", 50), ("update 2", 50), ("Add orders", 40)]).verdict,
            Verdict::Partial
        );
        assert_eq!(history(&[("wip", 9_000), ("fix", 5), ("update 2", 5), ("done", 5)]).verdict, Verdict::Fail);
        assert_eq!(history(&[]).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn messages_that_say_something() {
        for message in
            ["Fix rounding of totals", "Добавил заказы", "add login", "feat(books): pagination", "Initial commit"]
        {
            assert!(!says_nothing(message), "{message}");
        }
        for message in ["fix", "WIP", "update files", ".", "", "fix: bug", "Add files via upload"] {
            assert!(says_nothing(message), "{message}");
        }
    }
}
