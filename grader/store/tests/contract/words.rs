//! Reviewers' words, decisions, and what they do to scores.

use grader_store::{
    CarriedOverride, Decision, DecisionKind, Finish, NewOverride, OverrideState, StoreError, Summary, Timestamp,
};

use crate::{cases, claim, result};

fn word(author: &str, verdict: &str) -> NewOverride {
    NewOverride {
        probe: "api.methods".into(),
        verdict: verdict.into(),
        points: None,
        reason: "seen by hand".into(),
        author: author.into(),
        evidence: "e1".into(),
    }
}

cases! {
    async fn a_newer_word_withdraws_the_older(fixture) {
        let store = &fixture.store;
        let submission = fixture.submission().await;
        let id = fixture.run(&submission).await;
        assert!(matches!(store.add_override(&id, &word("ann", "pass")).await, Err(StoreError::Conflict(_))));
        store.finish(&claim(store).await, &result(40.0)).await.unwrap();
        let first = store.add_override(&id, &word("ann", "pass")).await.unwrap();
        let second = store.add_override(&id, &word("ann", "fail")).await.unwrap();
        store.add_override(&id, &word("bob", "pass")).await.unwrap();
        let states: Vec<_> = store.overrides(&id).await.unwrap().into_iter().map(|word| word.state).collect();
        assert_eq!(states, [OverrideState::Withdrawn, OverrideState::Active, OverrideState::Active]);
        store.withdraw_override(&id, &second).await.unwrap();
        assert!(matches!(store.withdraw_override(&id, &first).await, Err(StoreError::Missing("override"))));
        assert!(matches!(store.add_override("no-such", &word("ann", "pass")).await, Err(StoreError::Missing("run"))));
        assert!(store.add_override(&id, &NewOverride { reason: String::new(), ..word("eve", "pass") }).await.is_err());
    }

    async fn a_new_score_moves_the_cohort(fixture) {
        let store = &fixture.store;
        let submission = fixture.submission().await;
        let id = fixture.run(&submission).await;
        store.finish(&claim(store).await, &result(40.0)).await.unwrap();
        let run = store.run(&id).await.unwrap();
        store.rescore(&id, run.version, Some(60.0), Some(true), &Summary::default()).await.unwrap();
        let again = store.rescore(&id, run.version, Some(80.0), None, &Summary::default()).await;
        assert!(matches!(again, Err(StoreError::Changed("run"))));
        let run = store.run(&id).await.unwrap();
        assert_eq!((run.graded_percent, run.percent, run.passed), (Some(40.0), Some(60.0), Some(true)));
        let cohort = store.cohort("tasks").await.unwrap();
        assert_eq!((cohort.runs, cohort.lowest, cohort.highest), (1, 60.0, 60.0));
        assert!(cohort.flags.is_empty());
    }

    async fn words_are_carried_over_with_their_origin(fixture) {
        let store = &fixture.store;
        let submission = fixture.submission().await;
        let id = fixture.run(&submission).await;
        store.finish(&claim(store).await, &result(40.0)).await.unwrap();
        let said = store.add_override(&id, &word("ann", "pass")).await.unwrap();
        let next = fixture.run(&submission).await;
        let before = store.overrides_before(&submission, 2).await.unwrap();
        assert_eq!((before.len(), &before[0].id), (1, &said));
        assert!(store.overrides_before(&submission, 1).await.unwrap().is_empty());
        let carried = CarriedOverride { from: said.clone(), word: word("ann", "pass"), state: OverrideState::Stale };
        store.finish(&claim(store).await, &Finish { overrides: vec![carried], ..result(40.0) }).await.unwrap();
        let words = store.overrides(&next).await.unwrap();
        assert_eq!((words[0].state, words[0].carried_from.as_ref()), (OverrideState::Stale, Some(&said)));
    }

    async fn a_reviewer_decides_once_at_a_time(fixture) {
        let store = &fixture.store;
        let submission = fixture.submission().await;
        let id = fixture.run(&submission).await;
        for (reviewer, decision) in
            [("ann", DecisionKind::Hold), ("ann", DecisionKind::Advance), ("bob", DecisionKind::Reject)]
        {
            let reason = "because".to_owned();
            let decision =
                Decision { run: id.clone(), reviewer: reviewer.into(), decision, reason, decided_at: Timestamp::now() };
            store.decide(&decision).await.unwrap();
        }
        let found = store.decisions(&id).await.unwrap();
        let found: Vec<_> = found.into_iter().map(|one| (one.reviewer, one.decision)).collect();
        assert_eq!(found, [("ann".to_owned(), DecisionKind::Advance), ("bob".to_owned(), DecisionKind::Reject)]);
        assert_eq!(store.decided_by("ann", &[id.clone(), "other".into()]).await.unwrap(), [id]);
        assert!(store.decided_by("eve", &[]).await.unwrap().is_empty());
    }
}
