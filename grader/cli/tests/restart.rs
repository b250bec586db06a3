//! The engine is restarted while a submission is probed. It is an engine of the test's own, in a network namespace of
//! its own; everything on it is compared, and not only what carries a label.
//!
//! Needs root, `dockerd` and `unshare`, and half a minute: `cargo xtask soak` runs it.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use support::running::signal;
use support::{Bench, Running, copy, root, until};

const IMAGES: [&str; 2] = ["debian:bookworm-slim", "python:3.11-slim"];

/// An engine of the test's own. It goes when this is dropped, with everything that it holds.
struct Engine {
    folder: tempfile::TempDir,
    daemon: Option<Child>,
}

impl Engine {
    fn start() -> Engine {
        let mut engine =
            Engine { folder: tempfile::Builder::new().prefix("grader-engine-").tempdir().unwrap(), daemon: None };
        let at = |name: &str| engine.folder.path().join(name);
        let config = serde_json::json!({
            "data-root": at("data"), "exec-root": at("exec"), "pidfile": at("pid"), "bridge": "none",
            "hosts": [engine.address()], "exec-opts": ["native.cgroupdriver=cgroupfs"],
        });
        std::fs::write(at("daemon.json"), config.to_string()).unwrap();
        engine.run();
        engine
    }

    fn address(&self) -> String {
        format!("unix://{}", self.folder.path().join("docker.sock").display())
    }

    fn pid(&self) -> PathBuf {
        self.folder.path().join("pid")
    }

    fn run(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--mount", "--net", "dockerd", "--config-file"]).arg(self.folder.path().join("daemon.json"));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.daemon = Some(command.spawn().expect("`unshare` and `dockerd` are there"));
        until("the engine answers", 90, || match docker(self, &["version"]) {
            (true, _) => Ok(()),
            (false, said) => Err(said),
        });
    }

    fn stop(&mut self) {
        let Some(mut daemon) = self.daemon.take() else { return };
        if let Ok(pid) = std::fs::read_to_string(self.pid()) {
            signal(pid.trim().parse().unwrap(), "TERM");
        } else {
            // It never came as far as saying who it is.
            let _ = daemon.kill();
        }
        daemon.wait().unwrap();
    }

    /// Everything on it: the images' own layers are told by the images.
    fn inventory(&self) -> Vec<String> {
        let mut all = Vec::new();
        for list in [&["ps", "-aq", "--no-trunc"][..], &["network", "ls", "-q", "--no-trunc"], &["volume", "ls", "-q"]]
        {
            let (good, said) = docker(self, list);
            assert!(good, "{list:?}: {said}");
            all.extend(said.lines().map(|id| format!("{} {id}", list[0])));
        }
        let (_, images) = docker(self, &["images", "-a", "--format", "{{.Repository}}:{{.Tag}}"]);
        // Those that are kept for a regrade stay on purpose.
        all.extend(images.lines().filter(|name| !name.starts_with("grader-")).map(|name| format!("image {name}")));
        all.sort();
        all
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether `docker` did it, and what it said.
fn docker(engine: &Engine, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("docker").env("DOCKER_HOST", engine.address()).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
}

fn bring_images(engine: &Engine, archive: &Path) {
    let saved = Command::new("docker").arg("save").arg("-o").arg(archive).args(IMAGES).status().unwrap();
    assert!(saved.success(), "the base images are there: run `cargo xtask setup`");
    let (good, said) = docker(engine, &["load", "-q", "-i", &archive.display().to_string()]);
    assert!(good, "{said}");
    std::fs::remove_file(archive).unwrap();
}

#[test]
#[ignore = "soak: starts an engine of its own, as root; `cargo xtask soak` runs it"]
fn an_engine_that_restarts_costs_the_candidate_nothing_and_leaves_nothing() {
    let mut engine = Engine::start();
    bring_images(&engine, &engine.folder.path().join("images.tar"));
    let bench = Bench::new();
    copy(&root().join("fixtures/compose/small"), &bench.submission(), &[]);
    bench.write("submission/.env", "ANSWER_SECONDS=60\n");
    let before = engine.inventory();
    let mut command = bench.grader(["grade", "submission", "--offline", "--build-network", "none", "--format", "json"]);
    command.env("DOCKER_HOST", engine.address());
    let mut running = Running::start(command);
    running.until_said("probe");
    engine.stop();
    engine.run();
    let ended = running.end().expect(3);
    let fault = &ended.json()["fault"];
    assert_eq!(fault["side"], "grader", "{fault:#}");
    let mut sweep = bench.grader(["sweep"]);
    sweep.env("DOCKER_HOST", engine.address());
    Running::start(sweep).end().expect(0);
    assert_eq!(engine.inventory(), before);
    assert_eq!((bench.journals(), bench.scratch(), bench.processes()), Default::default());
    // And the next run is as any other.
    bench.write("submission/.env", "");
    let mut command = bench.grader(["grade", "submission", "--offline", "--build-network", "none"]);
    command.env("DOCKER_HOST", engine.address());
    Running::start(command).end().expect(0);
    assert_eq!(engine.inventory(), before);
}
