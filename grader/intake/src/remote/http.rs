//! Smart HTTP (gitprotocol-http(5)): one GET for the refs, one POST for the pack.
//!
//! The client is ureq, which blocks as the rest of the child does, with rustls and the machine's certificates. It
//! follows no redirect by itself, asks for no compression, and connects only to addresses that the guard let pass.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

use base64::Engine as _;
use ureq::http::{StatusCode, Uri};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use url::Url;

use super::packet::{self, Packet};
use super::tcp::CONNECT;
use super::{Guard, Session};
use crate::IntakeError;
use crate::source::{Credentials, display_url};

/// Redirects that the first request follows; git itself takes twenty.
const MAX_REDIRECTS: usize = 5;
/// Bytes of the answer that holds the refs.
const MAX_REFS_BYTES: u64 = 32 * 1024 * 1024;

pub(super) struct Http {
    agent: ureq::Agent,
    /// The repository's URL, without a slash at its end; where redirects led.
    base: Url,
    authorization: Option<String>,
}

impl Http {
    pub(super) fn new(url: &Url, credentials: Option<&Credentials>, guard: Guard) -> Result<Self, IntakeError> {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .build();
        let mut config = ureq::Agent::config_builder()
            .tls_config(tls)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            // Some servers answer only what calls itself git.
            .user_agent("git/grader");
        if guard.strict() {
            // A proxy would resolve the name anew, out of the guard's sight.
            config = config.proxy(None);
        }
        let resolver = Guarded { guard, inner: DefaultResolver::default() };
        let agent = ureq::Agent::with_parts(config.build(), DefaultConnector::default(), resolver);
        let authorization = authorization(url, credentials);
        let mut base = url.clone();
        // Neither fails for a URL of http or https, and `Source::parse` makes no other.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        Ok(Http { agent, base, authorization })
    }

    fn place(&self) -> String {
        display_url(&self.base)
    }

    fn failed(&self, error: ureq::Error) -> IntakeError {
        let reason = match error {
            ureq::Error::Other(inner) => match inner.downcast::<IntakeError>() {
                Ok(own) => return *own,
                Err(other) => other.to_string(),
            },
            error @ (ureq::Error::Protocol(_) | ureq::Error::Http(_) | ureq::Error::LargeResponseHeader(..)) => {
                return IntakeError::Protocol { place: self.place(), reason: error.to_string() };
            }
            other => other.to_string(),
        };
        IntakeError::Unreachable { place: self.place(), reason }
    }

    /// GETs the refs, following redirects as far as they keep the question.
    fn get_refs(&mut self) -> Result<ureq::Body, IntakeError> {
        let mut url = service_url(&self.base, "info/refs", Some("service=git-upload-pack"));
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.agent.get(url.as_str()).header("Pragma", "no-cache");
            if let Some(authorization) = &self.authorization {
                request = request.header("Authorization", authorization);
            }
            let response = request.call().map_err(|error| self.failed(error))?;
            if response.status().is_redirection() {
                let target = response.headers().get("Location").and_then(|value| value.to_str().ok());
                url = self.redirect(&url, target)?;
                continue;
            }
            check_status(response.status(), &self.place())?;
            check_type(&response, "application/x-git-upload-pack-advertisement", &self.place())?;
            return Ok(response.into_body());
        }
        Err(IntakeError::RedirectRefused {
            target: display_url(&url),
            reason: format!("there were {MAX_REDIRECTS} before it"),
        })
    }

    fn redirect(&mut self, from: &Url, target: Option<&str>) -> Result<Url, IntakeError> {
        let refused = |target: &str, reason: &str| IntakeError::RedirectRefused {
            target: target.to_owned(),
            reason: reason.to_owned(),
        };
        let Some(target) = target else { return Err(refused("nowhere", "it names no place")) };
        let to = from.join(target).map_err(|_| refused("what is no URL", "it names no place"))?;
        let shown = display_url(&to);
        // To https from http is the one change of scheme that loses nothing.
        if to.scheme() != from.scheme() && (from.scheme(), to.scheme()) != ("http", "https") {
            return Err(refused(&shown, "it changes the scheme"));
        }
        if to.scheme() != "http" && to.scheme() != "https" {
            return Err(refused(&shown, "it changes the scheme"));
        }
        let Some(path) = to.path().strip_suffix("/info/refs") else {
            return Err(refused(&shown, "it leads to something else than the repository's refs"));
        };
        let mut base = to.clone();
        base.set_path(path);
        base.set_query(None);
        base.set_fragment(None);
        let _ = base.set_username("");
        let _ = base.set_password(None);
        if (to.host_str(), to.port_or_known_default()) != (from.host_str(), from.port_or_known_default())
            && !(to.host_str() == from.host_str() && to.scheme() == "https" && from.scheme() == "http")
        {
            // Credentials were for the first host.
            self.authorization = None;
        }
        self.base = base;
        Ok(service_url(&self.base, "info/refs", Some("service=git-upload-pack")))
    }
}

impl Session for Http {
    fn advertisement(&mut self) -> Result<Box<dyn BufRead + '_>, IntakeError> {
        let body = self.get_refs()?;
        let mut reader = BufReader::new(body.into_with_config().limit(MAX_REFS_BYTES).reader());
        let place = self.place();
        let wrong = |reason: &str| IntakeError::Protocol { place: place.clone(), reason: reason.to_owned() };
        let mut buffer = Vec::new();
        match packet::read(&mut reader, &mut buffer) {
            Ok(Packet::Data(line)) if line.starts_with(b"# service=git-upload-pack") => {}
            Ok(_) | Err(_) => return Err(wrong("its answer does not begin with the service's name")),
        }
        match packet::read(&mut reader, &mut buffer) {
            Ok(Packet::Flush) => Ok(Box::new(reader)),
            Ok(Packet::Data(_)) | Err(_) => Err(wrong("the service's name is not ended")),
        }
    }

    fn request(&mut self, request: &[u8]) -> Result<Box<dyn Read + '_>, IntakeError> {
        let url = service_url(&self.base, "git-upload-pack", None);
        let mut post = self
            .agent
            .post(url.as_str())
            .header("Content-Type", "application/x-git-upload-pack-request")
            .header("Accept", "application/x-git-upload-pack-result");
        if let Some(authorization) = &self.authorization {
            post = post.header("Authorization", authorization);
        }
        let response = post.send(request).map_err(|error| self.failed(error))?;
        check_status(response.status(), &self.place())?;
        check_type(&response, "application/x-git-upload-pack-result", &self.place())?;
        // The pack's own limit is the sink's; this one only says that ureq's default is not it.
        Ok(Box::new(BufReader::new(response.into_body().into_with_config().limit(u64::MAX).reader())))
    }
}

/// The URL's own credentials come first.
fn authorization(url: &Url, credentials: Option<&Credentials>) -> Option<String> {
    let decode = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
    let pair = if url.username().is_empty() && url.password().is_none() {
        let given = credentials?;
        format!("{}:{}", given.user, given.password)
    } else {
        format!("{}:{}", decode(url.username()), decode(url.password().unwrap_or_default()))
    };
    Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

/// `base` with `service` below its path; the query of a source's own comes last, where some servers take tokens.
fn service_url(base: &Url, service: &str, query: Option<&str>) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{service}", base.path().trim_end_matches('/')));
    let own = base.query().map(str::to_owned);
    let parts: Vec<&str> = query.into_iter().chain(own.as_deref()).collect();
    url.set_query(Some(parts.join("&")).filter(|query| !query.is_empty()).as_deref());
    url
}

fn check_status(status: StatusCode, place: &str) -> Result<(), IntakeError> {
    let place = place.to_owned();
    match status.as_u16() {
        200 => Ok(()),
        401 | 403 | 407 => Err(IntakeError::AuthRequired { place }),
        404 | 410 => Err(IntakeError::NotFound { place }),
        code @ (429 | 500..=599) => Err(IntakeError::Unreachable { place, reason: format!("it answers {code}") }),
        code => Err(IntakeError::Protocol { place, reason: format!("it answers {code}") }),
    }
}

fn check_type(response: &ureq::http::Response<ureq::Body>, wanted: &str, place: &str) -> Result<(), IntakeError> {
    let found = response.headers().get("Content-Type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if found.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    let found: String = found.chars().filter(|c| !c.is_control()).take(80).collect();
    let reason = match found.as_str() {
        "" => "its answer has no content type".to_owned(),
        "text/plain" => "it serves files only (git's dumb protocol)".to_owned(),
        other => format!("its answer is {other}"),
    };
    Err(IntakeError::Protocol { place: place.to_owned(), reason })
}

/// ureq's own resolver, behind the guard.
#[derive(Debug)]
struct Guarded {
    guard: Guard,
    inner: DefaultResolver,
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = self.inner.resolve(uri, config, timeout)?;
        self.guard
            .check(uri.host().unwrap_or_default(), &addresses)
            .map_err(|refused| ureq::Error::Other(Box::new(refused)))?;
        Ok(addresses)
    }
}
