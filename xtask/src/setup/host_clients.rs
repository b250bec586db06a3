//! How this machine's package clients reach their registries, read so that stand-in images can do
//! the same: its trust store, proxies, mirrors, apt sources.
//!
//! Nothing of it is committed. A value that carries credentials is left out, because code of
//! strangers runs in these images.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{packages, recipe};
use crate::shell;

/// Where Debian keeps the trust store, here and in the images.
pub(crate) const BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";
/// Authorities that a person or a proxy added; `update-ca-certificates` keeps them.
pub(crate) const LOCAL_AUTHORITIES: &str = "usr/local/share/ca-certificates";

/// The variables by which the usual clients find a trust store.
const TRUST: [&str; 6] =
    ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO"];
/// Taken over when set: mirrors and proxies, in both spellings in use.
const TAKEN: [&str; 10] = [
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "npm_config_registry",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
];

/// What a stand-in takes from the machine that builds it.
pub(crate) struct HostClients {
    /// The trust store, PEM.
    pub(crate) bundle: Vec<u8>,
    /// Added authorities: file name and PEM text.
    pub(crate) authorities: Vec<(String, Vec<u8>)>,
    /// Variables for the images.
    pub(crate) environment: Vec<(String, String)>,
    /// apt's settings for proxies and for machines whose clock is off, in its own syntax.
    pub(crate) apt: String,
}

impl HostClients {
    /// Reads this machine; what is absent stays empty.
    pub(crate) fn read() -> Self {
        let mut environment: Vec<(String, String)> = TRUST.map(|name| (name.to_owned(), format!("/{BUNDLE}"))).into();
        environment.extend(TAKEN.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))));
        for (name, value) in [("PIP_INDEX_URL", pip_index()), ("npm_config_registry", npm_registry())] {
            let known = environment.iter().any(|(taken, _)| taken == name);
            if !known && let Some(value) = value {
                environment.push((name.to_owned(), value));
            }
        }
        environment.retain(|(_, value)| !value.is_empty() && !carries_credentials(value));
        Self {
            bundle: trust_store(),
            authorities: authorities(),
            environment,
            apt: shell::read(Command::new("apt-config").arg("dump"))
                .map(|dump| apt_settings(&dump))
                .unwrap_or_default(),
        }
    }

    /// Changes when any part does.
    pub(crate) fn digest(&self) -> String {
        let mut parts = vec![
            String::from_utf8_lossy(&self.bundle).into_owned(),
            format!("{:?}", self.environment),
            self.apt.clone(),
        ];
        for (name, text) in &self.authorities {
            parts.push(format!("{name}\n{}", String::from_utf8_lossy(text)));
        }
        parts.push(format!("{:?}", packages::release()));
        recipe::digest(&parts)
    }
}

fn trust_store() -> Vec<u8> {
    std::env::var_os("SSL_CERT_FILE")
        .map(PathBuf::from)
        .into_iter()
        .chain([
            Path::new("/").join(BUNDLE),
            PathBuf::from("/etc/pki/tls/certs/ca-bundle.crt"),
            PathBuf::from("/etc/ssl/cert.pem"),
        ])
        .find_map(|path| fs::read(path).ok())
        .unwrap_or_default()
}

fn authorities() -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(Path::new("/").join(LOCAL_AUTHORITIES)) else {
        return Vec::new();
    };
    let mut found: Vec<(String, Vec<u8>)> = entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|ext| ext == "crt"))
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((name, fs::read(entry.path()).ok()?))
        })
        .collect();
    found.sort();
    found
}

fn pip_index() -> Option<String> {
    shell::read(Command::new("pip").args(["config", "get", "global.index-url"])).ok()
}

/// The registry that npm is told to use; `None` where it is left to its own.
fn npm_registry() -> Option<String> {
    // `npm config get` would give the built-in value as well; the plain list has what was changed.
    let list = shell::read(Command::new("npm").args(["config", "list"])).ok()?;
    listed_registry(&list)
}

fn listed_registry(list: &str) -> Option<String> {
    list.lines().find_map(|line| line.strip_prefix("registry = ")).map(|value| value.trim_matches('"').to_owned())
}

/// The lines of apt's dump that decide whether a download works from here.
fn apt_settings(dump: &str) -> String {
    dump.lines()
        .filter(|line| line.starts_with("Acquire::Check-") || line.to_ascii_lowercase().starts_with("acquire::http"))
        // Groups without a value say nothing.
        .filter(|line| !line.ends_with(" \"\";") && !carries_credentials(line))
        .map(|line| format!("{line}\n"))
        .collect()
}

fn carries_credentials(value: &str) -> bool {
    value.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().is_some_and(|host| host.contains('@')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_at_home() {
        assert!(carries_credentials("https://me:secret@mirror.test/simple"));
        assert!(!carries_credentials("https://mirror.test/@scope/thing"));
        let dump = "Acquire::http::Proxy \"http://me:secret@proxy.test:3128\";\nAcquire::https::Proxy \"http://proxy.test:3128\";\n";
        assert_eq!(apt_settings(dump), "Acquire::https::Proxy \"http://proxy.test:3128\";\n");
    }

    #[test]
    fn npm_is_believed_only_where_it_was_told() {
        let told = "; \"user\" config from .npmrc\n\nregistry = \"http://mirror.test/\"\n";
        assert_eq!(listed_registry(told).as_deref(), Some("http://mirror.test/"));
        let overridden = "; registry = \"http://old.test/\" ; overridden by env\nfund = false\n";
        assert_eq!(listed_registry(overridden), None);
    }

    #[test]
    fn only_what_a_download_needs_is_taken_from_apt() {
        let dump = "APT::Architecture \"amd64\";\nAcquire \"\";\nAcquire::http \"\";\nAcquire::Check-Date \"false\";\nAcquire::Languages \"none\";\n";
        assert_eq!(apt_settings(dump), "Acquire::Check-Date \"false\";\n");
    }
}
