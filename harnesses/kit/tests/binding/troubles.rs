//! What cannot be found by trying: a reviewer's word is taken, and where there is none, a question is asked.

use std::collections::BTreeSet;

use grader_model::BindingSource;
use harness_kit::bind::Overrides;
use serde_json::json;

use crate::harness;
use crate::shop::{Reads, Style, router};

const ALL: [&str; 9] = [
    "account.register",
    "account.login",
    "book.create",
    "book.list",
    "book.read",
    "book.update",
    "book.delete",
    "order.create",
    "order.read",
];

/// A shop that no custom and no guess finds.
fn odd_shop() -> Style {
    Style {
        register: ("POST", "/rpc/new-reader"),
        login: ("POST", "/rpc/let-me-in"),
        account: ["mail_addr", "secret_word"],
        login_names: ["who", "secret_word"],
        login_form: true,
        insists: &["library_card"],
        token: |token| json!({ "token": token }),
        reads: Reads::Header("x-shop-session"),
        books: [
            ("POST", "/rpc/shelf/put"),
            ("GET", "/rpc/shelf"),
            ("GET", "/rpc/shelf/look/{id}"),
            ("POST", "/rpc/shelf/swap/{id}"),
            ("POST", "/rpc/shelf/burn/{id}"),
        ],
        names: ["caption", "written_by", "bar_code", "worth", "heap"],
        orders: [("POST", "/rpc/till"), ("GET", "/rpc/till/{id}")],
        ..Style::default()
    }
}

fn bindings_file() -> Overrides {
    serde_json::from_value(json!({
        "session": "header X-Shop-Session",
        "operations": {
            "account.register": {"method": "post", "path": "/rpc/new-reader",
                "fields": {"email": "mail_addr", "password": "secret_word"}, "extras": {"library_card": "L-1"}},
            "account.login": {"method": "POST", "path": "/rpc/let-me-in", "encoding": "form",
                "fields": {"email": "who", "password": "secret_word"}},
            "book.create": {"method": "POST", "path": "/rpc/shelf/put", "fields": {
                "title": "caption", "author": "written_by", "isbn": "bar_code", "price": "worth", "stock": "heap"}},
            "book.list": {"method": "GET", "path": "/rpc/shelf"},
            "book.read": {"method": "GET", "path": "/rpc/shelf/look/{id}"},
            "book.update": {"method": "POST", "path": "/rpc/shelf/swap/{id}"},
            "book.delete": {"method": "POST", "path": "/rpc/shelf/burn/{id}"},
            "order.create": {"method": "POST", "path": "/rpc/till"},
            "order.read": {"method": "GET", "path": "/rpc/till/{id}"}
        }
    }))
    .expect("a bindings file")
}

#[tokio::test]
async fn a_reviewer_says_what_nobody_could_guess() {
    let style = odd_shop();
    let seen = harness::bind(router(style.clone()), bindings_file()).await;
    let routes = [style.register, style.login].into_iter().chain(style.books).chain(style.orders);
    for (operation, (method, path)) in ALL.into_iter().zip(routes) {
        seen.is_at(operation, method, path);
        assert_eq!(seen.of(operation).source, Some(BindingSource::Reviewer), "{operation}");
        assert!((seen.of(operation).confidence - 1.0).abs() < f64::EPSILON, "{operation}");
    }
    assert_eq!(seen.of("account.login").fields["email"], "who");
    assert_eq!(seen.of("book.create").fields["price"], "worth");
    assert!(seen.notes.iter().all(|note| note.ask.is_empty()), "{:?}", seen.notes);
}

#[tokio::test]
async fn each_operation_that_is_not_found_is_asked_for_once() {
    let seen = harness::bind(router(odd_shop()), Overrides::default()).await;
    let asks: Vec<&str> = seen.notes.iter().map(|note| note.ask.as_str()).filter(|ask| !ask.is_empty()).collect();
    assert_eq!(asks.len(), ALL.len(), "{asks:#?}");
    for operation in ALL {
        let binding = seen.of(operation);
        assert_eq!((binding.source, binding.confidence), (None, 0.0), "{operation}");
        assert!(!binding.proof.is_empty(), "{operation}");
        let asked = asks.iter().filter(|ask| ask.contains(&format!("{{ {operation}: "))).count();
        assert_eq!(asked, 1, "{operation}: {asks:#?}");
    }
    let different: BTreeSet<&&str> = asks.iter().collect();
    assert_eq!(different.len(), asks.len());
}

#[tokio::test]
async fn a_question_is_a_line_that_the_bindings_file_takes() {
    let seen = harness::bind(router(odd_shop()), Overrides::default()).await;
    for note in seen.notes.iter().filter(|note| !note.ask.is_empty()) {
        let pasted: Result<Overrides, _> = serde_yaml::from_str(&note.ask);
        assert!(pasted.is_ok_and(|given| given.operations.len() == 1), "{}", note.ask);
    }
}

#[tokio::test]
async fn a_registration_that_breaks_down_is_told() {
    let style = Style { broken_registration: true, ..Style::default() };
    let seen = harness::bind(router(style), Overrides::default()).await;
    let register = seen.of("account.register");
    assert_eq!(register.source, None);
    assert!(register.proof.contains("/auth/register answered 500"), "{}", register.proof);
    assert!(register.proof.contains("72 bytes"), "{}", register.proof);
    assert!(seen.of("account.login").proof.contains("nobody could register"));
    // Creating needs a session, and reading needs none.
    assert!(seen.of("book.create").proof.contains("401"), "{}", seen.of("book.create").proof);
    assert!(seen.done);
}

#[tokio::test]
async fn a_reviewer_names_the_lines_of_an_order() {
    let style = Style { line_names: ["wanted", "volume", "copies"], ..Style::default() };
    let seen = harness::bind(router(style.clone()), Overrides::default()).await;
    assert_eq!(seen.of("order.create").source, None);
    let given = serde_json::from_value(json!({"operations": {"order.create": {"method": "POST", "path": "/orders",
        "fields": {"lines": "wanted", "reference": "volume", "quantity": "copies"}}}}))
    .expect("a bindings file");
    let seen = harness::bind(router(style), given).await;
    seen.is_at("order.create", "POST", "/orders");
    assert_eq!(seen.of("order.create").source, Some(BindingSource::Reviewer));
}
