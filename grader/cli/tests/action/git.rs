//! A repository with pull requests as GitHub keeps it: bare, with `refs/pull/N/head` and `…/merge`, and served by git's
//! own program for HTTP.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::git::{git, git_command};
use crate::support::root;
use crate::wire::Seen;

/// A bare repository `acme/hello.git` below a folder, whose branch `main` has one commit.
pub(crate) struct Repository {
    /// Where `acme` lies.
    pub(crate) folder: PathBuf,
    work: PathBuf,
}

impl Repository {
    /// Made below a folder that is there.
    pub(crate) fn new(below: &Path) -> Self {
        let (folder, work) = (below.join("git"), below.join("work"));
        for folder in [&folder.join("acme/hello.git"), &work] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let repository = Repository { folder, work };
        git(&repository.bare(), &["init", "--quiet", "--bare", "--template=", "--initial-branch=main"]);
        git(&repository.work, &["init", "--quiet", "--template=", "--initial-branch=main"]);
        let first = repository.commit(&[("README.md", "# The task\n")]);
        repository.put(&first, "refs/heads/main");
        repository
    }

    fn bare(&self) -> PathBuf {
        self.folder.join("acme/hello.git")
    }

    fn commit(&self, files: &[(&str, &str)]) -> String {
        for (name, text) in files {
            std::fs::write(self.work.join(name), text).unwrap();
        }
        git(&self.work, &["add", "--all"]);
        git(&self.work, &["commit", "--quiet", "--message", "A step"]);
        git(&self.work, &["rev-parse", "HEAD"])
    }

    fn put(&self, commit: &str, reference: &str) {
        let bare = self.bare().display().to_string();
        git(&self.work, &["push", "--quiet", "--force", &bare, &format!("{commit}:{reference}")]);
    }

    /// Makes pull request `number` one of these files on top of what was pushed before; its head.
    pub(crate) fn push(&self, number: u64, files: &[(&str, &str)]) -> String {
        let head = self.commit(files);
        self.put(&head, &format!("refs/pull/{number}/head"));
        head
    }

    /// Makes pull request `number` one of a good submission with its history; its head.
    pub(crate) fn push_submission(&self, number: u64, submission: &str) -> String {
        let work = self.folder.join(submission);
        let script = root().join("fixtures/submissions").join(submission).join("history.sh");
        let made = Command::new("bash").arg(script).arg(&work).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let head = git(&work, &["rev-parse", "HEAD"]);
        let base = git(&self.bare(), &["rev-parse", "main"]);
        let bare = self.bare();
        git(&work, &["push", "--quiet", &bare.display().to_string(), &format!("{head}:refs/pull/{number}/head")]);
        let merge = git(&bare, &["commit-tree", &format!("{head}^{{tree}}"), "-p", &base, "-p", &head, "-m", "Merge"]);
        git(&bare, &["update-ref", &format!("refs/pull/{number}/merge"), &merge]);
        head
    }

    /// The checkout that `actions/checkout` makes of a pull request's head.
    pub(crate) fn checked_out(&self, number: u64, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        git(to, &["init", "--quiet", "--template="]);
        git(to, &["fetch", "--quiet", &self.bare().display().to_string(), &format!("refs/pull/{number}/head")]);
        git(to, &["checkout", "--quiet", "--detach", "FETCH_HEAD"]);
    }
}

/// Answers a request for a repository below `folder`.
pub(crate) fn over_http(folder: &Path, seen: &Seen) -> Vec<u8> {
    let mut child = git_command(folder)
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", folder)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .envs([("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "safe.directory"), ("GIT_CONFIG_VALUE_0", "*")])
        .env("PATH_INFO", seen.path())
        .env("QUERY_STRING", seen.target.split_once('?').map_or("", |(_, query)| query))
        .env("REQUEST_METHOD", &seen.method)
        .env("CONTENT_TYPE", seen.header("content-type").unwrap_or_default())
        .env("CONTENT_LENGTH", seen.body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&seen.body).unwrap();
    let said = child.wait_with_output().unwrap().stdout;
    let end = said.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&said[..end]);
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let mut answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{head}\r\n\r\n").into_bytes();
    answer.extend_from_slice(&said[end + 4..]);
    answer
}
