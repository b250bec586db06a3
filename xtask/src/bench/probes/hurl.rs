//! The same requests as a file for [hurl](https://hurl.dev), which sends them one after the other and asserts nothing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use base64::Engine as _;

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

/// A file of these requests, and how many of them it can say.
pub(super) fn file(exchanges: &[Exchange], server: SocketAddr) -> (String, usize) {
    let (mut text, mut count) = (String::new(), 0);
    for entry in exchanges.iter().filter_map(|exchange| entry(exchange, server)) {
        text.push_str(&entry);
        count += 1;
    }
    (text, count)
}

/// One request; `None` for what the format has no words for: bytes that are no text in a field, names with odd signs.
fn entry(exchange: &Exchange, server: SocketAddr) -> Option<String> {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let sound =
        exchange.target.starts_with('/') && plain(&exchange.target) && !exchange.target.contains(['{', '#', '\\']);
    if !sound || !exchange.method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut text = format!("{} http://{server}{}\n", exchange.method, exchange.target);
    for (name, value) in &exchange.headers {
        if OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            continue;
        }
        let value = std::str::from_utf8(value).ok()?.trim();
        if value.chars().any(|sign| sign.is_control()) || value.contains("{{") {
            return None;
        }
        text.push_str(&format!("{name}: {}\n", value.replace('\\', "\\\\").replace('#', "\\#")));
    }
    if !exchange.body.is_empty() {
        text.push_str(&format!("base64,{};\n", base64::engine::general_purpose::STANDARD.encode(&exchange.body)));
    }
    text.push_str("HTTP *\n\n");
    Some(text)
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
    if output.status.success() {
        return Ok(took);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!(
        "hurl ended with {}: {}",
        output.status,
        said.lines().take(12).collect::<Vec<_>>().join(" / ")
    )))
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
        let (text, count) =
            file(&[sound, exchange("/a{{b}}", &[], b""), exchange("/a", &[("x", "{{y}}")], b"")], server);
        assert_eq!(text, "POST http://127.0.0.1:80/a?b=%20\nX-A: b \\# c\nbase64,e30=;\nHTTP *\n\n");
        assert_eq!(count, 1);
    }
}
