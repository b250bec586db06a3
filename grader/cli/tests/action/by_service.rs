//! The Action with a service: a real workflow's token, a real `grader serve`, a real stack, and nothing hidden anywhere
//! that a candidate can read.

use serde_json::{Value, json};
use url::Url;

use crate::git::{Repository, over_http};
use crate::issuer::Issuer;
use crate::runner::{Step, pull_request, step};
use crate::served::Service;
use crate::support::{Bench, root};
use crate::{hidden, shown, wire};

/// What only the service's spec knows.
const SENT: &str = "quokka-lagoon-7741";
const WANTED: &str = "otter-glacier-9032";

/// The bundled assessment's domain with few probes: public ones, hidden ones, and a hidden one that fails.
fn spec() -> String {
    let text = std::fs::read_to_string(root().join("specs/bookstore.yaml")).unwrap();
    let mut spec: Value = serde_yaml::from_str(&text).unwrap();
    spec["id"] = json!("shop");
    spec["thresholds"] = json!({ "fail_under": 30 });
    let steps = json!([
        { "operation": "book.create", "with": { "title": SENT }, "save": "record" },
        { "operation": "book.read", "record": "{{ record }}",
          "expect": { "status": [200], "body": [{ "path": "$..title", "equals": WANTED }] } },
    ]);
    let own = json!({ "id": "custom.renamed", "points": 2, "visibility": "hidden",
        "custom": { "title": format!("A record called {SENT} comes back as another"), "steps": steps } });
    spec["criteria"] = json!([
        { "id": "api", "title": "API", "weight": 70, "probes": [
            { "id": "api.operations", "points": 4, "visibility": "public" },
            { "id": "api.roundtrip", "points": 1, "visibility": "hidden" },
            own,
        ]},
        { "id": "code", "title": "Code", "weight": 30, "probes": [
            { "id": "org.hygiene", "points": 1, "visibility": "public" },
            { "id": "org.size", "points": 1, "visibility": "public",
              "params": { "file_lines": 40, "function_lines": 80, "complexity": 15 } },
        ]},
    ]);
    spec.to_string()
}

fn refused(step: &Step, words: &str) {
    assert_eq!(step.ended.code, Some(2), "{}{}", step.ended.stdout, step.ended.stderr);
    let said = step.commands.iter().any(|(name, said)| name == "error" && said.contains(words));
    assert!(said, "{words:?} is not in {}", step.ended.stdout);
    assert!(step.files.is_empty() && step.summary.is_empty());
}

#[test]
fn a_service_grades_for_an_action_and_tells_nothing_hidden() {
    let bench = Bench::new();
    let repository = Repository::new(&bench.path(""));
    let head = repository.push_submission(3, "fastapi-bookstore");
    let refused_head = repository
        .push(4, &[("compose.yaml", "services: {api: {image: 'alpine:3', privileged: true, ports: ['8000:8000']}}\n")]);
    let folder = repository.folder.clone();
    let host = wire::serve(move |seen| over_http(&folder, seen));
    let issuer = Issuer::start();
    let github = |address: &str| {
        json!({
            "url": host,
            "actions": { "issuer": issuer.address, "audience": address },
            "repositories": [
                { "name": "acme/hello", "spec": "shop", "workflow": ".github/workflows/grade.yml" },
            ],
        })
    };
    let service = Service::start(&bench, github, &[]);
    service.assess_by(&spec());
    let asked = |event: &Value| {
        let with = [("server", service.address.as_str()), ("format", "html,json,markdown,junit,sarif")];
        step(&bench, &bench.submission(), ("pull_request", event), &with, &issuer.runner())
    };
    let open = pull_request(&head, "open", false);

    // Whoever may not ask is told why, and nothing is graded.
    for (claim, value, words) in [
        ("aud", json!("https://other.example"), "the token is not valid here"),
        ("iss", json!("https://other.example"), "the token is not valid here"),
        ("exp", json!(1_700_000_000), "the token is not valid here"),
        ("repository", json!("evil/hello"), "the repository evil/hello is not on this service's list"),
        ("event_name", json!("push"), "workflows of `push` events may not ask here"),
        (
            "workflow_ref",
            json!("acme/hello/.github/workflows/mine.yml@refs/pull/3/merge"),
            "the job is not written in the workflow that may ask",
        ),
    ] {
        issuer.say(&[(claim, value)]);
        refused(&asked(&open), words);
    }
    issuer.say(&[]);
    refused(&asked(&pull_request("main", "open", false)), "`main` is no commit");
    assert_eq!(service.runs(), Vec::<Value>::new());

    // A head that is not the pull request's: its ref's commit is looked at, and the result is not for this workflow.
    issuer.say(&[("ref", json!("refs/pull/4/merge"))]);
    let other = asked(&open);
    assert_eq!((other.ended.code, other.output("outcome"), other.output("score")), (Some(0), "superseded", ""));
    assert!(other.summary.contains("the pull request moved on"), "{}", other.summary);
    assert!(other.everything().iter().all(|(_, text)| !text.contains(&refused_head) && !text.contains("privileged")));

    // The pull request itself.
    issuer.say(&[("jti", json!("the one"))]);
    let graded = asked(&open);
    assert_eq!(graded.ended.code, Some(0), "{}{}", graded.ended.stdout, graded.ended.stderr);
    assert_eq!((graded.output("outcome"), graded.output("passed")), ("graded", "true"), "{}", graded.ended.stdout);
    let run = service.runs()[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(graded.output("run-url"), format!("{}/runs/{run}", service.address));
    let full = service.report(&run);
    let percent = full["score"]["percent"].as_f64().unwrap();
    assert_eq!(graded.output("score").parse::<f64>().unwrap(), percent);
    assert_eq!(full["submission"]["commit"], head.as_str());
    let verdicts = |visibility: &str| -> Vec<(String, String)> {
        let probes = full["criteria"].as_array().unwrap().iter().flat_map(|it| it["probes"].as_array().unwrap());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        probes.filter(|it| it["visibility"] == visibility).map(|it| (text(&it["id"]), text(&it["verdict"]))).collect()
    };
    let expected = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter().map(|(id, verdict)| ((*id).to_owned(), (*verdict).to_owned())).collect()
    };
    assert_eq!(verdicts("hidden"), expected(&[("api.roundtrip", "pass"), ("custom.renamed", "fail")]));
    assert_eq!(
        verdicts("public"),
        expected(&[("api.operations", "pass"), ("org.hygiene", "pass"), ("org.size", "fail")])
    );
    shown(&graded);
    assert!(graded.summary.contains("api.operations") && graded.summary.contains(graded.output("run-url")));
    assert!(graded.count("warning") > 0, "org.size names lines: {}", graded.ended.stdout);

    let mut secrets = hidden::secrets(&full);
    secrets.extend([SENT, WANTED, "custom.renamed", "api.roundtrip"].map(str::to_owned));
    assert!(secrets.len() > 20, "{secrets:#?}");
    assert_eq!(hidden::found(&secrets, &full.to_string()).len(), secrets.len(), "the search finds what is there");
    for (place, text) in graded.everything() {
        let found = hidden::found(&secrets, text);
        assert!(found.is_empty(), "{place} tells of {found:#?}");
    }

    // Its token once more; and a job that was started again gets the run that is there.
    refused(&asked(&open), "the token was used before");
    issuer.say(&[("run_attempt", json!("2"))]);
    let again = asked(&open);
    assert_eq!((again.ended.code, again.output("run-url")), (Some(0), graded.output("run-url")));
    assert_eq!(again.output("score"), graded.output("score"));
    assert_eq!(service.runs().len(), 2, "one of each pull request");

    // The keys that follow a run were masked, and lie in no log of the service's.
    let ended = service.stop().expect(0);
    for step in [&graded, &again] {
        let masked: Vec<&String> =
            step.commands.iter().filter(|(name, _)| name == "add-mask").map(|(_, value)| value).collect();
        assert_eq!(masked.len(), 2, "the token and the run's key");
        assert!(masked.iter().all(|secret| !ended.stderr.contains(*secret)));
    }
    assert!(Url::parse(graded.output("run-url")).is_ok());
}
