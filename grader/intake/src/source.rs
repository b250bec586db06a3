//! Where a submission comes from, read from what a person typed. Nothing here touches a network or a disk, save the
//! question whether a folder of that name exists.

use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::IntakeError;

/// A source of a submission. `Display` and `Debug` never show its credentials.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub(crate) location: Location,
    pub(crate) reference: Option<String>,
}

/// What a server of http or https is shown, where the source itself holds none. It is written to the child's input and
/// sent to the server, and stands in no argument, variable, log or error.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    pub user: String,
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// How a source is reached.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Location {
    /// http or https, credentials included.
    Http(Url),
    Git {
        host: String,
        port: u16,
        path: String,
    },
    Ssh {
        user: Option<String>,
        host: String,
        port: Option<u16>,
        path: String,
    },
    /// A repository on this machine, of which only what is committed counts.
    File(PathBuf),
    /// A folder on this machine, of which the files count.
    Folder(PathBuf),
}

impl Source {
    /// Reads `text`: a URL (`https`, `http`, `ssh`, `git`, `file`), `user@host:path`, or a folder; each with an
    /// optional `#ref` at its end. A folder that exists under the whole text wins over the reading with a ref.
    ///
    /// # Errors
    /// `InvalidSource` for an unknown scheme, a missing host or path, or a host, user or path that a program would
    /// take for an option; `NotFound` for a folder that does not exist.
    pub fn parse(text: &str) -> Result<Self, IntakeError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(invalid(text, "it is empty"));
        }
        if text.contains(['\0', '\n', '\r']) {
            return Err(invalid(text, "it holds a line break or a NUL"));
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return parse_url(text, &scheme.to_ascii_lowercase());
        }
        if Path::new(text).exists() {
            return folder(text, None);
        }
        let (place, reference) = split_reference(text);
        if let Some((left, path)) = place.split_once(':')
            && !left.contains('/')
        {
            return parse_scp(text, left, path, reference);
        }
        folder(place, reference)
    }

    /// The ref that the source itself names, after its `#`.
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }
}

fn parse_url(text: &str, scheme: &str) -> Result<Source, IntakeError> {
    let mut url = Url::parse(text).map_err(|error| invalid(text, &error.to_string()))?;
    let reference = match url.fragment() {
        Some("") | None => None,
        Some(fragment) => Some(decode(text, fragment)?),
    };
    url.set_fragment(None);
    let host = url.host_str().unwrap_or_default().to_owned();
    let path = decode(text, url.path())?;
    let location = match scheme {
        "http" | "https" => Location::Http(url.clone()),
        "git" => Location::Git { host: host.clone(), port: url.port().unwrap_or(9418), path },
        "ssh" | "git+ssh" | "ssh+git" => {
            let user = decode(text, url.username())?;
            // `ssh://host/~user/x` is the path `~user/x`, as git reads it.
            let path = path.strip_prefix("/~").map(|rest| format!("~{rest}")).unwrap_or(path);
            let user = Some(user).filter(|user| !user.is_empty());
            Location::Ssh { user, host: host.clone(), port: url.port(), path }
        }
        "file" if host.is_empty() || host == "localhost" => Location::File(PathBuf::from(path)),
        "file" => return Err(invalid(text, "a file URL names no other host")),
        other => return Err(invalid(text, &format!("the scheme `{other}` is not one of https, http, ssh, git, file"))),
    };
    if !matches!(location, Location::File(_)) && host.is_empty() {
        return Err(invalid(text, "it names no host"));
    }
    check_arguments(text, &location)?;
    Ok(Source { location, reference })
}

fn parse_scp(text: &str, left: &str, path: &str, reference: Option<String>) -> Result<Source, IntakeError> {
    if path.starts_with(':') {
        return Err(invalid(text, "git's remote helpers (`name::address`) are not used"));
    }
    let (user, host) = match left.rsplit_once('@') {
        Some((user, host)) => (Some(user.to_owned()), host),
        None => (None, left),
    };
    if host.is_empty() || path.is_empty() {
        return Err(invalid(text, "it names no host or no path"));
    }
    let location = Location::Ssh { user, host: host.to_owned(), port: None, path: path.to_owned() };
    check_arguments(text, &location)?;
    Ok(Source { location, reference })
}

/// Refuses what ssh or git-upload-pack would read as an option (CVE-2017-1000117 and its kin).
fn check_arguments(text: &str, location: &Location) -> Result<(), IntakeError> {
    let dashed = |part: &str| part.starts_with('-');
    let control = |part: &str| part.chars().any(char::is_control);
    match location {
        Location::Ssh { user, host, path, .. } => {
            if dashed(host) || user.as_deref().is_some_and(dashed) || dashed(path) {
                return Err(invalid(text, "a user, host or path that begins with `-` would be read as an option"));
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
            if !host.chars().all(plain) {
                return Err(invalid(text, "the host has a character that no host name has"));
            }
            if control(path) || user.as_deref().is_some_and(|user| control(user) || user.contains(char::is_whitespace))
            {
                return Err(invalid(text, "it holds a control character"));
            }
        }
        Location::Git { host, path, .. } => {
            if dashed(host) || control(path) {
                return Err(invalid(text, "the host begins with `-` or the path holds a control character"));
            }
        }
        Location::File(path) if control(&path.to_string_lossy()) => {
            return Err(invalid(text, "the path holds a control character"));
        }
        Location::Http(_) | Location::File(_) | Location::Folder(_) => {}
    }
    Ok(())
}

fn folder(place: &str, reference: Option<String>) -> Result<Source, IntakeError> {
    let path = std::path::absolute(place).map_err(|error| invalid(place, &error.to_string()))?;
    if !path.exists() {
        return Err(IntakeError::NotFound { place: place.to_owned() });
    }
    if !path.is_dir() {
        return Err(invalid(place, "it is a file; a submission is a folder or a repository"));
    }
    Ok(Source { location: Location::Folder(path), reference })
}

fn split_reference(text: &str) -> (&str, Option<String>) {
    match text.rsplit_once('#') {
        Some((place, reference)) if !place.is_empty() => {
            (place, Some(reference.to_owned()).filter(|reference| !reference.is_empty()))
        }
        _ => (text, None),
    }
}

fn decode(text: &str, part: &str) -> Result<String, IntakeError> {
    let decoded = percent_decode_str(part).decode_utf8().map_err(|_| invalid(text, "it is no UTF-8 when decoded"))?;
    if decoded.contains('\0') {
        return Err(invalid(text, "it holds a NUL"));
    }
    Ok(decoded.into_owned())
}

fn invalid(text: &str, reason: &str) -> IntakeError {
    IntakeError::InvalidSource { text: redact(text), reason: reason.to_owned() }
}

/// `text` without what stands before its last `@`, where a source too broken to be parsed may hold a password.
fn redact(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((_, after)) => format!("{scheme}://***@{after}"),
            None => text.to_owned(),
        },
        None => text.to_owned(),
    }
}

impl Location {
    /// The texts that may not appear in anything printed.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let Location::Http(url) = self else { return Vec::new() };
        let mut secrets: Vec<String> =
            [url.username(), url.password().unwrap_or_default()].iter().map(|s| (*s).to_owned()).collect();
        secrets.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
        let decoded: Vec<String> =
            secrets.iter().map(|secret| percent_decode_str(secret).decode_utf8_lossy().into_owned()).collect();
        secrets.extend(decoded);
        // A short user name such as `git` is a word of many messages, and no secret.
        secrets.retain(|secret| secret.len() >= 4);
        secrets
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Http(url) => f.write_str(&display_url(url)),
            Location::Git { host, port: 9418, path } => write!(f, "git://{host}{path}"),
            Location::Git { host, port, path } => write!(f, "git://{host}:{port}{path}"),
            Location::Ssh { user, host, port, path } => {
                let user = user.as_deref().map(|user| user.split(':').next().unwrap_or_default());
                let at = user.map(|user| format!("{user}@")).unwrap_or_default();
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                let slash = if path.starts_with('/') { "" } else { "/" };
                write!(f, "ssh://{at}{host}{port}{slash}{path}")
            }
            Location::File(path) => write!(f, "file://{}", path.display()),
            Location::Folder(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A URL without its credentials and without the values of its query.
pub(crate) fn display_url(url: &Url) -> String {
    let mut shown = url.clone();
    if !shown.username().is_empty() || shown.password().is_some() {
        // Both calls fail only for URLs that cannot have a user, and this one has.
        let _ = shown.set_password(None);
        let _ = shown.set_username("***");
    }
    if shown.query().is_some() {
        shown.set_query(Some("***"));
    }
    shown.to_string()
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.location.fmt(f)?;
        match &self.reference {
            Some(reference) => write!(f, "#{reference}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_and_shown_without_credentials() {
        let table = [
            ("https://github.com/a/b.git", "https://github.com/a/b.git"),
            ("https://github.com/a/b#v1.2", "https://github.com/a/b#v1.2"),
            ("https://user:hunter22@h.example/a.git", "https://***@h.example/a.git"),
            ("https://ghp_TOKEN123@h.example/a.git", "https://***@h.example/a.git"),
            ("https://h.example/a.git?private_token=s3cret", "https://h.example/a.git?***"),
            ("http://127.0.0.1:8080/a.git#feature/x", "http://127.0.0.1:8080/a.git#feature/x"),
            ("git://h.example/a%20b.git", "git://h.example/a b.git"),
            ("git://h.example:1234/a.git", "git://h.example:1234/a.git"),
            ("ssh://git@h.example:2222/a/b.git", "ssh://git@h.example:2222/a/b.git"),
            ("git@h.example:a/b.git#main", "ssh://git@h.example/a/b.git#main"),
            ("h.example:~me/b.git", "ssh://h.example/~me/b.git"),
            ("ssh://h.example/~me/b.git", "ssh://h.example/~me/b.git"),
            ("file:///srv/x.git#deadbeef", "file:///srv/x.git#deadbeef"),
        ];
        for (text, shown) in table {
            let source = Source::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(source.to_string(), shown, "{text}");
            assert_eq!(format!("{source:?}"), format!("Source({shown})"), "{text}");
        }
    }

    #[test]
    fn what_a_program_would_take_for_an_option_is_refused() {
        for text in [
            "-oProxyCommand=touch@x:a",
            "git@-oProxyCommand=x:a/b",
            "-x@host:a",
            "host:--upload-pack=touch",
            "ssh://-oProxyCommand=x/a",
            "ssh://-u@host/a",
            "ssh://host/a%0ab",
            "git://h.example/a%0Aevil",
            "git://-h/a",
            "ext::sh -c touch",
            "host$(id):a",
            "https://h.example/a\nb",
        ] {
            let error = Source::parse(text).expect_err(text);
            assert!(matches!(error, IntakeError::InvalidSource { .. }), "{text}: {error:?}");
        }
    }

    #[test]
    fn broken_sources_say_why_and_keep_their_secrets() {
        for text in
            ["ftp://u:hunter22@h/a", "https://u:hunter22@/a", "https://u:hunter22@h:99999/a", "https://u:hunter/22@h/"]
        {
            let said = Source::parse(text).expect_err(text).to_string();
            assert!(!said.contains("hunter22") && !said.contains("u:"), "{said}");
        }
        assert!(matches!(Source::parse("  "), Err(IntakeError::InvalidSource { .. })));
        assert!(matches!(Source::parse("/no/such/folder"), Err(IntakeError::NotFound { .. })));
    }

    #[test]
    fn a_folder_may_have_a_hash_in_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("c#");
        std::fs::create_dir(&odd).unwrap();
        let text = odd.to_str().unwrap().to_owned();
        assert_eq!(Source::parse(&text).unwrap().reference(), None);
        let text = format!("{}#main", dir.path().display());
        assert_eq!(Source::parse(&text).unwrap().reference(), Some("main"));
    }
}
