//! What a run left on the engine. Asked over the engine's own socket, so that the tests do not trust the code that they
//! test.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use serde_json::Value;

/// Everything with a run's label whose owner is this process: `kind name`.
pub fn left_by(pid: u32) -> Vec<String> {
    let filter = r#"?all=true&filters={"label":["grader.run"]}"#.replace('"', "%22").replace('{', "%7B");
    let filter = filter.replace('}', "%7D");
    let mut left = Vec::new();
    for (kind, path, list, name) in [
        ("container", "/containers/json", "", "/Names/0"),
        ("network", "/networks", "", "/Name"),
        ("volume", "/volumes", "/Volumes", "/Name"),
        ("image", "/images/json", "", "/Id"),
    ] {
        let answer = ask(&format!("{path}{filter}"));
        for found in answer.pointer(list).and_then(Value::as_array).into_iter().flatten() {
            let owner = found.pointer("/Labels/grader.owner").and_then(Value::as_str).unwrap_or_default();
            // HOST:PID:START, and a host's name may hold anything.
            if owner.rsplit(':').nth(1) == Some(pid.to_string().as_str()) {
                left.push(format!("{kind} {}", found.pointer(name).and_then(Value::as_str).unwrap_or("?")));
            }
        }
    }
    left.sort();
    left
}

fn ask(path: &str) -> Value {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let answer = match host.strip_prefix("tcp://") {
        Some(address) => exchange(TcpStream::connect(address), path),
        None => {
            let socket = host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock");
            exchange(UnixStream::connect(socket), path)
        }
    };
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    assert!(status.starts_with('2'), "the engine answers {path} with {answer}");
    serde_json::from_str(body).unwrap()
}

/// HTTP/1.0: the answer ends where the connection does, and comes in one piece.
fn exchange(stream: std::io::Result<impl Read + Write>, path: &str) -> String {
    let mut stream = stream.expect("these tests need a container engine: run `cargo xtask setup`");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: engine\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
