//! A program of ours inside the sandbox: this very test binary plays the harness.

use std::io::{BufRead, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};

use grader_sandbox::HarnessImage;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::support::{Bench, PYTHON, published, shell};

/// Tells each caller the address that it comes from.
const MIRROR: &str = r#"exec python3 -u -c '
import http.server
class Mirror(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(self.client_address[0].encode())
http.server.HTTPServer(("0.0.0.0", 8000), Mirror).serve_forever()'"#;

/// The part that runs in the container. `HOST` in, the address that HOST sees us from out.
#[test]
#[ignore = "role: runs inside a container that another test starts"]
fn harness_child() {
    for line in std::io::stdin().lock().lines() {
        let host = line.unwrap();
        let say = |text: String| println!("\n> {text}");
        let Some(address) = (host.as_str(), 8000).to_socket_addrs().ok().and_then(|mut all| all.next()) else {
            say("unknown".to_owned());
            continue;
        };
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        say(answer.rsplit("\r\n").next().unwrap_or_default().to_owned());
    }
    eprintln!("cannot write: {}", std::fs::write("/x", "x").is_err());
    eprintln!("{}", std::fs::read_to_string("/proc/self/status").unwrap());
}

#[tokio::test]
async fn the_harness_finds_services_by_name_and_looks_from_two_addresses() {
    let mut service = shell(PYTHON, MIRROR);
    service.ports.push(published(8000));
    Bench::new("harness")
        .await
        .service("api", service)
        .up(async |up| {
            let image = HarnessImage::prepare(&up.engine, &std::env::current_exe().unwrap()).await.unwrap();
            let again = HarnessImage::prepare(&up.engine, &std::env::current_exe().unwrap()).await.unwrap();
            assert_eq!(image, again);
            assert!(up.stack.vantage("api").await.is_err(), "there is no harness yet");
            let argv = ["harness::harness_child", "--exact", "--ignored", "--nocapture"].map(str::to_owned);
            let mut io = up.stack.start_harness(&image, &argv).await.unwrap();
            let mut lines = BufReader::new(&mut io.stdout).lines();
            let mut ask = async |host: String| {
                io.stdin.write_all(format!("{host}\n").as_bytes()).await.unwrap();
                io.stdin.flush().await.unwrap();
                loop {
                    let line = lines.next_line().await.unwrap().expect("the harness ended early");
                    if let Some(answer) = line.strip_prefix("> ") {
                        return answer.to_owned();
                    }
                }
            };
            let first = ask("api".to_owned()).await;
            assert!(first.starts_with("10.210."), "{first}");
            assert_eq!(ask("example.com".to_owned()).await, "unknown");
            let other = up.stack.vantage("api").await.unwrap();
            let second = ask(other.to_string()).await;
            assert!(second.starts_with("10.210."), "{second}");
            assert_ne!(first, second);
            assert_eq!(ask("api".to_owned()).await, first, "the first way is still there");
            io.stdin.shutdown().await.unwrap();
            assert_eq!(io.exit().await.unwrap(), 0, "{:?}", io.stderr());
            let said = io.stderr();
            assert!(said.contains(&"cannot write: true".to_owned()), "{said:?}");
            for line in ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
                assert!(said.iter().any(|l| l == line), "{line}: {said:?}");
            }
            up.stack.stop_harness().await.unwrap();
        })
        .await;
}
