//! The App against a GitHub in small that forgets to answer, sets limits and takes tokens back: nothing is made twice.

mod support;
#[path = "support/view.rs"]
mod view;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use grader_github::Secret;
use grader_github::app::{App, AppKey, Begin, GithubError, Pace};
use grader_github::testing::KEYS;
use grader_github::told::Told;
use serde_json::{Value, json};
use support::serve;
use view::{comment, view};

const HEAD: &str = "abcdefabcdefabcdefabcdefabcdefabcdefabcd";

/// What goes wrong with the next request to a place.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// Carried out, and the answer is lost.
    Lost,
    /// Not carried out: wait so many seconds.
    RetryAfter(u64),
    /// Not carried out: a secondary limit without any header.
    Secondary,
    /// The token is no longer good.
    Unauthorized,
    /// Not carried out.
    Unwell,
}

#[derive(Default)]
struct Hub {
    checks: Vec<Value>,
    comments: Vec<Value>,
    tokens: usize,
    /// By method and the last words of the path.
    troubles: HashMap<String, Vec<Trouble>>,
    requests: Vec<String>,
    changing: usize,
    most_changing: usize,
}

type Shared = Arc<Mutex<Hub>>;

/// Takes note of a request; `Err` where it ends before it is carried out, `Ok(true)` where its answer is lost.
#[expect(clippy::result_large_err, reason = "a test's server, whose answers are few")]
fn arrive(hub: &Shared, what: &str, headers: &HeaderMap) -> Result<bool, Response> {
    let mut hub = hub.lock().expect("the hub");
    hub.requests.push(what.to_owned());
    for (name, value) in [("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")] {
        assert_eq!(headers[name], value);
    }
    assert!(
        headers.contains_key("user-agent") && headers["authorization"].to_str().expect("text").starts_with("Bearer ")
    );
    let trouble = hub.troubles.get_mut(what).and_then(|list| if list.is_empty() { None } else { Some(list.remove(0)) });
    match trouble {
        None => Ok(false),
        Some(Trouble::Lost) => Ok(true),
        Some(Trouble::RetryAfter(seconds)) => {
            Err((StatusCode::FORBIDDEN, [("retry-after", seconds.to_string())], "{}").into_response())
        }
        Some(Trouble::Secondary) => {
            let body = json!({ "message": "You have exceeded a secondary rate limit." });
            Err((StatusCode::FORBIDDEN, Json(body)).into_response())
        }
        Some(Trouble::Unauthorized) => {
            Err((StatusCode::UNAUTHORIZED, Json(json!({ "message": "Bad credentials" }))).into_response())
        }
        Some(Trouble::Unwell) => Err(StatusCode::BAD_GATEWAY.into_response()),
    }
}

/// A lost answer is one whose connection breaks in the middle.
async fn leave(lost: bool, status: StatusCode, body: Value) -> Response {
    if lost {
        let broken = futures_util::stream::iter([Ok("{"), Err(std::io::Error::other("the connection breaks"))]);
        return (status, axum::body::Body::from_stream(broken)).into_response();
    }
    (status, Json(body)).into_response()
}

fn router(hub: Shared) -> Router {
    async fn me(State(hub): State<Shared>, headers: HeaderMap) -> Response {
        match arrive(&hub, "GET app", &headers) {
            Ok(lost) => leave(lost, StatusCode::OK, json!({ "slug": "acme-grader" })).await,
            Err(response) => response,
        }
    }
    async fn token(State(hub): State<Shared>, headers: HeaderMap) -> Response {
        let lost = match arrive(&hub, "POST token", &headers) {
            Ok(lost) => lost,
            Err(response) => return response,
        };
        let number = {
            let mut hub = hub.lock().expect("the hub");
            hub.tokens += 1;
            hub.tokens
        };
        let body = json!({ "token": format!("t{number}"), "expires_at": "2999-01-01T00:00:00Z" });
        leave(lost, StatusCode::CREATED, body).await
    }
    async fn list_checks(
        State(hub): State<Shared>,
        headers: HeaderMap,
        Path((_, _, head)): Path<(String, String, String)>,
        Query(query): Query<HashMap<String, String>>,
    ) -> Response {
        if let Err(response) = arrive(&hub, "GET checks", &headers) {
            return response;
        }
        assert_eq!((query["filter"].as_str(), query["app_id"].as_str()), ("latest", "42"));
        let hub = hub.lock().expect("the hub");
        let newest = hub
            .checks
            .iter()
            .rev()
            .find(|it| it["head_sha"] == head.as_str() && it["name"] == query["check_name"].as_str());
        let listed: Vec<&Value> = newest.into_iter().collect();
        Json(json!({ "total_count": listed.len(), "check_runs": listed })).into_response()
    }
    async fn make_check(State(hub): State<Shared>, headers: HeaderMap, Json(mut body): Json<Value>) -> Response {
        let lost = match arrive(&hub, "POST check", &headers) {
            Ok(lost) => lost,
            Err(response) => return response,
        };
        {
            let mut hub = hub.lock().expect("the hub");
            body["id"] = json!(hub.checks.len() + 1);
            body["output"]["annotations_count"] = json!(0);
            hub.checks.push(body.clone());
        }
        leave(lost, StatusCode::CREATED, body).await
    }
    async fn change_check(
        State(hub): State<Shared>,
        headers: HeaderMap,
        Path((_, _, id)): Path<(String, String, usize)>,
        Json(body): Json<Value>,
    ) -> Response {
        let lost = match arrive(&hub, "PATCH check", &headers) {
            Ok(lost) => lost,
            Err(response) => return response,
        };
        let answer = {
            let mut hub = hub.lock().expect("the hub");
            let check = &mut hub.checks[id - 1];
            // GitHub adds annotations to those that are there.
            let new = body["output"]["annotations"].as_array().map_or(0, Vec::len);
            assert!(new <= 50);
            let count = check["output"]["annotations_count"].as_u64().unwrap_or(0) as usize + new;
            for (name, value) in body.as_object().expect("an object") {
                check[name] = value.clone();
            }
            check["output"]["annotations_count"] = json!(count);
            check.clone()
        };
        leave(lost, StatusCode::OK, answer).await
    }
    async fn see_check(State(hub): State<Shared>, Path((_, _, id)): Path<(String, String, usize)>) -> Response {
        Json(hub.lock().expect("the hub").checks[id - 1].clone()).into_response()
    }
    async fn list_comments(State(hub): State<Shared>, Query(query): Query<HashMap<String, String>>) -> Response {
        let page: usize = query["page"].parse().expect("a number");
        let hub = hub.lock().expect("the hub");
        let listed: Vec<&Value> = hub.comments.iter().skip((page - 1) * 100).take(100).collect();
        Json(json!(listed)).into_response()
    }
    async fn make_comment(State(hub): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
        let lost = match arrive(&hub, "POST comment", &headers) {
            Ok(lost) => lost,
            Err(response) => return response,
        };
        {
            let mut hub = hub.lock().expect("the hub");
            hub.changing += 1;
            hub.most_changing = hub.most_changing.max(hub.changing);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let made = {
            let mut hub = hub.lock().expect("the hub");
            hub.changing -= 1;
            let id = hub.comments.len() as u64 + 1;
            let made = comment(id, "acme-grader[bot]", "Bot", body["body"].as_str().expect("a body"));
            hub.comments.push(made.clone());
            made
        };
        leave(lost, StatusCode::CREATED, made).await
    }
    async fn change_comment(
        State(hub): State<Shared>,
        headers: HeaderMap,
        Path((_, _, id)): Path<(String, String, usize)>,
        Json(body): Json<Value>,
    ) -> Response {
        let lost = match arrive(&hub, "PATCH comment", &headers) {
            Ok(lost) => lost,
            Err(response) => return response,
        };
        let changed = {
            let mut hub = hub.lock().expect("the hub");
            hub.comments[id - 1]["body"] = body["body"].clone();
            hub.comments[id - 1].clone()
        };
        leave(lost, StatusCode::OK, changed).await
    }
    Router::new()
        .route("/api/v3/app", get(me))
        .route("/api/v3/app/installations/{id}/access_tokens", post(token))
        .route("/api/v3/repos/{owner}/{name}/commits/{head}/check-runs", get(list_checks))
        .route("/api/v3/repos/{owner}/{name}/check-runs", post(make_check))
        .route("/api/v3/repos/{owner}/{name}/check-runs/{id}", patch(change_check).get(see_check))
        .route("/api/v3/repos/{owner}/{name}/issues/{number}/comments", get(list_comments).post(make_comment))
        .route("/api/v3/repos/{owner}/{name}/issues/comments/{id}", patch(change_comment))
        .with_state(hub)
}

async fn app(troubles: &[(&str, &[Trouble])]) -> (App, Shared) {
    let hub = Shared::default();
    hub.lock().expect("the hub").troubles =
        troubles.iter().map(|(what, list)| ((*what).to_owned(), list.to_vec())).collect();
    // Below a path, as an enterprise server's API is.
    let api = serve(router(hub.clone())).await.join("api/v3").expect("an address");
    let pace = Pace {
        gap: Duration::ZERO,
        pause: Duration::from_millis(10),
        secondary: Duration::from_millis(50),
        patience: Duration::from_secs(5),
        answer: Duration::from_secs(30),
    };
    let key = AppKey::new(42, &Secret::new(&*KEYS.private)).expect("a key");
    (App::new(key, &api, pace).expect("an App"), hub)
}

fn begin(run: &str) -> Begin<'_> {
    Begin { installation: 9, full_name: "acme/hello", head: HEAD, name: "grader", run, details: None }
}

#[tokio::test]
async fn a_check_run_is_begun_once_and_completed() {
    let (app, hub) = app(&[]).await;
    let id = app.begin(&begin("run-1")).await.expect("begun");
    assert_eq!(app.begin(&begin("run-1")).await.expect("taken over"), id);
    let told = Told::of(&view(130), None);
    assert!(told.annotations.len() > 120);
    app.complete(9, "acme/hello", id, &told).await.expect("completed");
    let hub = hub.lock().expect("the hub");
    assert_eq!(hub.checks.len(), 1);
    assert_eq!(hub.checks[0]["status"], "completed");
    assert_eq!(hub.checks[0]["output"]["annotations_count"], told.annotations.len());
    assert_eq!(hub.tokens, 1, "the token is kept");
}

#[tokio::test]
async fn a_later_run_of_the_same_head_does_not_add_to_old_annotations() {
    let (app, hub) = app(&[]).await;
    let first = app.begin(&begin("run-1")).await.expect("begun");
    app.complete(9, "acme/hello", first, &Told::cancelled()).await.expect("completed");
    assert_eq!(app.begin(&begin("run-2")).await.expect("taken over"), first, "nothing to take back");
    app.complete(9, "acme/hello", first, &Told::of(&view(3), None)).await.expect("completed");
    let second = app.begin(&begin("run-3")).await.expect("begun");
    assert_ne!(second, first);
    assert_eq!(hub.lock().expect("the hub").checks.len(), 2);
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_check_or_comment() {
    let (app, hub) = app(&[("POST check", &[Trouble::Lost]), ("POST comment", &[Trouble::Lost])]).await;
    let id = app.begin(&begin("run-1")).await.expect("found");
    assert_eq!(id, 1);
    app.comment(9, "acme/hello", 3, "shop", "text").await.expect("found");
    let hub = hub.lock().expect("the hub");
    assert_eq!((hub.checks.len(), hub.comments.len()), (1, 1));
}

#[tokio::test]
async fn an_unwell_server_makes_no_check_and_is_asked_again() {
    let (app, hub) =
        app(&[("POST check", &[Trouble::Unwell]), ("PATCH check", &[Trouble::Unwell, Trouble::Unwell])]).await;
    let id = app.begin(&begin("run-1")).await.expect("made at the second time");
    app.complete(9, "acme/hello", id, &Told::cancelled()).await.expect("completed");
    let hub = hub.lock().expect("the hub");
    assert_eq!((hub.checks.len(), &hub.checks[0]["conclusion"]), (1, &json!("cancelled")));
}

#[tokio::test]
async fn annotations_whose_answer_was_lost_are_not_sent_again() {
    let (app, hub) = app(&[("PATCH check", &[Trouble::Lost])]).await;
    let id = app.begin(&begin("run-1")).await.expect("begun");
    let told = Told::of(&view(70), None);
    app.complete(9, "acme/hello", id, &told).await.expect("completed");
    assert_eq!(hub.lock().expect("the hub").checks[0]["output"]["annotations_count"], told.annotations.len());
}

#[tokio::test]
async fn limits_are_waited_for() {
    let limits = [Trouble::RetryAfter(1), Trouble::Secondary];
    let (app, hub) = app(&[("POST check", &limits)]).await;
    let begun = std::time::Instant::now();
    app.begin(&begin("run-1")).await.expect("begun after the limits");
    assert!(begun.elapsed() >= Duration::from_secs(1), "the server said a second");
    assert_eq!(hub.lock().expect("the hub").checks.len(), 1);
    let (app, _) = self::app(&[("POST check", &[Trouble::RetryAfter(3600)])]).await;
    let error = app.begin(&begin("run-1")).await.expect_err("an hour is too long");
    assert!(matches!(error, GithubError::RateLimited { seconds: 3590..=3600, .. }), "{error}");
}

#[tokio::test]
async fn a_token_that_was_taken_back_is_replaced_once() {
    let (app, hub) = app(&[("GET checks", &[Trouble::Unauthorized])]).await;
    app.begin(&begin("run-1")).await.expect("begun with a new token");
    assert_eq!(hub.lock().expect("the hub").tokens, 2);
    let (app, _) = self::app(&[("GET checks", &[Trouble::Unauthorized, Trouble::Unauthorized])]).await;
    assert!(matches!(app.begin(&begin("run-1")).await, Err(GithubError::Refused { status: 401, .. })));
}

#[tokio::test]
async fn the_comment_is_found_by_author_and_marker_and_changed_in_place() {
    let (app, hub) = app(&[]).await;
    let marker = "<!-- grader:report shop -->";
    {
        let mut hub = hub.lock().expect("the hub");
        let id = |number: usize| number as u64;
        // Two pages of talk, a forged marker, and our comment about something else.
        hub.comments =
            (1..=150).map(|number| comment(id(number), "mallory", "User", &format!("{marker}\n{number}"))).collect();
        hub.comments.push(comment(151, "acme-grader[bot]", "Bot", "<!-- grader:report other -->\nx"));
    }
    app.comment(9, "acme/hello", 3, "shop", "first").await.expect("made");
    app.comment(9, "acme/hello", 3, "shop", "second").await.expect("changed");
    let hub = hub.lock().expect("the hub");
    assert_eq!(hub.comments.len(), 152);
    assert_eq!(hub.comments[151]["body"], format!("{marker}\nsecond"));
    assert!(hub.comments[..150].iter().all(|it| it["user"]["login"] == "mallory" && it["body"] != "second"));
}

#[tokio::test]
async fn one_request_at_a_time_changes_something() {
    let (app, hub) = app(&[]).await;
    let app = Arc::new(app);
    let names = ["a", "b", "c", "d", "e", "f"];
    let all: Vec<_> = names
        .map(|name| {
            let app = app.clone();
            tokio::spawn(async move { app.comment(9, "acme/hello", 3, name, "x").await })
        })
        .into_iter()
        .collect();
    for one in all {
        one.await.expect("no panic").expect("made");
    }
    let hub = hub.lock().expect("the hub");
    assert_eq!((hub.comments.len(), hub.most_changing, hub.tokens), (6, 1, 1));
}
