//! A Debian file system from debootstrap, loaded into the engine as an image.
//!
//! It makes what `FROM debian:bookworm-slim` promises and knows nothing of the images built on it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::host_clients::{BUNDLE, HostClients, LOCAL_AUTHORITIES};
use super::packages;
use crate::shell::{self, Failure, Result};

/// Files that a slim image leaves out, as dpkg is told for later installs.
const SLIM: &str = "\
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/lintian/*
";
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// No service starts in a build; packages are not kept; no translations are fetched.
const NO_SERVICES: &str = "#!/bin/sh\nexit 101\n";
const NO_CACHE: &str = "\
DPkg::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true\"; };
Dir::Cache::pkgcache \"\";
Dir::Cache::srcpkgcache \"\";
Acquire::Languages \"none\";
Apt::AutoRemove::SuggestsImportant \"false\";
";

/// Bootstraps `suite` and imports it under `tag`.
///
/// # Errors
/// When this is not root on Debian, or when debootstrap or the import fails.
pub(crate) fn import(suite: &str, tag: &str, labels: &[String], clients: &HostClients) -> Result<()> {
    let release = packages::release().filter(|release| release.id == "debian");
    let Some(release) = release.filter(|_| packages::is_root()) else {
        return Err(Failure::new(format!(
            "{tag} is not here, cannot be pulled, and a stand-in is built only on Debian as root"
        ))
        .hint(format!("Let the engine reach a registry, or load the image: docker pull {tag}")));
    };
    packages::need("debootstrap", "debootstrap")?;
    let sources = packages::sources_for(&release.codename, suite)?
        .ok_or_else(|| Failure::new(format!("no apt source names {}", release.codename)))?;
    let mirror = mirror(&sources).ok_or_else(|| Failure::new("apt's sources name no address of an archive"))?;

    // Not in a memory-backed folder, and not where device files and programs are forbidden.
    let work = tempfile::tempdir_in("/var/tmp")?;
    let root = work.path().join("root");
    let bootstrap = shell::read(Command::new("debootstrap").args(["--variant=minbase", suite]).arg(&root).arg(&mirror));
    bootstrap.map_err(|failure| failure.hint(log_tail(&root)))?;
    finish(&root, &sources, clients)?;

    let mut import = Command::new("docker");
    import.arg("import");
    for label in labels {
        import.args(["--change", &format!("LABEL {label}")]);
    }
    for (name, value) in &clients.environment {
        import.args(["--change", &format!("ENV {name}={value:?}")]);
    }
    // Recipes append to it; the older builder would take an unset one for empty.
    import.args(["--change", &format!("ENV PATH={PATH}")]);
    import.args(["--change", "CMD [\"bash\"]", "-", tag]);
    let mut tar = Command::new("tar")
        .args(["--numeric-owner", "--one-file-system", "-C"])
        .arg(&root)
        .args(["-c", "."])
        .stdout(Stdio::piped())
        .spawn()?;
    let stream = tar.stdout.take().ok_or_else(|| Failure::new("tar gave no output"))?;
    let imported = import.stdin(stream).stdout(Stdio::null()).status()?;
    if !tar.wait()?.success() || !imported.success() {
        return Err(Failure::new(format!("docker import of {tag} failed")));
    }
    Ok(())
}

/// Slims the tree and gives it this machine's way to the registries.
fn finish(root: &Path, sources: &str, clients: &HostClients) -> Result<()> {
    let write = |path: &str, text: &[u8]| -> Result<()> {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
        Ok(())
    };
    for path in [
        "usr/share/doc",
        "usr/share/man",
        "usr/share/info",
        "usr/share/locale",
        "usr/share/lintian",
        "var/lib/apt/lists",
        "var/cache/apt/archives",
        "var/log",
        "debootstrap",
    ] {
        empty(&root.join(path))?;
    }
    let _ = fs::remove_dir(root.join("debootstrap"));
    for path in ["var/cache/apt/pkgcache.bin", "var/cache/apt/srcpkgcache.bin", "etc/apt/sources.list"] {
        let _ = fs::remove_file(root.join(path));
    }
    fs::create_dir_all(root.join("var/cache/apt/archives/partial"))?;
    fs::create_dir_all(root.join("var/lib/apt/lists/partial"))?;
    write("etc/dpkg/dpkg.cfg.d/docker", SLIM.as_bytes())?;
    write("etc/apt/apt.conf.d/docker-clean", NO_CACHE.as_bytes())?;
    write("etc/apt/apt.conf.d/stand-in", clients.apt.as_bytes())?;
    let form = if sources.contains("Suites:") { "sources" } else { "list" };
    write(&format!("etc/apt/sources.list.d/debian.{form}"), sources.as_bytes())?;
    write(BUNDLE, &clients.bundle)?;
    for (name, text) in &clients.authorities {
        write(&format!("{LOCAL_AUTHORITIES}/{name}"), text)?;
    }
    // The engine writes its own at start; this machine's names are none of the image's business.
    for path in ["etc/resolv.conf", "etc/hostname"] {
        write(path, b"")?;
    }
    write("usr/sbin/policy-rc.d", NO_SERVICES.as_bytes())?;
    shell::run(Command::new("chmod").arg("755").arg(root.join("usr/sbin/policy-rc.d")))
}

fn empty(folder: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The first archive address in apt's sources, of either form.
fn mirror(sources: &str) -> Option<String> {
    sources.lines().find_map(|line| {
        let rest = line.strip_prefix("URIs:").or_else(|| line.strip_prefix("deb "))?;
        rest.split_whitespace().find(|word| word.contains("://")).map(str::to_owned)
    })
}

fn log_tail(root: &Path) -> String {
    let text = fs::read_to_string(root.join("debootstrap/debootstrap.log")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_found_in_both_forms() {
        let wanted = Some("http://mirror.test/debian".to_owned());
        assert_eq!(mirror("Types: deb\nURIs: http://mirror.test/debian\nSuites: x\n"), wanted);
        assert_eq!(mirror("deb [signed-by=/k.gpg] http://mirror.test/debian x main\n"), wanted);
        assert_eq!(mirror("Types: deb\n"), None);
    }

    #[test]
    fn a_finished_tree_trusts_what_this_machine_trusts() {
        let root = tempfile::tempdir().unwrap();
        let lists = root.path().join("var/lib/apt/lists");
        fs::create_dir_all(root.path().join("usr/sbin")).unwrap();
        fs::create_dir_all(&lists).unwrap();
        fs::write(lists.join("old"), "x").unwrap();
        let clients = HostClients {
            bundle: b"PEM".to_vec(),
            authorities: vec![("proxy.crt".into(), b"ONE".to_vec())],
            environment: Vec::new(),
            apt: String::new(),
        };
        finish(root.path(), "Suites: x\n", &clients).unwrap();
        let read = |path: &str| fs::read_to_string(root.path().join(path)).unwrap();
        assert_eq!(read(BUNDLE), "PEM");
        assert_eq!(read(&format!("{LOCAL_AUTHORITIES}/proxy.crt")), "ONE");
        assert!(!lists.join("old").exists());
        assert!(lists.join("partial").is_dir());
    }
}
