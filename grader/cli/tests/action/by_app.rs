//! The App: a real `grader serve` follows a pull request of a private repository, from its webhook to the check run and
//! the one comment.

use grader_github::Secret;
use grader_github::testing::KEYS;
use grader_github::webhook::sign;
use serde_json::{Value, json};

use crate::git::Repository;
use crate::hub::{Hub, INSTALLATION, REPOSITORY};
use crate::issuer::Issuer;
use crate::runner::{self, prepared, step};
use crate::served::Service;
use crate::support::{Bench, Running, until};
use crate::wire::ask;

const WEBHOOK_SECRET: &str = "a webhook's secret";

/// What is refused before anything is built, told apart by a word.
fn refused_by_policy(word: &str) -> String {
    format!("# {word}\nservices: {{api: {{image: 'alpine:3', privileged: true, ports: ['8000:8000']}}}}\n")
}

fn pull_request(action: &str, head: &str, second: u8) -> Value {
    let branch = json!({ "sha": head, "ref": "x", "repo": { "id": REPOSITORY } });
    json!({
        "action": action, "number": 3, "repository": { "id": REPOSITORY, "full_name": "acme/hello" },
        "installation": { "id": INSTALLATION },
        "pull_request": {
            "number": 3, "state": if action == "closed" { "closed" } else { "open" }, "draft": false,
            "head": branch, "base": branch, "updated_at": format!("2026-01-01T00:00:{second:02}Z"),
        },
    })
}

/// Delivers an event that is taken, whether or not it is carried out by the time of the answer; the answer's words.
fn deliver(service: &Service, id: &str, event: &str, body: &Value) -> String {
    let body = body.to_string();
    let signature = sign(&Secret::new(WEBHOOK_SECRET), body.as_bytes());
    let (status, words) = signed(service, &signature, id, event, &body);
    assert!(matches!(status, 200 | 202), "{status} {words}");
    words
}

fn signed(service: &Service, signature: &str, id: &str, event: &str, body: &str) -> (u16, String) {
    let headers = [("X-Hub-Signature-256", signature), ("X-GitHub-Event", event), ("X-GitHub-Delivery", id)];
    ask(&service.address, "POST", "/api/v1/github/webhook", &headers, body).unwrap()
}

/// Waits until a head's check run is in a state; the check run then.
fn checked(hub: &Hub, head: &str, status: &str, conclusion: &str) -> Value {
    until("a check run's state", 60, || match hub.check(head) {
        Some(it) if it["status"] == status && it["conclusion"].as_str().unwrap_or_default() == conclusion => Ok(()),
        other => Err(other),
    });
    hub.check(head).unwrap()
}

/// Command lines and environments of whatever runs for this test.
fn processes(bench: &Bench) -> String {
    let mine = format!("TMPDIR={}", bench.temp().display());
    let mut found = String::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let read = |name: &str| {
            String::from_utf8_lossy(&std::fs::read(entry.path().join(name)).unwrap_or_default()).into_owned()
        };
        let environment = read("environ");
        if environment.split('\0').any(|variable| variable == mine) {
            found.push_str(&format!("{}\n{environment}\n", read("cmdline")));
        }
    }
    found
}

#[test]
fn an_app_follows_a_pull_request_of_a_private_repository() {
    let bench = Bench::new();
    let repository = Repository::new(&bench.path(""));
    let hub = Hub::start(repository.folder.clone());
    let issuer = Issuer::start();
    let key = bench.write("app.pem", &KEYS.private);
    let secret = bench.write("webhook-secret", &format!("{WEBHOOK_SECRET}\n"));
    let github = |address: &str| {
        json!({
            "url": hub.address, "api": hub.address,
            "app": { "id": 42, "private_key": key, "webhook_secrets": [secret] },
            "actions": { "issuer": issuer.address, "audience": address },
            "repositories": [{ "name": "acme/*", "spec": "bookstore" }],
        })
    };
    let service = Service::start(&bench, github, &["--lease", "4"]);

    // Opened: a check run is in progress while the repository is cloned.
    hub.hold(true);
    let first = repository.push(3, &[("compose.yaml", &refused_by_policy("first"))]);
    let opened = pull_request("opened", &first, 0);
    let forged = sign(&Secret::new("a guess"), opened.to_string().as_bytes());
    assert_eq!(signed(&service, &forged, "1", "pull_request", &opened.to_string()).0, 401);
    deliver(&service, "1", "pull_request", &opened);
    assert_eq!(deliver(&service, "1", "pull_request", &opened), "taken before");
    let check = checked(&hub, &first, "in_progress", "");
    assert_eq!((&check["name"], check["external_id"].as_str()), (&json!("grader"), service.runs()[0]["id"].as_str()));
    until("the clone waits", 60, || if hub.waiting() == 1 { Ok(()) } else { Err(hub.waiting()) });
    let running = processes(&bench);
    assert!(running.contains("intake-child"), "{running}");

    // A force push cancels it, and the new head is graded.
    let second = repository.push(3, &[("compose.yaml", &refused_by_policy("second"))]);
    deliver(&service, "2", "pull_request", &pull_request("synchronize", &second, 9));
    checked(&hub, &first, "completed", "cancelled");
    hub.hold(false);
    let check = checked(&hub, &second, "completed", "failure");
    assert_eq!(check["output"]["title"], "Not scored: refused by the sandbox's policy");
    assert_eq!(check["details_url"], format!("{}/runs/{}", service.address, check["external_id"].as_str().unwrap()));
    until("the comment", 30, || if hub.comments().len() == 1 { Ok(()) } else { Err(hub.comments()) });
    let comment = hub.comments()[0]["body"].as_str().unwrap().to_owned();
    assert!(comment.starts_with("<!-- grader:report bookstore -->") && comment.contains("privileged"), "{comment}");
    let state = |status: &str, conclusion: &str| (status.to_owned(), conclusion.to_owned());
    assert_eq!(hub.told(&first), [state("completed", "cancelled"), state("in_progress", "")].into());
    assert_eq!(hub.told(&second), [state("completed", "failure"), state("in_progress", "")].into());

    // An event of before that comes late changes nothing. Asked for again, it is graded anew; the comment stays one.
    deliver(&service, "3", "pull_request", &pull_request("synchronize", &first, 5));
    assert_eq!(service.runs().len(), 2);
    let again = json!({
        "action": "rerequested", "repository": { "id": REPOSITORY, "full_name": "acme/hello" },
        "installation": { "id": INSTALLATION },
        "check_run": { "name": "grader", "head_sha": second, "app": { "id": 42 }, "pull_requests": [] },
    });
    deliver(&service, "4", "check_run", &again);
    let before = &check["external_id"];
    until("the head is graded anew", 60, || match hub.check(&second) {
        Some(it) if it["external_id"] != *before && it["status"] == "completed" => Ok(()),
        other => Err(other),
    });
    let newest = service.runs()[0]["id"].as_str().unwrap().to_owned();
    until("the comment is about the newest run", 30, || match &hub.comments()[..] {
        [one] if one["body"].as_str().unwrap().contains(&newest) => Ok(()),
        other => Err(other.to_vec()),
    });

    // A workflow's run of the same private repository: the App knows who installed it there.
    let third = repository.push(3, &[("compose.yaml", &refused_by_policy("third"))]);
    let event = runner::pull_request(&third, "open", false);
    let with = [("server", service.address.as_str())];
    let asked = step(&bench, &bench.submission(), ("pull_request", &event), &with, &issuer.runner());
    assert_eq!((asked.ended.code, asked.output("outcome")), (Some(4), "refused"), "{}", asked.ended.stdout);
    assert_eq!(service.runs().len(), 4);

    // A job that is cancelled takes its run with it.
    hub.hold(true);
    let fourth = repository.push(3, &[("compose.yaml", &refused_by_policy("fourth"))]);
    let event = runner::pull_request(&fourth, "open", false);
    let job = prepared(&bench, &bench.submission(), ("pull_request", &event), &with, &issuer.runner());
    let job_runs = Running::start(job.command);
    until("the clone waits", 60, || if hub.waiting() == 1 { Ok(()) } else { Err(hub.waiting()) });
    job_runs.signal("INT");
    assert_eq!(job_runs.end().code, Some(130));
    until("its run is cancelled", 60, || match &service.runs()[0]["state"] {
        state if state == "cancelled" => Ok(()),
        other => Err(other.clone()),
    });
    hub.hold(false);

    // One token for checks and comments, one that reads this repository, and neither anywhere that somebody reads.
    let tokens = hub.tokens();
    let good: Vec<&Value> = tokens.iter().map(|(_, good)| good).collect();
    let clones = json!({ "permissions": { "contents": "read", "metadata": "read" }, "repository_ids": [REPOSITORY] });
    let checks = json!({ "permissions": { "checks": "write", "metadata": "read", "pull_requests": "write" } });
    assert_eq!((good.len(), good.contains(&&clones), good.contains(&&checks)), (2, true, true), "{good:?}");
    let (refused, cloned) = hub.clones();
    assert!(refused == 0 && cloned >= 7, "{refused} {cloned}");
    let reports: Vec<String> = service
        .runs()
        .iter()
        .filter(|run| run["state"] == "finished")
        .map(|run| service.report(run["id"].as_str().unwrap()).to_string())
        .collect();
    assert_eq!((service.runs().len(), reports.len()), (5, 3));
    let log = service.stop().expect(0).stderr;
    assert!(log.lines().count() > 5, "{log}");
    let mut secrets: Vec<&str> = tokens.iter().map(|(token, _)| token.as_str()).collect();
    secrets.extend([WEBHOOK_SECRET, KEYS.private.lines().nth(3).unwrap()]);
    let said = asked.everything().iter().map(|(_, text)| *text).collect::<String>();
    for (place, text) in [
        ("the log", &log),
        ("GitHub", &hub.shown()),
        ("a report", &reports.concat()),
        ("a process", &running),
        ("a job", &said),
    ] {
        for secret in &secrets {
            assert!(!text.contains(secret), "{place} has a secret");
        }
    }
}
