//! The queue: every run is taken by one worker at a time, and ends once.

use std::collections::BTreeSet;
use std::time::Duration;

use grader_store::testing::PostgresServer;
use grader_store::{
    Finished, Given, LeaseState, PageRequest, RunEvent, RunFilter, RunState, Store, StoreError, Timestamp,
};

use crate::{Fixture, cases, claim, new_run, result};

const LEASE: Duration = Duration::from_secs(60);

cases! {
    async fn runs_are_taken_in_order_and_by_one(fixture) {
        let store = &fixture.store;
        let submission = fixture.submission().await;
        let usual = fixture.run(&submission).await;
        let second = fixture.run(&submission).await;
        let urgent = store.enqueue(&grader_store::NewRun { priority: 5, ..new_run(&submission) }).await.unwrap();
        assert_eq!(store.queue_position(&second).await.unwrap(), Some(2));
        let waiting: Vec<String> = store.waiting(10).await.unwrap().into_iter().map(|run| run.id).collect();
        assert_eq!(waiting, [urgent.clone(), usual.clone(), second.clone()]);
        for wanted in [&urgent, &usual, &second] {
            let taken = claim(store).await;
            assert_eq!((&taken.run.id, taken.attempt, taken.run.seed), (wanted, 1, u64::MAX));
        }
        assert!(store.claim("worker", LEASE).await.unwrap().is_none());
        assert_eq!(store.in_progress().await.unwrap(), (0, 3));
        assert_eq!(store.run(&second).await.unwrap().number, 2);
    }

    async fn many_takers_never_share_a_run(fixture) {
        let submission = fixture.submission().await;
        let mut wanted = BTreeSet::new();
        for _ in 0..40 {
            wanted.insert(fixture.run(&submission).await);
        }
        let take = |number: usize, store: Store| async move {
            let mut taken = Vec::new();
            while let Some(claim) = store.claim(&number.to_string(), LEASE).await.unwrap() {
                taken.push(claim.run.id);
            }
            taken
        };
        let taken = fixture.at_once(take).await;
        assert_eq!(taken.len(), 40, "none twice");
        assert_eq!(taken.into_iter().collect::<BTreeSet<_>>(), wanted, "none left");
    }

    async fn a_result_is_written_once_by_whoever_holds_the_run(fixture) {
        let store = &fixture.store;
        let submission = fixture.submission().await;
        let id = fixture.run(&submission).await;
        let first = store.claim("slow", Duration::from_millis(1)).await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(store.expire(3).await.unwrap().is_empty());
        assert_eq!(store.run(&id).await.unwrap().state, RunState::Queued);
        let second = claim(store).await;
        assert_eq!(second.attempt, 2);
        // The slow one comes back and finds that it is not asked any more.
        assert_eq!(store.renew(&first, LEASE).await.unwrap(), LeaseState::Lost);
        assert_eq!(store.finish(&first, &result(10.0)).await.unwrap(), Finished::Superseded);
        assert!(!store.give_back(&first, Given::Back).await.unwrap());
        assert!(!store.end_cancelled(&first).await.unwrap());
        assert!(!store.record(&first, &[]).await.unwrap());
        assert_eq!(store.renew(&second, LEASE).await.unwrap(), LeaseState::Held);
        assert_eq!(store.finish(&second, &result(20.0)).await.unwrap(), Finished::Written);
        assert_eq!(store.finish(&second, &result(30.0)).await.unwrap(), Finished::Superseded);
        let run = store.run(&id).await.unwrap();
        assert_eq!((run.state, run.percent, run.counted), (RunState::Finished, Some(20.0), true));
        assert_eq!(store.report(&id).await.unwrap(), "{\"percent\":20}");
    }

    async fn a_run_that_loses_every_worker_is_abandoned(fixture) {
        let store = &fixture.store;
        let submission = fixture.submission().await;
        let id = fixture.run(&submission).await;
        for loss in 1..=3 {
            store.claim("dies", Duration::from_millis(1)).await.unwrap().expect("it waits again");
            tokio::time::sleep(Duration::from_millis(30)).await;
            let over = store.expire(3).await.unwrap();
            assert_eq!(over.len(), usize::from(loss == 3));
        }
        let run = store.run(&id).await.unwrap();
        assert_eq!((run.state, run.losses, run.attempt), (RunState::Abandoned, 3, 3));
        assert!(run.finished_at.is_some());
        assert!(matches!(store.report(&id).await, Err(StoreError::Missing("report"))));
    }

    async fn what_is_handed_back_is_no_loss(fixture) {
        let store = &fixture.store;
        let submission = fixture.submission().await;
        let id = fixture.run(&submission).await;
        assert!(store.give_back(&claim(store).await, Given::Back).await.unwrap());
        let again = claim(store).await;
        assert_eq!((again.attempt, again.run.losses), (2, 0));
        assert!(store.give_back(&again, Given::InVain(Duration::from_secs(3600))).await.unwrap());
        assert!(store.claim("worker", LEASE).await.unwrap().is_none(), "it waits for its time");
        let run = store.run(&id).await.unwrap();
        assert_eq!((run.state, run.losses), (RunState::Queued, 1));
    }

    async fn a_run_is_cancelled_wherever_it_is(fixture) {
        let store = &fixture.store;
        let submission = fixture.submission().await;
        let waits = fixture.run(&submission).await;
        assert_eq!(store.cancel(&waits).await.unwrap(), RunState::Cancelled);
        assert!(store.claim("worker", LEASE).await.unwrap().is_none());
        let runs = fixture.run(&submission).await;
        let taken = claim(store).await;
        assert_eq!(store.cancel(&runs).await.unwrap(), RunState::Running);
        assert_eq!(store.renew(&taken, LEASE).await.unwrap(), LeaseState::CancelRequested);
        assert!(store.end_cancelled(&taken).await.unwrap());
        assert_eq!(store.run(&runs).await.unwrap().state, RunState::Cancelled);
        // Its worker is lost before it could say so.
        let third = fixture.run(&submission).await;
        store.claim("dies", Duration::from_millis(1)).await.unwrap().unwrap();
        store.cancel(&third).await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(store.expire(3).await.unwrap()[0].state, RunState::Cancelled);
        assert!(matches!(store.cancel("no-such").await, Err(StoreError::Missing("run"))));
    }

    async fn events_come_in_order_and_from_a_place(fixture) {
        let store = &fixture.store;
        let submission = fixture.submission().await;
        let id = fixture.run(&submission).await;
        let taken = claim(store).await;
        let event = |number: u32| RunEvent {
            run: id.clone(),
            sequence: RunEvent::sequence(taken.attempt, number),
            kind: "began".into(),
            data: format!("{{\"number\":{number}}}"),
            at: Timestamp::now(),
        };
        assert!(store.record(&taken, &[event(2), event(1)]).await.unwrap());
        assert!(store.record(&taken, &[event(2), event(3)]).await.unwrap(), "said twice, kept once");
        let all = store.events(&id, 0, 10).await.unwrap();
        assert_eq!(all, [event(1), event(2), event(3)].map(|new| RunEvent {
            at: all.iter().find(|old| old.sequence == new.sequence).unwrap().at, ..new
        }));
        assert_eq!(store.events(&id, all[1].sequence, 10).await.unwrap().len(), 1);
        assert_eq!(store.events_of(&[(id.clone(), 0), ("other".into(), 0)], 2).await.unwrap().len(), 2);
    }

    async fn what_was_asked_from_outside_is_announced_once_a_state(fixture) {
        let store = &fixture.store;
        let submission = fixture.submission().await;
        fixture.run(&submission).await;
        let origin = serde_json::json!({"pull": 7});
        let id = store.enqueue(&grader_store::NewRun { origin: origin.clone(), priority: 1, ..new_run(&submission) })
            .await.unwrap();
        let told = store.unannounced(10).await.unwrap();
        assert_eq!((told.len(), &told[0].id, &told[0].origin), (1, &id, &origin));
        store.announced(&id, RunState::Queued).await.unwrap();
        assert!(store.unannounced(10).await.unwrap().is_empty());
        claim(store).await;
        assert_eq!(store.unannounced(10).await.unwrap()[0].state, RunState::Running);
    }

    async fn lists_lose_and_repeat_nothing(fixture) {
        let store = &fixture.store;
        let submission = fixture.submission().await;
        let mut wanted = Vec::new();
        for _ in 0..7 {
            wanted.insert(0, fixture.run(&submission).await);
        }
        let mut page = PageRequest::first(3);
        let mut found = Vec::new();
        loop {
            let part = store.runs(&RunFilter::default(), &page).await.unwrap();
            assert!(part.items.len() <= 3);
            found.extend(part.items.into_iter().map(|run| run.id));
            // A newer one does not shift what follows.
            fixture.run(&submission).await;
            match part.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        assert_eq!(found, wanted);
        let filter = RunFilter { state: Some(RunState::Running), ..RunFilter::default() };
        assert!(store.runs(&filter, &PageRequest::first(5)).await.unwrap().items.is_empty());
    }
}

/// A server that crashes under a result that is being written, and comes back.
pub(crate) async fn a_restarted_server_is_the_same_store(mut server: PostgresServer) {
    let fixture = Fixture::postgres(&server, "restarted").await;
    let submission = fixture.submission().await;
    let id = fixture.run(&submission).await;
    let taken = claim(&fixture.store).await;
    let restart = move || {
        server.restart();
        server
    };
    let server = tokio::task::spawn_blocking(restart).await.unwrap();
    let mut passing = 0;
    let written = loop {
        match fixture.store.finish(&taken, &result(50.0)).await {
            Ok(written) => break written,
            Err(error) => {
                assert!(error.is_passing(), "{error:?}");
                passing += 1;
                assert!(passing < 20, "{error:?}");
            }
        }
    };
    assert_eq!(written, Finished::Written);
    assert_eq!(fixture.store.run(&id).await.unwrap().percent, Some(50.0));
    drop(server);
}
