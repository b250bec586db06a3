//! The API's manners: codes, problems, pages, tags, keys, limits, its description.

use grader_store::Scope;
use serde_json::json;

use crate::support::Service;

#[tokio::test]
async fn a_submission_is_handed_in_and_read() {
    let service = Service::new().await;
    let (submission, run) = service.hand_in().await;
    let read = service.get(&format!("/api/v1/submissions/{submission}")).await.json();
    assert_eq!((read["source"].as_str(), read["runs"].as_i64()), (Some("https://127.0.0.1/a.git"), Some(1)));
    let read = service.get(&format!("/api/v1/runs/{run}")).await.json();
    assert_eq!((read["state"].as_str(), read["position"].as_i64()), (Some("queued"), Some(0)));
    let again = service.post("/api/v1/runs", json!({"submission": submission})).await;
    assert_eq!((again.status.as_u16(), again.json()["number"].as_i64()), (201, Some(2)));
    assert_eq!(again.header("location"), format!("/api/v1/runs/{}", again.json()["id"].as_str().unwrap()));
    assert_eq!(
        service.get(&format!("/api/v1/runs?submission={submission}")).await.json()["items"].as_array().unwrap().len(),
        2
    );
    let cancelled = service.post(&format!("/api/v1/runs/{run}/cancel"), json!({})).await;
    assert_eq!((cancelled.status.as_u16(), cancelled.json()["state"].as_str()), (202, Some("cancelled")));
}

#[tokio::test]
async fn what_is_wrong_is_told_as_a_problem() {
    let service = Service::new().await;
    let bearer = format!("Bearer {}", service.admin);
    let bearer = bearer.as_str();
    let cases = [
        ("GET", "/api/v1/runs/no-such", None, 404),
        ("GET", "/api/v1/no-such", None, 404),
        ("PATCH", "/api/v1/runs", None, 405),
        ("GET", "/api/v1/runs?limit=0", None, 422),
        ("GET", "/api/v1/runs?limit=1000000", None, 422),
        ("GET", "/api/v1/runs?limit=abc", None, 422),
        ("GET", "/api/v1/runs?limit=-1", None, 422),
        ("GET", "/api/v1/runs?cursor=%25%25", None, 422),
        ("GET", "/api/v1/runs?state=odd", None, 422),
        ("POST", "/api/v1/submissions", Some(json!({})), 422),
        ("POST", "/api/v1/submissions", Some(json!({"source": 7})), 422),
        ("POST", "/api/v1/submissions", Some(json!({"source": "x"})), 422),
        ("POST", "/api/v1/submissions", Some(json!({"source": "https://127.0.0.1/a", "spec": "odd"})), 422),
        ("POST", "/api/v1/submissions", Some(json!({"source": "https://127.0.0.1/a", "candidate": "odd"})), 422),
        ("POST", "/api/v1/submissions", Some(json!({"source": "https://127.0.0.1/a", "surprise": 1})), 422),
        ("POST", "/api/v1/candidates", Some(json!({"name": " "})), 422),
        ("POST", "/api/v1/candidates", Some(json!({"name": "A", "email": "odd"})), 422),
        ("POST", "/api/v1/specs", Some(json!({"text": "id: x"})), 422),
        ("DELETE", "/api/v1/candidates/no-such", None, 404),
    ];
    for (method, path, body, status) in cases {
        let answer = service.call(method, path, &[("authorization", bearer)], body).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{method} {path}");
        let problem = answer.json();
        assert_eq!(problem["status"], status);
        assert!(problem["type"].as_str().unwrap().starts_with("urn:grader:problem:"), "{problem}");
    }
    let headers = [("authorization", bearer), ("content-type", "application/json")];
    let request =
        headers.iter().fold(axum::http::Request::builder(), |request, (name, value)| request.header(*name, *value));
    let broken = request.method("POST").uri("/api/v1/candidates").body("{".into()).unwrap();
    assert_eq!(service.send(broken).await.status, 400);
    let text =
        axum::http::Request::post("/api/v1/candidates").header("authorization", bearer).body("x".into()).unwrap();
    assert_eq!(service.send(text).await.status, 415);
    assert_eq!(
        service.call("PATCH", "/api/v1/runs", &[("authorization", bearer)], None).await.header("allow"),
        "GET,HEAD,POST"
    );
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let service = Service::new().await;
    for name in ["a", "b", "c"] {
        assert_eq!(service.post("/api/v1/candidates", json!({"name": name})).await.status, 201);
    }
    let mut path = "/api/v1/candidates?limit=2".to_owned();
    let mut names = Vec::new();
    loop {
        let page = service.get(&path).await.json();
        names.extend(page["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => path = format!("/api/v1/candidates?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["c", "b", "a"]);
    assert_eq!(service.get("/api/v1/candidates?search=B").await.json()["items"][0]["name"], "b");
}

#[tokio::test]
async fn nobody_overwrites_what_they_did_not_see() {
    let service = Service::new().await;
    let made = service.post("/api/v1/candidates", json!({"name": "Ann", "email": "ann@example.org"})).await;
    let place = made.header("location").to_owned();
    assert_eq!(made.header("etag"), "\"1\"");
    let bearer = format!("Bearer {}", service.admin);
    let change = async |tag: &str, name: &str| {
        let headers = [("authorization", bearer.as_str()), ("if-match", tag)];
        service.call("PUT", &place, &headers, Some(json!({"name": name}))).await
    };
    let first = change("\"1\"", "Anna").await;
    assert_eq!((first.status.as_u16(), first.header("etag")), (200, "\"2\""));
    assert_eq!(change("\"1\"", "Anne").await.status, 412);
    assert_eq!(service.get(&place).await.json()["name"], "Anna");
    let headers = [("authorization", bearer.as_str()), ("if-none-match", "\"2\"")];
    let known = service.call("GET", &place, &headers, None).await;
    assert_eq!((known.status.as_u16(), known.text.as_str()), (304, ""));
    let taken = service.post("/api/v1/candidates", json!({"name": "Bob", "email": "bob@example.org"})).await;
    let other = taken.header("location").to_owned();
    let body = json!({"name": "Bob", "email": "BOB@example.org"});
    assert_eq!(service.post("/api/v1/candidates", body).await.status, 409);
    assert_eq!(service.call("DELETE", &other, &[("authorization", &bearer)], None).await.status, 204);
    assert_eq!(service.get(&other).await.status, 404);
}

#[tokio::test]
async fn a_key_makes_a_request_once() {
    let service = Service::new().await;
    let bearer = format!("Bearer {}", service.admin);
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k-1")];
    let body = json!({"source": "https://127.0.0.1/a.git"});
    let first = service.call("POST", "/api/v1/submissions", &headers, Some(body.clone())).await;
    let second = service.call("POST", "/api/v1/submissions", &headers, Some(body)).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 201));
    assert_eq!((first.text, first.headers.get("location")), (second.text.clone(), second.headers.get("location")));
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!(service.get("/api/v1/submissions").await.json()["items"].as_array().unwrap().len(), 1);
    let other = json!({"source": "https://127.0.0.1/b.git"});
    assert_eq!(service.call("POST", "/api/v1/submissions", &headers, Some(other)).await.status, 422);
    // What failed may be tried again under its key.
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k-2")];
    let body = json!({"source": "https://127.0.0.1/a.git", "candidate": "none"});
    for _ in 0..2 {
        assert_eq!(service.call("POST", "/api/v1/submissions", &headers, Some(body.clone())).await.status, 422);
    }
    // Another principal's key is another key.
    let token = service.token("ci", &[Scope::Submit]).await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k-1")];
    let body = json!({"source": "https://127.0.0.1/c.git"});
    assert_eq!(service.call("POST", "/api/v1/submissions", &headers, Some(body)).await.status, 201);
}

#[tokio::test]
async fn the_description_names_every_route_and_is_kept() {
    let service = Service::new().await;
    let answer = service.call("GET", "/api/v1/openapi.json", &[], None).await;
    let description = answer.json();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    for path in [
        "/submissions",
        "/runs/{id}",
        "/runs/{id}/events",
        "/runs/{id}/report",
        "/runs/{id}/overrides",
        "/comparisons",
        "/specs",
        "/candidates/{id}",
        "/tokens",
        "/cohorts/{spec}",
        "/session",
        "/users",
        "/audit",
    ] {
        assert!(description["paths"][path].is_object(), "{path}");
    }
    // Every operation says what it answers, and a refusal is a problem.
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.keys().any(|status| status.starts_with('2')), "{method} {path}");
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
        }
    }
    let headers = [("if-none-match", answer.header("etag"))];
    assert_eq!(service.call("GET", "/api/v1/openapi.json", &headers, None).await.status, 304);
}

#[tokio::test]
async fn a_caller_who_asks_too_often_has_to_wait() {
    let service = Service::with(|config| config.rate = 3).await;
    let first = service.get("/api/v1/runs").await;
    assert_eq!((first.header("ratelimit-limit"), first.header("ratelimit-remaining")), ("3", "2"));
    service.get("/api/v1/runs").await;
    service.get("/api/v1/runs").await;
    let refused = service.get("/api/v1/runs").await;
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    // Health is asked by machines that must not be refused.
    assert_eq!(service.call("GET", "/healthz", &[], None).await.status, 200);
    assert_eq!(service.call("GET", "/readyz", &[], None).await.status, 200);
}

#[tokio::test]
async fn an_assessment_is_kept_and_put_in_force() {
    let service = Service::new().await;
    let text = grader_spec::BUILT_IN[0].1.replacen("version: ", "version: 9", 1);
    let made = service.post("/api/v1/specs", json!({"text": text})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let spec = made.json();
    assert_eq!(spec["in_force"], false);
    let digest = spec["digest"].as_str().unwrap();
    let bearer = format!("Bearer {}", service.admin);
    let put =
        service.call("PUT", &format!("/api/v1/specs/{digest}/in-force"), &[("authorization", &bearer)], None).await;
    assert_eq!(put.json()["in_force"], true);
    let listed = service.get(&format!("/api/v1/specs?name={}", spec["name"].as_str().unwrap())).await.json();
    let in_force: Vec<_> = listed["items"].as_array().unwrap().iter().filter(|spec| spec["in_force"] == true).collect();
    assert_eq!((in_force.len(), in_force[0]["digest"].as_str()), (1, Some(digest)));
    assert_eq!(service.get(&format!("/api/v1/specs/{digest}")).await.json()["text"], text);
}
