//! What of GitHub the Action and the service meet: a repository with a pull request, and an issuer of workflow
//! tokens that is the runner's token server as well.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use grader_github::testing::KEYS;
use serde_json::{Value, json};

use crate::support::root;

/// A bare repository `acme/hello.git` below a folder: `main` with the first commit, and pull request 3 with all of them.
pub(crate) struct Repository {
    folder: PathBuf,
    /// The head commit of the pull request.
    pub(crate) head: String,
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    for (name, value) in [("NAME", "Nora"), ("EMAIL", "nora@example.com"), ("DATE", "2026-01-01T00:00:00Z")] {
        command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
    }
    let done = command.output().unwrap();
    assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

impl Repository {
    /// Made from a good submission with its history.
    pub(crate) fn of(submission: &str, below: &Path) -> Self {
        let work = below.join("work");
        let made = Command::new("bash")
            .arg(root().join("fixtures/submissions").join(submission).join("history.sh"))
            .arg(&work)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let folder = below.join("git");
        let bare = folder.join("acme/hello.git");
        std::fs::create_dir_all(folder.join("acme")).unwrap();
        git(below, &["clone", "--quiet", "--bare", &work.display().to_string(), &bare.display().to_string()]);
        let head = git(&bare, &["rev-parse", "main"]);
        let first = git(&bare, &["rev-list", "--max-parents=0", "main"]);
        let tree = format!("{head}^{{tree}}");
        let merge = git(&bare, &["commit-tree", &tree, "-p", &first, "-p", &head, "-m", "Merge"]);
        git(&bare, &["update-ref", "refs/heads/main", &first]);
        git(&bare, &["update-ref", "refs/pull/3/head", &head]);
        git(&bare, &["update-ref", "refs/pull/3/merge", &merge]);
        Repository { folder, head }
    }

    /// The checkout that `actions/checkout` makes of the pull request's head.
    pub(crate) fn checked_out(&self, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        git(to, &["init", "--quiet", "--template="]);
        let bare = self.folder.join("acme/hello.git").display().to_string();
        git(to, &["fetch", "--quiet", &bare, "refs/pull/3/head"]);
        git(to, &["checkout", "--quiet", "--detach", "FETCH_HEAD"]);
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An issuer of tokens for pull request 3 of `acme/hello`; its address.
pub(crate) fn issuer() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    let issuer = own.clone();
    std::thread::spawn(move || {
        let number = AtomicUsize::new(0);
        for stream in listener.incoming().flatten() {
            let answer = |path: &str| match path.split('?').next().unwrap_or_default() {
                "/.well-known/openid-configuration" => json!({ "issuer": own, "jwks_uri": format!("{own}/jwks") }),
                "/jwks" => KEYS.jwks("key-1"),
                "/token" => {
                    let place = url::Url::parse(&format!("http://x{path}")).unwrap();
                    let audience = place.query_pairs().find(|(name, _)| name == "audience").unwrap().1.into_owned();
                    let jti = number.fetch_add(1, Ordering::SeqCst);
                    json!({ "value": KEYS.sign("key-1", &claims(&own, &audience, jti)) })
                }
                other => panic!("the issuer is asked for {other}"),
            };
            serve(stream, answer);
        }
    });
    issuer
}

fn claims(issuer: &str, audience: &str, jti: usize) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    json!({
        "iss": issuer, "aud": audience, "jti": jti.to_string(), "iat": now, "nbf": now, "exp": now + 300,
        "repository": "acme/hello", "repository_id": "7", "event_name": "pull_request", "ref": "refs/pull/3/merge",
        "sha": "0".repeat(40), "run_id": "5", "run_attempt": "1",
        "workflow_ref": "acme/hello/.github/workflows/grade.yml@refs/pull/3/merge",
    })
}

/// Answers one request by its path.
fn serve(stream: TcpStream, answer: impl Fn(&str) -> Value) {
    let mut reader = BufReader::new(&stream);
    let mut first = String::new();
    if reader.read_line(&mut first).is_err() {
        return;
    }
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        line.clear();
    }
    let Some(path) = first.split(' ').nth(1) else { return };
    let body = answer(path).to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = (&stream).write_all(format!("{head}{body}").as_bytes());
}
