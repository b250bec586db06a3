//! What an operator chooses, with defaults that are safe.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use grader_store::{RetentionPolicy, Role};

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Secret(value.into())
    }

    /// The value itself, for whoever has to send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The service's settings.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// Where people reach it, such as `https://grader.example`. Cookies are marked secure where it is `https`.
    pub public_url: url::Url,
    /// The assessment of a submission that names none.
    pub default_spec: String,
    /// Whether repository URLs may lead to private, link-local and loopback addresses.
    pub allow_private_sources: bool,
    /// Hides candidates' names from a reviewer until they have decided on the run.
    pub blind: bool,
    /// Requests a minute that one principal may make, and one address that has not signed in. Bursts may be as large.
    pub rate: u32,
    /// Tries to sign in a minute, by address and by name.
    pub sign_in_rate: u32,
    /// The role that whoever reaches the service may give themselves by signing up; `None` leaves users to administrators.
    pub sign_up: Option<Role>,
    /// Bytes of a request's body.
    pub body_limit: usize,
    /// How long a request may take; streams are not bounded by it.
    pub request_timeout: Duration,
    /// How long somebody stays signed in.
    pub session: Duration,
    /// How many proxies in front of it write `X-Forwarded-For`; 0 takes the peer's address.
    pub proxies: usize,
    /// How often a run may be lost with its worker, or fail by the grader's own trouble, before it ends so.
    pub most_losses: i64,
    pub retention: RetentionPolicy,
    /// What integrations need, by name.
    pub secrets: BTreeMap<String, Secret>,
}

impl ServiceConfig {
    pub fn new(public_url: url::Url) -> Self {
        ServiceConfig {
            public_url,
            default_spec: grader_spec::BUILT_IN[0].0.to_owned(),
            allow_private_sources: false,
            blind: false,
            rate: 600,
            sign_in_rate: 10,
            sign_up: None,
            body_limit: 1 << 20,
            request_timeout: Duration::from_secs(30),
            session: Duration::from_secs(12 * 3600),
            proxies: 0,
            most_losses: 3,
            retention: RetentionPolicy::default(),
            secrets: BTreeMap::new(),
        }
    }

    /// Whether cookies may go over encrypted connections only.
    pub fn secure_cookies(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// A secret by its name.
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        self.secrets.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let mut config = ServiceConfig::new("https://grader.example".parse().unwrap());
        config.secrets.insert("webhook".to_owned(), Secret::new("hush-hush"));
        assert!(!format!("{config:?}").contains("hush"));
        assert_eq!(config.secret("webhook").map(Secret::reveal), Some("hush-hush"));
        assert!(config.secure_cookies());
    }
}
