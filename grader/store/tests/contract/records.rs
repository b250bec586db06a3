//! Candidates, specs, artefacts, cohorts, retention, backups.

use std::collections::BTreeSet;
use std::time::Duration;

use grader_store::{
    ArtefactBody, Backend, CandidateChange, CandidateFilter, CohortFilter, CriterionShare, Finish, NewSubmission,
    PageRequest, RetentionPolicy, Store, StoreError, SubmissionFilter, Summary,
};

use crate::{cases, claim, result, spec};

cases! {
    async fn a_candidate_is_changed_by_who_saw_the_present_one(fixture) {
        let store = &fixture.store;
        let new = CandidateChange { name: "Ann Öz".into(), email: Some("a@example.org".into()), notes: String::new() };
        let ann = store.add_candidate(&new).await.unwrap();
        assert_eq!(store.candidate(&ann.id).await.unwrap(), ann);
        assert!(matches!(store.add_candidate(&new).await, Err(StoreError::Conflict(why)) if why.contains("address")));
        // Without an address there is nothing to share.
        for _ in 0..2 {
            store.add_candidate(&CandidateChange { name: "B_b".into(), ..CandidateChange::default() }).await.unwrap();
        }
        let change = CandidateChange { notes: "seen".into(), ..new };
        assert_eq!(store.change_candidate(&ann.id, &change, Some(1)).await.unwrap().version, 2);
        assert!(matches!(store.change_candidate(&ann.id, &change, Some(1)).await, Err(StoreError::Changed(_))));
        let search = |text: &str| CandidateFilter { search: Some(text.into()) };
        let found = store.candidates(&search("ANN"), &PageRequest::first(5)).await.unwrap();
        assert_eq!(found.items.len(), 1);
        assert_eq!(store.candidates(&search("b_"), &PageRequest::first(5)).await.unwrap().items.len(), 2);
        assert!(store.candidates(&search("%"), &PageRequest::first(5)).await.unwrap().items.is_empty());
        let submission = NewSubmission {
            candidate: Some(ann.id.clone()), source: "https://git.example/a".into(), spec: "tasks".into(),
            created_by: "x".into(), ..NewSubmission::default()
        };
        let submission = store.add_submission(&submission).await.unwrap();
        assert_eq!(store.submission(&submission).await.unwrap().candidate_name.as_deref(), Some("Ann Öz"));
        store.remove_candidate(&ann.id).await.unwrap();
        assert_eq!(store.submission(&submission).await.unwrap().candidate, None);
        assert!(matches!(store.remove_candidate(&ann.id).await, Err(StoreError::Missing("candidate"))));
    }

    async fn code_that_several_hear_of_at_once_is_one_submission(fixture) {
        let of = |source: String, subdir: Option<&str>| NewSubmission {
            source, subdir: subdir.map(str::to_owned), spec: "tasks".into(), created_by: "x".into(),
            ..NewSubmission::default()
        };
        let join = |_, store: Store| async move {
            let mut joined = Vec::new();
            for number in 0..20 {
                joined.push(store.join_submission(&of(format!("https://git.example/{number}"), None)).await.unwrap());
            }
            joined
        };
        let joined: BTreeSet<String> = fixture.at_once(join).await.into_iter().collect();
        assert_eq!(joined.len(), 20);
        let store = &fixture.store;
        let all = store.submissions(&SubmissionFilter::default(), &PageRequest::first(100)).await.unwrap();
        assert_eq!(all.items.len(), 20, "none was kept besides");
        // Another folder is another submission; a newer one of the same is the one that is joined.
        let first = |subdir| of("https://git.example/0".into(), subdir);
        let folder = store.join_submission(&first(Some("api"))).await.unwrap();
        assert!(!joined.contains(&folder));
        assert_eq!(store.join_submission(&first(Some("api"))).await.unwrap(), folder);
        let newer = store.add_submission(&first(None)).await.unwrap();
        assert_eq!(store.join_submission(&first(None)).await.unwrap(), newer);
        // Whoever does not ask for a candidate takes anybody's, whoever does theirs.
        let ann = store.add_candidate(&CandidateChange { name: "Ann".into(), ..CandidateChange::default() }).await.unwrap();
        let anns = store.join_submission(&NewSubmission { candidate: Some(ann.id), ..first(None) }).await.unwrap();
        assert!(anns != newer && store.join_submission(&first(None)).await.unwrap() == anns);
        let nobody = NewSubmission { candidate: Some("nobody".into()), ..first(None) };
        assert!(matches!(store.join_submission(&nobody).await, Err(StoreError::Conflict(_))));
    }

    async fn one_version_of_an_assessment_is_in_force(fixture) {
        let store = &fixture.store;
        assert!(store.add_spec(&spec("tasks", "a"), false).await.unwrap().in_force, "the first one is");
        assert!(!store.add_spec(&spec("tasks", "b"), false).await.unwrap().in_force);
        assert!(store.add_spec(&spec("tasks", "c"), true).await.unwrap().in_force);
        assert_eq!(store.spec_in_force("tasks").await.unwrap().digest, "sha256:c");
        store.put_in_force("sha256:a").await.unwrap();
        assert_eq!(store.spec_in_force("tasks").await.unwrap().digest, "sha256:a");
        // The same text again changes nothing.
        store.add_spec(&spec("tasks", "b"), false).await.unwrap();
        let all = store.specs(Some("tasks")).await.unwrap();
        assert_eq!((all.len(), all.iter().filter(|spec| spec.in_force).count()), (3, 1));
        assert!(matches!(store.put_in_force("sha256:x").await, Err(StoreError::Missing("spec"))));
    }

    async fn a_cohort_counts_one_run_per_submission(fixture) {
        let store = &fixture.store;
        let mut submissions = Vec::new();
        for percent in [50.0, 70.0, 70.0] {
            let submission = fixture.submission().await;
            fixture.run(&submission).await;
            store.finish(&claim(store).await, &result(percent)).await.unwrap();
            submissions.push(submission);
        }
        assert_eq!(store.cohort("tasks").await.unwrap().runs, 3);
        // A second attempt takes the place of the first.
        fixture.run(&submissions[0]).await;
        let summary = Summary {
            criteria: vec![CriterionShare { id: "c".into(), title: "C".into(), earned: 5.0, possible: 20.0 }],
            ..Summary::default()
        };
        store.finish(&claim(store).await, &Finish { summary, ..result(90.0) }).await.unwrap();
        let cohort = store.cohort("tasks").await.unwrap();
        assert_eq!((cohort.runs, cohort.lowest, cohort.highest, cohort.median), (3, 70.0, 90.0, 70.0));
        assert_eq!(cohort.criteria, [("c".to_owned(), 25.0)]);
        assert_eq!((cohort.flags, cohort.outcomes), (vec![("leak".to_owned(), 2)], vec![("graded".to_owned(), 3)]));
        // One that was not graded leaves the place to the last that was.
        fixture.run(&submissions[0]).await;
        let not_graded = Finish { percent: None, graded_percent: None, outcome: "not_graded".into(), ..result(0.0) };
        store.finish(&claim(store).await, &not_graded).await.unwrap();
        assert_eq!(store.cohort("tasks").await.unwrap().highest, 90.0);
        let mut filter = CohortFilter { spec: "tasks".into(), ..CohortFilter::default() };
        for (ascending, wanted) in [(false, [90.0, 70.0, 70.0]), (true, [70.0, 70.0, 90.0])] {
            filter.ascending = ascending;
            let mut page = PageRequest::first(1);
            let mut ids = Vec::new();
            for wanted in wanted {
                let part = store.cohort_runs(&filter, &page).await.unwrap();
                assert_eq!(part.items[0].percent, Some(wanted));
                ids.push(part.items[0].id.clone());
                page.after = part.next;
            }
            assert_eq!(page.after, None);
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 3);
        }
        filter.lowest = Some(80.0);
        assert_eq!(store.cohort_runs(&filter, &PageRequest::first(9)).await.unwrap().items.len(), 1);
    }

    async fn what_is_old_is_removed_and_reports_stay(fixture) {
        let store = &fixture.store;
        let submission = fixture.submission().await;
        let id = fixture.run(&submission).await;
        let log = ArtefactBody { name: "logs/a.log".into(), media_type: "text/plain".into(), body: vec![b'x'; 100_000] };
        store.finish(&claim(store).await, &Finish { artefacts: vec![log.clone()], ..result(1.0) }).await.unwrap();
        let kept = store.artefacts(&id).await.unwrap();
        assert_eq!((kept[0].name.as_str(), kept[0].size), ("logs/a.log", 100_000));
        assert_eq!(store.artefact(&id, &kept[0].id).await.unwrap().1, log.body);
        assert_eq!(store.remove_old(&RetentionPolicy::default()).await.unwrap().artefacts, 0);
        tokio::time::sleep(Duration::from_millis(20)).await;
        let at_once = RetentionPolicy { artefacts: Duration::ZERO, events: Duration::ZERO, keys: Duration::ZERO };
        assert_eq!(store.remove_old(&at_once).await.unwrap().artefacts, 1);
        assert!(matches!(store.artefact(&id, &kept[0].id).await, Err(StoreError::Missing("artefact"))));
        assert!(store.report(&id).await.is_ok());
    }

    async fn a_submission_that_counts_is_kept(fixture) {
        let store = &fixture.store;
        let submission = fixture.submission().await;
        let id = fixture.run(&submission).await;
        assert!(matches!(store.remove_submission(&submission).await, Err(StoreError::Conflict(_))));
        store.cancel(&id).await.unwrap();
        store.remove_submission(&submission).await.unwrap();
        assert!(matches!(store.run(&id).await, Err(StoreError::Missing("run"))));
        assert!(matches!(store.remove_submission(&submission).await, Err(StoreError::Missing("submission"))));
    }

    async fn a_store_opens_again_and_is_ready(fixture) {
        let submission = fixture.submission().await;
        fixture.store.ready().await.unwrap();
        let (one, other) = tokio::join!(Store::open(&fixture.url, 2), Store::open(&fixture.url, 2));
        assert_eq!(one.unwrap().submission(&submission).await.unwrap().id, submission);
        other.unwrap().ready().await.unwrap();
        let copy = tempfile::tempdir().unwrap();
        let path = copy.path().join("copy.db");
        let done = fixture.store.backup(path.to_str().unwrap()).await;
        if fixture.store.backend() == Backend::Sqlite {
            done.unwrap();
            let copied = Store::open(&format!("sqlite:{}", path.display()), 2).await.unwrap();
            assert_eq!(copied.submission(&submission).await.unwrap().id, submission);
        } else {
            assert!(matches!(done, Err(StoreError::Conflict(why)) if why.contains("pg_dump")));
        }
    }
}
