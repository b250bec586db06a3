//! Whatever ends a run, nothing of it is left: no container, network, volume or image with its label, no journal, no
//! temporary file, no process. And what is of another run stays.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod support;

use std::process::Command;

use support::running::{children, signal};
use support::{Bench, Running, copy, engine, none_of, root, servers, until};

/// How long each stage of the small stack takes, as its `.env` says it.
struct Pace {
    build: u32,
    start: u32,
    answer: u32,
    /// Requests that the API answers before it ends; 0 for all.
    answers: u32,
}

const QUICK: Pace = Pace { build: 0, start: 0, answer: 0, answers: 0 };
/// Longer than a test waits for anything: the stage is surely under way when the signal comes.
const LONG: u32 = 60;

/// A moment of a run: what the program says when it is reached, and a stack that stays there.
const MOMENTS: [(&str, &str, Pace); 3] = [
    ("build", "build    api:", Pace { build: LONG, ..QUICK }),
    ("up", "up       store is ready", Pace { start: LONG, ..QUICK }),
    ("probe", "probe", Pace { answer: LONG, ..QUICK }),
];

/// The small stack in a bench of its own. Its build is like no other's, so that no kept image spares it.
fn bench(pace: &Pace) -> Bench {
    let bench = Bench::new();
    copy(&root().join("fixtures/compose/small"), &bench.submission(), &[]);
    let (Pace { build, start, answer, answers }, own) = (pace, bench.submission().display().to_string());
    let answers = if *answers == 0 { String::new() } else { answers.to_string() };
    bench.write(
        "submission/.env",
        &format!("BUILD_SECONDS={build}\nSTART_SECONDS={start}\nANSWER_SECONDS={answer}\nANSWERS={answers}\n"),
    );
    if *build > 0 {
        bench.write("submission/api/salt", &own);
    }
    bench
}

fn grading(bench: &Bench) -> Command {
    let source = bench.submission().display().to_string();
    let out = bench.out().display().to_string();
    // Build output as well: the first line of a build says that it is under way.
    bench.grader(["grade", &source, "--verbose", "--format", "json", "--out", &out])
}

/// All that is left of a bench's run by the process `pid`.
fn left(bench: &Bench, pid: u32) -> Vec<String> {
    let mut left = engine::left_by(pid);
    left.extend(bench.journals().into_iter().map(|name| format!("journal {name}")));
    left.extend(bench.scratch().into_iter().map(|name| format!("file {name}")));
    left.extend(bench.processes().into_iter().map(|line| format!("process {line}")));
    left
}

/// A run brought to a moment.
fn reach(bench: &Bench, said: &str) -> Running {
    let mut running = Running::start(grading(bench));
    running.until_said(said);
    running
}

#[test]
fn a_whole_run_leaves_nothing() {
    let bench = bench(&QUICK);
    let mut running = reach(&bench, "up       api is ready");
    let pid = running.pid();
    let up = engine::left_by(pid);
    for kind in ["container", "network", "volume"] {
        assert!(up.iter().any(|name| name.starts_with(kind)), "no {kind} is seen while the stack runs: {up:?}");
    }
    running.until_said("down");
    running.end().expect(0);
    assert_eq!(left(&bench, pid), Vec::<String>::new());
}

#[test]
fn an_interrupted_run_tears_itself_down() {
    for (moment, said, pace) in MOMENTS {
        for name in ["INT", "TERM"] {
            let bench = bench(&pace);
            let running = reach(&bench, said);
            let pid = running.pid();
            running.signal(name);
            running.end().expect(130).says("everything was torn down");
            assert_eq!(left(&bench, pid), Vec::<String>::new(), "{name} during {moment}");
            assert!(!bench.out().join("report.json").exists(), "an interrupted run has no report");
        }
    }
}

#[test]
fn an_interrupted_clone_leaves_neither_file_nor_process() {
    for (name, code) in [("INT", Some(130)), ("TERM", Some(130)), ("KILL", None)] {
        let bench = Bench::new();
        let source = format!("http://{}/bookstore.git", servers::drip());
        let mut running = Running::start(bench.grader(["grade", &source]));
        running.until_said("clone");
        let pid = running.pid();
        until("the child runs", 10, || {
            let started = children(pid);
            if started.iter().any(|(_, argument)| argument == "intake-child") { Ok(()) } else { Err(started) }
        });
        running.signal(name);
        assert_eq!(running.end().code, code);
        until("the child cleans up", 10, || none_of(left(&bench, pid)));
    }
}

#[test]
fn the_reaper_removes_a_killed_run_unasked() {
    for (moment, said, pace) in MOMENTS {
        let bench = bench(&pace);
        let running = reach(&bench, said);
        let pid = running.pid();
        running.signal("KILL");
        assert_eq!(running.end().code, None);
        until(&format!("killed during {moment}"), 30, || none_of(left(&bench, pid)));
    }
}

/// The reaper is killed with its run; the sweep finds it by journal and label. A neighbour that lives is not touched.
#[test]
fn a_sweep_removes_killed_runs_and_leaves_living_ones_alone() {
    let neighbours = bench(&Pace { start: LONG, ..QUICK });
    let neighbour = reach(&neighbours, "up       store is ready");
    let of_neighbour = engine::left_by(neighbour.pid());
    assert!(of_neighbour.len() >= 4, "{of_neighbour:?}");
    for (moment, said, pace) in MOMENTS {
        let bench = bench(&pace);
        let running = reach(&bench, said);
        let pid = running.pid();
        let reaper = children(pid).into_iter().find(|(_, argument)| argument == "reaper").expect("a reaper watches");
        signal(reaper.0, "KILL");
        running.signal("KILL");
        assert_eq!(running.end().code, None);
        let swept = bench.run(["sweep"]).expect(0);
        assert_eq!(left(&bench, pid), Vec::<String>::new(), "killed during {moment}: {}", swept.stdout);
        assert_eq!(engine::left_by(neighbour.pid()), of_neighbour, "killed during {moment}");
    }
    let pid = neighbour.pid();
    neighbour.signal("INT");
    neighbour.end().expect(130);
    assert_eq!(left(&neighbours, pid), Vec::<String>::new());
}

/// The API ends while it is probed: nobody asks it any more, and the report says how it ended.
#[test]
fn a_stack_that_dies_on_the_way_is_reported_and_removed() {
    let bench = bench(&Pace { answers: 5, ..QUICK });
    let running = Running::start(grading(&bench));
    let pid = running.pid();
    let ended = running.end().expect(5).says("api ended with 3");
    let fault = &ended.json()["fault"];
    assert_eq!(fault["code"], "stack.died", "{fault:#}");
    assert_eq!(fault["message"], "api ended with exit code 3 while it was probed");
    assert_eq!(fault["log"].as_array().unwrap().last().unwrap(), "out of answers");
    let log = std::fs::read_to_string(bench.out().join("logs/api.log")).unwrap();
    assert!(log.contains("out of answers"), "{log}");
    assert_eq!(left(&bench, pid), Vec::<String>::new());
}

/// A kept stack stays as long as it was asked for, and goes by the sweep that its report names.
#[test]
fn a_kept_stack_outlives_its_run_until_it_is_swept() {
    let bench = bench(&QUICK);
    let mut command = grading(&bench);
    command.arg("--keep");
    let running = Running::start(command);
    let pid = running.pid();
    running.end().expect(0).says("grader sweep");
    let kept = engine::left_by(pid);
    assert!(kept.iter().any(|name| name.contains("service-api")), "{kept:?}");
    assert!(!kept.iter().any(|name| name.contains("harness")), "{kept:?}");
    bench.run(["sweep"]).expect(0);
    assert_eq!(left(&bench, pid), Vec::<String>::new());
}
