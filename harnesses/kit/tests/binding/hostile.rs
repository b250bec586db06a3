//! Services that mean harm, or are out of their mind: binding ends in time, within its budgets, and goes nowhere else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse as _};
use harness_kit::bind::Overrides;

use crate::harness::{self, Seen};

/// Binds within 40 seconds of a run that has 30, with 1 second for each request.
async fn in_time(router: Router) -> Seen {
    let began = Instant::now();
    let running = harness::run(router, Overrides::default(), |start| {
        start.spec.limits.request_seconds = 1;
        start.spec.limits.run_seconds = 30;
        start.budget_seconds = 30;
    });
    let seen = tokio::time::timeout(Duration::from_secs(40), running).await;
    let seen = seen.unwrap_or_else(|_| panic!("still at it after {} s", began.elapsed().as_secs()));
    assert!(seen.done);
    seen
}

#[track_caller]
fn nothing_is_bound(seen: &Seen) {
    assert!(!seen.bindings.is_empty(), "binding spoke");
    for binding in &seen.bindings {
        assert_eq!(binding.source, None, "{}: {}", binding.operation, binding.proof);
    }
}

/// A body that comes a byte at a time and never ends.
fn drip() -> Body {
    Body::from_stream(futures_util::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from_static(b" ")), ()))
    }))
}

#[tokio::test]
async fn a_body_without_end_everywhere_is_silence() {
    let seen = in_time(Router::new().fallback(|| async { drip() })).await;
    assert!(seen.silent);
}

#[tokio::test]
async fn a_body_without_end_behind_a_sound_root_ends_with_the_time() {
    let router = Router::new().fallback(|method: Method| async move {
        if method == Method::GET { StatusCode::NOT_FOUND.into_response() } else { drip().into_response() }
    });
    let seen = in_time(router).await;
    nothing_is_bound(&seen);
    assert!(seen.notes.iter().any(|note| note.text.contains("given up")), "{:?}", seen.notes);
}

#[tokio::test]
async fn bodies_of_10_megabytes_are_cut() {
    let body = Bytes::from(vec![b' '; 10 << 20]);
    nothing_is_bound(&in_time(Router::new().fallback(move || async move { body })).await);
}

#[tokio::test]
async fn success_for_everything_proves_nothing() {
    for body in [r#"{"ok": true, "id": 1}"#, "OK", "[]"] {
        let seen = in_time(Router::new().fallback(move || async move { body })).await;
        assert!(seen.of("account.register").proof.contains("every path"), "{}", seen.of("account.register").proof);
        assert_eq!(seen.of("account.login").source, None);
    }
}

#[tokio::test]
async fn pages_for_people_are_no_operations() {
    let seen = in_time(Router::new().fallback(|| async { Html("<!doctype html><title>Shop</title><p>Hi</p>") })).await;
    nothing_is_bound(&seen);
}

#[tokio::test]
async fn redirects_elsewhere_are_not_followed() {
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&visits);
    let elsewhere = harness::listen(Router::new().fallback(move || async move {
        counted.fetch_add(1, Ordering::SeqCst);
        "{}"
    }))
    .await;
    let router = Router::new().fallback(move |uri: Uri| async move {
        // With the slash that a redirect on the same host would be followed for.
        let target = format!("http://127.0.0.1:{elsewhere}{}/", uri.path());
        (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, target)])
    });
    let seen = in_time(router).await;
    nothing_is_bound(&seen);
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn nesting_without_end_is_not_read() {
    let flow = "[".repeat(1 << 20);
    let block = format!("openapi: 3.1.0\npaths: {}", "[".repeat(1 << 20));
    let object = r#"{"a":"#.repeat(100_000);
    for body in [flow, block, object] {
        let body = Bytes::from(body);
        let seen = in_time(Router::new().fallback(move || async move { body })).await;
        nothing_is_bound(&seen);
    }
}

#[tokio::test]
async fn a_description_that_grows_when_it_is_read_is_dropped() {
    let mut bomb = String::from("openapi: 3.1.0\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    bomb.push_str("paths: {x: *a11}\n");
    let router = Router::new().fallback(move |uri: Uri| async move {
        if uri.path() == "/openapi.yaml" { bomb.into_response() } else { StatusCode::NOT_FOUND.into_response() }
    });
    nothing_is_bound(&in_time(router).await);
}
