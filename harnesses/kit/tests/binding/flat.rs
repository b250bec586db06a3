//! Lists that want the record above in the query, and creates that want it in the body: all that a flat API offers is
//! bound, below the right record, whatever the spelling and whatever it says of a request without.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use grader_model::BindingSource;
use grader_spec::Action;
use harness_kit::bind::{Ancestor, Overrides};
use serde_json::{Value, json};

use crate::harness::{self, Seen};
use crate::refusals::{Problem, Refusals};
use crate::tracker::{Listed, Style, Told, Tracker};

fn named(missing: &[&str], refusals: Refusals) -> (u16, Value) {
    refusals.write(&missing.iter().map(|name| (*name, Problem::Missing)).collect::<Vec<_>>())
}

fn style() -> Style {
    Style {
        told: Told::Body,
        listed: Listed::Required,
        spell: |stem| format!("{stem}_id"),
        member: "user_id",
        refuse: |missing| named(missing, Refusals::Pydantic),
        uuids: false,
        on_records: false,
        fixed: false,
        open: false,
    }
}

fn router(style: Style, description: Option<Value>) -> axum::Router {
    let tracker = Arc::new(Mutex::new(Tracker::new(style)));
    let serve = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
        let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let mut tracker = tracker.lock().expect("no request breaks while it holds the lock");
        let (status, body) = tracker.answer(method.as_str(), target, authorization, &body);
        let status = StatusCode::from_u16(status).expect("a status");
        if body.is_null() { status.into_response() } else { (status, axum::Json(body)).into_response() }
    };
    let router = axum::Router::new().fallback(serve);
    match description {
        Some(document) => {
            let serve = move || async move { axum::Json(document).into_response() as Response };
            router.route("/openapi.json", axum::routing::get(serve))
        }
        None => router,
    }
}

async fn bind(style: Style, description: Option<Value>, overrides: Overrides) -> Seen {
    harness::run(router(style, description), overrides, |start| {
        start.spec = grader_spec::load_named("task-management").expect("the built-in spec is sound").spec;
    })
    .await
}

/// Everything is bound, and lists show what stands below one record and nothing of another.
#[track_caller]
fn is_bound_in_full(seen: &Seen, style: &Style, what: &str) {
    let (project, task) = ((style.spell)("project"), (style.spell)("task"));
    let on_record = |route: &str| match style.on_records {
        true => format!("{route}?{project}={{project}}"),
        false => route.to_owned(),
    };
    let create = |path: &str, name: &str, above: &str| match style.told {
        Told::Query => format!("{path}?{name}={{{above}}}"),
        _ => path.to_owned(),
    };
    println!("{what}: {:#?}", seen.bindings.iter().map(grader_model::Binding::line).collect::<Vec<_>>());
    seen.is_at("project.create", "POST", "/projects");
    seen.is_at("membership.create", "POST", "/memberships");
    seen.is_at("task.create", "POST", &create("/tasks", &project, "project"));
    seen.is_at("task.list", "GET", &format!("/tasks?{project}={{project}}"));
    seen.is_at("task.read", "GET", &on_record("/tasks/{id}"));
    seen.is_at("task.update", if style.fixed { "PUT" } else { "PATCH" }, &on_record("/tasks/{id}"));
    seen.is_at("task.delete", "DELETE", &on_record("/tasks/{id}"));
    seen.is_at("comment.create", "POST", &create("/comments", &task, "task"));
    seen.is_at("comment.list", "GET", &format!("/comments?{task}={{task}}"));
    let proof = &seen.of("task.list").proof;
    assert!(proof.ends_with("gave what was made below that project, and not what was made below another"), "{proof}");
    let bound = seen.bound.as_ref().expect("the witness ran");
    let above = |resource: &str, key: &str| Ancestor {
        resource: resource.to_owned(),
        key: key.to_owned(),
        reference: if style.uuids { json!(key) } else { json!(key.parse::<u64>().expect("a number")) },
    };
    // Keys of different kinds that are alike are not mixed up.
    let moved = bound.resources["comment"].under(&[above("task", "2"), above("project", "5")]);
    let moved = moved.under(&[above("task", "5"), above("project", "2")]);
    let list = moved.list_request(&[], None).expect("listing is bound");
    assert_eq!(list.target, format!("/comments?{task}=5"), "{what}");
    let body = moved.create_body(&serde_json::Map::new()).expect("creating is bound");
    let reference = if style.uuids { json!("5") } else { json!(5) };
    match style.told {
        Told::Body | Told::Optional => assert_eq!(body[&task], reference, "{what}"),
        Told::Object => assert_eq!(body[&task], json!({ "id": reference }), "{what}"),
        Told::Query => assert!(!body.contains_key(&task), "{what}"),
    }
}

#[tokio::test]
async fn whatever_the_record_above_is_called() {
    let spellings: [fn(&str) -> String; 3] =
        [|stem| format!("{stem}_id"), |stem| format!("{stem}Id"), |stem| stem.to_owned()];
    for spell in spellings {
        for uuids in [false, true] {
            let style = Style { spell, uuids, ..style() };
            let seen = bind(style, None, Overrides::default()).await;
            is_bound_in_full(&seen, &style, &format!("{}, {uuids}", spell("project")));
        }
    }
}

#[tokio::test]
async fn whatever_is_said_of_a_request_without() {
    type Refuse = fn(&[&str]) -> (u16, Value);
    let refusals: [(&str, Refuse); 8] = [
        ("Django", |missing| named(missing, Refusals::Django)),
        ("Laravel", |missing| named(missing, Refusals::Laravel)),
        ("Zod", |missing| named(missing, Refusals::Zod)),
        ("Nest", |missing| named(missing, Refusals::Nest)),
        ("one sentence", |missing| {
            (400, json!({"error": format!("{} query parameter is required", missing.join(", "))}))
        }),
        ("nothing", |_| (400, json!({"error": "Bad Request"}))),
        ("a missing record", |_| (404, json!({"message": "Project or task not found"}))),
        ("a breakdown", |_| (500, json!({"error": "Internal Server Error"}))),
    ];
    for (what, refuse) in refusals {
        for spell in [(|stem| format!("{stem}Id")) as fn(&str) -> String, |stem| format!("{stem}_id")] {
            // Where nothing is told, what a membership calls the account has to be customary.
            let style = Style { refuse, spell, member: "email", ..style() };
            let seen = bind(style, None, Overrides::default()).await;
            is_bound_in_full(&seen, &style, what);
        }
    }
}

#[tokio::test]
async fn wherever_the_record_above_is_wanted() {
    for told in [Told::Body, Told::Object, Told::Query, Told::Optional] {
        for listed in [Listed::Required, Listed::Optional, Listed::Empty] {
            // An object stands under the record's own name.
            let spell: fn(&str) -> String =
                if told == Told::Object { |stem| stem.to_owned() } else { |stem| format!("{stem}_id") };
            let refuse: fn(&[&str]) -> (u16, Value) =
                if told == Told::Object { |_| (400, json!({"error": "Bad Request"})) } else { style().refuse };
            let style = Style { told, listed, spell, refuse, member: "email", ..style() };
            let seen = bind(style, None, Overrides::default()).await;
            is_bound_in_full(&seen, &style, &format!("{told:?}, {listed:?}"));
        }
    }
}

#[tokio::test]
async fn records_may_want_it_too_and_changes_may_refuse_it() {
    for (on_records, fixed) in [(true, false), (false, true)] {
        let style = Style { on_records, fixed, ..style() };
        let seen = bind(style, None, Overrides::default()).await;
        is_bound_in_full(&seen, &style, &format!("{on_records}, {fixed}"));
    }
}

#[tokio::test]
async fn a_description_names_it_as_required_or_not() {
    let body = |members: &[&str], required: &[&str]| {
        let properties: Value = members.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
        let schema = json!({"required": required, "properties": properties});
        json!({"requestBody": {"content": {"application/json": {"schema": schema}}}})
    };
    let list = |name: &str| json!({"parameters": [{"in": "query", "name": name}, {"in": "query", "name": "limit"}]});
    for is_required in [true, false] {
        // What it documents is not what is customary.
        let style = Style {
            spell: |stem| format!("{stem}Uuid"),
            refuse: |_| (400, json!({"error": "Bad Request"})),
            told: if is_required { Told::Body } else { Told::Optional },
            uuids: true,
            ..style()
        };
        let own = |required: &[&'static str], above: &'static str| {
            required.iter().copied().chain(is_required.then_some(above)).collect::<Vec<&str>>()
        };
        let record = json!({"get": {}, "patch": body(&["title", "estimate"], &[]), "delete": {}});
        let description = json!({"openapi": "3.1.0", "paths": {
            "/auth/register": {"post": body(&["email", "password", "name"], &["email", "password", "name"])},
            "/auth/login": {"post": body(&["email", "password"], &["email", "password"])},
            "/projects": {"get": {}, "post": body(&["name"], &["name"])},
            "/projects/{id}": {"get": {}},
            "/memberships": {"post": body(&["projectUuid", "user_id"], &["projectUuid", "user_id"])},
            "/tasks": {
                "get": list("projectUuid"),
                "post": body(&["title", "estimate", "projectUuid"], &own(&["title", "estimate"], "projectUuid")),
            },
            "/tasks/{id}": record,
            "/comments": {"get": list("taskUuid"), "post": body(&["body", "taskUuid"], &own(&["body"], "taskUuid"))},
        }});
        let seen = bind(style, Some(description), Overrides::default()).await;
        is_bound_in_full(&seen, &style, &format!("required: {is_required}"));
        for operation in ["task.create", "task.list", "comment.list", "membership.create"] {
            assert_eq!(seen.of(operation).source, Some(BindingSource::Openapi), "{operation}");
        }
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_asked_by_it_is_bound_as_it_is() {
    let style = Style { listed: Listed::Never, ..style() };
    let seen = bind(style, None, Overrides::default()).await;
    seen.is_at("task.list", "GET", "/tasks");
    assert_eq!(seen.of("task.list").proof, "GET /tasks gave a list of records");
    let task = &seen.bound.as_ref().expect("the witness ran").resources["task"];
    assert!(!task.is_told(Action::List, "project") && task.is_told(Action::Create, "project"));
}

#[tokio::test]
async fn the_lines_of_a_report_bind_the_same_again() {
    // Nothing but the lines leads to these names.
    let style = Style { spell: |stem| format!("{stem}_id"), refuse: |_| (400, json!({"error": "no"})), ..style() };
    let first = bind(style, None, Overrides::default()).await;
    let lines: Vec<String> =
        first.bindings.iter().map(grader_model::Binding::line).filter(|line| !line.is_empty()).collect();
    let file = format!("operations:\n{}", lines.iter().map(|line| format!("  {line}\n")).collect::<String>());
    let overrides: Overrides = serde_yaml::from_str(&file).unwrap_or_else(|error| panic!("{error}\n{file}"));
    let again = bind(style, None, overrides).await;
    for binding in first.bindings.iter().filter(|binding| !binding.path.is_empty()) {
        let now = again.of(&binding.operation);
        assert_eq!(
            (&now.method, &now.path, now.source),
            (&binding.method, &binding.path, Some(BindingSource::Reviewer)),
            "{}\n{file}",
            binding.operation
        );
    }
    is_bound_in_full_by_reviewer(&again);
}

#[track_caller]
fn is_bound_in_full_by_reviewer(seen: &Seen) {
    let task = &seen.bound.as_ref().expect("the witness ran").resources["task"];
    let other = Ancestor { resource: "project".to_owned(), key: "99".to_owned(), reference: json!(99) };
    let moved = task.under(&[other]);
    assert_eq!(moved.list_request(&[], None).expect("listing is bound").target, "/tasks?project_id=99");
    assert_eq!(moved.create_body(&serde_json::Map::new()).expect("creating is bound")["project_id"], json!(99));
}
