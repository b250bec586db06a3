//! `grader probe URL` with the assessment of the tasks against an API whose routes are flat: who belongs to a project is
//! judged right both ways, though no path says which project is meant.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod support;
#[allow(dead_code, reason = "binding is tried with more styles than judging")]
#[path = "../../../harnesses/kit/tests/binding/tracker.rs"]
mod tracker;

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use support::{Bench, servers};
use tracker::{Listed, Style, Told, Tracker};

const RULE: &str = "custom.stranger-is-refused";

fn style() -> Style {
    Style {
        told: Told::Body,
        listed: Listed::Required,
        spell: |stem| format!("{stem}_id"),
        member: "user_id",
        refuse: |missing| {
            let all = missing.iter().map(|name| json!({"field": name, "message": "is required"}));
            (422, json!({"message": "that is not complete", "errors": all.collect::<Vec<_>>()}))
        },
        uuids: false,
        on_records: false,
        fixed: false,
        open: false,
    }
}

/// Probes a tracker of that style and gives the report.
fn probed(style: Style) -> Value {
    let tracker = Arc::new(Mutex::new(Tracker::new(style)));
    let url = servers::api(move |method, target, authorization, body| {
        let mut tracker = tracker.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (status, body) = tracker.answer(method, target, authorization, body);
        (status, if body.is_null() { String::new() } else { body.to_string() })
    });
    let bench = Bench::new();
    let spec = support::root().join("specs/task-management.yaml");
    let url = format!("http://{url}");
    let arguments = ["probe", &url, "--spec", spec.to_str().unwrap(), "--format", "json"];
    bench.run(arguments).expect(0).json()
}

fn probe<'a>(report: &'a Value, id: &str) -> &'a Value {
    let criteria = report["criteria"].as_array().unwrap().iter();
    let mut probes = criteria.flat_map(|criterion| criterion["probes"].as_array().unwrap());
    probes.find(|probe| probe["id"] == id).unwrap_or_else(|| panic!("{id} is in no criterion"))
}

#[test]
fn whoever_does_not_belong_is_refused() {
    let report = probed(style());
    let rule = probe(&report, RULE);
    assert_eq!(rule["verdict"], "pass", "{rule:#}");
    assert_eq!(probe(&report, "api.operations")["verdict"], "pass", "{:#}", report["bindings"]);
    // Owners see their own records, and the list pages as any other does.
    for id in
        ["api.roundtrip", "api.pagination.complete", "custom.author-cannot-be-forged", "custom.assignee-is-a-member"]
    {
        assert_eq!(probe(&report, id)["verdict"], "pass", "{:#}", probe(&report, id));
    }
    let bindings = report["bindings"].as_array().unwrap();
    let list = bindings.iter().find(|binding| binding["operation"] == "task.list").unwrap();
    assert_eq!(list["path"], "/tasks?project_id={project}");
}

#[test]
fn whoever_does_not_belong_is_let_in() {
    let report = probed(Style { open: true, ..style() });
    let rule = probe(&report, RULE);
    assert_eq!(rule["verdict"], "fail", "{rule:#}");
    let actual = rule["actual"].as_str().unwrap();
    assert!(actual.contains("task.read as other: status 200"), "{actual}");
    assert!(!actual.contains("task.create as other"), "writing is refused: {actual}");
}

#[test]
fn a_list_that_cannot_be_asked_by_project_decides_nothing() {
    let report = probed(Style { listed: Listed::Never, ..style() });
    let rule = probe(&report, RULE);
    assert_eq!(rule["verdict"], "inconclusive", "{rule:#}");
    let report = probed(Style { listed: Listed::Never, open: true, ..style() });
    let rule = probe(&report, RULE);
    assert_eq!(rule["verdict"], "fail", "{rule:#}");
}
