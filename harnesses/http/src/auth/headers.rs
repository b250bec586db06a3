//! `auth.headers`: answers carry at least one of the usual hardening headers (OWASP REST Security Cheat Sheet, "Security
//! Headers"), and no banner tells the exact version of the software behind them.
//!
//! What is looked at are answers to ordinary requests of the run. One header is enough: which of them an API without pages
//! needs is a matter of taste. A name without a version, such as `Server: nginx`, tells nothing that is worth hiding.
//! Planted defect: `auth-headers` of the Django submission.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::record::Recorded;
use harness_kit::{Context, Phase, Probe, Stop};
use regex::Regex;

/// Headers that harden a client, in any of their values.
const HARDENING: &[&str] = &[
    "x-content-type-options",
    "x-frame-options",
    "content-security-policy",
    "strict-transport-security",
    "referrer-policy",
    "permissions-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "cross-origin-embedder-policy",
];
/// Headers that speak of the software.
const BANNERS: &[&str] = &["server", "x-powered-by", "x-aspnet-version", "x-aspnetmvc-version", "x-generator", "via"];

/// A version of at least two numbers, as in `nginx/1.25.3` or `PHP 8.2`; a protocol's own (`1.1 proxy`) is none.
static VERSION: LazyLock<Regex> = LazyLock::new(|| {
    // Proved by `versions_are_told_from_names`.
    Regex::new(r"(?i)(?:[a-z][a-z0-9_.+-]*[/ ]v?|^)\d+\.\d+[0-9a-z.+-]*(?:[ (;,]|$)")
        .expect("a constant pattern compiles")
});

pub(crate) struct Headers;

#[async_trait]
impl Probe for Headers {
    fn id(&self) -> &'static str {
        "auth.headers"
    }

    fn phase(&self) -> Phase {
        Phase::Observe
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let recorder = ctx.recorder();
        let exchanges = recorder.exchanges();
        let ordinary: Vec<&Arc<Recorded>> =
            exchanges.iter().filter(|exchange| (200..300).contains(&exchange.status) && exchange.says_json()).collect();
        let Some(sample) = ordinary.first() else {
            return Err(Stop::blocked("api.operations", "no request of the run was answered with a success"));
        };
        let hardened = ordinary.iter().find(|exchange| HARDENING.iter().any(|name| exchange.header(name).is_some()));
        let banner = exchanges.iter().find_map(|exchange| Some((banner(exchange)?, exchange)));
        let expected = "a hardening header such as X-Content-Type-Options, and no banner with a version";
        let names: Vec<&str> = hardened
            .map(|exchange| HARDENING.iter().copied().filter(|name| exchange.header(name).is_some()).collect())
            .unwrap_or_default();
        let carried = if names.is_empty() { "no hardening header".to_owned() } else { names.join(", ") };
        let told =
            banner.as_ref().map_or_else(|| "no version".to_owned(), |((name, value), _)| format!("{name}: {value}"));
        let finding = match (hardened, &banner) {
            (Some(_), None) => Finding::pass(self.id(), "Answers carry hardening headers and tell no version"),
            (Some(_), Some(((name, _), _))) => {
                Finding::partial(self.id(), 0.5, format!("The `{name}` header tells the exact version of the software"))
            }
            (None, None) => Finding::fail(self.id(), "No answer carries any of the usual hardening headers"),
            (None, Some(((name, _), _))) => {
                let summary = format!("No answer carries any hardening header, and `{name}` tells an exact version");
                Finding::fail(self.id(), summary)
            }
        };
        let shown = hardened.copied().unwrap_or(sample);
        Ok(finding
            .expected(expected)
            .actual(format!("{carried}\n{told}"))
            .evidence(recorder.evidence_of(shown))
            .evidences(banner.filter(|(_, at)| at.number != shown.number).map(|(_, at)| recorder.evidence_of(at))))
    }
}

/// The first header of an answer that tells an exact version.
fn banner(exchange: &Recorded) -> Option<(&'static str, String)> {
    BANNERS.iter().find_map(|name| {
        let value = exchange.header(name)?;
        tells_version(name, value).then(|| (*name, value.chars().take(80).collect()))
    })
}

fn tells_version(name: &str, value: &str) -> bool {
    // `Via: 1.1 proxy` begins with the protocol's version (RFC 9110, 7.6.3).
    let value = if name == "via" { value.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.') } else { value };
    VERSION.is_match(value)
}

#[cfg(test)]
mod tests {
    use super::tells_version;

    #[test]
    fn versions_are_told_from_names() {
        for (name, value) in [
            ("server", "nginx/1.25.3"),
            ("server", "Werkzeug/3.0.1 Python/3.11.7"),
            ("server", "Apache/2.4.57 (Debian)"),
            ("server", "gunicorn/20.0.4"),
            ("x-powered-by", "PHP/8.2.7"),
            ("x-aspnet-version", "4.0.30319"),
        ] {
            assert!(tells_version(name, value), "{value}");
        }
        for (name, value) in [
            ("server", "nginx"),
            ("server", "uvicorn"),
            ("server", "cloudflare"),
            ("x-powered-by", "Express"),
            ("x-powered-by", "Next.js"),
            ("via", "1.1 proxy"),
            ("server", "Kestrel"),
        ] {
            assert!(!tells_version(name, value), "{value}");
        }
    }
}
