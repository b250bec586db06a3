//! The program is killed in the middle of every sort of call to the engine, just before it is made and just after it was
//! carried out and nobody heard of it; a sweep then finds everything.
//!
//! Each name is journalled, and on disk, before its call: the moment before a creating call is that of the journal's
//! line. A proxy between the program and the engine picks the moment. An ordinary test run tries the calls that make
//! or remove something; `GRADER_ALL_CALLS=1` tries every sort of call that a run makes.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod support;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use support::running::{children, signal};
use support::{Bench, Running, copy, engine, root};

/// Calls that make or remove something.
const CHANGING: [&str; 9] = [
    "POST /networks/create",
    "POST /volumes/create",
    "POST /build",
    "POST /containers/create",
    "PUT /containers/*/archive",
    "POST /networks/*/connect",
    "POST /containers/*/start",
    "DELETE /containers/*",
    "DELETE /networks/*",
];

/// And all others of a run.
const OTHERS: [&str; 14] = [
    "POST /session",
    "POST /grpc",
    "DELETE /volumes/*",
    "POST /images/*/tag",
    "GET /images/*/json",
    "GET /containers/json",
    "GET /containers/*/json",
    "GET /containers/*/logs",
    "GET /networks",
    "GET /volumes",
    "GET /images/json",
    "GET /events",
    "GET /info",
    "POST /containers/*/attach",
];

/// Runs at a time. They mostly wait.
const AT_ONCE: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    /// The engine has not heard of it.
    Before,
    /// The engine has done it, and nobody knows.
    After,
}

#[test]
fn a_sweep_finds_what_a_kill_in_any_call_left() {
    let all = std::env::var_os("GRADER_ALL_CALLS").is_some();
    let calls: Vec<&str> = CHANGING.iter().chain(OTHERS.iter().filter(|_| all)).copied().collect();
    let kills: Vec<(&str, Moment)> =
        calls.iter().flat_map(|call| [(*call, Moment::Before), (*call, Moment::After)]).collect();
    let open = Mutex::new(kills.iter());
    let met = Mutex::new(BTreeSet::new());
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((call, moment)) = open.lock().unwrap().next() else { return };
                    match kill(call, *moment) {
                        Ok(calls) => met.lock().unwrap().extend(calls),
                        Err(left) => wrong.lock().unwrap().push(format!("{moment:?} {call}: {left:?}")),
                    }
                }
            });
        }
    });
    assert_eq!(wrong.into_inner().unwrap(), Vec::<String>::new());
    if all {
        // Whoever adds a call to a run finds out here.
        let known: BTreeSet<String> =
            CHANGING.iter().chain(&OTHERS).chain(&PRELUDE).map(|call| (*call).to_owned()).collect();
        let unknown: Vec<String> = met.into_inner().unwrap().difference(&known).cloned().collect();
        assert_eq!(unknown, Vec::<String>::new(), "calls of a run that nobody is killed in");
    }
}

/// Calls before a run begins, in which nothing of it can be left; those of sweeps; and those that only some engines or
/// stacks need.
const PRELUDE: [&str; 10] = [
    "DELETE /images/*",
    "GET /networks/*",
    "GET /volumes/*",
    "GET /version",
    "GET /_ping",
    "POST /images/create",
    "POST /containers/*/exec",
    "POST /exec/*/start",
    "GET /exec/*/json",
    "POST /containers/*/kill",
];

/// Kills a run there, sweeps, and gives the calls that it had made, or what is left of it.
fn kill(call: &'static str, moment: Moment) -> Result<Vec<String>, Vec<String>> {
    let bench = Bench::new();
    copy(&root().join("fixtures/compose/small"), &bench.submission(), &[]);
    // Its build is like no other's, so that no kept image spares it.
    bench.write("submission/api/salt", &format!("{call} {moment:?} {}", bench.submission().display()));
    let proxy = Proxy::start(&bench.path("proxy.sock"), call, moment);
    let spec = root().join("fixtures/bench/spec.yaml").display().to_string();
    let mut command = bench.grader(["grade", "submission", "--offline", "--spec", &spec]);
    command.env("DOCKER_HOST", format!("unix://{}", proxy.path.display()));
    let running = Running::start(command);
    let pid = running.pid();
    proxy.pid.store(pid, Ordering::SeqCst);
    let ended = running.end();
    if ended.code.is_some() {
        return Err(vec![format!("it was not killed, since it makes no such call: {}", ended.stderr)]);
    }
    // The sweep goes the same way, where nobody is killed any more.
    let mut sweep = bench.grader(["sweep"]);
    sweep.env("DOCKER_HOST", format!("unix://{}", proxy.path.display()));
    let swept = Running::start(sweep).end();
    let mut left = engine::left_by(pid);
    left.extend(bench.journals().into_iter().map(|name| format!("journal {name}")));
    left.extend(bench.scratch().into_iter().map(|name| format!("file {name}")));
    left.extend(bench.processes().into_iter().map(|line| format!("process {line}")));
    if swept.code != Some(0) {
        left.push(format!("the sweep ended with {:?}: {}", swept.code, swept.stderr));
    }
    let calls = proxy.calls.lock().unwrap().clone();
    if left.is_empty() { Ok(calls) } else { Err(left) }
}

/// Passes everything between the program and the engine, until the moment comes.
struct Proxy {
    path: PathBuf,
    /// Of the program; 0 until it is known.
    pid: Arc<AtomicU32>,
    calls: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
struct Trap {
    call: &'static str,
    moment: Moment,
    pid: Arc<AtomicU32>,
    /// Taken by the connection that springs it.
    set: Arc<Mutex<bool>>,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(path: &Path, call: &'static str, moment: Moment) -> Proxy {
        let listener = UnixListener::bind(path).unwrap();
        let trap = Trap { call, moment, pid: Arc::default(), set: Arc::new(Mutex::new(true)), calls: Arc::default() };
        let proxy = Proxy { path: path.to_owned(), pid: trap.pid.clone(), calls: trap.calls.clone() };
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let trap = trap.clone();
                std::thread::spawn(move || trap.connect(client));
            }
        });
        proxy
    }
}

impl Trap {
    fn connect(&self, mut client: UnixStream) {
        let Ok(mut engine) = UnixStream::connect(engine_socket()) else { return };
        let (mut to_client, mut from_engine) = (client.try_clone().unwrap(), engine.try_clone().unwrap());
        // Whether the next answer is the one that nobody is to hear.
        let answered = Arc::new(Mutex::new(false));
        let (waits, trap) = (answered.clone(), self.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 64 << 10];
            while let Ok(read @ 1..) = from_engine.read(&mut buffer) {
                if *waits.lock().unwrap() {
                    trap.spring();
                    return;
                }
                if to_client.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            // The other end may be gone already.
            let _ = to_client.shutdown(Shutdown::Write);
        });
        let mut buffer = [0; 64 << 10];
        while let Ok(read @ 1..) = client.read(&mut buffer) {
            if let Some(call) = call_of(&buffer[..read]) {
                let sprung = call == self.call && std::mem::take(&mut *self.set.lock().unwrap());
                self.calls.lock().unwrap().push(call);
                if sprung && self.moment == Moment::Before {
                    self.spring();
                    return;
                }
                *answered.lock().unwrap() = sprung;
            }
            if engine.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = engine.shutdown(Shutdown::Write);
    }

    /// Kills the program, and first the reaper that would clean up after it.
    fn spring(&self) {
        let pid = loop {
            match self.pid.load(Ordering::SeqCst) {
                0 => std::thread::yield_now(),
                pid => break pid,
            }
        };
        for (reaper, argument) in children(pid) {
            if argument == "reaper" {
                signal(reaper, "KILL");
            }
        }
        signal(pid, "KILL");
    }
}

fn engine_socket() -> PathBuf {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock").into()
}

/// `POST /containers/*/start` of a request's head; `None` for what is not the beginning of one. A client sends a head in
/// one piece, after it has the whole answer to the request before.
fn call_of(bytes: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(bytes.split(|byte| *byte == b'\r').next()?).ok()?;
    let (method, rest) = line.split_once(' ')?;
    let path = rest.strip_suffix(" HTTP/1.1")?.split('?').next()?;
    let parts: Vec<&str> = path.split('/').skip(1).filter(|part| !part.starts_with("v1.")).collect();
    let fixed = ["create", "json", "prune"];
    let parts = parts.iter().enumerate().map(|(at, part)| if at == 1 && !fixed.contains(part) { "*" } else { part });
    ["GET", "PUT", "POST", "DELETE", "HEAD"]
        .contains(&method)
        .then(|| format!("{method} /{}", parts.collect::<Vec<_>>().join("/")))
}

#[test]
fn calls_are_told_apart() {
    let call = |line: &str| call_of(format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    assert_eq!(call("POST /v1.44/containers/create?name=x").as_deref(), Some("POST /containers/create"));
    assert_eq!(call("DELETE /v1.44/containers/abc?force=true").as_deref(), Some("DELETE /containers/*"));
    assert_eq!(call("POST /images/a:b/tag").as_deref(), Some("POST /images/*/tag"));
    assert_eq!(call_of(b"\x00\x01POST /x HTTP/1.1\r\n"), None);
}
