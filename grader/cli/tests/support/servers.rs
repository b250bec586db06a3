//! Servers on loopback that answer as a broken world would.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Listens on a port of its own; each connection gets a thread that ends with the test's process.
fn serve(answer: impl Fn(TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

/// Sends a byte of an endless answer now and then: there is never a pause that a timeout between bytes would notice.
pub fn drip() -> String {
    serve(|mut stream| {
        let mut answer =
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nX: ".to_vec();
        answer.resize(4096, b'x');
        for byte in answer {
            if stream.write_all(&[byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    })
}

/// A registry of images that has none.
pub fn registry() -> String {
    serve(|mut stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut request = String::new();
            if reader.read_line(&mut request).unwrap_or(0) == 0 {
                return;
            }
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 0) && line != "\r\n" {
                line.clear();
            }
            let path = request.split_whitespace().nth(1).unwrap_or_default();
            let (status, body) = match path {
                "/v2/" => ("200 OK", "{}"),
                _ => ("404 Not Found", r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#),
            };
            let kind = "Content-Type: application/json\r\nDocker-Distribution-Api-Version: registry/2.0";
            // What is asked by HEAD has no body.
            let body = if request.starts_with("HEAD") { "" } else { body };
            let answer = format!("HTTP/1.1 {status}\r\n{kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

/// An address where nobody listens.
pub fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// An API that answers everything with an empty JSON list.
pub fn json() -> String {
    api(|_, _, _, _| (200, "[]".to_owned()))
}

/// An API that answers by method, target, the `Authorization` header and the body: a status, and JSON unless it is empty.
pub fn api(answer: impl Fn(&str, &str, &str, &[u8]) -> (u16, String) + Clone + Send + 'static) -> String {
    serve(move |mut stream| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let (mut first, mut authorization, mut length) = (String::new(), String::new(), 0);
            if reader.read_line(&mut first).unwrap_or(0) == 0 {
                return;
            }
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some((name, value)) = line.split_once(':') {
                    match name.to_ascii_lowercase().as_str() {
                        "content-length" => length = value.trim().parse().unwrap_or(0),
                        "authorization" => value.trim().clone_into(&mut authorization),
                        _ => {}
                    }
                }
                line.clear();
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                return;
            }
            let mut words = first.split_whitespace();
            let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let (status, body) = answer(method, target, &authorization, &body);
            let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
            // What is asked by HEAD has no body, and neither has 204.
            let sent = if method == "HEAD" { "" } else { body.as_str() };
            let length = if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
            let answer = format!("HTTP/1.1 {status} So\r\n{kind}{length}\r\n{sent}");
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}
