//! GitHub's published webhook payloads: every one is taken, and those that matter lead to the right steps.

mod support;

use grader_github::webhook::{Cancel, Event, Known, Policy, Step, decide};
use serde_json::Value;
use support::tool;

/// Every published payload with its event's name, from github.com and from five releases of the enterprise server.
fn published() -> Vec<(String, String, Value)> {
    let folder = tool("node_modules/@octokit/webhooks-examples");
    let mut payloads = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the examples") {
        let file = entry.expect("an entry").path().join("index.json");
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let events: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        for event in events {
            let name = event["name"].as_str().expect("a name").to_owned();
            for payload in event["examples"].as_array().expect("examples") {
                payloads.push((file.display().to_string(), name.clone(), payload.clone()));
            }
        }
    }
    assert!(payloads.len() > 500, "{} payloads", payloads.len());
    payloads
}

fn policy(app_id: u64, check_name: &str) -> Policy {
    Policy { app_id, check_name: check_name.to_owned(), drafts: false }
}

#[test]
fn every_published_payload_is_taken() {
    let mut known = 0;
    for (file, name, payload) in published() {
        let event =
            Event::parse(&name, payload.to_string().as_bytes()).unwrap_or_else(|error| panic!("{file}: {error}"));
        known += usize::from(event != Event::Other);
        // Deciding about any of them with nothing known is no trouble either.
        decide(&event, &Known::default(), &policy(1, "grader"));
    }
    assert!(known >= 61, "{known} payloads are of the events that matter");
}

#[test]
fn pull_requests_lead_to_what_their_action_means() {
    let mut seen = Vec::new();
    for (file, _, payload) in published().into_iter().filter(|(_, name, _)| name == "pull_request") {
        let event = Event::parse("pull_request", payload.to_string().as_bytes()).expect("a payload");
        let steps = decide(&event, &Known::default(), &policy(1, "grader")).steps;
        let action = payload["action"].as_str().expect("an action");
        let head = payload["pull_request"]["head"]["sha"].as_str().expect("a head");
        let draft = payload["pull_request"]["draft"].as_bool().unwrap_or(false);
        let open = payload["pull_request"]["state"] == "open";
        let starts = ["opened", "reopened", "synchronize", "ready_for_review"].contains(&action);
        let graded: Vec<_> =
            steps.iter().filter_map(|step| if let Step::Grade(target) = step { Some(target) } else { None }).collect();
        let cancelled = steps.iter().any(|step| matches!(step, Step::Cancel(Cancel::Pull { keep: None, .. })));
        assert_eq!(graded.len(), usize::from(starts && open && !draft), "{file}: {action}");
        assert!(
            graded.iter().all(|target| target.head == head && target.reference().starts_with("refs/pull/")),
            "{file}"
        );
        assert_eq!(cancelled, !open || draft, "{file}: {action}");
        seen.push(action.to_owned());
    }
    for action in ["opened", "synchronize", "reopened", "ready_for_review", "closed", "converted_to_draft", "labeled"] {
        assert!(seen.iter().any(|it| it == action), "no published payload of {action}");
    }
}

#[test]
fn checks_are_graded_again_when_somebody_asks_for_ours() {
    let mut again = 0;
    for (file, name, payload) in published() {
        let member = match name.as_str() {
            "check_run" | "check_suite" => &payload[name.as_str()],
            _ => continue,
        };
        let app = member["app"]["id"].as_u64().expect("an app");
        let check = member["name"].as_str().unwrap_or("grader").to_owned();
        let event = Event::parse(&name, payload.to_string().as_bytes()).expect("a payload");
        let asked = payload["action"] == "rerequested";
        let steps = decide(&event, &Known::default(), &policy(app, &check)).steps;
        match steps.as_slice() {
            [Step::Regrade(target)] if asked => {
                assert_eq!(Some(target.head.as_str()), member["head_sha"].as_str(), "{file}");
                again += 1;
            }
            [] if !asked => {}
            other => panic!("{file}: {name} {} led to {other:?}", payload["action"]),
        }
        // The same of another App is none of ours.
        assert_eq!(decide(&event, &Known::default(), &policy(app + 1, &check)).steps, []);
    }
    assert!(again >= 4, "{again}");
}

#[test]
fn an_installation_that_goes_takes_its_runs_along() {
    let mut seen = Vec::new();
    for (file, name, payload) in published() {
        if !name.starts_with("installation") || name == "installation_target" {
            continue;
        }
        let event = Event::parse(&name, payload.to_string().as_bytes()).expect("a payload");
        let id = payload["installation"]["id"].as_u64().expect("an id");
        let steps = decide(&event, &Known::default(), &policy(1, "grader")).steps;
        let action = payload["action"].as_str().expect("an action");
        let goes = steps.contains(&Step::Cancel(Cancel::Installation(id)));
        assert_eq!(goes, name == "installation" && ["deleted", "suspend"].contains(&action), "{file}: {name} {action}");
        let removed = payload["repositories_removed"].as_array().map_or(0, Vec::len);
        let repositories = steps.iter().filter(|step| matches!(step, Step::Cancel(Cancel::Repository(_)))).count();
        assert_eq!(repositories, removed, "{file}: {name} {action}");
        seen.push(format!("{name} {action}"));
    }
    for event in ["installation deleted", "installation suspend", "installation_repositories removed"] {
        assert!(seen.iter().any(|it| it == event), "no published payload of {event}");
    }
}
