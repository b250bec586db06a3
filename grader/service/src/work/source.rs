//! Which repository URLs the service fetches.
//!
//! Whoever may hand in a submission must not make the service's machines knock on doors inside of its network: sources
//! are fetched from public addresses only, unless the operator says otherwise. What is checked here, when a run is asked for
//! and just before it starts, tells whoever asks at once. Against a name server that answers otherwise a second later it
//! is no guard: that is the fetch itself, which connects to the very address that it checked (`grader-intake`).

use std::net::IpAddr;
use std::time::Duration;

use grader_model::is_public;
use url::{Host, Url};

use crate::web::Problem;

const LONGEST: usize = 2048;

/// Checks a source.
///
/// # Errors
/// A 422 problem that says what is wrong with it.
pub(crate) async fn check_source(source: &str, allow_private: bool) -> Result<(), Problem> {
    let wrong = |detail: &str| Err(Problem::invalid_field("source", detail));
    if source.is_empty() || source.len() > LONGEST || source.chars().any(char::is_control) {
        return wrong("must be a git URL of at most 2048 characters");
    }
    let Some(url) = as_url(source) else {
        return wrong("must be a git URL: https://HOST/PATH, ssh://…, git://… or USER@HOST:PATH");
    };
    let schemes: &[&str] =
        if allow_private { &["https", "http", "ssh", "git", "file"] } else { &["https", "http", "ssh", "git"] };
    if !schemes.contains(&url.scheme()) {
        return wrong("only https, http, ssh and git are fetched");
    }
    // Tokens are given as names, too; only ssh names who is asked for.
    if url.password().is_some() || (url.scheme().starts_with("http") && !url.username().is_empty()) {
        return wrong("must not hold credentials; the machine that fetches it has its own");
    }
    if allow_private {
        return Ok(());
    }
    let addresses = match url.host() {
        Some(Host::Ipv4(address)) => vec![IpAddr::V4(address)],
        Some(Host::Ipv6(address)) => vec![IpAddr::V6(address)],
        Some(Host::Domain(name)) => {
            let port = url.port_or_known_default().unwrap_or(443);
            let found = tokio::time::timeout(Duration::from_secs(5), tokio::net::lookup_host((name, port))).await;
            match found {
                Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
                Ok(Err(_)) => return wrong("its host is not known to the name servers"),
                Err(_) => return wrong("its host could not be looked up within 5 s"),
            }
        }
        None => return wrong("names no host"),
    };
    // One private address among public ones is enough to reach it.
    if addresses.is_empty() || addresses.iter().any(|address| !is_public(*address)) {
        return wrong("leads to an address that is not public; the operator can allow that");
    }
    Ok(())
}

/// The source as a URL; git's short form `USER@HOST:PATH` as the `ssh` URL that it means.
fn as_url(source: &str) -> Option<Url> {
    if source.contains("://") {
        return Url::parse(source).ok();
    }
    let (host, path) = source.split_once(':')?;
    if host.contains('/') || host.is_empty() || path.is_empty() {
        return None;
    }
    Url::parse(&format!("ssh://{host}/{path}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refused(source: &str) -> bool {
        check_source(source, false).await.is_err()
    }

    #[tokio::test]
    async fn addresses_of_the_house_are_refused() {
        for source in [
            "http://127.0.0.1/x.git",
            "http://2130706433/x.git",
            "http://0x7f.1/x.git",
            "https://10.1.2.3/x.git",
            "https://172.16.0.1/x.git",
            "https://192.168.1.1/x.git",
            "http://169.254.169.254/latest/meta-data",
            "http://100.64.0.1/x.git",
            "http://0.0.0.0/x.git",
            "http://[::1]/x.git",
            "http://[fe80::1]/x.git",
            "http://[fd00::1]/x.git",
            "http://[::ffff:127.0.0.1]/x.git",
            "http://[64:ff9b::a00:1]/x.git",
            "http://[2002:7f00:1::]/x.git",
            "http://localhost/x.git",
            "git@127.0.0.1:x/y.git",
            "ssh://git@[::1]/x.git",
        ] {
            assert!(refused(source).await, "{source}");
            assert!(check_source(source, true).await.is_ok(), "{source} where private ones are allowed");
        }
    }

    #[tokio::test]
    async fn what_is_no_git_url_is_refused() {
        for source in [
            "",
            "/etc/passwd",
            "file:///etc",
            "../x",
            "ftp://example.org/x",
            "https://",
            "ext::sh -c x",
            "https://u:p@93.184.216.34/x.git",
        ] {
            assert!(refused(source).await, "{source}");
        }
    }

    #[tokio::test]
    async fn public_addresses_are_fetched() {
        for source in ["https://93.184.216.34/x.git", "git@93.184.216.34:x/y.git", "https://[2606:4700::1111]/x"] {
            assert!(!refused(source).await, "{source}");
        }
    }
}
