//! Which addresses a secret may be sent to, or a key believed from.

use url::{Host, Url};

/// `https`, or this very machine; without credentials of its own.
pub(crate) fn is_safe(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    let bare = url.username().is_empty() && url.password().is_none();
    bare && (url.scheme() == "https" || (url.scheme() == "http" && loopback))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_could_read_or_forge_is_not_safe() {
        for (address, safe) in [
            ("https://grader.test", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://localhost", true),
            ("http://grader.test", false),
            ("http://localhost.grader.test", false),
            ("http://127.0.0.1.grader.test", false),
            ("https://user@grader.test", false),
            ("https://:password@grader.test", false),
            ("ftp://127.0.0.1", false),
            ("git://127.0.0.1", false),
        ] {
            assert_eq!(is_safe(&Url::parse(address).unwrap()), safe, "{address}");
        }
    }
}
