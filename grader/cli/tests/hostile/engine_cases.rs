//! Hostile submissions that run: none reaches anything, none gets out, and a neighbour's stack does not notice.

use std::collections::BTreeMap;

use crate::case::{self, Case, Family, check_fault, texts_below};
use crate::docker::{Container, docker};
use crate::host::{Listener, addresses, assert_unread};
use crate::support::{Bench, Running, copy, engine, root};

/// Stacks at a time. They mostly wait.
const AT_ONCE: usize = 4;

/// What the submission says on its way out, and what is said where a way is open.
const TOKEN: &str = "egress-7c2f";
const CONTROL: &str = "control-7c2f";

/// Images that a submission might put its own in place of.
const BASES: [&str; 3] = ["debian:bookworm-slim", "python:3.11-slim", "postgres:16"];

#[test]
fn bad_neighbours_reach_nothing_and_hurt_nobody() {
    let cases = case::all(Family::Engine);
    assert!(cases.len() >= 15, "{} cases", cases.len());
    let network = format!("grader-test-outside-{}", std::process::id());
    let outside = Container::outside(&network);
    let ears = Container::ears(&[TOKEN, CONTROL]);
    let neighbour = Neighbour::settle();
    let before = (neighbour.state(), BASES.map(|image| docker(&["image", "inspect", "-f", "{{.Id}}", image])));
    let words = [
        ("@TOKEN@", TOKEN.to_owned()),
        ("@OUTSIDE@", outside.address("IPAddress")),
        ("@OUTSIDE6@", outside.address("GlobalIPv6Address")),
        ("@GATEWAY@", outside.address("Gateway")),
        ("@HOST_ADDRESSES@", addresses().join(" ")),
        ("@NEIGHBOUR@", neighbour.address.clone()),
    ];
    let reached = Listener::get().reached();

    let mut wrong = crate::each(&cases, AT_ONCE, |case| run(case, &words));

    let after = (neighbour.state(), BASES.map(|image| docker(&["image", "inspect", "-f", "{{.Id}}", image])));
    assert_eq!(after, before, "the neighbour, or a base image, is not what it was");
    neighbour.answers();
    if Listener::get().reached() != reached {
        wrong.push("the listener on the host was reached".to_owned());
    }
    // Positive control: the outside answers whoever may go there, and the ears hear it.
    let call = format!(
        "import socket; s = socket.create_connection(('{}', 8000)); s.sendall(b'{CONTROL}'); s.close()",
        outside.address("IPAddress")
    );
    docker(&["run", "--rm", "--network", &network, "python:3.11-slim", "python3", "-c", &call]);
    outside.wait_for(CONTROL);
    ears.wait_for(CONTROL);
    let calls: Vec<String> =
        outside.log().lines().filter(|line| line.starts_with("reached")).map(str::to_owned).collect();
    if calls.len() != 1 {
        wrong.push(format!("the outside was reached: {calls:?}"));
    }
    let heard: Vec<String> = ears.log().lines().filter(|line| line.contains(TOKEN)).map(str::to_owned).collect();
    if !heard.is_empty() {
        wrong.push(format!("the submission was heard outside its containers: {heard:?}"));
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn run(case: &Case, words: &[(&str, String)]) {
    let laid = case.lay(words);
    let (out, spec) = (laid.bench.out().display().to_string(), root().join("fixtures/hostile/spec.yaml"));
    let mut command = laid.bench.grader(["grade", "--offline", "--format", "json", "--out", &out, "--spec"]);
    command.arg(spec).arg("--").arg(&laid.source);
    let running = Running::start(command);
    let pid = running.pid();
    let ended = running.end();
    let logs = texts_below(&laid.bench.out().join("logs"));
    let said: String = logs.iter().map(|(name, text)| format!("--- {name}\n{text}\n")).collect();
    let ended = match ended.code {
        Some(code) if code == laid.told.exit => ended,
        code => panic!("it ended with {code:?}: {}\n{said}", ended.stderr),
    };
    laid.hold(&ended);
    assert_eq!(engine::left_by(pid), Vec::<String>::new());
    for (name, text) in texts_below(&laid.bench.out()) {
        assert_unread(&name, &text);
    }
    let report = ended.json();
    check_fault(&laid.told, &report["fault"]);
    for (service, wanted) in &laid.told.logs {
        let log = logs.iter().find(|(name, _)| name.ends_with(&format!("/{service}.log")));
        assert!(
            log.is_some_and(|(_, text)| text.contains(wanted)),
            "{wanted:?} is not in the log of {service}: {said}"
        );
    }
    for sign in ["ESCAPED", "REACHED"] {
        let found: Vec<&str> = said.lines().filter(|line| line.starts_with(sign)).collect();
        assert!(found.is_empty(), "{found:#?}");
    }
    if let Some(wanted) = &laid.told.says {
        assert!(ended.stderr.contains(wanted), "{wanted:?} is not said: {}", ended.stderr);
    }
    let verdicts: BTreeMap<&str, &str> = report["criteria"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|criterion| criterion["probes"].as_array().into_iter().flatten())
        .filter_map(|probe| Some((probe["id"].as_str()?, probe["verdict"].as_str()?)))
        .collect();
    for (probe, wanted) in &laid.told.verdicts {
        assert_eq!(verdicts.get(probe.as_str()), Some(&wanted.as_str()), "{probe}: {verdicts:?}");
    }
}

/// The small stack, graded and kept.
struct Neighbour {
    bench: Bench,
    containers: Vec<String>,
    /// Of its API.
    address: String,
}

impl Neighbour {
    fn settle() -> Neighbour {
        let bench = Bench::new();
        copy(&root().join("fixtures/compose/small"), &bench.submission(), &[]);
        let spec = root().join("fixtures/hostile/spec.yaml").display().to_string();
        let running = Running::start(bench.grader(["grade", "submission", "--keep", "--spec", &spec]));
        let pid = running.pid();
        running.end().expect(0);
        let left = engine::left_by(pid);
        let names = left.iter().filter_map(|name| name.strip_prefix("container /"));
        let containers: Vec<String> = names.map(str::to_owned).collect();
        assert_eq!(containers.len(), 2, "{left:?}");
        let api = containers.iter().find(|name| name.ends_with("service-api")).unwrap();
        let address = docker(&["inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", api]);
        Neighbour { address, bench, containers }
    }

    /// What changes when somebody meddles: each container's process and when it was started.
    fn state(&self) -> Vec<String> {
        let look = "{{.State.Running}} {{.State.StartedAt}} {{.State.Pid}} {{.RestartCount}}";
        self.containers.iter().map(|name| docker(&["inspect", "-f", look, name])).collect()
    }

    /// Asks its API from within its own network.
    fn answers(&self) {
        let store = self.containers.iter().find(|name| name.ends_with("service-store")).unwrap();
        let ask = r#"exec 3<>/dev/tcp/api/8000; printf 'GET / HTTP/1.0\r\n\r\n' >&3; cat <&3"#;
        assert!(docker(&["exec", store, "bash", "-c", ask]).ends_with("[]"));
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        // By its own containers: a sweep on purpose would take stacks that others keep.
        for name in &self.containers {
            let run = name.trim_start_matches("grader-").split("-service-").next().unwrap_or_default().to_owned();
            for (list, remove) in
                [("ps -aq", "rm -f -v"), ("network ls -q", "network rm"), ("volume ls -q", "volume rm")]
            {
                let list: Vec<&str> = list.split(' ').collect();
                let filter = format!("label=grader.run={run}");
                let ids = docker(&[&list[..], &["--filter", &filter]].concat());
                let ids: Vec<&str> = ids.split_whitespace().collect();
                if !ids.is_empty() {
                    docker(&[&remove.split(' ').collect::<Vec<_>>()[..], &ids[..]].concat());
                }
            }
        }
        for journal in self.bench.journals() {
            drop(std::fs::remove_file(self.bench.state().join("grader/journal").join(journal)));
        }
    }
}
