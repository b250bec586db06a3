//! Every request of the App against GitHub's own description of its API, served by Prism.
//!
//! Prism does not know the vendor's media type, so a server in front of it rewrites that header. What Prism does not
//! look at (members that the description does not know, lengths that it does not state) is looked at there as well.

mod support;
#[path = "support/view.rs"]
mod view;

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use grader_github::Secret;
use grader_github::app::{App, AppKey, Begin, Pace};
use grader_github::testing::KEYS;
use grader_github::told::Told;
use serde_json::{Map, Value, json};
use support::{serve, tool};
use url::Url;
use view::{comment, view};

/// The operations that the App uses, as the description spells their paths.
const USED: [&str; 8] = [
    "/app",
    "/app/installations/{installation_id}/access_tokens",
    "/repos/{owner}/{repo}/check-runs",
    "/repos/{owner}/{repo}/check-runs/{check_run_id}",
    "/repos/{owner}/{repo}/commits/{ref}/check-runs",
    "/repos/{owner}/{repo}/installation",
    "/repos/{owner}/{repo}/issues/comments/{comment_id}",
    "/repos/{owner}/{repo}/issues/{issue_number}/comments",
];
/// Characters of a text that GitHub takes; the description does not say.
const LONGEST: usize = 65_536;

/// The description with the used operations and what they refer to: Prism takes a minute to read the whole.
fn description() -> Value {
    let text = std::fs::read_to_string(tool("node_modules/@octokit/openapi/generated/api.github.com.json"))
        .expect("the description");
    let whole: Value = serde_json::from_str(&text).expect("JSON");
    let mut paths = Map::new();
    for path in USED {
        let item = &whole["paths"][path];
        assert!(item.is_object(), "GitHub has no {path}");
        paths.insert(path.to_owned(), item.clone());
    }
    // Answers are taken from the examples; their schemas, most of the description's bulk, say nothing of requests.
    for operation in paths.values_mut().flat_map(|item| item.as_object_mut().into_iter().flat_map(|it| it.values_mut()))
    {
        let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
        for content in responses.into_iter().flat_map(|it| it.values_mut()).filter_map(|it| it.get_mut("content")) {
            for media in content.as_object_mut().into_iter().flat_map(|it| it.values_mut()) {
                media.as_object_mut().expect("a media type").remove("schema");
            }
        }
    }
    let mut kept = json!({ "openapi": whole["openapi"], "info": whole["info"], "paths": paths, "components": {} });
    let mut wanted = references(&kept["paths"]);
    let mut done = BTreeSet::new();
    while let Some(reference) = wanted.pop_first() {
        if !done.insert(reference.clone()) {
            continue;
        }
        let mut parts = reference.strip_prefix("#/components/").expect("a component").split('/');
        let (kind, name) = (parts.next().expect("a kind"), parts.next().expect("a name"));
        let component = whole["components"][kind][name].clone();
        wanted.extend(references(&component));
        kept["components"][kind][name] = component;
    }
    kept
}

fn references(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => BTreeSet::new(),
    }
}

struct Front {
    prism: Url,
    http: reqwest::Client,
    description: Value,
    /// What the list of comments answers instead of the description's example.
    comments: Value,
    /// Method, path, status and body of every request, and what is wrong with it.
    seen: Vec<(String, u16)>,
    wrong: Vec<String>,
}

type Shared = Arc<Mutex<Front>>;

/// Rewrites the media type, hands the request on, and looks at what Prism does not.
async fn pass(State(front): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 32 << 20).await.expect("a body");
    let what = format!("{} {}", parts.method, parts.uri);
    let (prism, http, comments) = {
        let mut front = front.lock().expect("the front");
        if parts.headers["accept"] != "application/vnd.github+json" {
            front.wrong.push(format!("{what}: no vendor's media type"));
        }
        if !body.is_empty() {
            let json: Value = serde_json::from_slice(&body).expect("JSON");
            let wrong = unknown(&front.description, parts.method.as_str(), parts.uri.path(), &json);
            front.wrong.extend(wrong.into_iter().map(|it| format!("{what}: {it}")));
        }
        (front.prism.clone(), front.http.clone(), front.comments.clone())
    };
    let place = prism.join(&parts.uri.to_string()).expect("a place");
    let mut sent = http.request(parts.method.clone(), place).header("accept", "application/json").body(body.to_vec());
    for name in ["authorization", "content-type", "x-github-api-version"] {
        if let Some(value) = parts.headers.get(name) {
            sent = sent.header(name, value);
        }
    }
    let answer = sent.send().await.expect("Prism answers");
    let status = answer.status().as_u16();
    // Prism tells what it found wrong in the request by an error, and of its own examples by this header.
    let violations = answer.headers().get("sl-violations").map(|it| it.to_str().unwrap_or_default().to_owned());
    let mut text = answer.bytes().await.expect("an answer");
    {
        let mut front = front.lock().expect("the front");
        front.seen.push((what.clone(), status));
        if let Some(violations) = violations.filter(|it| it.contains("\"request\"")) {
            front.wrong.push(format!("{what}: {violations}"));
        }
        if status >= 400 {
            front.wrong.push(format!("{what}: {status} {}", String::from_utf8_lossy(&text)));
        }
    }
    if parts.method == "GET" && parts.uri.path().ends_with("/comments") && comments.is_array() {
        text = comments.to_string().into();
    }
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Body::from(text))
        .expect("an answer")
}

/// Members that the description's schema does not have, and texts that are too long.
fn unknown(description: &Value, method: &str, path: &str, body: &Value) -> Vec<String> {
    let fits = |template: &str| {
        let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
        template.len() == path.len() && template.iter().zip(&path).all(|(a, b)| a.starts_with('{') || a == b)
    };
    let Some(template) = USED.iter().find(|template| fits(template)) else {
        return vec!["no used operation".to_owned()];
    };
    let schema = &description["paths"][template][method.to_ascii_lowercase()]["requestBody"]["content"]["application/json"]
        ["schema"];
    let mut wrong = Vec::new();
    members(description, &[schema], body, "", &mut wrong);
    wrong
}

fn members(description: &Value, schemas: &[&Value], value: &Value, place: &str, wrong: &mut Vec<String>) {
    let mut all: Vec<&Value> = Vec::new();
    let mut open: Vec<&Value> = schemas.to_vec();
    while let Some(schema) = open.pop() {
        if let Some(pointer) = schema["$ref"].as_str().and_then(|it| it.strip_prefix('#')) {
            open.extend(description.pointer(pointer));
        }
        for word in ["oneOf", "anyOf", "allOf"] {
            open.extend(schema[word].as_array().into_iter().flatten());
        }
        all.push(schema);
    }
    match value {
        Value::Object(object) => {
            for (name, member) in object {
                let place = format!("{place}/{name}");
                let known: Vec<&Value> = all.iter().filter_map(|schema| schema["properties"].get(name)).collect();
                if known.is_empty() {
                    wrong.push(format!("{place} is not in the description"));
                }
                members(description, &known, member, &place, wrong);
            }
        }
        Value::Array(items) => {
            let known: Vec<&Value> = all.iter().filter_map(|schema| schema.get("items")).collect();
            items.iter().for_each(|item| members(description, &known, item, &format!("{place}[]"), wrong));
        }
        Value::String(text) if text.chars().count() > LONGEST => wrong.push(format!("{place} is too long")),
        _ => {}
    }
}

/// Prism over the description, on a port that was free a moment ago.
async fn prism(folder: &std::path::Path, description: &Value) -> (tokio::process::Child, Url) {
    let file = folder.join("github.json");
    std::fs::write(&file, description.to_string()).expect("a file");
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let mut child = tokio::process::Command::new("node")
        .arg(tool("node_modules/@stoplight/prism-cli/dist/index.js"))
        .args(["mock", "--host", "127.0.0.1", "--port", &port.to_string(), "--verboseLevel", "error"])
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("node starts");
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(child.try_wait().expect("a child").is_none(), "Prism ended");
        assert!(begun.elapsed() < Duration::from_secs(120), "Prism does not start");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    (child, Url::parse(&format!("http://127.0.0.1:{port}")).expect("an address"))
}

#[tokio::test]
async fn every_request_is_one_that_github_describes() {
    let folder = tempfile::tempdir().expect("a folder");
    let description = description();
    let (_prism, place) = prism(folder.path(), &description).await;
    // A request without a member that has to be there: Prism does look.
    let answer = reqwest::Client::new()
        .post(place.join("/repos/a/b/check-runs").expect("a place"))
        .header("content-type", "application/json")
        .body(json!({ "name": "x" }).to_string())
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 422, "without a head");
    let front = Front {
        prism: place,
        http: reqwest::Client::new(),
        description,
        comments: Value::Null,
        seen: Vec::new(),
        wrong: Vec::new(),
    };
    let front = Arc::new(Mutex::new(front));
    let api = serve(Router::new().fallback(pass).with_state(front.clone())).await;
    let pace = Pace { gap: Duration::ZERO, answer: Duration::from_secs(60), ..Pace::default() };
    let app = App::new(AppKey::new(42, &Secret::new(&*KEYS.private)).expect("a key"), &api, pace).expect("an App");
    let details = Url::parse("https://grader.test/runs/1").expect("an address");
    let begin = |run| Begin {
        installation: 9,
        full_name: "octocat/Hello-World",
        head: "ce587453ced02b1526dfb4cb910479d431683101",
        name: "grader",
        run,
        details: Some(&details),
    };
    let told = Told::of(&view(130), Some(&details));

    let made = app.begin(&begin("a run")).await.expect("made");
    // The description's example of a list holds a check run of the run 42.
    app.begin(&begin("42")).await.expect("taken over");
    app.complete(9, "octocat/Hello-World", made, &told).await.expect("completed");
    app.comment(9, "octocat/Hello-World", 3, "shop", &told.comment).await.expect("made");
    front.lock().expect("the front").comments =
        json!([comment(5, "octoapp[bot]", "Bot", "<!-- grader:report shop -->\nold")]);
    app.comment(9, "octocat/Hello-World", 3, "shop", &"ä".repeat(60_000)).await.expect("changed");

    assert!(app.installation("octocat/Hello-World").await.expect("an answer").is_some());
    assert!(app.clone_token(9, 7).await.expect("an answer").is_some());

    let front = front.lock().expect("the front");
    assert_eq!(front.wrong, Vec::<String>::new());
    for (method, end) in [
        ("GET", "/app"),
        ("GET", "/repos/octocat/Hello-World/installation"),
        ("POST", "/access_tokens"),
        ("POST", "/check-runs"),
        ("PATCH", "/check-runs/4"),
        ("POST", "/issues/3/comments"),
        ("PATCH", "/issues/comments/5"),
    ] {
        let made = front.seen.iter().any(|(what, status)| {
            what.starts_with(method) && what.split('?').next().is_some_and(|path| path.ends_with(end)) && *status < 300
        });
        assert!(made, "{method} …{end} was not among {:#?}", front.seen);
    }
}

/// What Prism does not look at is seen.
#[test]
fn unknown_members_and_long_texts_are_found() {
    let description = description();
    let wrong = |method, path, body: Value| unknown(&description, method, path, &body);
    assert_eq!(wrong("POST", "/repos/a/b/check-runs", json!({ "name": "x", "head_sha": "y" })), Vec::<String>::new());
    let titel = json!({ "output": { "titel": "x" } });
    assert_eq!(wrong("POST", "/repos/a/b/check-runs", titel), ["/output/titel is not in the description"]);
    let long = json!({ "body": "x".repeat(LONGEST + 1) });
    assert_eq!(wrong("POST", "/repos/a/b/issues/1/comments", long), ["/body is too long"]);
}
