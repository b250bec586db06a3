//! What the tests of intake share: repositories made by the real git, servers on loopback, and proof that nothing is
//! left behind.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use grader_intake::{ChildCommand, Intake, IntakeError, IntakeRequest, Source, take};
use tempfile::TempDir;

pub fn child() -> ChildCommand {
    ChildCommand { program: PathBuf::from(env!("CARGO_BIN_EXE_intake-child")), args: Vec::new() }
}

/// A repository in a temporary folder, with fixed names and times.
pub struct Repo {
    pub dir: TempDir,
    clock: std::cell::Cell<u64>,
}

impl Repo {
    pub fn new() -> Self {
        let repo = Repo { dir: tempfile::tempdir().unwrap(), clock: std::cell::Cell::new(1_700_000_000) };
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn git(&self, args: &[&str]) -> String {
        self.git_with_input(args, b"")
    }

    pub fn git_with_input(&self, args: &[&str], input: &[u8]) -> String {
        self.clock.set(self.clock.get() + 60);
        let date = format!("{} +0000", self.clock.get());
        let mut child = Command::new("git")
            .arg("-C")
            .arg(self.path())
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@example.org")])
            .envs([("GIT_COMMITTER_NAME", "Ada"), ("GIT_COMMITTER_EMAIL", "ada@example.org")])
            .envs([("GIT_AUTHOR_DATE", &date), ("GIT_COMMITTER_DATE", &date)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let out = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim_end().to_owned()
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let full = self.path().join(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(full, content).unwrap();
    }

    /// Commits everything and returns the commit's id.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A", "-f"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Writes an object that git's own commands would refuse to make.
    pub fn object(&self, kind: &str, bytes: &[u8]) -> String {
        self.git_with_input(&["hash-object", "-t", kind, "-w", "--stdin", "--literally"], bytes)
    }

    /// Writes a tree of raw entries (mode, name, hex id).
    pub fn tree(&self, entries: &[(&str, &[u8], &str)]) -> String {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend_from_slice(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend((0..20).map(|at| u8::from_str_radix(&id[2 * at..2 * at + 2], 16).unwrap()));
        }
        self.object("tree", &bytes)
    }

    /// Makes `tree` the tree of the branch's only commit.
    pub fn commit_tree(&self, tree: &str) -> String {
        let commit = self.git(&["commit-tree", tree, "-m", "raw"]);
        self.git(&["update-ref", "refs/heads/main", &commit]);
        commit
    }

    /// A small submission with a history, a branch and a tag.
    pub fn sample() -> Self {
        let repo = Repo::new();
        repo.write("README.md", "# Books\n");
        repo.write(".env", "SECRET=hunter22\n");
        repo.commit("Start");
        repo.write("src/app.py", "print(1)\nprint(2)\n");
        repo.write("run.sh", "#!/bin/sh\n");
        let script = repo.path().join("run.sh");
        std::fs::set_permissions(script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("../../etc/passwd", repo.path().join("link")).unwrap();
        std::fs::remove_file(repo.path().join(".env")).unwrap();
        repo.commit("Add the app, take the secrets out");
        repo.git(&["tag", "-a", "v1", "-m", "first"]);
        repo.git(&["branch", "feature/x"]);
        repo.write("src/app.py", "print(1)\nprint(3)\nprint(4)\n");
        repo.commit("Change the app");
        repo
    }
}

/// A place for temporary folders, to see that none stays, and for a mark by which this test's processes are known.
pub struct Watch {
    pub scratch: TempDir,
}

impl Watch {
    pub fn new() -> Self {
        Watch { scratch: tempfile::Builder::new().prefix("watch").tempdir().unwrap() }
    }

    pub fn request(&self, source: &str) -> IntakeRequest {
        let mut request = IntakeRequest::new(Source::parse(source).unwrap(), child());
        request.scratch = Some(self.scratch.path().to_owned());
        request.limits.wall_clock = Duration::from_secs(60);
        request
    }

    pub async fn take(&self, source: &str) -> Result<Intake, IntakeError> {
        self.run(self.request(source)).await
    }

    /// Takes in, then fails if a file or a process of it is left.
    pub async fn run(&self, request: IntakeRequest) -> Result<Intake, IntakeError> {
        let result = take(request).await;
        self.assert_clean();
        result
    }

    pub fn assert_clean(&self) {
        let left: Vec<_> = std::fs::read_dir(self.scratch.path()).unwrap().collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        assert_eq!(self.processes(), Vec::<String>::new(), "processes left behind");
    }

    /// Command lines of processes whose working folder is or was below this watch's: a child is started in its
    /// scratch folder, and what it starts stays there.
    pub fn processes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Ok(cwd) = std::fs::read_link(entry.path().join("cwd")) else { continue };
            if cwd.starts_with(self.scratch.path()) {
                found.push(std::fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default());
            }
        }
        found
    }
}

/// A server that dies with its test.
pub struct Server {
    pub port: u16,
    process: Option<Child>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // git daemon starts one process a connection; they end with their connections.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// `git daemon` over every repository below `base`.
pub fn git_daemon(base: &Path) -> Server {
    let port = free_port();
    // The program itself, since `git daemon` would leave it behind when killed.
    let exec = Command::new("git").arg("--exec-path").output().unwrap();
    let exec = PathBuf::from(String::from_utf8(exec.stdout).unwrap().trim());
    let process = Command::new(exec.join("git-daemon"))
        .args(["--export-all", "--reuseaddr", "--listen=127.0.0.1"])
        .arg(format!("--port={port}"))
        .arg(format!("--base-path={}", base.display()))
        .arg(base)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "git daemon does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    Server { port, process: Some(process) }
}

/// A request as the little HTTP server below saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// An HTTP server on loopback that closes every connection after one answer.
pub struct HttpServer {
    pub port: u16,
    pub seen: Arc<Mutex<Vec<Seen>>>,
}

impl HttpServer {
    /// `answer` gives everything that goes back: status line, headers, body.
    pub fn start(answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let log = Arc::clone(&seen);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    let Some(request) = read_request(&mut reader) else { return };
                    log.lock().unwrap().push(request.clone());
                    // The client may have hung up, which is its right.
                    let _ = reader.get_mut().write_all(&answer(&request));
                });
            }
        });
        HttpServer { port, seen }
    }

    /// `git http-backend` over the repositories below `base`.
    pub fn git(base: &Path) -> Self {
        let base = base.to_owned();
        Self::start(move |request| http_backend(&base, request))
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut seen = Seen { method, target, headers, body: Vec::new() };
    let length = seen.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    seen.body = vec![0; length];
    reader.read_exact(&mut seen.body).ok()?;
    Some(seen)
}

pub fn http_backend(base: &Path, request: &Seen) -> Vec<u8> {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", base)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs([("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "safe.directory"), ("GIT_CONFIG_VALUE_0", "*")])
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &request.method)
        .env("CONTENT_TYPE", request.header("content-type").unwrap_or_default())
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&request.body).unwrap();
    let out = child.wait_with_output().unwrap().stdout;
    let end = out.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&out[..end]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let mut answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{head}\r\n\r\n").into_bytes();
    answer.extend_from_slice(&out[end + 4..]);
    answer
}

/// A TCP server that hands each connection to `serve`.
pub fn tcp_server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(stream));
        }
    });
    (port, connections)
}

/// A bare clone of `repo` as `name` below a fresh folder, for servers.
pub fn published(repo: &Repo, name: &str) -> TempDir {
    let base = tempfile::tempdir().unwrap();
    let target = base.path().join(name);
    repo.git(&["clone", "-q", "--bare", ".", target.to_str().unwrap()]);
    base
}
