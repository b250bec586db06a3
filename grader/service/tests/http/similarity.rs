//! A cohort's similarity: from the trees that workers graded to the page, also for those who may not know names.

use std::sync::Arc;

use grader_model::{FileEntry, FileKind, Snapshot};
use grader_store::Scope;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::{Fake, Service};

/// A tree of one Python file whose names are those given.
fn tree(path: &str, [value, other]: [&str; 2]) -> Arc<Snapshot> {
    let text = format!(
        "def reckon({value}, {other}):\n    found = 0\n    for one in {value}:\n        if one.open and not one.void:\n            \
         found = found + one.price * one.count\n        elif {other} is None:\n            raise ValueError(one, 'left out')\n        \
         else:\n            {other}.append((one.id, found))\n    return round(found, 2) if {other} else None\n"
    );
    let bytes: Arc<[u8]> = text.into_bytes().into();
    let entry = FileEntry { kind: FileKind::File, size: bytes.len() as u64, bytes: Some(bytes), executable: false };
    Arc::new(Snapshot { files: [(path.to_owned(), entry)].into_iter().collect(), ..Snapshot::default() })
}

/// A submission of a new candidate, graded from that tree. Gives the candidate's id back.
async fn graded(service: &Service, name: &str, tree: Option<Arc<Snapshot>>) -> String {
    let candidate = service.post("/api/v1/candidates", json!({"name": name})).await.json();
    let id = candidate["id"].as_str().unwrap().to_owned();
    handed_in(service, &id, &name.to_lowercase().replace(' ', "-"), tree).await;
    id
}

async fn handed_in(service: &Service, candidate: &str, repository: &str, tree: Option<Arc<Snapshot>>) {
    let body = json!({"source": format!("https://127.0.0.1/{repository}.git"), "candidate": candidate});
    let run = service.post("/api/v1/submissions", body).await.json()["run"].as_str().unwrap().to_owned();
    let stop = CancellationToken::new();
    let worker = service.work(Arc::new(Fake { tree, ..Fake::default() }), stop.clone());
    service.over(&run).await;
    stop.cancel();
    worker.await.unwrap();
}

const PAGE: &str = "/cohort/bookstore/similarity";

#[tokio::test]
async fn a_cohort_is_compared_from_what_its_workers_read() {
    let service = Service::new().await;
    let ann = graded(&service, "Ann Smith", Some(tree("app/one.py", ["lines", "left"]))).await;
    handed_in(&service, &ann, "ann-again", Some(tree("app/one.py", ["lines", "left"]))).await;
    let alone = service.get(PAGE).await;
    assert_eq!(alone.status, 200);
    assert!(alone.text.contains("no two submissions to compare"), "{}", alone.text);
    graded(&service, "Bob Jones", Some(tree("src/two.py", ["rows", "rest"]))).await;
    // Nobody is held against an attempt of their own.
    graded(&service, "Cleo Nemo", None).await;
    for _ in 0..2 {
        // The second time it is remembered.
        let page = service.get(PAGE).await.text;
        for part in
            ["Ann Smith · ann-again", "Bob Jones · bob-jones", "app/one.py:1", "src/two.py:1", "100 %", "Of 1 nothing"]
        {
            assert!(page.contains(part), "{part} is not in {page}");
        }
    }
    graded(&service, "Dora Fay", Some(tree("lib/three.py", ["items", "kept"]))).await;
    assert!(service.get(PAGE).await.text.contains("lib/three.py:1"), "a cohort that grew is compared anew");
    assert_eq!(service.get("/cohort/none/similarity").await.status, 404);
}

#[tokio::test]
async fn a_blind_reviewer_compares_submissions_without_names() {
    let service = Service::with(|config| config.blind = true).await;
    graded(&service, "Ann Smith", Some(tree("app/one.py", ["lines", "left"]))).await;
    graded(&service, "Bob Jones", Some(tree("src/two.py", ["rows", "rest"]))).await;
    // Somebody who may know names looks first: what is remembered holds none.
    assert!(service.get(PAGE).await.text.contains("Ann Smith"));
    let bearer = format!("Bearer {}", service.token("bob", &[Scope::Read, Scope::Review]).await);
    let page = service.call("GET", PAGE, &[("authorization", &bearer)], None).await.text;
    assert!(page.contains("app/one.py:1"), "{page}");
    for name in ["Ann Smith", "ann-smith", "Bob Jones", "bob-jones"] {
        assert!(!page.contains(name), "{name} in {page}");
    }
}
