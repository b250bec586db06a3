//! The service as an operator runs it: the program itself, over PostgreSQL and SQLite, and the deployments' files.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use grader_store::testing::PostgresServer;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn grader(state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_grader"));
    command.env("XDG_STATE_HOME", state).env_remove("GRADER_DATABASE").stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A service that is told to stop, and has to, when it is dropped.
struct Service {
    child: Child,
    port: u16,
}

impl Service {
    fn start(state: &Path, arguments: &[&str]) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = std::fs::File::create(state.join("log")).unwrap();
        let child = grader(state)
            .args(["serve", "--slots", "0", "--listen", &format!("127.0.0.1:{port}")])
            .args(arguments)
            .stderr(log)
            .spawn()
            .unwrap();
        let mut service = Service { child, port };
        let deadline = Instant::now() + Duration::from_secs(60);
        while service.get("/readyz").is_none_or(|answer| !answer.starts_with("HTTP/1.1 200")) {
            let log = std::fs::read_to_string(state.join("log")).unwrap_or_default();
            assert!(service.child.try_wait().unwrap().is_none() && Instant::now() < deadline, "{log}");
            std::thread::sleep(Duration::from_millis(100));
        }
        service
    }

    fn get(&self, path: &str) -> Option<String> {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"))
    }

    fn ask(&self, request: &str) -> Option<String> {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).ok()?;
        Some(answer)
    }

    /// Ends it in order and gives its exit code.
    fn stop(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_operator_makes_tokens_users_and_backups() {
    let state = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| grader(state.path()).args(arguments).output().unwrap();
    let made = run(&["token", "create", "ci", "--scope", "read", "--scope", "submit"]);
    assert!(made.status.success(), "{}", said(&made));
    let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    assert!(token.starts_with("grt_"));
    assert_eq!(run(&["token", "create", "ci", "--scope", "write"]).status.code(), Some(2));
    let set = |password: &str| {
        let mut child = grader(state.path())
            .args(["user", "set", "ann", "--role", "reviewer"])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        child.wait().unwrap().code()
    };
    assert_eq!((set("short\n"), set("correct horse battery\n")), (Some(2), Some(0)));
    assert!(said(&run(&["user", "list"])).contains("ann"));

    let mut service = Service::start(state.path(), &["--public-url", "https://grader.example"]);
    let ask = |token: &str| {
        let head = format!("host: localhost\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n");
        service.ask(&format!("GET /api/v1/runs HTTP/1.1\r\n{head}")).unwrap()
    };
    assert!(ask(&token).starts_with("HTTP/1.1 200"));
    let listed = said(&run(&["token", "list"]));
    assert!(listed.contains("read submit") && !listed.contains(&token), "{listed}");
    assert!(run(&["token", "revoke", &token[..14]]).status.success());
    assert!(ask(&token).starts_with("HTTP/1.1 401"));
    let copy = state.path().join("copy.db");
    let copied = run(&["backup", copy.to_str().unwrap()]);
    assert!(copied.status.success(), "{}", said(&copied));
    assert_eq!(run(&["backup", copy.to_str().unwrap()]).status.code(), Some(2), "it is there already");
    let restored = run(&["user", "list", "--database", &format!("sqlite:{}", copy.display())]);
    assert!(said(&restored).contains("ann"));
    assert_eq!(service.stop(), Some(0));
    // Every line of the log is one JSON object, and none has a token.
    let log = std::fs::read_to_string(state.path().join("log")).unwrap();
    assert!(log.lines().count() > 2);
    for line in log.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).unwrap().is_object(), "{line}");
    }
    assert!(!log.contains(&token[15..]));
}

#[test]
fn the_service_passes_its_own_probes() {
    let state = tempfile::tempdir().unwrap();
    let server = PostgresServer::start();
    let url = server.database("grader");
    let database = ["--database", url.as_str()];
    let limits = ["--sign-up", "reviewer", "--sign-in-rate", "40", "--rate", "100000"];
    let service = Service::start(state.path(), &[&database[..], &limits[..]].concat());
    let out = state.path().join("out");
    let probed = grader(state.path())
        .args(["probe", &format!("http://127.0.0.1:{}", service.port)])
        .args(["--spec", root().join("specs/self.yaml").to_str().unwrap(), "--out", out.to_str().unwrap()])
        .args(database)
        .output()
        .unwrap();
    assert_eq!(probed.status.code(), Some(0), "{}", said(&probed));
    let report: grader_model::Report =
        serde_json::from_str(&std::fs::read_to_string(out.join("report.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    let mut passed = 0;
    for probe in report.criteria.iter().flat_map(|criterion| &criterion.probes) {
        match probe.verdict {
            grader_model::Verdict::Pass => passed += 1,
            grader_model::Verdict::NotApplicable => {}
            verdict => wrong.push(format!("{}: {verdict}: {}", probe.id, probe.summary)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(passed > 40, "{passed} pass");
}

#[test]
fn the_deployments_files_are_read() {
    let state = tempfile::tempdir().unwrap();
    let compose = root().join("deploy/compose.yaml");
    let read =
        grader(state.path()).args(["compose", "config", "--no-policy", compose.to_str().unwrap()]).output().unwrap();
    assert!(read.status.success(), "{}", said(&read));
    let project: serde_json::Value = serde_json::from_slice(&read.stdout).unwrap();
    for service in ["database", "service", "worker"] {
        assert!(project["services"][service].is_object(), "{service}");
    }
    // What the commands and variables say, the program knows.
    let help = |command: &str| said(&grader(state.path()).args([command, "--help"]).output().unwrap());
    let (serve, worker) = (help("serve"), help("worker"));
    for (path, help) in [
        ("deploy/kubernetes/service.yaml", &serve),
        ("deploy/kubernetes/worker.yaml", &worker),
        ("deploy/systemd/grader.service", &serve),
    ] {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c)));
        for word in words.filter(|word| word.starts_with("GRADER_") || *word == "--slots" || *word == "--finish-within")
        {
            assert!(help.contains(word), "{path} names {word}");
        }
    }
}
