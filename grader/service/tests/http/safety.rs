//! Who may do what, and what a browser is told.

use grader_service::set_password;
use grader_store::{Role, Scope};
use serde_json::json;

use crate::support::Service;

#[tokio::test]
async fn nothing_is_open_but_signing_in_and_health() {
    let service = Service::new().await;
    let description = service.call("GET", "/api/v1/openapi.json", &[], None).await.json();
    let mut asked = 0;
    for (path, item) in description["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "x").replace("{digest}", "x").replace("{spec}", "x");
        let path = path.replace("{word}", "x").replace("{artefact}", "x");
        assert!(!path.contains('{'), "{path}");
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            if (method.as_str(), path.as_str()) == ("post", "/session") {
                continue;
            }
            let method = method.to_uppercase();
            for authorization in ["", "Bearer grt_0123456789_x", "Bearer grs_x", "Basic YTpi"] {
                let headers = [("authorization", authorization)];
                let headers = if authorization.is_empty() { &headers[..0] } else { &headers[..] };
                let answer = service.call(&method, &format!("/api/v1{path}"), headers, Some(json!({}))).await;
                assert_eq!(answer.status, 401, "{method} {path} with `{authorization}`: {}", answer.text);
                assert!(answer.header("www-authenticate").starts_with("Bearer"));
                asked += 1;
            }
        }
    }
    assert!(asked > 80, "{asked}");
}

#[tokio::test]
async fn a_token_does_what_its_scopes_say() {
    let service = Service::new().await;
    let (submission, run) = service.hand_in().await;
    let word = json!({"probe": "api.methods", "verdict": "pass", "reason": "seen"});
    let cases = [
        (Scope::Read, "GET", "/api/v1/runs".to_owned(), None),
        (Scope::Read, "GET", format!("/api/v1/runs/{run}/events"), None),
        (Scope::Submit, "POST", "/api/v1/runs".to_owned(), Some(json!({"submission": submission}))),
        (Scope::Submit, "POST", format!("/api/v1/runs/{run}/cancel"), Some(json!({}))),
        (Scope::Review, "POST", format!("/api/v1/runs/{run}/overrides"), Some(word)),
        (Scope::Review, "POST", "/api/v1/candidates".to_owned(), Some(json!({"name": "A"}))),
        (Scope::Admin, "GET", "/api/v1/tokens".to_owned(), None),
        (Scope::Admin, "GET", "/api/v1/audit".to_owned(), None),
        (Scope::Admin, "POST", "/api/v1/users".to_owned(), Some(json!({"name": "a", "role": "odd", "password": "p"}))),
        (Scope::Admin, "POST", "/api/v1/specs".to_owned(), Some(json!({"text": "x"}))),
    ];
    for scope in Scope::ALL {
        let bearer = format!("Bearer {}", service.token(scope.as_str(), &[*scope]).await);
        for (needed, method, path, body) in &cases {
            if (scope, method, path.ends_with("/events")) == (needed, &"GET", true) {
                continue;
            }
            let answer = service.call(method, path, &[("authorization", &bearer)], body.clone()).await;
            let refused = answer.status == 403;
            assert_eq!(refused, scope != needed, "{scope} {method} {path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_revoked_token_and_an_ended_session_open_nothing() {
    let service = Service::new().await;
    let made = service.post("/api/v1/tokens", json!({"name": "ci", "scopes": ["read"]})).await.json();
    let token = made["token"].as_str().unwrap();
    let bearer = format!("Bearer {token}");
    let list = async || service.call("GET", "/api/v1/runs", &[("authorization", &bearer)], None).await.status;
    assert_eq!(list().await, 200);
    // Neither the list nor the log has the secret.
    for path in ["/api/v1/tokens", "/api/v1/audit"] {
        assert!(!service.get(path).await.text.contains(&token[15..]), "{path}");
    }
    let admin = format!("Bearer {}", service.admin);
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(service.call("DELETE", &path, &[("authorization", &admin)], None).await.status, 204);
    assert_eq!(list().await, 401);

    set_password(&service.app.store, "ann", Role::Reader, "correct horse battery").await.unwrap();
    let sign_in = async |password: &str| {
        service.call("POST", "/api/v1/session", &[], Some(json!({"name": "ann", "password": password}))).await
    };
    assert_eq!(sign_in("wrong").await.status, 401);
    let session = sign_in("correct horse battery").await;
    assert_eq!(session.status, 201);
    let bearer = format!("Bearer {}", session.json()["token"].as_str().unwrap());
    let who = service.call("GET", "/api/v1/session", &[("authorization", &bearer)], None).await.json();
    assert_eq!((who["name"].as_str(), who["role"].as_str()), (Some("ann"), Some("reader")));
    assert_eq!(service.call("DELETE", "/api/v1/session", &[("authorization", &bearer)], None).await.status, 204);
    assert_eq!(service.call("GET", "/api/v1/session", &[("authorization", &bearer)], None).await.status, 401);
}

#[tokio::test]
async fn passwords_cannot_be_tried_without_end() {
    let service = Service::with(|config| config.sign_in_rate = 3).await;
    set_password(&service.app.store, "ann", Role::Reader, "correct horse battery").await.unwrap();
    let mut codes = Vec::new();
    for _ in 0..5 {
        let body = json!({"name": "ann", "password": "wrong"});
        codes.push(service.call("POST", "/api/v1/session", &[], Some(body)).await.status.as_u16());
    }
    assert_eq!(codes, [401, 401, 401, 429, 429]);
}

#[tokio::test]
async fn a_foreign_page_cannot_use_the_sessions_cookie() {
    let service = Service::new().await;
    set_password(&service.app.store, "ann", Role::Reviewer, "correct horse battery").await.unwrap();
    let body = json!({"name": "ann", "password": "correct horse battery"});
    let session = service.call("POST", "/api/v1/session", &[], Some(body)).await.json();
    let secret = session["token"].as_str().unwrap();
    let cookie = format!("__Host-grader={secret}");
    let candidate = json!({"name": "A"});
    let read = service.call("GET", "/api/v1/runs", &[("cookie", &cookie)], None).await;
    assert_eq!(read.status, 200);
    let foreign = service.call("POST", "/api/v1/candidates", &[("cookie", &cookie)], Some(candidate.clone())).await;
    assert_eq!(foreign.status, 403, "{}", foreign.text);
    let digest = sha256(secret);
    let csrf = service.app.store.session(&digest).await.unwrap().unwrap().csrf;
    let headers = [("cookie", cookie.as_str()), ("x-csrf-token", csrf.as_str())];
    assert_eq!(service.call("POST", "/api/v1/candidates", &headers, Some(candidate)).await.status, 201);
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    format!("{:x}", sha2::Sha256::digest(text))
}

#[tokio::test]
async fn every_answer_tells_the_browser_to_be_careful() {
    let service = Service::new().await;
    for path in ["/api/v1/runs", "/no-such", "/healthz", "/metrics"] {
        let answer = service.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert!(answer.header("strict-transport-security").contains("max-age"), "{path}");
    }
}

#[tokio::test]
async fn a_body_has_a_limit() {
    let service = Service::with(|config| config.body_limit = 4096).await;
    let answer = service.post("/api/v1/candidates", json!({"name": "A", "notes": "x".repeat(5000)})).await;
    assert_eq!(answer.status, 413, "{}", answer.text);
}

#[tokio::test]
async fn sources_inside_of_the_house_are_refused() {
    let service = Service::with(|config| config.allow_private_sources = false).await;
    for source in ["http://169.254.169.254/latest", "https://127.0.0.1/a.git", "git@10.0.0.1:a/b.git", "file:///etc"] {
        let answer = service.post("/api/v1/submissions", json!({"source": source})).await;
        assert_eq!(answer.status, 422, "{source}");
    }
    assert!(service.get("/api/v1/submissions").await.json()["items"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_blind_reviewer_sees_a_name_after_deciding() {
    let service = Service::with(|config| config.blind = true).await;
    let candidate = service.post("/api/v1/candidates", json!({"name": "Ann Smith"})).await.json();
    let body = json!({"source": "https://127.0.0.1/ann-smith.git", "candidate": candidate["id"]});
    let run = service.post("/api/v1/submissions", body).await.json()["run"].as_str().unwrap().to_owned();
    let stop = tokio_util::sync::CancellationToken::new();
    let worker = service.work(std::sync::Arc::new(crate::support::Fake::default()), stop.clone());
    service.over(&run).await;
    stop.cancel();
    worker.await.unwrap();
    let bearer = format!("Bearer {}", service.token("bob", &[Scope::Read, Scope::Review]).await);
    let see = async |path: String| service.call("GET", &path, &[("authorization", &bearer)], None).await;
    let everywhere = [
        format!("/api/v1/runs/{run}"),
        "/api/v1/runs".to_owned(),
        format!("/api/v1/runs/{run}/report"),
        format!("/api/v1/runs/{run}/report?format=html"),
        "/api/v1/submissions".to_owned(),
        "/api/v1/cohorts/bookstore/runs".to_owned(),
        "/api/v1/candidates".to_owned(),
    ];
    for path in &everywhere {
        let text = see(path.clone()).await.text.to_lowercase();
        assert!(!text.contains("ann smith") && !text.contains("ann-smith"), "{path}: {text}");
    }
    assert_eq!(see(everywhere[0].clone()).await.status, 200);
    let decision = json!({"decision": "advance", "reason": "sound work"});
    let path = format!("/api/v1/runs/{run}/decision");
    assert_eq!(service.call("PUT", &path, &[("authorization", &bearer)], Some(decision)).await.status, 200);
    assert_eq!(see(everywhere[0].clone()).await.json()["candidate_name"], "Ann Smith");
}
