//! `grader serve` as a process of its own with GitHub's part, asked over HTTP as an operator would.

use serde_json::{Value, json};

use crate::support::{Bench, Ended, Running, until};
use crate::wire::ask;

/// A service that runs.
pub(crate) struct Service {
    running: Running,
    pub(crate) address: String,
    token: String,
}

impl Service {
    /// Starts one that grades a run at a time, over SQLite. `github` makes its file from its address.
    pub(crate) fn start(bench: &Bench, github: impl FnOnce(&str) -> Value, arguments: &[&str]) -> Self {
        let made = ["token", "create", "operator", "--scope", "admin", "--scope", "read"];
        let token = bench.run(made).expect(0).stdout.trim().to_owned();
        let listen = format!("127.0.0.1:{}", free_port());
        let address = format!("http://{listen}");
        // JSON is YAML.
        let file = bench.write("github.yaml", &github(&address).to_string()).display().to_string();
        let own =
            ["serve", "--listen", &listen, "--public-url", &address, "--github", &file, "--allow-private-sources"];
        let running = Running::start(bench.grader([&own[..], arguments].concat()));
        let service = Service { running, address, token };
        until("the service is ready", 120, || match ask(&service.address, "GET", "/readyz", &[], "") {
            Some((200, _)) => Ok(()),
            other => Err(other),
        });
        service
    }

    /// Asks as the operator.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, text) = ask(&self.address, method, path, &headers, &body).unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Puts an assessment in force.
    pub(crate) fn assess_by(&self, text: &str) {
        let (status, answer) = self.ask("POST", "/api/v1/specs", &json!({ "text": text, "in_force": true }));
        assert_eq!(status, 201, "{answer}");
    }

    /// Every run, newest first.
    pub(crate) fn runs(&self) -> Vec<Value> {
        let (status, answer) = self.ask("GET", "/api/v1/runs", &Value::Null);
        assert_eq!(status, 200, "{answer}");
        answer["items"].as_array().unwrap().clone()
    }

    /// A reviewer's report of a run.
    pub(crate) fn report(&self, run: &str) -> Value {
        let (status, answer) = self.ask("GET", &format!("/api/v1/runs/{run}/report"), &Value::Null);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Ends it in order, with what it logged.
    pub(crate) fn stop(self) -> Ended {
        self.running.signal("TERM");
        self.running.end()
    }
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
