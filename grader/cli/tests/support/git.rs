//! git as tests use it.

use std::path::Path;
use std::process::Command;

/// git with fixed names, times and no configuration of the machine's.
pub fn git_command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    for (name, value) in [("NAME", "Nora"), ("EMAIL", "nora@example.com"), ("DATE", "2026-01-01T00:00:00Z")] {
        command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
    }
    command
}

/// What git said, without white space around it.
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let done = git_command(folder).args(arguments).output().unwrap();
    assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// Makes a repository of one commit of a folder.
pub fn commit_all(folder: &Path) {
    git(folder, &["init", "--quiet", "--template=", "--initial-branch=main"]);
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", "All of it"]);
}
