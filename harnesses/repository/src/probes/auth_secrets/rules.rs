//! The rules by which a text holds a secret, after those of the usual scanners.

use std::sync::LazyLock;

use regex::Regex;

use super::shapes::{self, Shape};
use super::values::{is_placeholder, is_random, redacted};
use crate::env_text;
use crate::signing::names_secret;
use crate::tree::{self, extension, file_name};

/// Hits of one file.
const MOST: usize = 50;

/// What was found.
pub(super) struct Hit {
    /// What it is, in words.
    pub(super) what: &'static str,
    /// The variable that holds it; empty for what tells itself.
    pub(super) name: String,
    pub(super) value: String,
    /// Set for local values in a settings file that should not be committed.
    pub(super) harmless: bool,
}

impl Hit {
    /// As evidence shows it.
    pub(super) fn shown(&self) -> String {
        let value = redacted(&self.value);
        if self.name.is_empty() { format!("{}: {value}", self.what) } else { format!("{}={value}", self.name) }
    }
}

/// A password in an address: scheme, user, password, host.
static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"\b([a-z][a-z0-9+]{2,20})://([^\s:/@"'`]{0,80}):([^\s:/@"'`]{4,120})@([A-Za-z0-9.-]{3,120})"#).ok()
});

/// `name = "value"`, `"name": "value"`, `NAME=value`.
static GIVEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)["']?([a-z][a-z0-9_.-]{0,50})["']?\]?\s{0,3}(?::=|=>|:|=)\s{0,3}(?:["'`]([^"'`\s]{12,200})["'`]|([^"'`\s,;#(){}\[\]<>]{16,200})\s*$)"#).ok()
});

/// Whether a file only pins what was fetched, or is data of the same kind.
pub(super) fn is_lock(path: &str) -> bool {
    let name = file_name(path);
    matches!(extension(name), "lock" | "sum" | "svg" | "map" | "csv" | "snap" | "ipynb" | "css")
        || matches!(
            name,
            "package-lock.json" | "pnpm-lock.yaml" | "npm-shrinkwrap.json" | "bun.lock" | "deno.lock" | "_journal.json"
        )
        || name.contains(".min.")
}

/// Every secret of a text with its line. `historic` texts are also asked for signing secrets, which in the tree are
/// another probe's finding.
pub(super) fn hits(path: &str, text: &str, historic: bool) -> Vec<(u32, Hit)> {
    let mut found: Vec<(u32, Hit)> = Vec::new();
    let example = tree::is_example(path);
    private_keys(text, &mut found);
    // Most texts have no part of any shape, and are done after one look.
    let likely: Vec<&Shape> = shapes::likely(text).collect();
    for (line, number) in text.lines().zip(1_u32..) {
        if found.len() >= MOST {
            break;
        }
        if line.len() > 4_000 || line.len() < 12 {
            continue;
        }
        for Shape { what, pattern, .. } in likely.iter().copied() {
            if let Some(value) = pattern.captures(line).and_then(|found| found.get(1)) {
                let shown = value.as_str();
                if !shown.contains("EXAMPLE") && !looks_made_up(shown) {
                    found.push((number, Hit { what, name: String::new(), value: shown.to_owned(), harmless: false }));
                }
            }
        }
        if !example && line.contains("://") {
            address(line, number, &mut found);
        }
    }
    if is_settings(path) && !example {
        settings(text, &mut found);
    } else if !example && !tree::is_document(path) && !env_text::is_settings(path) {
        given(text, historic, &mut found);
    }
    found
}

/// `ghp_xxxxxxxx…`, `sk-1234567890…`: shaped like a token to show the shape.
fn looks_made_up(value: &str) -> bool {
    let body = value.rsplit(['_', '-', '.']).next().unwrap_or(value);
    let lower = body.to_ascii_lowercase();
    super::values::entropy(body) < 2.8
        || ["xxxx", "1234567890", "abcdefgh", "your"].iter().any(|word| lower.contains(word))
}

fn private_keys(text: &str, found: &mut Vec<(u32, Hit)>) {
    let mut from = 0;
    while let Some(at) = text[from..].find("-----BEGIN ").map(|at| from + at) {
        let rest = &text[at..];
        let header = rest.lines().next().unwrap_or("");
        from = at + 11;
        if !header.contains("PRIVATE KEY") || found.len() >= MOST {
            continue;
        }
        // After the header's own dashes; the body also as one line with `\n` written out, as JSON keeps it.
        let Some(end) = header[11..].find("-----").map(|end| 11 + end + 5) else { continue };
        let body: String = rest[end..]
            .chars()
            .take(6_000)
            .take_while(|c| *c != '-')
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='))
            .collect();
        if body.len() >= 48 && super::values::entropy(&body) > 3.5 {
            found.push((
                tree::line_of(text, at),
                Hit { what: "a private key", name: String::new(), value: body, harmless: false },
            ));
        }
    }
}

fn address(line: &str, number: u32, found: &mut Vec<(u32, Hit)>) {
    let Some(captures) = ADDRESS.as_ref().and_then(|pattern| pattern.captures(line)) else { return };
    let part = |group: usize| captures.get(group).map_or("", |part| part.as_str());
    let (password, host) = (part(3), part(4).to_ascii_lowercase());
    let reachable = host.contains('.')
        && !host.starts_with("127.")
        && !host.starts_with("192.168.")
        && !host.starts_with("10.")
        && !host.starts_with("0.")
        && ![".local", ".internal", ".example", ".test", ".localhost", ".docker"].iter().any(|end| host.ends_with(end))
        && !host.contains("example.")
        && !["host.", "hostname", "yourhost", "your-"].iter().any(|word| host.starts_with(word));
    if reachable && !is_placeholder(password) && !matches!(password, "pass" | "pwd") {
        found.push((
            number,
            Hit { what: "a password in an address", name: String::new(), value: password.to_owned(), harmless: false },
        ));
    }
}

/// Whether a path is a settings file that is meant for one machine: `.env`, `.env.local`, `.env.production`.
fn is_settings(path: &str) -> bool {
    let name = file_name(path).to_ascii_lowercase();
    let tests = name.contains("test") || name.contains("ci");
    env_text::is_settings(path) && !tests
}

fn sensitive(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let word = [
        "password",
        "passwd",
        "apikey",
        "accesskey",
        "authtoken",
        "accesstoken",
        "credential",
        "privatekey",
        "clientsecret",
        "secretkey",
    ]
    .iter()
    .any(|word| plain.contains(word));
    let other = [
        "hash", "header", "length", "expire", "minutes", "seconds", "url", "path", "file", "name", "field", "pattern",
        "regex", "policy", "ttl", "rounds", "encoder", "example",
    ]
    .iter()
    .any(|word| plain.contains(word));
    (word || names_secret(name) || plain.ends_with("token")) && !other
}

fn settings(text: &str, found: &mut Vec<(u32, Hit)>) {
    for assignment in env_text::read(text) {
        if found.len() >= MOST
            || !sensitive(&assignment.name)
            || assignment.value.is_empty()
            || assignment.value.starts_with('$')
        {
            continue;
        }
        let harmless = is_placeholder(&assignment.value);
        let what = if harmless { "a local value in a committed settings file" } else { "a filled-in settings file" };
        found.push((assignment.line, Hit { what, name: assignment.name, value: assignment.value, harmless }));
    }
}

/// Random values given to names of secrets in code and configuration.
fn given(text: &str, historic: bool, found: &mut Vec<(u32, Hit)>) {
    let Some(pattern) = GIVEN.as_ref() else { return };
    for (line, number) in text.lines().zip(1_u32..) {
        if found.len() >= MOST {
            return;
        }
        // Every name that is asked for below holds one of these.
        let named = ["ass", "key", "token", "secret", "cred", "jwt", "sign", "salt", "pepper"];
        if line.len() > 1_000 || !named.iter().any(|part| line.to_ascii_lowercase().contains(part)) {
            continue;
        }
        for captures in pattern.captures_iter(line) {
            let name = captures.get(1).map_or("", |name| name.as_str());
            let value = captures.get(2).or_else(|| captures.get(3)).map_or("", |value| value.as_str());
            // What signs tokens is `auth.token.secret`'s finding while it stands in the tree.
            let signing = names_secret(name) && !historic && !name.to_ascii_lowercase().contains("client");
            if sensitive(name) && !signing && is_random(value) {
                found.push((
                    number,
                    Hit { what: "a password or key", name: name.to_owned(), value: value.to_owned(), harmless: false },
                ));
            }
        }
    }
}
