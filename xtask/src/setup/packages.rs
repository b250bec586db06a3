//! Puts the engine's Debian packages on this machine, saying what it does.
//!
//! It knows apt and nothing of images; it changes nothing on a system that is not Debian or where
//! it does not run as root.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::engine::Wanted;
use crate::shell::{self, Failure, Result, say};

/// The release after the one this repository is tried on, and where apt finds it.
const NEXT: &str = "trixie";
const SOURCES: &str = "/etc/apt/sources.list.d/grader-xtask-next.sources";
const PIN: &str = "/etc/apt/preferences.d/grader-xtask-next";

/// What a person has to do where setup may not.
const BY_HAND: &str = "\
Setup installs an engine only on Debian and as root. To go on, one of:
  - install Docker Engine 20.10 or newer for your system, start it, and let your user reach it
    (`docker version` must print a server version);
  - set DOCKER_HOST to an engine that runs elsewhere;
  - on Debian, run `cargo xtask setup` as root.";

/// Installs the engine, its client, the builder plugin and debootstrap, where they are missing.
///
/// # Errors
/// When this is not Debian or not root, with the steps for a person; or when apt fails.
pub(crate) fn install(wanted: Wanted) -> Result<()> {
    let release = release();
    let debian = release.as_ref().filter(|r| r.id == "debian");
    let Some(debian) = debian.filter(|_| is_root() && shell::in_path("apt-get")) else {
        return Err(Failure::new("no Docker engine answers").hint(BY_HAND));
    };
    let suite = match wanted {
        Wanted::Distribution => debian.codename.as_str(),
        Wanted::Next => NEXT,
    };
    if !needs_install(wanted) {
        return Ok(());
    }
    say(format!("installing Docker from Debian {suite} by apt-get"));
    if suite != debian.codename {
        add_suite(&debian.codename, suite)?;
    }
    apt(&["update", "-qq"])?;
    let mut packages: Vec<String> = Vec::new();
    match wanted {
        Wanted::Next => {
            for name in ["docker.io", "docker-cli", "docker-buildx", "docker-compose"] {
                packages.push(format!("{name}/{suite}"));
            }
        }
        // This release's client is part of its engine and shares files with the newer packages.
        Wanted::Distribution => {
            packages.push(format!("docker.io/{suite}"));
            for name in ["docker-cli", "docker-buildx", "docker-compose"] {
                if installed(name).is_some() {
                    packages.push(format!("{name}-"));
                }
            }
        }
    }
    packages.extend(["debootstrap", "iptables", "ca-certificates"].map(String::from));
    let mut args = vec!["install", "-qq", "--yes", "--no-install-recommends", "--allow-downgrades"];
    args.extend(packages.iter().map(String::as_str));
    apt(&args)
}

/// Installs one package of this release where the program that it brings is missing.
///
/// # Errors
/// When it is missing and cannot be installed here.
pub(crate) fn need(program: &str, package: &str) -> Result<()> {
    if shell::in_path(program) {
        return Ok(());
    }
    install_package(package)
}

/// Installs one package of this release.
///
/// # Errors
/// When it cannot be installed here.
pub(crate) fn install_package(package: &str) -> Result<()> {
    if !is_root() || !shell::in_path("apt-get") {
        return Err(Failure::new(format!("{package} is missing"))
            .hint(format!("Install the package {package} and run this again.")));
    }
    say(format!("installing {package} by apt-get"));
    apt(&["update", "-qq"])?;
    apt(&["install", "-qq", "--yes", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", package])
}

/// Installs PostgreSQL's server programs where they are missing. Tests start servers of their own; the cluster that
/// Debian would make and start is not wanted, and its settings are written only where there are none.
///
/// # Errors
/// As [`need`].
pub(crate) fn need_postgres() -> Result<()> {
    const SETTINGS: &str = "/etc/postgresql-common/createcluster.conf";
    let there = fs::read_dir("/usr/lib/postgresql")
        .is_ok_and(|versions| versions.flatten().any(|version| version.path().join("bin/postgres").is_file()));
    if there {
        return Ok(());
    }
    if is_root() && shell::in_path("apt-get") && !Path::new(SETTINGS).exists() {
        fs::create_dir_all("/etc/postgresql-common")?;
        fs::write(SETTINGS, "create_main_cluster = false\n")?;
    }
    need("initdb", "postgresql")
}

/// The version of the engine's package that is installed, if it is the wanted one's.
pub(crate) fn offered(wanted: Wanted) -> Option<String> {
    installed("docker.io").filter(|_| !needs_install(wanted))
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    shell::read(Command::new("id").arg("-u")).is_ok_and(|id| id == "0")
}

/// apt's sources of this machine with one suite's name replaced, in the deb822 or one-line form
/// they are in; `None` when no file names the suite.
pub(crate) fn sources_for(present: &str, suite: &str) -> Result<Option<String>> {
    let mut files = vec![Path::new("/etc/apt/sources.list").to_path_buf()];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    files.sort();
    for file in files {
        let known = file.extension().is_some_and(|ext| ext == "sources" || ext == "list");
        if !known || file == Path::new(SOURCES) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap_or_default();
        if let Some(text) = with_suite(&text, present, suite) {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// This machine's distribution, from `/etc/os-release`.
pub(crate) fn release() -> Option<Release> {
    Release::parse(&fs::read_to_string("/etc/os-release").ok()?)
}

/// A distribution's id and the code name of its release.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) id: String,
    pub(crate) codename: String,
}

impl Release {
    fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                .map(|value| value.trim_matches('"').to_owned())
        };
        Some(Self { id: value("ID")?, codename: value("VERSION_CODENAME")? })
    }
}

/// The installed packages decide, not the running daemon: it may be stopped.
fn needs_install(wanted: Wanted) -> bool {
    let Some(version) = installed("docker.io") else {
        return true;
    };
    if !shell::in_path("dockerd") || !shell::in_path("debootstrap") {
        return true;
    }
    let old = version.starts_with("20.");
    match wanted {
        Wanted::Distribution => !old && release().is_some_and(|r| r.codename == "bookworm"),
        Wanted::Next => old,
    }
}

fn installed(package: &str) -> Option<String> {
    let text = shell::read(Command::new("dpkg-query").args([
        "--show",
        "--showformat=${db:Status-Status} ${Version}",
        package,
    ]))
    .ok()?;
    text.strip_prefix("installed ").map(str::to_owned)
}

fn add_suite(present: &str, suite: &str) -> Result<()> {
    let Some(text) = sources_for(present, suite)? else {
        return Err(Failure::new(format!("no apt source names {present}"))
            .hint("Add Debian's own sources, or run setup with --engine distribution."));
    };
    say(format!("adding {suite} beside {present} at priority 100: {SOURCES}, {PIN}"));
    // The pin first: without it the next `apt-get upgrade` would move the whole system.
    fs::write(PIN, format!("Package: *\nPin: release n={suite}*\nPin-Priority: 100\n"))?;
    fs::write(SOURCES, text)?;
    Ok(())
}

/// `None` unless a line that apt reads names `present`.
fn with_suite(text: &str, present: &str, suite: &str) -> Option<String> {
    let active = |line: &&str| !line.trim_start().starts_with('#') && !line.trim().is_empty();
    let lines: Vec<String> = text.lines().filter(active).map(|line| line.replace(present, suite)).collect();
    let named = text.lines().filter(active).any(|line| line.contains(present));
    named.then(|| {
        // deb822 stanzas are kept apart by the empty lines that were dropped above.
        let spaced = lines.iter().enumerate().map(|(at, line)| {
            let stanza = at > 0 && line.starts_with("Types:");
            format!("{}{line}\n", if stanza { "\n" } else { "" })
        });
        spaced.collect()
    })
}

fn apt(args: &[&str]) -> Result<()> {
    shell::run(
        Command::new("apt-get")
            .args(args)
            // Another apt-get may run; its end is waited for (seconds), not taken as a failure.
            .args(["-o", "DPkg::Lock::Timeout=300"])
            // Nothing may be asked, and no service may be started by an init system that is absent.
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1")
            // apt's own chatter belongs beside our messages, not among results.
            .stdout(std::io::stderr()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sources_file_moves_to_another_suite() {
        let text = "Types: deb\n# bookworm, they say\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\n\nTypes: deb\nSuites: bookworm-security\n";
        let moved = with_suite(text, "bookworm", "trixie").unwrap();
        assert_eq!(
            moved,
            "Types: deb\nURIs: http://mirror.test/debian\nSuites: trixie trixie-updates\n\nTypes: deb\nSuites: trixie-security\n"
        );
    }

    #[test]
    fn a_foreign_or_disabled_source_is_not_taken() {
        assert_eq!(with_suite("Suites: nodistro\n", "bookworm", "trixie"), None);
        assert_eq!(with_suite("# Suites: bookworm\n", "bookworm", "trixie"), None);
    }

    #[test]
    fn a_release_is_read_with_and_without_quotes() {
        let text = "NAME=\"Debian\"\nVERSION_CODENAME=bookworm\nID=\"debian\"\n";
        let release = Release::parse(text).unwrap();
        assert_eq!(release.id, "debian");
        assert_eq!(release.codename, "bookworm");
    }
}
