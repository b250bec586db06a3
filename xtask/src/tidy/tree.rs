//! What the rules look at: the files that git knows and the crates that cargo knows, as plain data.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build;
use crate::shell::{self, Failure, Result};

/// The repository as the rules see it.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Text files only, by path from the root.
    pub(crate) files: Vec<File>,
    pub(crate) crates: Vec<Crate>,
    /// Absolute folders of this machine that no file may name.
    pub(crate) machine: Vec<PathBuf>,
}

/// A text file.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A crate of the workspace with the names of what it depends on.
#[derive(Debug)]
pub(crate) struct Crate {
    pub(crate) name: String,
    /// For the crate itself and its build script.
    pub(crate) needs: Vec<String>,
    /// For its tests alone.
    pub(crate) tests_need: Vec<String>,
}

impl Tree {
    /// Reads the repository: tracked files and new ones that git does not ignore.
    ///
    /// # Errors
    /// When git or cargo fails.
    pub(crate) fn read() -> Result<Self> {
        let root = shell::workspace();
        let list = shell::read(Command::new("git").current_dir(&root).args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ]))?;
        let files = list
            .split('\0')
            .filter(|path| !path.is_empty())
            .filter_map(|path| {
                // A deleted file is still in the index, and what is not text is not read.
                let text = std::fs::read_to_string(root.join(path)).ok()?;
                Some(File { path: path.to_owned(), text })
            })
            .collect();
        let metadata = shell::read(build::cargo().args(["metadata", "--quiet", "--no-deps", "--format-version", "1"]))?;
        Ok(Self { files, crates: crates(&metadata)?, machine: machine(&root) })
    }

    /// Rust files of the product and its tools; the submissions in fixtures are not ours to judge.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs") && !file.path.starts_with("fixtures/"))
    }
}

fn crates(metadata: &str) -> Result<Vec<Crate>> {
    let metadata: serde_json::Value =
        serde_json::from_str(metadata).map_err(|error| Failure::new(format!("cargo metadata: {error}")))?;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let list = metadata["packages"].as_array().into_iter().flatten();
    Ok(list
        .map(|package| {
            let mut read = Crate { name: text(&package["name"]), needs: Vec::new(), tests_need: Vec::new() };
            for dependency in package["dependencies"].as_array().into_iter().flatten() {
                let kind = if dependency["kind"] == "dev" { &mut read.tests_need } else { &mut read.needs };
                kind.push(text(&dependency["name"]));
            }
            read
        })
        .collect())
}

/// The checkout, and cargo's own folder: both end up in texts that were copied from a terminal.
fn machine(root: &Path) -> Vec<PathBuf> {
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    [Some(root.to_path_buf()), cargo.or_else(home)].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_of_tests_is_told_apart() {
        let metadata = r#"{"packages":[{"name":"a","dependencies":[
            {"name":"b","kind":null},{"name":"c","kind":"dev"},{"name":"d","kind":"build"}]}]}"#;
        let crates = crates(metadata).unwrap();
        assert_eq!(crates[0].needs, ["b", "d"]);
        assert_eq!(crates[0].tests_need, ["c"]);
    }
}
