//! Every repository probe over the submissions of `fixtures/`: each passes on the good trees, sees its planted defect, and
//! is not moved by any other one.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

#[expect(unreachable_pub, reason = "shared by nothing else")]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use grader_model::{BindingSource, Snapshot};
use grader_spec::Spec;
use support::{Submission, Verdicts};

fn spec() -> Spec {
    grader_spec::load_named("bookstore").unwrap().spec
}

fn verdicts(spec: &Spec, snapshot: &Snapshot) -> BTreeMap<String, (String, String)> {
    harness_repository::findings(spec, snapshot)
        .into_iter()
        .map(|finding| {
            (finding.probe.clone(), (finding.verdict.to_string(), format!("{} | {}", finding.summary, finding.actual)))
        })
        .collect()
}

/// The differences between what was found and what the truth says of the probes that were run.
fn differences(found: &BTreeMap<String, (String, String)>, expect: &Verdicts, changed: &Verdicts) -> Vec<String> {
    found
        .iter()
        .filter_map(|(probe, (verdict, why))| {
            let wanted = changed.get(probe).or_else(|| expect.get(probe))?;
            (wanted != verdict).then(|| format!("{probe}: {verdict} instead of {wanted} ({why})"))
        })
        .collect()
}

#[test]
fn good_submissions_pass_and_each_defect_changes_its_probe_only() {
    let spec = spec();
    let mut wrong: Vec<String> = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut ran: BTreeSet<String> = BTreeSet::new();
    for submission in support::all() {
        let good = verdicts(&spec, &submission.good());
        ran.extend(good.keys().cloned());
        wrong.extend(
            differences(&good, &submission.expect, &Verdicts::new())
                .into_iter()
                .map(|line| format!("{}: {line}", submission.name)),
        );
        for (defect, changed) in &submission.defects {
            let found = verdicts(&spec, &submission.with(defect));
            seen.extend(changed.keys().filter(|probe| found.contains_key(*probe)).cloned());
            wrong.extend(
                differences(&found, &submission.expect, changed)
                    .into_iter()
                    .map(|line| format!("{} with {defect}: {line}", submission.name)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(ran, seen, "every probe has a planted defect");
    assert_eq!(ran.len(), 15);
}

/// What a person sees in a repository: tests, organization, documents, secrets.
fn is_for_a_reviewer(probe: &str) -> bool {
    ["test.", "org.", "doc."].iter().any(|family| probe.starts_with(family)) || probe == "auth.secrets-in-repo"
}

#[test]
fn what_a_reviewer_sees_is_planted_in_three_stacks() {
    let mut defects = 0;
    let mut planted: BTreeSet<String> = BTreeSet::new();
    let mut stacks: BTreeSet<String> = BTreeSet::new();
    for submission in support::all() {
        for changed in submission.defects.values() {
            let worse = changed
                .iter()
                .filter(|(probe, verdict)| is_for_a_reviewer(probe) && matches!(verdict.as_str(), "fail" | "partial"));
            let probes: Vec<String> = worse.map(|(probe, _)| probe.clone()).collect();
            if !probes.is_empty() {
                defects += 1;
                planted.extend(probes);
                stacks.insert(submission.name.clone());
            }
        }
    }
    let asked: BTreeSet<String> =
        spec().probes().map(|(_, probe)| probe.id.clone()).filter(|probe| is_for_a_reviewer(probe)).collect();
    assert_eq!(planted, asked, "every probe has a planted defect");
    assert!(defects >= 40 && stacks.len() >= 3, "{defects} in {stacks:?}");
}

fn of(submissions: &[Submission], name: &str) -> Snapshot {
    submissions.iter().find(|submission| submission.name == name).unwrap().good()
}

#[test]
fn facts_of_the_good_submissions() {
    let submissions = support::all();
    let routes = |facts: &harness_kit::Facts| -> BTreeSet<String> {
        let source = facts.routes.iter().filter(|route| route.source == BindingSource::Source);
        source.map(|route| format!("{} {}", route.method, route.path)).collect()
    };

    let fastapi = harness_repository::facts(&of(&submissions, "fastapi-bookstore"), &BTreeMap::new());
    let expected = [
        "DELETE /api/v1/books/{book_id}",
        "GET /api/v1/books",
        "GET /api/v1/books/{book_id}",
        "GET /api/v1/orders",
        "GET /api/v1/orders/{order_id}",
        "GET /health/live",
        "GET /health/ready",
        "PATCH /api/v1/books/{book_id}",
        "POST /api/v1/auth/login",
        "POST /api/v1/auth/register",
        "POST /api/v1/books",
        "POST /api/v1/orders",
        "PUT /api/v1/books/{book_id}",
    ];
    assert_eq!(routes(&fastapi), expected.map(str::to_owned).into());
    assert_eq!(fastapi.migrations.tool, "Alembic");
    assert_eq!(fastapi.migrations.table, "alembic_version");
    let versions: Vec<&str> = fastapi.migrations.files.iter().map(|file| file.version.as_str()).collect();
    assert_eq!(versions, ["0001", "0002", "0003"]);
    assert!(fastapi.migrations.created_at_start.is_empty(), "{:?}", fastapi.migrations.created_at_start);
    assert!(fastapi.privileged.is_empty(), "{:?}", fastapi.privileged);

    let express = harness_repository::facts(&of(&submissions, "express-bookstore"), &BTreeMap::new());
    let expected = [
        "DELETE /api/v1/books/{id}",
        "GET /api/docs/openapi.json",
        "GET /api/v1/books",
        "GET /api/v1/books/{id}",
        "GET /api/v1/orders",
        "GET /api/v1/orders/{id}",
        "GET /health/live",
        "GET /health/ready",
        "PATCH /api/v1/books/{id}",
        "POST /api/auth/signin",
        "POST /api/auth/signup",
        "POST /api/v1/books",
        "POST /api/v1/orders",
    ];
    assert_eq!(routes(&express), expected.map(str::to_owned).into());
    assert_eq!(express.documents.len(), 1);
    assert_eq!(express.migrations.tool, "node-pg-migrate");
    assert_eq!(express.migrations.table, "pgmigrations");
    assert_eq!(express.migrations.files.last().unwrap().version, "1794492000000_index-book-search");
    assert!(express.migrations.created_at_start.is_empty(), "{:?}", express.migrations.created_at_start);
    let admin = &express.privileged[0];
    assert_eq!((admin.identity.as_str(), admin.password.as_str()), ("admin@bookstore.example", "change-this-password"));
}

#[test]
fn facts_of_defects_that_other_probes_ask_for() {
    let submissions = support::all();
    let fastapi = submissions.iter().find(|submission| submission.name == "fastapi-bookstore").unwrap();
    let facts = harness_repository::facts(&fastapi.with("auth-token-secret"), &BTreeMap::new());
    assert!(facts.secrets.iter().any(|hint| hint.value == "secret" && hint.committed), "{:?}", facts.secrets);
    let facts = harness_repository::facts(&fastapi.with("db-migrations"), &BTreeMap::new());
    assert!(facts.migrations.files.is_empty());
    assert!(
        facts.migrations.created_at_start.iter().any(|place| place.contains("create_all")),
        "{:?}",
        facts.migrations
    );
}
