//! The cases of a folder of submissions, and the git repository of each.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::truth::{Expected, Truth};
use crate::shell::{self, Failure, Result};

/// One repository to grade: a good submission, or one with a single planted defect.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) submission: String,
    /// `None` for the good one.
    pub(crate) defect: Option<String>,
    /// The assessment that it is graded by.
    pub(crate) spec: String,
    /// What the good submission gets.
    pub(crate) good: Expected,
    /// What differs with the defect; empty for the good one.
    pub(crate) changes: Expected,
    /// Whether it shows only where the submission's own tools are run.
    is_run: bool,
    folder: PathBuf,
}

/// The cases under `folder` whose `SUBMISSION/DEFECT` matches the glob, by name, the good one first.
///
/// # Errors
/// When a truth cannot be read, or when it and the files in `defects/` do not name the same defects.
pub(crate) fn find(folder: &Path, only: &str) -> Result<Vec<Case>> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("history.sh").is_file())
        .collect();
    folders.sort();
    let mut cases = Vec::new();
    for folder in folders {
        let submission = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A truth that another filter would not even need must not stop a run.
        if !may_match(only, &submission) {
            continue;
        }
        let truth = Truth::read(&folder)?;
        same_defects(&folder, &truth)?;
        let case = |defect: Option<&String>, changes: Expected| Case {
            submission: submission.clone(),
            defect: defect.cloned(),
            spec: truth.spec.clone(),
            good: truth.expect.clone(),
            changes,
            is_run: defect.is_some_and(|defect| truth.run.contains(defect)),
            folder: folder.clone(),
        };
        cases.push(case(None, Expected::new()));
        for (name, changes) in &truth.defects {
            cases.push(case(Some(name), changes.clone()));
        }
    }
    cases.retain(|case| matches(only, &case.name()));
    Ok(cases)
}

/// Probes that say nothing unless the submission's own tests are run.
const NEED_TESTS: [&str; 4] = ["test.pass", "test.isolation", "test.coverage", "test.sensitivity"];

impl Case {
    /// Whether what is planted shows only when the submission's own tests are run.
    pub(crate) fn is_about_tests(&self) -> bool {
        self.is_run || NEED_TESTS.iter().any(|probe| self.changes.contains_key(*probe))
    }

    /// Expects what a grading that leaves the submission's own tests unrun can tell.
    pub(crate) fn without_tests(&mut self) {
        for probe in NEED_TESTS {
            self.good.insert(probe.to_owned(), "not_measured".to_owned());
        }
    }

    /// Expects nothing but of the probes that match one of the globs. `false` where nothing of what is planted is left.
    pub(crate) fn about(&mut self, globs: &[String]) -> bool {
        let is_wanted = |probe: &str| is_one_of(globs, probe);
        self.good.retain(|probe, _| is_wanted(probe));
        self.changes.retain(|probe, _| is_wanted(probe));
        self.defect.is_none() || !self.changes.is_empty()
    }

    /// Makes the case's repository at `target`: the submission's history, then the defect as one
    /// more commit. A defect that is a script gets the repository as its argument instead, and may
    /// change the history as well.
    ///
    /// # Errors
    /// When a script or git fails.
    pub(crate) fn make(&self, target: &Path) -> Result<()> {
        shell::read(Command::new("bash").arg(self.folder.join("history.sh")).arg(target))?;
        let Some(defect) = &self.defect else {
            return Ok(());
        };
        let script = self.folder.join("defects").join(format!("{defect}.sh"));
        if script.is_file() {
            return shell::read(Command::new("bash").arg(script).arg(target)).map(drop);
        }
        let patch = self.folder.join("defects").join(format!("{defect}.patch"));
        // From inside an absolute path: the patch is named from the workspace's folder.
        let patch = std::path::absolute(patch)?;
        shell::read(git(target).args(["apply", "--index"]).arg(patch))?;
        // As the last author and a minute later: nothing but the tree may give the defect away.
        let author = shell::read(git(target).args(["log", "-1", "--format=%an%n%ae%n%at"]))?;
        let mut author = author.lines();
        let (name, mail) = (author.next().unwrap_or("N"), author.next().unwrap_or("n@example.com"));
        let at: u64 = author.next().and_then(|at| at.parse().ok()).unwrap_or_default();
        let date = format!("@{} +0000", at + 60);
        let mut commit = git(target);
        for (role, value) in [("NAME", name), ("EMAIL", mail), ("DATE", &date)] {
            commit.env(format!("GIT_AUTHOR_{role}"), value);
            commit.env(format!("GIT_COMMITTER_{role}"), value);
        }
        shell::read(commit.args(["commit", "--quiet", "--message", "Polish after a last look"])).map(drop)
    }
}

/// What stands after `FROM` and `image:` in the files of a repository: references of images, and names of its own.
pub(crate) fn images(repository: &Path) -> Vec<String> {
    let lines = shell::read(git(repository).args(["grep", "-hE", "^(FROM|[[:space:]]+image:)[[:space:]]"]));
    // That none is found is an error to git.
    let lines = lines.unwrap_or_default();
    lines
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .map(|name| name.trim_matches('"').to_owned())
        .collect()
}

fn git(repository: &Path) -> Command {
    let mut git = Command::new("git");
    // A person's own settings (signing, hooks) have no place in a fixture.
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    git.arg("-C").arg(repository);
    git
}

fn same_defects(folder: &Path, truth: &Truth) -> Result<()> {
    let mut files: Vec<String> = std::fs::read_dir(folder.join("defects"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "patch" || ext == "sh"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    files.sort();
    let named: Vec<String> = truth.defects.keys().cloned().collect();
    if files == named {
        return Ok(());
    }
    Err(Failure::new(format!("{}: truth.yaml and defects/ do not name the same defects", folder.display()))
        .hint(format!("truth.yaml: {}\ndefects/:   {}", named.join(" "), files.join(" "))))
}

fn may_match(glob: &str, submission: &str) -> bool {
    match glob.split_once('/') {
        Some((head, _)) => matches(head, submission),
        None => true,
    }
}

/// Whether a name matches one of the globs.
pub(crate) fn is_one_of(globs: &[String], name: &str) -> bool {
    globs.iter().any(|glob| matches(glob, name))
}

/// `*` stands for any text, `/` included; `?` for one character.
fn matches(glob: &str, text: &str) -> bool {
    let mut rest = glob.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = rest.as_str();
            text.char_indices().any(|(at, _)| matches(rest, &text[at..])) || matches(rest, "")
        }
        Some(wanted) => {
            let mut text = text.chars();
            text.next().is_some_and(|c| wanted == '?' || wanted == c) && matches(rest.as_str(), text.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn globs_choose_cases() {
        assert!(matches("*", "a/good"));
        assert!(matches("*/good", "a/good"));
        assert!(!matches("*/good", "a/bad"));
        assert!(matches("fastapi*/no-?rl", "fastapi-bookstore/no-url"));
        assert!(!matches("a", "ab"));
        assert!(may_match("fastapi*/x", "fastapi-bookstore"));
        assert!(!may_match("fastapi*/x", "express-bookstore"));
    }

    fn submission(home: &Path) -> PathBuf {
        let folder = home.join("shop");
        fs::create_dir_all(folder.join("defects")).unwrap();
        fs::write(
            folder.join("history.sh"),
            "set -e\nexport GIT_AUTHOR_NAME=N GIT_AUTHOR_EMAIL=n@example.com GIT_COMMITTER_NAME=N GIT_COMMITTER_EMAIL=n@example.com\n\
             git init -q \"$1\"; cd \"$1\"; echo good > a; git add a; git commit -qm one --date=2026-01-01T00:00:00Z\n",
        )
        .unwrap();
        fs::write(
            folder.join("truth.yaml"),
            "expect: { '*': pass }\ndefects: { bad: { a.b: fail }, squashed: { org.history: fail } }\n",
        )
        .unwrap();
        fs::write(folder.join("defects/bad.patch"), "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-good\n+bad\n").unwrap();
        fs::write(folder.join("defects/squashed.sh"), "echo script > \"$1/a\"\n").unwrap();
        folder
    }

    #[test]
    fn a_patch_becomes_one_more_commit_and_a_script_gets_the_repository() {
        let home = tempfile::tempdir().unwrap();
        submission(home.path());
        let cases = find(home.path(), "shop/*").unwrap();
        let names: Vec<String> = cases.iter().map(Case::name).collect();
        assert_eq!(names, ["shop/good", "shop/bad", "shop/squashed"]);
        for (case, text, commits) in [(0, "good\n", "1"), (1, "bad\n", "2"), (2, "script\n", "1")] {
            let target = home.path().join(format!("t{case}"));
            cases[case].make(&target).unwrap();
            assert_eq!(fs::read_to_string(target.join("a")).unwrap(), text);
            let count = shell::read(git(&target).args(["rev-list", "--count", "HEAD"])).unwrap();
            assert_eq!(count, commits);
        }
    }

    #[test]
    fn images_are_read_where_they_are_named() {
        let repository = tempfile::tempdir().unwrap();
        assert_eq!(images(repository.path()), Vec::<String>::new(), "no repository");
        shell::read(git(repository.path()).args(["init", "--quiet"])).unwrap();
        fs::write(repository.path().join("Dockerfile"), "FROM node:20-slim AS build\nFROM build\n# FROM x\n").unwrap();
        let compose =
            "services:\n  db:\n    image: \"mariadb:10.11\" # as in production\n    environment: {image: no}\n";
        fs::write(repository.path().join("compose.yaml"), compose).unwrap();
        shell::read(git(repository.path()).args(["add", "."])).unwrap();
        assert_eq!(images(repository.path()), ["node:20-slim", "build", "mariadb:10.11"]);
    }

    #[test]
    fn a_defect_without_truth_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        let folder = submission(home.path());
        fs::write(folder.join("defects/new.patch"), "").unwrap();
        let failure = find(home.path(), "*").unwrap_err().to_string();
        assert!(failure.contains("do not name the same defects"), "{failure}");
        assert!(find(home.path(), "other/*").unwrap().is_empty());
    }
}
