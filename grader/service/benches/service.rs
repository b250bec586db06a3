//! The service's figures, SQLite and PostgreSQL side by side: crashes, claims, workers, latency among a hundred thousand
//! runs, memory, listeners. Printed as a table; `cargo xtask bench service` runs it. Beside how long an answer takes stands
//! what it costs the service's and the database's processors together, which other work on the machine does not change.

mod parts;

use std::time::{Duration, Instant};

use grader_service::issue_token;
use grader_store::testing::{PostgresServer, fill};
use grader_store::{Scope, Scopes, Store};
use parts::roles::{self, Process, Role, processor};
use parts::storm;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How many runs the big store holds.
const MANY: i64 = 100_000;
/// How often each page is asked for, and how many answers before these do not count.
const ASKED: usize = 300;
const SPARED: usize = 10;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads");
    runtime.block_on(async {
        if roles::is_one() {
            roles::play().await;
        } else {
            measure().await;
        }
    });
}

/// One database's figures, a line each.
#[derive(Default)]
struct Figures(Vec<(String, String)>);

impl Figures {
    fn add(&mut self, what: &str, figure: String) {
        eprintln!("  {what}: {figure}");
        self.0.push((what.to_owned(), figure));
    }
}

async fn measure() {
    let folder = tempfile::tempdir().expect("a folder");
    eprintln!("SQLite");
    let sqlite = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    let mut left = Figures::default();
    figures(&mut left, sqlite, async || {}, Vec::new).await;
    eprintln!("PostgreSQL");
    let server = tokio::task::spawn_blocking(PostgresServer::durable).await.expect("a server");
    let server = std::sync::Arc::new(std::sync::Mutex::new(server));
    let postgres = |name: &str| server.lock().expect("the server").database(name.trim_end_matches(".db"));
    let mut right = Figures::default();
    let restart = async || {
        let server = server.clone();
        let restart = move || server.lock().expect("the server").restart();
        tokio::task::spawn_blocking(restart).await.expect("it restarts");
    };
    figures(&mut right, postgres, restart, || server.lock().expect("the server").processes()).await;
    println!("{:<72} {:>22} {:>22}", "", "SQLite", "PostgreSQL");
    for ((what, one), (_, other)) in left.0.iter().zip(&right.0) {
        println!("{what:<72} {one:>22} {other:>22}");
    }
}

/// `database` gives the processes of the database's server, which work for the service.
async fn figures(
    figures: &mut Figures,
    url: impl Fn(&str) -> String,
    restart: impl AsyncFnOnce(),
    database: impl Fn() -> Vec<u32>,
) {
    crash(figures, &url("crash.db"), restart).await;
    claims(figures, &url("claims.db")).await;
    workers(figures, &url).await;
    many(figures, &url("many.db"), &database).await;
}

async fn crash(figures: &mut Figures, url: &str, restart: impl AsyncFnOnce()) {
    let store = Store::open(url, 6).await.expect("a store");
    storm::fill(&store, 100).await;
    let left = storm::rage(&store, url, &[], Duration::from_millis(400), restart).await;
    let word = if left.is_whole() { "none lost, none twice" } else { "BROKEN" };
    figures.add("100 runs under SIGKILL", word.to_owned());
    figures.add(
        "  kills / takings / seconds",
        format!("{} / {} / {:.0}", left.kills, left.attempts, left.took.as_secs_f64()),
    );
    assert!(left.is_whole(), "{left:?}");
    store.close().await;
}

async fn claims(figures: &mut Figures, url: &str) {
    let store = Store::open(url, 8).await.expect("a store");
    storm::fill(&store, 1500).await;
    let began = Instant::now();
    let mut takers = Vec::new();
    for number in 0..4 {
        let store = store.clone();
        takers.push(tokio::spawn(async move {
            let mut taken = 0_u32;
            while store.claim(&format!("taker-{number}"), Duration::from_secs(600)).await.expect("a claim").is_some() {
                taken += 1;
            }
            taken
        }));
    }
    let mut taken = 0;
    for taker in takers {
        taken += taker.await.expect("a taker");
    }
    assert_eq!(taken, 1500, "each once");
    figures.add(
        "claims per second, four takers (>= 300)",
        format!("{:.0}", f64::from(taken) / began.elapsed().as_secs_f64()),
    );
    store.close().await;
}

/// Runs a minute of one worker and of three, with grading that sleeps half a second.
async fn workers(figures: &mut Figures, url: impl Fn(&str) -> String) {
    let mut rates = Vec::new();
    for number in [1_usize, 3] {
        let url = url(&format!("workers{number}.db"));
        let store = Store::open(&url, 4).await.expect("a store");
        storm::fill(&store, 60 * number).await;
        let role = Role::Worker { sleeps: Duration::from_millis(500), slots: 1 };
        let processes: Vec<Process> = (0..number).map(|_| role.spawn(&url, &[])).collect();
        // From the first end to the last: starting is not what is measured.
        let mut first = None;
        let mut last = (0, Instant::now());
        loop {
            let (waiting, running) = store.in_progress().await.expect("an answer");
            let over = i64::try_from(60 * number).unwrap_or(0) - waiting - running;
            if over > last.0 {
                last = (over, Instant::now());
                first.get_or_insert(last);
            }
            if waiting + running == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (had, since) = first.expect("runs end");
        #[expect(clippy::cast_precision_loss, reason = "a count of runs")]
        let rate = (last.0 - had) as f64 * 60.0 / last.1.duration_since(since).as_secs_f64();
        rates.push(rate);
        drop(processes);
        store.close().await;
    }
    figures.add("runs a minute, one worker / three", format!("{:.0} / {:.0}", rates[0], rates[1]));
    figures.add("  ratio (>= 2.5)", format!("{:.2}", rates[1] / rates[0]));
}

async fn many(figures: &mut Figures, url: &str, database: &impl Fn() -> Vec<u32>) {
    let store = Store::open(url, 4).await.expect("a store");
    storm::fill(&store, 1).await;
    let spec = store.spec_in_force("bookstore").await.expect("a spec");
    fill(&store, MANY, &spec).await.expect("many runs");
    let (token, _) = issue_token(&store, "bench", Scopes::of([Scope::Read]), None, "bench").await.expect("a token");
    let port = storm::free_port();
    let service = Role::Service { port }.spawn(url, &[]);
    let mut client = Client::new(port, token.clone()).await;
    let pages = [
        ("list", "/api/v1/runs?limit=50".to_owned()),
        ("far page", format!("/api/v1/runs?limit=50&cursor={}", cursor("01900000-0000-7000-8000-100000020000"))),
        (
            "filter by candidate",
            "/api/v1/runs?candidate=01900000-0000-7000-8000-200000000007&state=finished".to_owned(),
        ),
        ("filter by outcome", "/api/v1/runs?spec=bookstore&outcome=graded".to_owned()),
        ("cohort", "/api/v1/cohorts/bookstore".to_owned()),
        ("cohort by score", "/api/v1/cohorts/bookstore/runs?lowest=40&highest=60".to_owned()),
        ("page of the queue", "/".to_owned()),
        ("page of runs", "/runs".to_owned()),
        ("page of runs, filtered", "/runs?state=finished&outcome=graded&spec=bookstore".to_owned()),
        ("page of the cohort", "/cohort/bookstore".to_owned()),
        ("page of the cohort, between bounds", "/cohort/bookstore?least=40&most=60".to_owned()),
    ];
    for (what, path) in &pages {
        let mut working = database();
        working.push(service.id());
        let took = |pids: &[u32]| pids.iter().map(|pid| processor(*pid)).sum::<Duration>().as_secs_f64();
        let before = took(&working);
        let (middle, late) = client.percentiles(path, ASKED).await;
        let each = 1000.0 * (took(&working) - before) / (ASKED + SPARED) as f64;
        figures.add(
            &format!("{MANY} runs, {what}: p50 / p99 (<= 30) / processor, ms"),
            format!("{middle:.1} / {late:.1} / {each:.1}"),
        );
    }
    figures.add("  memory of the service (< 80), MB", format!("{:.0}", megabytes(&service)));
    figures.add("  its processor while nobody asks, % of one", format!("{:.1}", busy(&service).await));
    let run = store.waiting(1).await.expect("a run")[0].id.clone();
    let mut listeners = Vec::new();
    for _ in 0..200 {
        listeners.push(listen(port, &token, &run).await);
    }
    figures.add("  with 200 listeners, % of one", format!("{:.1}", busy(&service).await));
    let (middle, late) = client.percentiles(&pages[0].1, ASKED).await;
    figures.add("  list with 200 listeners: p50 / p99, ms", format!("{middle:.1} / {late:.1}"));
    figures.add("  memory with 200 listeners, MB", format!("{:.0}", megabytes(&service)));
    drop(listeners);
    drop(service);
    store.close().await;
}

#[expect(clippy::cast_precision_loss, reason = "a size in memory")]
fn megabytes(process: &Process) -> f64 {
    process.resident() as f64 * 1024.0 / 1_000_000.0
}

/// The share of one processor that a process takes, in percent, over five seconds.
async fn busy(process: &Process) -> f64 {
    const SPAN: Duration = Duration::from_secs(5);
    let before = processor(process.id());
    tokio::time::sleep(SPAN).await;
    100.0 * (processor(process.id()) - before).as_secs_f64() / SPAN.as_secs_f64()
}

fn cursor(place: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(place)
}

/// One connection that asks again and again.
struct Client {
    stream: TcpStream,
    port: u16,
    token: String,
}

impl Client {
    async fn new(port: u16, token: String) -> Self {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            match TcpStream::connect(("127.0.0.1", port)).await {
                Ok(stream) => return Client { stream, port, token },
                Err(error) => assert!(Instant::now() < deadline, "the service does not listen: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The median and the 99th percentile of `number` answers in milliseconds, the first few left out.
    async fn percentiles(&mut self, path: &str, number: usize) -> (f64, f64) {
        let mut times = Vec::new();
        for at in 0..number + SPARED {
            let began = Instant::now();
            let status = self.get(path).await;
            assert_eq!(status, 200, "{path}");
            if at >= SPARED {
                times.push(began.elapsed().as_secs_f64() * 1000.0);
            }
        }
        times.sort_by(f64::total_cmp);
        (times[number / 2], times[number * 99 / 100])
    }

    async fn get(&mut self, path: &str) -> u16 {
        let request = request(path, self.port, &self.token);
        self.stream.write_all(request.as_bytes()).await.expect("the request is sent");
        let mut answer = Vec::new();
        let mut part = [0; 16 << 10];
        loop {
            let read = self.stream.read(&mut part).await.expect("an answer");
            assert!(read > 0, "the service closed the connection");
            answer.extend_from_slice(&part[..read]);
            let text = String::from_utf8_lossy(&answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            if length.is_some_and(|length| body.len() >= length) {
                return head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
            }
        }
    }
}

async fn listen(port: u16, token: &str, run: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    let request = request(&format!("/api/v1/runs/{run}/events"), port, token);
    stream.write_all(request.as_bytes()).await.expect("the request is sent");
    let mut part = [0; 1024];
    let read = stream.read(&mut part).await.expect("an answer");
    assert!(String::from_utf8_lossy(&part[..read]).starts_with("HTTP/1.1 200"), "a stream");
    stream
}

fn request(path: &str, port: u16, token: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {token}\r\n\r\n")
}
