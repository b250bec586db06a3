//! GitHub in small, for an App: tokens of installations, check runs, comments, and repositories that nobody clones
//! without a token for them. What its API describes, `grader-github` is checked against with GitHub's own description.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::git::over_http;
use crate::wire::{Seen, json as answered, serve};

/// The App's installation on the one repository, and that repository's number.
pub(crate) const INSTALLATION: u64 = 9;
pub(crate) const REPOSITORY: u64 = 7;

/// GitHub: its address is both the root of its API and where repositories are cloned from.
pub(crate) struct Hub {
    pub(crate) address: String,
    state: Arc<State>,
}

struct State {
    /// Where the repositories lie.
    folder: PathBuf,
    kept: Mutex<Kept>,
    /// Told when clones may go on.
    released: Condvar,
}

/// What GitHub knows.
#[derive(Default)]
struct Kept {
    checks: Vec<Value>,
    /// Every state that a check run was put into, as head, status and conclusion.
    told: Vec<(String, String, String)>,
    comments: Vec<Value>,
    /// Tokens that were given, with what they are good for.
    tokens: Vec<(String, Value)>,
    /// How often somebody asked for a repository with no good token, and with one.
    clones: (usize, usize),
    held: bool,
    waiting: usize,
}

impl Hub {
    pub(crate) fn start(folder: PathBuf) -> Self {
        let state = Arc::new(State { folder, kept: Mutex::default(), released: Condvar::new() });
        let shared = state.clone();
        let address = serve(move |seen| shared.answer(seen));
        Hub { address, state }
    }

    /// Lets every clone wait, or go on.
    pub(crate) fn hold(&self, held: bool) {
        self.state.kept.lock().unwrap().held = held;
        self.state.released.notify_all();
    }

    /// How many clones wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state.kept.lock().unwrap().waiting
    }

    /// The newest check run of a head.
    pub(crate) fn check(&self, head: &str) -> Option<Value> {
        self.state.kept.lock().unwrap().checks.iter().rev().find(|it| it["head_sha"] == head).cloned()
    }

    /// The states that the check runs of a head came into, each once.
    pub(crate) fn told(&self, head: &str) -> BTreeSet<(String, String)> {
        let kept = self.state.kept.lock().unwrap();
        let of_head = kept.told.iter().filter(|(of, ..)| of == head);
        of_head.map(|(_, status, conclusion)| (status.clone(), conclusion.clone())).collect()
    }

    pub(crate) fn comments(&self) -> Vec<Value> {
        self.state.kept.lock().unwrap().comments.clone()
    }

    /// The tokens that were given, with what each is good for.
    pub(crate) fn tokens(&self) -> Vec<(String, Value)> {
        self.state.kept.lock().unwrap().tokens.clone()
    }

    /// How often a repository was asked for with no good token, and with one.
    pub(crate) fn clones(&self) -> (usize, usize) {
        self.state.kept.lock().unwrap().clones
    }

    /// Everything that people can read.
    pub(crate) fn shown(&self) -> String {
        let kept = self.state.kept.lock().unwrap();
        json!([kept.checks, kept.comments]).to_string()
    }
}

impl State {
    fn answer(&self, seen: &Seen) -> Vec<u8> {
        if seen.path().starts_with("/acme/hello.git/") {
            return self.clone_of(seen);
        }
        let mut kept = self.kept.lock().unwrap();
        let own = seen.header("authorization").and_then(|it| it.strip_prefix("Bearer ")).unwrap_or_default();
        // The App's own token is one that it signed; the others were given here.
        let as_app = own.split('.').count() == 3;
        let (checks, comments) = (kept.may(own, "checks"), kept.may(own, "pull_requests"));
        let parts: Vec<&str> = seen.path().trim_start_matches('/').split('/').collect();
        match (seen.method.as_str(), &parts[..]) {
            ("GET", ["app"]) if as_app => answered(200, &json!({ "slug": "acme-grader" })),
            ("GET", ["repos", "acme", "hello", "installation"]) if as_app => {
                answered(200, &json!({ "id": INSTALLATION }))
            }
            ("POST", ["app", "installations", "9", "access_tokens"]) if as_app => {
                let token = format!("ghs_{}", uuid::Uuid::new_v4().simple());
                kept.tokens.push((token.clone(), seen.json()));
                answered(201, &json!({ "token": token, "expires_at": "2999-01-01T00:00:00Z" }))
            }
            ("GET", ["repos", "acme", "hello", "commits", head, "check-runs"]) if checks => {
                let newest: Vec<&Value> =
                    kept.checks.iter().rev().find(|it| it["head_sha"] == *head).into_iter().collect();
                answered(200, &json!({ "total_count": newest.len(), "check_runs": newest }))
            }
            ("POST", ["repos", "acme", "hello", "check-runs"]) if checks => {
                let id = kept.checks.len() + 1;
                kept.checks.push(json!({ "id": id, "output": { "annotations_count": 0 } }));
                kept.change(id, &seen.json());
                answered(201, &kept.checks[id - 1])
            }
            (method, ["repos", "acme", "hello", "check-runs", id]) if checks => {
                let id: usize = id.parse().unwrap();
                if method == "PATCH" {
                    kept.change(id, &seen.json());
                }
                answered(200, &kept.checks[id - 1])
            }
            ("GET", ["repos", "acme", "hello", "issues", "3", "comments"]) if comments => {
                answered(200, &json!(kept.comments))
            }
            ("POST", ["repos", "acme", "hello", "issues", "3", "comments"]) if comments => {
                let user = json!({ "login": "acme-grader[bot]", "type": "Bot" });
                let made = json!({ "id": kept.comments.len() + 1, "user": user, "body": seen.json()["body"] });
                kept.comments.push(made.clone());
                answered(201, &made)
            }
            ("PATCH", ["repos", "acme", "hello", "issues", "comments", id]) if comments => {
                let id: usize = id.parse().unwrap();
                kept.comments[id - 1]["body"] = seen.json()["body"].clone();
                answered(200, &kept.comments[id - 1])
            }
            _ => answered(404, &json!({ "message": "Not Found" })),
        }
    }

    /// A private repository, for whoever has a token that reads it.
    fn clone_of(&self, seen: &Seen) -> Vec<u8> {
        let mut kept = self.kept.lock().unwrap();
        let shown =
            seen.header("authorization").and_then(|it| it.strip_prefix("Basic ")).unwrap_or_default().to_owned();
        let good = kept.tokens.iter().any(|(token, good)| {
            let reads = good["permissions"]["contents"] == "read" && good["repository_ids"] == json!([REPOSITORY]);
            reads && shown == STANDARD.encode(format!("x-access-token:{token}"))
        });
        if !good {
            kept.clones.0 += 1;
            return b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                .to_vec();
        }
        kept.clones.1 += 1;
        kept.waiting += 1;
        while kept.held {
            kept = self.released.wait(kept).unwrap();
        }
        kept.waiting -= 1;
        drop(kept);
        over_http(&self.folder, seen)
    }
}

impl Kept {
    /// Whether somebody with this token may change something.
    fn may(&self, token: &str, what: &str) -> bool {
        self.tokens.iter().any(|(given, good)| given == token && good["permissions"][what] == "write")
    }

    /// Puts what a request says into a check run.
    fn change(&mut self, id: usize, said: &Value) {
        let check = &mut self.checks[id - 1];
        let new = said["output"]["annotations"].as_array().map_or(0, Vec::len) as u64;
        let count = check["output"]["annotations_count"].as_u64().unwrap_or(0) + new;
        for (name, value) in said.as_object().unwrap() {
            check[name] = value.clone();
        }
        check["output"]["annotations_count"] = json!(count);
        if said["status"] == "in_progress" {
            check["conclusion"] = Value::Null;
        }
        let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
        let state = (text("head_sha"), text("status"), text("conclusion"));
        self.told.push(state);
    }
}
