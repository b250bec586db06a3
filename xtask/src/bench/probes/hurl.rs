//! The same requests as a file for [hurl](https://hurl.dev), which sends them one after the other and asserts nothing.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use base64::Engine as _;
use serde_json::Value;

use super::wire::Exchange;
use crate::setup;
use crate::shell::{self, Failure, Result, say};

const VERSION: &str = "8.0.1";

/// What its libraries are built from, as Debian names it.
const NEEDED: [&str; 4] = ["libcurl4-openssl-dev", "libxml2-dev", "libclang-dev", "pkg-config"];

/// Header fields that hurl writes itself.
const OWN: [&str; 5] = ["host", "content-length", "connection", "transfer-encoding", "expect"];

/// Builds hurl where it is not there at this version.
///
/// # Errors
/// When a package or the registry is out of reach, or it does not build.
pub(super) fn ensure() -> Result<PathBuf> {
    let root = shell::workspace().join("target/hurl");
    let program = root.join("bin/hurl");
    let there = shell::read(Command::new(&program).arg("--version")).is_ok_and(|said| said.contains(VERSION));
    if !there {
        say(format!("building hurl {VERSION}, once"));
        for package in NEEDED {
            setup::install_package(package)?;
        }
        let mut cargo = crate::build::cargo();
        cargo.args(["install", "--quiet", "--locked", "--version", VERSION, "--root"]).arg(&root).arg("hurl");
        shell::run(&mut cargo)?;
    }
    Ok(program)
}

/// Shorter texts of an answer are taken to be the same on every stack.
const SHORTEST: usize = 16;

/// A file of these requests. What a server chose (an id, a token) and a later request repeats is taken from the answer
/// when the file is sent, since a fresh stack chooses anew.
pub(super) fn file(exchanges: &[Exchange], server: SocketAddr) -> String {
    let mut said: HashMap<String, (usize, usize)> = HashMap::new();
    for (place, exchange) in exchanges.iter().enumerate() {
        for word in words(&request_text(exchange)) {
            said.entry(word.to_owned()).or_insert((place, place)).1 = place;
        }
    }
    let mut known: Vec<(String, String)> = Vec::new();
    let mut text = String::new();
    for (place, exchange) in exchanges.iter().enumerate() {
        let Some(entry) = entry(exchange, server, &known) else { continue };
        text.push_str(&entry);
        let mut leaves = Vec::new();
        if let Ok(body) = serde_json::from_slice(&exchange.answer_body()) {
            texts(&body, "$", &mut leaves);
        }
        let mut heading = "[Captures]\n";
        for (path, value) in leaves {
            let chosen_there = said.get(&value).is_some_and(|(first, last)| *first > place && *last > place);
            if value.len() < SHORTEST || !chosen_there || known.iter().any(|(one, _)| *one == value) {
                continue;
            }
            let name = format!("v{}", known.len());
            text.push_str(&format!("{heading}{name}: jsonpath \"{path}\"\n"));
            heading = "";
            known.push((value, name));
        }
        text.push('\n');
    }
    text
}

fn request_text(exchange: &Exchange) -> String {
    let fields = exchange.headers.iter().map(|(_, value)| String::from_utf8_lossy(value));
    let mut text = fields.fold(exchange.target.clone(), |text, value| format!("{text} {value}"));
    text.push(' ');
    text.push_str(&String::from_utf8_lossy(&exchange.body));
    text
}

/// Ids and tokens among other signs.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let inside = |sign: char| sign.is_ascii_alphanumeric() || "-_.".contains(sign);
    text.split(move |sign| !inside(sign)).filter(|word| word.len() >= SHORTEST)
}

/// Every text of a document with the path to it, where the path needs no quoting.
fn texts(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(place, item)| texts(item, &format!("{path}[{place}]"), found));
        }
        Value::Object(members) => {
            let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            members
                .iter()
                .filter(|(name, _)| plain(name))
                .for_each(|(name, member)| texts(member, &format!("{path}.{name}"), found));
        }
        _ => {}
    }
}

/// One request; `None` for what the format has no words for: bytes that are no text in a field, names with odd signs.
fn entry(exchange: &Exchange, server: SocketAddr, known: &[(String, String)]) -> Option<String> {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let sound =
        exchange.target.starts_with('/') && plain(&exchange.target) && !exchange.target.contains(['{', '#', '\\']);
    if !sound || !exchange.method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let filled = |text: &str| {
        known
            .iter()
            .fold(text.to_owned(), |text, (value, name)| text.replace(value.as_str(), &format!("{{{{{name}}}}}")))
    };
    let mut text = format!("{} http://{server}{}\n", exchange.method, filled(&exchange.target));
    for (name, value) in &exchange.headers {
        if OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            continue;
        }
        let value = std::str::from_utf8(value).ok()?.trim();
        if value.chars().any(char::is_control) || value.contains("{{") {
            return None;
        }
        let value = value.replace('\\', "\\\\").replace('#', "\\#");
        text.push_str(&format!("{name}: {}\n", filled(&value)));
    }
    if let Some(body) = document(&exchange.body).map(filled).filter(|body| body.contains("{{")) {
        text.push_str(&format!("{body}\n"));
    } else if !exchange.body.is_empty() {
        text.push_str(&format!("base64,{};\n", base64::engine::general_purpose::STANDARD.encode(&exchange.body)));
    }
    text.push_str("HTTP *\n");
    Some(text)
}

/// A body that the format can hold as it is: an object or a list, and nothing that would be taken for a variable.
fn document(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok().filter(|text| !text.contains("{{"))?;
    serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object() || value.is_array()).then_some(text)
}

/// Seconds that it takes hurl to send a file.
///
/// # Errors
/// When it cannot read the file or a request cannot be sent.
pub(super) fn seconds(program: &Path, file: &Path) -> Result<f64> {
    let mut hurl = Command::new(program);
    hurl.args(["--path-as-is", "--no-output", "--continue-on-error", "--max-time", "60"]).arg(file);
    let begun = Instant::now();
    let output = shell::output(hurl.stdout(Stdio::null()))?;
    let took = begun.elapsed().as_secs_f64();
    // 3 and 4 say that an answer had not what an entry asked for; all the others were sent.
    if matches!(output.status.code(), Some(0 | 3 | 4)) {
        return Ok(took);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().take(12).collect::<Vec<_>>().join(" / ");
    Err(Failure::new(format!("hurl ended with {}: {said}", output.status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(target: &str, headers: &[(&str, &str)], body: &[u8]) -> Exchange {
        Exchange {
            method: "POST".to_owned(),
            target: target.to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect(),
            body: body.to_vec(),
            answer: Vec::new(),
        }
    }

    #[test]
    fn a_request_is_said_in_hurls_words_or_not_at_all() {
        let server = SocketAddr::from(([127, 0, 0, 1], 80));
        let sound = exchange("/a?b=%20", &[("Host", "x"), ("X-A", "b # c")], b"{}");
        let text = file(&[sound, exchange("/a{{b}}", &[], b""), exchange("/a", &[("x", "{{y}}")], b"")], server);
        assert_eq!(text, "POST http://127.0.0.1:80/a?b=%20\nX-A: b \\# c\nbase64,e30=;\nHTTP *\n\n");
    }

    #[test]
    fn what_the_server_chose_is_taken_from_its_answer() {
        let server = SocketAddr::from(([127, 0, 0, 1], 80));
        let (own, id) = ("chosen-by-the-client", "b1946ac9-2b3c-4a1d-8f00-1234567890ab");
        let body = format!(r#"{{"data": [{{"id": "{id}", "name": "{own}"}}]}}"#);
        let mut first = exchange("/a", &[], format!(r#"{{"name": "{own}"}}"#).as_bytes());
        first.answer = format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes();
        let second =
            exchange(&format!("/a/{id}"), &[("x", own)], format!(r#"{{"of": "{id}", "name": "{own}"}}"#).as_bytes());
        let text = file(&[first, second], server);
        assert!(
            text.contains("[Captures]\nv0: jsonpath \"$.data[0].id\"\n\nPOST http://127.0.0.1:80/a/{{v0}}\n"),
            "{text}"
        );
        assert!(
            text.contains(&format!("x: {own}\n{{\"of\": \"{{{{v0}}}}\", \"name\": \"{own}\"}}\nHTTP *\n")),
            "{text}"
        );
    }
}
