//! Workers: what they do with runs, whatever happens to them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use grader_service::{NewAsk, RunChange, RunObserver, announce, ask};
use grader_store::RunState;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{Fake, Service};

/// Hands in, and waits until a worker is at it that would need a minute: the run, what stops the worker, the worker.
async fn under_way(service: &Service) -> (String, CancellationToken, JoinHandle<()>) {
    let (_, run) = service.hand_in().await;
    let fake = Arc::new(Fake { takes: Duration::from_secs(60), ..Fake::default() });
    let stop = CancellationToken::new();
    let worker = service.work(fake.clone(), stop.clone());
    while fake.began.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (run, stop, worker)
}

#[tokio::test]
async fn a_running_run_is_cancelled_and_torn_down() {
    let service = Service::new().await;
    let (run, stop, worker) = under_way(&service).await;
    assert_eq!(service.app.store.cancel(&run).await.unwrap(), RunState::Running);
    assert_eq!(service.over(&run).await.state, RunState::Cancelled);
    stop.cancel();
    worker.await.unwrap();
}

#[tokio::test]
async fn a_stopping_worker_hands_back_what_it_cannot_finish() {
    let service = Service::new().await;
    let (run, stop, worker) = under_way(&service).await;
    stop.cancel();
    worker.await.unwrap();
    let back = service.app.store.run(&run).await.unwrap();
    assert_eq!((back.state, back.losses, back.attempt), (RunState::Queued, 0, 1));
    let stop = CancellationToken::new();
    let worker = service.work(Arc::new(Fake::default()), stop.clone());
    let over = service.over(&run).await;
    assert_eq!((over.state, over.attempt), (RunState::Finished, 2));
    stop.cancel();
    worker.await.unwrap();
}

#[tokio::test]
async fn trouble_of_the_graders_own_is_tried_again_and_then_told() {
    let service = Service::with(|config| config.most_losses = 1).await;
    let (_, run) = service.hand_in().await;
    let stop = CancellationToken::new();
    let worker = service.work(Arc::new(Fake { breaks: true, ..Fake::default() }), stop.clone());
    let over = service.over(&run).await;
    assert_eq!((over.state, over.outcome.as_deref(), over.percent), (RunState::Finished, Some("not_graded"), None));
    assert!(!over.counted);
    stop.cancel();
    worker.await.unwrap();

    let service = Service::new().await;
    let (_, run) = service.hand_in().await;
    let stop = CancellationToken::new();
    let worker = service.work(Arc::new(Fake { breaks: true, ..Fake::default() }), stop.clone());
    while service.app.store.run(&run).await.unwrap().losses == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(service.app.store.run(&run).await.unwrap().state, RunState::Queued);
    stop.cancel();
    worker.await.unwrap();
}

/// Listens, and fails the first time.
#[derive(Default)]
struct Listener {
    heard: Mutex<Vec<(RunState, bool)>>,
    failed: AtomicBool,
}

#[async_trait]
impl RunObserver for Listener {
    fn cares(&self, origin: &serde_json::Value) -> bool {
        origin["pull"].is_number()
    }

    async fn changed(&self, change: &RunChange) -> Result<(), String> {
        if !self.failed.swap(true, Ordering::SeqCst) {
            return Err("not now".to_owned());
        }
        self.heard.lock().unwrap().push((change.run.state, change.report.is_some()));
        Ok(())
    }
}

#[tokio::test]
async fn whoever_asked_from_outside_is_told_of_the_end() {
    let service = Service::new().await;
    service.hand_in().await;
    let asked = NewAsk {
        source: "https://127.0.0.1/pull.git".to_owned(),
        origin: Some(json!({"pull": 7})),
        join: true,
        ..NewAsk::default()
    };
    let first = ask(&service.app, asked.clone(), "github").await.unwrap();
    let second = ask(&service.app, asked, "github").await.unwrap();
    assert_eq!(first.submission, second.submission, "a further run of the same submission");
    let listener = Arc::new(Listener::default());
    let stop = CancellationToken::new();
    let worker = service.work(Arc::new(Fake::default()), stop.clone());
    service.over(&second.run).await;
    let announcing = tokio::spawn(announce(service.app.clone(), vec![listener.clone()]));
    for _ in 0..600 {
        if listener.heard.lock().unwrap().len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(*listener.heard.lock().unwrap(), [(RunState::Finished, true), (RunState::Finished, true)]);
    stop.cancel();
    service.stop.cancel();
    worker.await.unwrap();
    announcing.await.unwrap();
    assert!(service.app.store.unannounced(10).await.unwrap().is_empty());
}
