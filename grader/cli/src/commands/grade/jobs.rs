//! What several sources become: a name and a folder each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One submission to grade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) source: String,
    /// Tells it from the others in progress lines and folder names.
    pub(super) name: String,
    /// Where its reports go.
    pub(super) out: Option<PathBuf>,
}

/// A single source has the folder `out` to itself; each of several has one below it, named after the source.
pub(super) fn of(sources: &[String], out: Option<&Path>) -> Vec<Job> {
    let mut taken = BTreeSet::new();
    let jobs = sources.iter().map(|source| {
        let base = name_of(source);
        // The second of a name is NAME-2, or the next number that is free.
        let mut name = base.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{base}-{number}");
            number += 1;
        }
        let out = out.map(|out| if sources.len() > 1 { out.join(&name) } else { out.to_owned() });
        Job { source: source.clone(), name, out }
    });
    jobs.collect()
}

/// The last part of a URL or path, without `.git` and ref, in characters that suit a file name.
fn name_of(source: &str) -> String {
    let whole = source.split('#').next().unwrap_or(source).trim_end_matches('/');
    let last = whole.rsplit(['/', ':']).next().unwrap_or(whole);
    let last = last.strip_suffix(".git").unwrap_or(last);
    let name: String =
        last.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).take(80).collect();
    if name.trim_matches('.').is_empty() { "submission".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(sources: &[&str]) -> Vec<(String, String)> {
        let sources: Vec<String> = sources.iter().map(|source| (*source).to_owned()).collect();
        let out = |job: &Job| job.out.as_ref().map(|out| out.display().to_string()).unwrap_or_default();
        of(&sources, Some(Path::new("out"))).iter().map(|job| (job.name.clone(), out(job))).collect()
    }

    #[test]
    fn one_source_has_the_folder_to_itself() {
        assert_eq!(jobs(&["./a/b"]), [("b".to_owned(), "out".to_owned())]);
    }

    #[test]
    fn several_sources_have_a_folder_each() {
        let names: Vec<String> = jobs(&[
            "https://git.example/one/api.git",
            "git@git.example:two/api.git#main",
            "./api/",
            "/",
            "..",
            "api-2",
            "a b",
        ])
        .into_iter()
        .map(|(name, out)| {
            assert_eq!(out, format!("out/{name}"));
            name
        })
        .collect();
        assert_eq!(names, ["api", "api-2", "api-3", "submission", "submission-2", "api-2-2", "a_b"]);
    }
}
