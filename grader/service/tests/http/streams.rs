//! Live progress, and reports in every format.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use futures_util::StreamExt as _;
use grader_report::Format;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::support::{Fake, Service};

async fn stream(service: &Service, run: &str, after: &str) -> String {
    let request = Request::get(format!("/api/v1/runs/{run}/events"))
        .header("authorization", format!("Bearer {}", service.admin))
        .header("last-event-id", after)
        .body(Body::empty())
        .unwrap();
    let response = service.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body().into_data_stream();
    let mut text = String::new();
    let read = async {
        while let Some(part) = body.next().await {
            text.push_str(&String::from_utf8_lossy(&part.unwrap()));
        }
    };
    tokio::time::timeout(Duration::from_secs(30), read).await.expect("the stream ends with the run");
    text
}

#[tokio::test]
async fn a_run_is_followed_to_its_end_and_again_from_a_place() {
    let service = Service::new().await;
    let (_, run) = service.hand_in().await;
    let stop = CancellationToken::new();
    let follow = stream(&service, &run, "0");
    let worker = service.work(Arc::new(Fake { takes: Duration::from_millis(900), ..Fake::default() }), stop.clone());
    let text = follow.await;
    let kinds: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let told: Vec<&str> = kinds.iter().copied().filter(|kind| *kind != "state").collect();
    assert_eq!(told, ["began", "ended"], "{text}");
    assert!(text.trim_end().ends_with("data: {\"state\":\"finished\"}"), "{text}");
    // Whoever lost the connection after the first one gets the rest.
    let first = text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    let rest = stream(&service, &run, first).await;
    assert!(!rest.contains("event: began") && rest.contains("event: ended"), "{rest}");
    stop.cancel();
    worker.await.unwrap();
}

#[tokio::test]
async fn a_stopping_service_ends_its_streams() {
    let service = Service::new().await;
    let (_, run) = service.hand_in().await;
    let stop = service.stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        stop.cancel();
    });
    let text = stream(&service, &run, "0").await;
    assert!(text.contains("queued"), "{text}");
    assert_eq!(service.call("GET", "/readyz", &[], None).await.status, 503);
}

#[tokio::test]
async fn a_report_comes_in_every_format_and_its_log_as_a_download() {
    let service = Service::new().await;
    let (_, run) = service.hand_in().await;
    assert_eq!(service.get(&format!("/api/v1/runs/{run}/report")).await.status, 404, "not yet");
    let stop = CancellationToken::new();
    let worker = service.work(Arc::new(Fake::default()), stop.clone());
    service.over(&run).await;
    stop.cancel();
    worker.await.unwrap();
    for format in Format::ALL {
        for audience in ["reviewer", "candidate"] {
            let path = format!("/api/v1/runs/{run}/report?format={format}&audience={audience}");
            let answer = service.get(&path).await;
            assert_eq!(answer.status, 200, "{path}");
            // The probe that fails is hidden in the assessment.
            assert_eq!(answer.text.contains("a read through POST"), audience == "reviewer", "{path}");
        }
    }
    let html = service.get(&format!("/api/v1/runs/{run}/report?format=html")).await;
    assert!(html.header("content-security-policy").contains("sandbox"));
    let bearer = format!("Bearer {}", service.admin);
    let headers = [("authorization", bearer.as_str()), ("if-none-match", html.header("etag"))];
    let path = format!("/api/v1/runs/{run}/report?format=html");
    assert_eq!(service.call("GET", &path, &headers, None).await.status, 304);
    assert_eq!(service.get(&format!("/api/v1/runs/{run}/report?format=odd")).await.status, 422);
    let artefacts = service.get(&format!("/api/v1/runs/{run}/artefacts")).await.json();
    let log = &artefacts["items"][0];
    assert_eq!(log["name"], "logs/00-api.log");
    let saved = service.get(&format!("/api/v1/runs/{run}/artefacts/{}", log["id"].as_str().unwrap())).await;
    assert_eq!(saved.text, "<script>alert(1)</script>\n");
    assert!(saved.header("content-disposition").starts_with("attachment"));
    assert_eq!(saved.header("content-type"), "text/plain; charset=utf-8");
    let metrics = service.get("/metrics").await.text;
    assert!(metrics.contains("grader_runs_ended{outcome=\"graded\"} 1"), "{metrics}");
}
