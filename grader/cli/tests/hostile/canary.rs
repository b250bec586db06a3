//! What the assessment says stays with the grader: a word planted in its hidden parts is in no file, variable, log or
//! packet of the submission.

use std::process::Command;

use crate::docker::{Container, docker};
use crate::support::{Bench, Running, engine, root};

/// Planted in the assessment.
const HIDDEN: &str = "plantedword9d41c7";

/// A server that keeps every byte that it is sent, in memory, on its disk and in its volume, and says it all again.
const SNITCH: &str = r#"
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        heard = self.requestline + "\n" + str(self.headers) + "\n" + self.rfile.read(length).decode("utf-8", "replace")
        for path in ("/heard", "/kept/heard"):
            with open(path, "a") as file: file.write(heard)
        print(heard, flush=True)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Answer).serve_forever()
"#;

const COMPOSE: &str = r#"services:
  api:
    image: python:3.11-slim
    command: ["python3", "-u", "/app/snitch.py"]
    ports: ["8000:8000"]
    volumes: ["./snitch.py:/app/snitch.py:ro", "kept:/kept"]
volumes: {kept: {}}
"#;

#[test]
fn what_is_hidden_stays_with_the_grader() {
    let bench = Bench::new();
    bench.write("submission/compose.yaml", COMPOSE);
    bench.write("submission/snitch.py", SNITCH);
    let text = std::fs::read_to_string(root().join("fixtures/hostile/spec.yaml")).unwrap();
    // In the identity, the brief, a title, and the values of a hidden probe.
    let planted = text
        .replace("title: Notes", &format!("title: Notes {HIDDEN}"))
        .replace("An API that keeps notes.", &format!("An API that keeps notes. {HIDDEN}"))
        .replace("title: Tree", &format!("title: Tree {HIDDEN}"))
        .replace(
            "{id: api.status.unknown, points: 1}",
            &format!("{{id: api.status.unknown, points: 1, params: {{{HIDDEN}: {HIDDEN}}}}}"),
        );
    assert_eq!(planted.matches(HIDDEN).count(), 5);
    let spec = bench.write("planted.yaml", &planted).display().to_string();
    // Positive control of the ears: what probes do send is heard.
    let ears = Container::ears(&[HIDDEN, "GET /notes"]);
    let out = bench.out().display().to_string();
    let running =
        Running::start(bench.grader(["grade", "submission", "--keep", "--offline", "--spec", &spec, "--out", &out]));
    let pid = running.pid();
    let ended = running.end().expect(0);
    let left = Left::of(pid);
    let report = std::fs::read_to_string(bench.out().join("report.json")).unwrap();
    assert!(report.contains(HIDDEN), "the assessment was read: {}", ended.stderr);

    let container = left.names.iter().find_map(|name| name.strip_prefix("container /")).expect("the stack was kept");
    let root_and_volumes =
        [docker_bytes(&["export", container]), docker_bytes(&["cp", &format!("{container}:/kept"), "-"])].concat();
    let told =
        [docker(&["inspect", container]), docker(&["logs", container]), docker(&["exec", container, "env"])].concat();
    // Positive control of the search: what was sent is found, where it was kept.
    for (what, bytes) in [("files", &root_and_volumes), ("environment and log", &told.into_bytes())] {
        let found = |word: &str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
        assert!(found("/notes"), "nothing that the probes sent is in its {what}");
        assert!(!found(HIDDEN), "the submission has what is hidden in its {what}");
    }
    ears.wait_for("heard GET /notes");
    let log = ears.log();
    assert!(!log.contains(HIDDEN), "what is hidden went over a wire: {log}");
}

/// What a kept run left; it goes when this is dropped.
struct Left {
    names: Vec<String>,
}

impl Left {
    fn of(pid: u32) -> Left {
        Left { names: engine::left_by(pid) }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        for kind in ["container", "network", "volume"] {
            for name in self.names.iter().filter_map(|name| name.strip_prefix(&format!("{kind} "))) {
                let remove: &[&str] = if kind == "container" { &["rm", "-f"] } else { &[kind, "rm"] };
                docker(&[remove, &[name.trim_start_matches('/')]].concat());
            }
        }
    }
}

fn docker_bytes(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
