//! What the harness adds to a request: the recorded client against a bare socket, both talking to a server that answers
//! at once, in turn in one run. `cargo run --release -p harness-kit --example overhead`

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness_kit::bind::Overrides;
use harness_kit::protocol::Host;
use harness_kit::vantage::Endpoint;
use harness_kit::{Context, Facts, Request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const REQUESTS: u32 = 2_000;
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{\"ok\":true}";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                if stream.read(&mut buffer).await.is_ok() {
                    // A client that went away needs no answer.
                    let _ = stream.write_all(ANSWER).await;
                }
            });
        }
    });
    let spec = grader_spec::load_named("bookstore")?.spec;
    let (out, _messages) = tokio::sync::mpsc::unbounded_channel();
    let endpoint = Endpoint::plain("api", IpAddr::from([127, 0, 0, 1]), port);
    let host = Host::new(out, false);
    let ctx = Context::new(Arc::new(spec), Arc::new(Facts::default()), 1, endpoint, host, Overrides::default())?;
    let (mut bare, mut harness) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..REQUESTS {
        let began = Instant::now();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"GET /x HTTP/1.1\r\nhost: api\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        bare += began.elapsed();

        let began = Instant::now();
        let answer = Request::get("/x").send(&ctx).await;
        harness += began.elapsed();
        assert_eq!(answer.status(), 200, "{:?}", answer.failure());
    }
    let each = |all: Duration| all.as_secs_f64() * 1e6 / f64::from(REQUESTS);
    println!("bare socket  {:8.0} us a request", each(bare));
    println!("harness      {:8.0} us a request", each(harness));
    println!("it adds      {:8.0} us, ratio {:.2}", each(harness) - each(bare), each(harness) / each(bare));
    Ok(())
}
