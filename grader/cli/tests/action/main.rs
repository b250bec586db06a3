//! The Action as a runner runs it: the real binary on a real repository with a pull request's ref, and a real
//! stack, on the runner itself and by a service. Nothing hidden reaches anything that GitHub shows.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod by_app;
mod by_service;
mod git;
mod hidden;
mod hub;
mod issuer;
mod runner;
mod served;
#[path = "../support/mod.rs"]
mod support;
mod wire;

use git::Repository;
use issuer::Issuer;
use runner::{Step, ended, pull_request, step};
use served::free_port;
use support::Bench;

const HEAD: &str = "abcdefabcdefabcdefabcdefabcdefabcdefabcd";

#[test]
fn drafts_and_closed_pull_requests_are_left_alone() {
    let bench = Bench::new();
    for (event, why) in [(pull_request(HEAD, "open", true), "draft"), (pull_request(HEAD, "closed", false), "closed")] {
        let step = step(&bench, &bench.submission(), ("pull_request", &event), &[], &[]);
        assert_eq!(step.ended.code, Some(0), "{}", step.ended.stdout);
        assert_eq!((step.output("outcome"), step.output("score")), ("skipped", ""));
        assert!(step.summary.contains(why) && step.count("notice") == 1, "{}", step.summary);
    }
}

#[test]
fn what_is_wrong_is_said_as_an_error_and_nothing_runs() {
    let bench = Bench::new();
    let open = pull_request(HEAD, "open", false);
    let server = ("server", "http://grader.example");
    for (name, with, words) in [
        ("pull_request_target", [("level", "mid")], "pull_request_target"),
        ("pull_request", [("fail-under", "lots")], "fail-under"),
        ("pull_request", [server], "https"),
        ("pull_request", [("path", "../..")], "inside the checkout"),
        ("pull_request", [("spec", "no-such-spec")], "spec"),
    ] {
        let step = step(&bench, &bench.submission(), (name, &open), &with, &[]);
        assert_eq!(step.ended.code, Some(2), "{}", step.ended.stdout);
        assert!(
            step.commands.iter().any(|(name, said)| name == "error" && said.contains(words)),
            "{}",
            step.ended.stdout
        );
    }
}

#[test]
fn a_service_that_is_not_there_is_the_graders_fault() {
    let bench = Bench::new();
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let runner = Issuer::start().runner();
    let open = pull_request(HEAD, "open", false);
    let step = step(&bench, &bench.submission(), ("pull_request", &open), &[("server", &nowhere)], &runner);
    assert_eq!((step.ended.code, step.count("error")), (Some(3), 1), "{}", step.ended.stdout);
}

#[test]
fn nothing_hidden_leaves_a_runner() {
    let bench = Bench::new();
    let repository = Repository::new(&bench.path(""));
    let head = repository.push_submission(3, "fastapi-bookstore");
    let workspace = bench.path("workspace");
    repository.checked_out(3, &workspace);
    // What a reviewer sees of this tree: same tree, spec and seed, so the same values. (Its own tests are the Action's
    // to run: what they yield is no secret.)
    let source = workspace.display().to_string();
    let full = ended(bench.grader(["grade", &source, "--skip-tests", "--format", "json"])).expect(0).json();
    assert_eq!(full["submission"]["commit"], head.as_str());
    let secrets = hidden::secrets(&full);
    assert!(secrets.len() > 200, "{} hidden texts", secrets.len());
    assert_eq!(hidden::found(&secrets, &full.to_string()).len(), secrets.len(), "the search finds what is there");

    let open = pull_request(&head, "open", false);
    let with = [("spec", "bookstore"), ("visibility", "all"), ("format", "html,json,markdown,junit,sarif")];
    let here = step(&bench, &workspace, ("pull_request", &open), &with, &[]);
    assert_eq!(here.ended.code, Some(0), "{} {}", here.ended.stdout, here.ended.stderr);
    assert_eq!((here.output("outcome"), here.output("passed"), here.output("run-url")), ("graded", "true", ""));
    assert_eq!(here.count("stop-commands"), 1);
    shown(&here);
    for (place, text) in here.everything() {
        let found = hidden::found(&secrets, text);
        assert!(found.is_empty(), "{place} tells of {found:#?}");
    }
}

/// What a user expects to see.
fn shown(step: &Step) {
    for file in ["report.html", "report.json", "report.md", "junit.xml", "report.sarif"] {
        assert!(step.files.get(file).is_some_and(|text| text.len() > 200), "{file}");
    }
    assert!(step.summary.contains("| Criterion | Earned | Of |") && step.summary.len() < 1 << 20);
    for command in ["error", "warning", "notice"] {
        assert!(step.count(command) <= 10, "{command}");
    }
}
