//! Reviewers' words: what they do to a score, and what becomes of them in the next run.

use std::sync::Arc;

use grader_model::Verdict;
use grader_store::Scope;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{Fake, Service, verdict};

/// Grades what waits by `fake`.
async fn graded(service: &Service, run: &str, fake: Fake) -> grader_store::Run {
    let stop = CancellationToken::new();
    let worker = service.work(Arc::new(fake), stop.clone());
    let over = service.over(run).await;
    stop.cancel();
    worker.await.unwrap();
    over
}

async fn again(service: &Service, submission: &str) -> String {
    let run = service.post("/api/v1/runs", json!({"submission": submission})).await.json();
    run["id"].as_str().unwrap().to_owned()
}

async fn words(service: &Service, run: &str) -> Value {
    service.get(&format!("/api/v1/runs/{run}/overrides")).await.json()
}

#[tokio::test]
async fn a_word_moves_the_score_everywhere_and_can_be_taken_back() {
    let service = Service::new().await;
    let (_, run) = service.hand_in().await;
    let before = graded(&service, &run, Fake::default()).await.percent.unwrap();
    assert!(before < 100.0);
    let place = format!("/api/v1/runs/{run}/overrides");
    let missing = json!({"probe": "api.methods", "verdict": "pass", "reason": " "});
    assert_eq!(service.post(&place, missing).await.status, 422, "a reason is mandatory");
    for wrong in [
        json!({"probe": "no.such", "verdict": "pass", "reason": "r"}),
        json!({"probe": "api.methods", "verdict": "blocked", "reason": "r"}),
        json!({"probe": "api.methods", "verdict": "partial", "points": 1e9, "reason": "r"}),
        json!({"probe": "api.methods", "verdict": "partial", "points": -1, "reason": "r"}),
    ] {
        assert_eq!(service.post(&place, wrong.clone()).await.status, 422, "{wrong}");
    }
    let made =
        service.post(&place, json!({"probe": "api.methods", "verdict": "pass", "reason": "POST is for a long query"}));
    let made = made.await;
    assert_eq!(made.status, 201, "{}", made.text);
    let now = service.get(&format!("/api/v1/runs/{run}")).await.json();
    assert_eq!((now["percent"].as_f64(), now["graded_percent"].as_f64()), (Some(100.0), Some(before)));
    let report = service.get(&format!("/api/v1/runs/{run}/report")).await.json();
    assert_eq!(verdict(&report, "api.methods"), Verdict::Pass);
    let shown = &report["overrides"][0];
    assert_eq!((shown["author"].as_str(), shown["graded_verdict"].as_str()), (Some("token:admin"), Some("fail")));
    assert_eq!(service.get("/api/v1/cohorts/bookstore").await.json()["highest"], 100.0);
    // Nobody else takes it back, and the log keeps both.
    let bearer = format!("Bearer {}", service.token("bob", &[Scope::Review]).await);
    let one = made.header("location").to_owned();
    assert_eq!(service.call("DELETE", &one, &[("authorization", &bearer)], None).await.status, 403);
    let bearer = format!("Bearer {}", service.admin);
    assert_eq!(service.call("DELETE", &one, &[("authorization", &bearer)], None).await.status, 204);
    assert_eq!(service.get(&format!("/api/v1/runs/{run}")).await.json()["percent"].as_f64(), Some(before));
    let log = service.get(&format!("/api/v1/audit?subject=run/{run}")).await.json();
    let actions: Vec<_> =
        log["items"].as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["override.withdraw", "override.add"]);
}

#[tokio::test]
async fn a_word_is_kept_while_the_evidence_is_the_same() {
    let service = Service::new().await;
    let (submission, run) = service.hand_in().await;
    let before = graded(&service, &run, Fake::default()).await.percent.unwrap();
    let word = json!({"probe": "api.methods", "verdict": "pass", "reason": "seen by hand"});
    assert_eq!(service.post(&format!("/api/v1/runs/{run}/overrides"), word).await.status, 201);
    let same = again(&service, &submission).await;
    let kept = graded(&service, &same, Fake::default()).await;
    assert_eq!((kept.percent, kept.graded_percent), (Some(100.0), Some(before)));
    assert_eq!(words(&service, &same).await["items"][0]["state"], "active");
    let other = again(&service, &submission).await;
    let flagged = graded(&service, &other, Fake { saw: "an update through GET", ..Fake::default() }).await;
    assert_eq!(flagged.percent, Some(before), "what was said of other evidence does not count");
    assert_eq!(words(&service, &other).await["items"][0]["state"], "stale");
    let report = service.get(&format!("/api/v1/runs/{other}/report")).await.json();
    assert_eq!(report["overrides"][0]["state"], "stale");
    // Once stale, it stays so until somebody says it again.
    let third = again(&service, &submission).await;
    graded(&service, &third, Fake::default()).await;
    assert_eq!(words(&service, &third).await["items"][0]["state"], "stale");
}

#[tokio::test]
async fn where_two_reviewers_differ_the_grader_stands() {
    let service = Service::new().await;
    let (_, run) = service.hand_in().await;
    let before = graded(&service, &run, Fake::default()).await.percent;
    let place = format!("/api/v1/runs/{run}/overrides");
    for (name, said) in [("ann", "pass"), ("bob", "fail")] {
        let bearer = format!("Bearer {}", service.token(name, &[Scope::Review]).await);
        let word = json!({"probe": "api.methods", "verdict": said, "reason": "seen by hand"});
        assert_eq!(service.call("POST", &place, &[("authorization", &bearer)], Some(word)).await.status, 201);
    }
    let standing = service.app.store.run(&run).await.unwrap();
    assert_eq!(standing.percent, before);
    let words = words(&service, &run).await;
    assert_eq!(
        (words["agreement"][0]["probes"].as_i64(), words["agreement"][0]["agreed"].as_i64()),
        (Some(1), Some(0))
    );
    let report = service.get(&format!("/api/v1/runs/{run}/report")).await.json();
    assert_eq!(report["overrides"][0]["state"], "disputed");
}

#[tokio::test]
async fn two_runs_are_compared() {
    let service = Service::new().await;
    let (submission, first) = service.hand_in().await;
    graded(&service, &first, Fake::default()).await;
    let second = again(&service, &submission).await;
    graded(&service, &second, Fake { fails: vec!["api.versioning"], ..Fake::default() }).await;
    let place = format!("/api/v1/comparisons?before={first}&after={second}");
    let compared = service.get(&place).await.json();
    let changes: Vec<_> = compared["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["probe"].as_str().unwrap(), change["movement"].as_str().unwrap()))
        .collect();
    assert_eq!(changes, [("api.versioning", "appeared"), ("api.methods", "gone")]);
    assert_eq!((compared["schema"].as_str(), &compared["unlike"]), (Some("grader.comparison/1"), &json!([])));
    assert_eq!(compared["before"]["tree"], compared["after"]["tree"]);
    // In the other forms it says the same; a page that stands alone runs no script.
    let page = service.get(&format!("{place}&format=html")).await;
    assert!(page.text.contains("api.versioning") && page.header("content-security-policy").ends_with("sandbox"));
    assert!(service.get(&format!("{place}&format=markdown")).await.text.contains("api.versioning"));
    assert_eq!(service.get(&format!("{place}&format=pdf")).await.status, 422);
}
