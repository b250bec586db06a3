//! Styles of sound submissions: everything that they offer is bound without anybody's help.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Redirect};
use grader_model::BindingSource;
use grader_spec::Action;
use harness_kit::bind::Overrides;
use harness_kit::resource::{PageStyle, Pagination};
use harness_kit::{Flow, MemberHint, RouteHint};
use serde_json::{Value, json};

use crate::harness::{self, Seen};
use crate::refusals::Refusals;
use crate::shop::{Lines, Named, Paging, Reads, Route, Style, router};

/// Everything that the assessment weighs is bound by trial, where the style says.
#[track_caller]
fn all_is_bound(seen: &Seen, style: &Style) {
    let [create, list, read, update, delete] = style.books;
    let wanted: [(&str, Route); 9] = [
        ("account.register", style.register),
        ("account.login", style.login),
        ("book.create", create),
        ("book.list", list),
        ("book.read", read),
        ("book.update", update),
        ("book.delete", delete),
        ("order.create", style.orders[0]),
        ("order.read", style.orders[1]),
    ];
    for (operation, (method, path)) in wanted {
        seen.is_at(operation, method, path);
        let binding = seen.of(operation);
        assert_eq!(binding.source, Some(BindingSource::Candidate), "{operation}");
        assert!((binding.confidence - 0.9).abs() < f64::EPSILON, "{operation}: {}", binding.confidence);
        assert!(!binding.proof.is_empty(), "{operation}");
    }
    let asked: Vec<_> = seen.notes.iter().filter(|note| !note.ask.is_empty()).map(|note| &note.text).collect();
    assert!(asked.is_empty(), "nothing is left to ask: {asked:?}");
    assert!(seen.done);
}

#[track_caller]
fn spells(seen: &Seen, operation: &str, names: &[(&str, &str)]) {
    let fields = &seen.of(operation).fields;
    for (field, name) in names {
        assert_eq!(fields.get(*field).map(String::as_str), Some(*name), "{operation}: {fields:?}");
    }
    assert_eq!(fields.len(), names.len(), "{operation}: {fields:?}");
}

fn pagination(seen: &Seen) -> Option<Pagination> {
    seen.bound.as_ref().expect("the witness ran").resources["book"].pagination.clone()
}

#[tokio::test]
async fn an_oauth_form_slashes_and_bare_arrays() {
    let style = Style {
        register: ("POST", "/auth/signup"),
        login_names: ["username", "password"],
        login_form: true,
        token: |token| json!({"token": token, "token_type": "bearer"}),
        books: [
            ("POST", "/books/"),
            ("GET", "/books/"),
            ("GET", "/books/{id}"),
            ("PATCH", "/books/{id}"),
            ("DELETE", "/books/{id}"),
        ],
        paging: Paging::SkipLimit,
        names: ["title", "author", "isbn", "price", "stock_quantity"],
        ..Style::default()
    };
    let seen = harness::bind(router(style.clone()), Overrides::default()).await;
    all_is_bound(&seen, &style);
    spells(&seen, "account.register", &[("email", "email"), ("password", "password")]);
    spells(&seen, "account.login", &[("email", "username"), ("password", "password")]);
    spells(
        &seen,
        "book.create",
        &[("title", "title"), ("author", "author"), ("isbn", "isbn"), ("price", "price"), ("stock", "stock_quantity")],
    );
    let style = PageStyle::Offset { param: "skip".to_owned() };
    assert_eq!(pagination(&seen), Some(Pagination { size: Some("limit".to_owned()), style }));
}

#[tokio::test]
async fn an_envelope_cents_and_pages_from_0() {
    let style = Style {
        register: ("POST", "/api/users/register"),
        login: ("POST", "/api/users/login"),
        token: |token| json!({"success": true, "data": {"user": {"id": 1}, "accessToken": token}}),
        books: [
            ("POST", "/api/books"),
            ("GET", "/api/books"),
            ("GET", "/api/books/{id}"),
            ("PUT", "/api/books/{id}"),
            ("DELETE", "/api/books/{id}"),
        ],
        orders: [("POST", "/api/orders"), ("GET", "/api/orders/{id}")],
        cents: true,
        record: |record| json!({"success": true, "data": record}),
        list: |records, total| json!({"content": records, "totalElements": total, "number": 0}),
        paging: Paging::PageSizeFromZero,
        ..Style::default()
    };
    let seen = harness::bind(router(style.clone()), Overrides::default()).await;
    all_is_bound(&seen, &style);
    let book = &seen.bound.as_ref().expect("the witness ran").resources["book"];
    assert_eq!(book.fields["price"].shape, harness_kit::wire::Shape::Cents);
    assert_eq!(
        (book.record_at.as_slice(), book.list_at.as_slice()),
        (&["data".to_owned()][..], &["content".to_owned()][..])
    );
    let style = PageStyle::Page { param: "page".to_owned(), base: 0 };
    assert_eq!(pagination(&seen), Some(Pagination { size: Some("size".to_owned()), style }));
}

#[tokio::test]
async fn strict_bodies_say_what_they_miss() {
    let again = |refusals| match refusals {
        Refusals::Laravel => &["phone", "password_confirmation"][..],
        _ => &["phone", "confirm_password"][..],
    };
    for refusals in [Refusals::Pydantic, Refusals::Django, Refusals::Laravel, Refusals::Zod, Refusals::Nest] {
        let style = Style {
            insists: again(refusals),
            names: ["title", "author", "isbn13", "price", "copies_count"],
            refusals,
            ..Style::default()
        };
        let seen = harness::bind(router(style.clone()), Overrides::default()).await;
        println!("{refusals:?}");
        all_is_bound(&seen, &style);
        let register = seen.bound.as_ref().and_then(|bound| bound.register.clone()).expect("bound above");
        let extras: Vec<&str> = register.extras.keys().map(String::as_str).collect();
        let mut wanted = style.insists.to_vec();
        wanted.sort_unstable_by_key(|name| extras.iter().position(|known| known == name));
        assert_eq!(extras, wanted, "{refusals:?}");
    }
}

#[tokio::test]
async fn sessions_are_read_in_many_ways() {
    type Answers = fn(&str) -> Value;
    let opaque: Answers = |token| json!({ "token": token });
    let cases: [(Reads, Answers); 4] = [
        (Reads::Cookie("sid"), |_| json!({"message": "welcome back"})),
        (Reads::Raw, opaque),
        (Reads::Header("x-access-token"), opaque),
        (Reads::Bearer, |token| json!({"token": "You are signed in now", "tokens": {"access": token}})),
    ];
    for (reads, token) in cases {
        let style = Style { reads, token, ..Style::default() };
        let seen = harness::bind(router(style.clone()), Overrides::default()).await;
        all_is_bound(&seen, &style);
    }
}

#[tokio::test]
async fn an_author_has_to_be_there_first() {
    let style = Style {
        authors: Some(("POST", "/authors")),
        names: ["title", "author_id", "isbn", "price", "stock"],
        ..Style::default()
    };
    let seen = harness::bind(router(style.clone()), Overrides::default()).await;
    all_is_bound(&seen, &style);
    let book = &seen.bound.as_ref().expect("the witness ran").resources["book"];
    assert!(book.prerequisites.get("author_id").is_some_and(Value::is_u64), "{:?}", book.prerequisites);
    spells(&seen, "book.create", &[("title", "title"), ("isbn", "isbn"), ("price", "price"), ("stock", "stock")]);
    seen.is_at("author.create", "POST", "/authors");
}

#[tokio::test]
async fn a_description_leads_to_paths_that_no_custom_does() {
    let style = Style {
        books: [
            ("POST", "/store/books/add_books"),
            ("GET", "/store/books"),
            ("GET", "/store/books/{id}"),
            ("PUT", "/store/books/update_book/{id}"),
            ("DELETE", "/store/books/delete_book/{id}"),
        ],
        names: ["name", "writer", "isbnCode", "amount", "units"],
        ..Style::default()
    };
    let [create, list, read, update, delete] = style.books;
    let json = |names: &[&str]| {
        let properties: Value = names.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
        let schema = json!({"required": names, "properties": properties});
        json!({"requestBody": {"content": {"application/json": {"schema": schema}}}})
    };
    let description = json!({"openapi": "3.1.0", "paths": {
        style.register.1: {"post": json(&style.account)},
        create.1: {"post": json(&style.names)},
        list.1: {"get": {}},
        read.1: {"get": {}},
        update.1: {"put": json(&style.names)},
        delete.1: {"delete": {}},
    }});
    let serve = axum::routing::get(|| async move { axum::Json(description) });
    let seen = harness::bind(router(style.clone()).route("/openapi.json", serve), Overrides::default()).await;
    let routes = [("create", create), ("list", list), ("read", read), ("update", update), ("delete", delete)];
    for (action, (method, path)) in routes {
        let operation = format!("book.{action}");
        seen.is_at(&operation, method, path);
        assert_eq!(seen.of(&operation).source, Some(BindingSource::Openapi), "{operation}");
        assert!((seen.of(&operation).confidence - 0.98).abs() < f64::EPSILON, "{operation}");
    }
    assert_eq!(seen.of("account.register").source, Some(BindingSource::Openapi));
    assert_eq!(seen.of("book.create").fields["isbn"], "isbnCode");
}

/// Method and path.
type Served = (String, String);

#[track_caller]
fn steps(seen: &Seen) -> (Option<Served>, Option<Served>) {
    let order = &seen.bound.as_ref().expect("the witness ran").resources["order"];
    let bound = order.lines.as_ref().expect("the order's lines are bound");
    let route = |operation: &harness_kit::Operation| (operation.method.clone(), operation.path.clone());
    match &bound.flow {
        Flow::Together => (None, None),
        Flow::Gathered(gathering) => (Some(route(&gathering.put)), gathering.clear.as_ref().map(route)),
        Flow::Filled(filling) => (Some(route(&filling.add)), None),
    }
}

#[tokio::test]
async fn a_cart_is_filled_before_it_is_ordered() {
    let carts: [(Route, Route); 3] = [
        (("POST", "/cart/items"), ("DELETE", "/cart")),
        (("POST", "/cart"), ("POST", "/cart/clear")),
        (("POST", "/cart/add/{id}"), ("DELETE", "/cart")),
    ];
    for (put, clear) in carts {
        let style = Style { lines: Lines::Cart(put, clear), ..Style::default() };
        let seen = harness::bind(router(style.clone()), Overrides::default()).await;
        all_is_bound(&seen, &style);
        let own = |route: Route| Some((route.0.to_owned(), route.1.to_owned()));
        assert_eq!(steps(&seen), (own(put), own(clear)));
        assert!(seen.of("order.create").proof.contains(put.1), "{}", seen.of("order.create").proof);
    }
}

#[tokio::test]
async fn lines_are_added_to_an_order_that_was_begun_empty() {
    let add = ("POST", "/orders/{id}/items");
    let style = Style { lines: Lines::Added(add), ..Style::default() };
    let seen = harness::bind(router(style.clone()), Overrides::default()).await;
    all_is_bound(&seen, &style);
    assert_eq!(steps(&seen), (Some((add.0.to_owned(), add.1.to_owned())), None));
    let order = &seen.bound.as_ref().expect("the witness ran").resources["order"];
    assert!(order.lines.as_ref().is_some_and(|bound| bound.total.is_some()));
}

#[tokio::test]
async fn an_order_may_want_more_than_its_lines() {
    let style = Style { order_insists: &["shipping_address", "phone"], ..Style::default() };
    let seen = harness::bind(router(style.clone()), Overrides::default()).await;
    all_is_bound(&seen, &style);
    assert_eq!(steps(&seen), (None, None));
    let order = &seen.bound.as_ref().expect("the witness ran").resources["order"];
    let extras: Vec<&str> = order.operations[&Action::Create].extras.keys().map(String::as_str).collect();
    assert_eq!(extras, ["shipping_address", "phone"]);
}

#[tokio::test]
async fn a_patch_that_wants_the_whole_record_gets_it() {
    let style = Style { whole_patches: true, ..Style::default() };
    let [create, list, read, _, delete] = style.books;
    let style = Style { books: [create, list, read, ("PATCH", "/books/{id}"), delete], ..style };
    let seen = harness::bind(router(style.clone()), Overrides::default()).await;
    all_is_bound(&seen, &style);
    assert!(seen.bound.as_ref().expect("the witness ran").resources["book"].patches_whole);
}

#[tokio::test]
async fn the_own_account_is_found_by_what_it_says() {
    for me in [None, Some(("GET", "/auth/me")), Some(("GET", "/profile"))] {
        let style = Style { me, ..Style::default() };
        let seen = harness::bind(router(style.clone()), Overrides::default()).await;
        all_is_bound(&seen, &style);
        let bound = seen.bound.as_ref().and_then(|bound| bound.me.as_ref());
        assert_eq!(bound.map(|operation| operation.path.as_str()), me.map(|(_, path)| path));
    }
}

#[tokio::test]
async fn an_api_that_answers_to_one_host_alone_is_asked_by_it() {
    let style = Style { host: Some("localhost"), ..Style::default() };
    let seen = harness::bind(router(style.clone()), Overrides::default()).await;
    all_is_bound(&seen, &style);
    assert!(seen.notes.iter().any(|note| note.text.contains("asked as `localhost`")), "{:?}", seen.notes);
}

#[tokio::test]
async fn what_no_refusal_names_is_taken_from_the_source() {
    let style = Style { insists: &["shelf_mark", "member_since"], refusals: Refusals::Spring, ..Style::default() };
    let seen = harness::bind(router(style.clone()), Overrides::default()).await;
    assert!(seen.of("account.register").method.is_empty(), "{:?}", seen.of("account.register"));
    let member = |name: &str, format: &str| MemberHint {
        name: name.to_owned(),
        kind: "string".to_owned(),
        format: format.to_owned(),
        choices: Vec::new(),
        required: true,
    };
    let told = RouteHint {
        method: "POST".to_owned(),
        path: "/auth/register".to_owned(),
        source: BindingSource::Source,
        place: "Accounts.java:9".to_owned(),
        members: vec![
            member("email", ""),
            member("password", ""),
            MemberHint { choices: vec!["A1".to_owned()], ..member("shelf_mark", "") },
            member("member_since", "date"),
        ],
        partial: false,
    };
    let seen = harness::run(router(style), Overrides::default(), |start| start.facts.routes.push(told)).await;
    seen.is_at("account.register", "POST", "/auth/register");
    let extras = &seen.bound.as_ref().and_then(|bound| bound.register.as_ref()).expect("registration is bound").extras;
    assert_eq!(json!(extras), json!({"shelf_mark": "A1", "member_since": "1990-05-17"}));
    seen.is_at("book.create", "POST", "/books");
}

#[tokio::test]
async fn what_no_refusal_and_no_source_names_is_what_is_customary() {
    let style = Style { insists: &["name", "username"], refusals: Refusals::Spring, ignores: true, ..Style::default() };
    let seen = harness::bind(router(style.clone()), Overrides::default()).await;
    all_is_bound(&seen, &style);
}

/// How an API tells what is wrong.
#[derive(Clone, Copy)]
enum Errors {
    /// As JSON to whoever names it first, else by a page, or by a redirect to one where a body or a session is refused
    /// (Laravel).
    Negotiated,
    /// By a page, whoever asks (Express without an error handler).
    Pages,
}

/// A shop with such errors, and what its callers accepted.
fn with_errors(style: Style, errors: Errors) -> (axum::Router, Arc<Mutex<BTreeSet<String>>>) {
    let accepted = Arc::<Mutex<BTreeSet<String>>>::default();
    let seen = Arc::clone(&accepted);
    let layer = axum::middleware::from_fn(move |request: Request, next: Next| {
        let accept =
            request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
        let is_asked = accept.split(',').next().is_some_and(|first| first.contains("/json"));
        seen.lock().expect("no test breaks while it holds the lock").insert(accept);
        async move {
            let answer = next.run(request).await;
            match answer.status().as_u16() {
                400.. if matches!(errors, Errors::Negotiated) && is_asked => answer,
                401 | 422 if matches!(errors, Errors::Negotiated) => Redirect::to("/sign-in").into_response(),
                400.. => (answer.status(), Html("<h1>Something is wrong</h1>")).into_response(),
                _ => answer,
            }
        }
    });
    (router(style).layer(layer), accepted)
}

#[tokio::test]
async fn an_api_with_pages_for_who_does_not_ask_for_json_is_asked_for_it() {
    let style = Style { insists: &["full_name"], refusals: Refusals::Laravel, ..Style::default() };
    let (router, accepted) = with_errors(style.clone(), Errors::Negotiated);
    let seen = harness::bind(router, Overrides::default()).await;
    all_is_bound(&seen, &style);
    assert!(
        seen.notes.iter().any(|note| note.text.contains("asks for it by `Accept: application/json")),
        "{:?}",
        seen.notes
    );
    let accepted = accepted.lock().expect("no request is under way");
    assert_eq!(
        accepted.iter().map(String::as_str).collect::<Vec<_>>(),
        ["*/*", "application/json, application/*+json"]
    );
}

#[tokio::test]
async fn pages_for_whoever_asks_change_no_request() {
    let (router, _) = with_errors(Style::default(), Errors::Pages);
    let seen = harness::bind(router, Overrides::default()).await;
    all_is_bound(&seen, &Style::default());
    assert!(!seen.notes.iter().any(|note| note.text.contains("Accept")), "{:?}", seen.notes);
}

#[tokio::test]
async fn a_create_that_answers_nothing_is_found_by_what_is_unique() {
    let style = Style { silent_creates: Some(Named::ByIsbn), ..Style::default() };
    let seen = harness::bind(router(style.clone()), Overrides::default()).await;
    for (operation, (method, path)) in
        ["create", "list", "read", "update", "delete"].map(|action| format!("book.{action}")).iter().zip(style.books)
    {
        seen.is_at(operation, method, path);
    }
    assert_eq!(seen.bound.as_ref().expect("the witness ran").resources["book"].chosen_key.as_deref(), Some("isbn"));
}

#[tokio::test]
async fn what_nobody_can_find_again_is_not_bound() {
    let style = Style { silent_creates: Some(Named::ByNumber), ..Style::default() };
    let seen = harness::bind(router(style), Overrides::default()).await;
    assert!(seen.of("book.create").method.is_empty(), "{:?}", seen.of("book.create"));
    let why = seen.notes.iter().find(|note| note.text.starts_with("book.create")).map(|note| &note.text);
    assert!(why.is_some_and(|why| why.contains("without a key to find the record by")), "{why:?}");
}
