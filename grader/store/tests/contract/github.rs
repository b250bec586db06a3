//! What is known of GitHub: what is taken once, where pull requests stand, and one run a head.

use std::collections::BTreeSet;
use std::time::Duration;

use grader_store::{Finish, GithubHead, GithubPart, GithubPull, Given, RunState, Store, Timestamp};

use crate::{cases, claim, new_run, result};

fn of(number: Option<i64>, head: &str) -> GithubHead {
    GithubHead { installation: Some(9), repository: 7, number, head: head.to_owned() }
}

fn pull(number: i64, head: &str, open: bool, second: i64) -> GithubPull {
    let updated_at = Timestamp::from_millis(1_700_000_000_000 + second * 1000).unwrap();
    GithubPull { repository: 7, number, head: head.to_owned(), open, updated_at, state: format!("{second}") }
}

/// Seconds from now.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(Timestamp::now().millis() + seconds * 1000).unwrap()
}

cases! {
    async fn a_thing_is_taken_once_until_its_time_is_over(fixture) {
        let store = &fixture.store;
        assert!(store.github_take("delivery", "a", at(600)).await.unwrap());
        assert!(!store.github_take("delivery", "a", at(600)).await.unwrap());
        assert!(store.github_take("token", "a", at(-1)).await.unwrap(), "another kind");
        assert!(store.github_take("token", "a", at(600)).await.unwrap(), "its time was over");
        store.github_give_back("delivery", "a").await.unwrap();
        assert!(store.github_take("delivery", "a", at(600)).await.unwrap());
        assert!(!store.github_take("token", "a", at(600)).await.unwrap(), "given back was the other kind");
    }

    async fn of_many_takers_one_is_first(fixture) {
        let take = |_, store: Store| async move {
            let mut taken = Vec::new();
            for number in 0..25 {
                if store.github_take("delivery", &number.to_string(), at(600)).await.unwrap() {
                    taken.push(number);
                }
            }
            taken
        };
        let mut taken = fixture.at_once(take).await;
        taken.sort_unstable();
        assert_eq!(taken, (0..25).collect::<Vec<_>>());
    }

    async fn the_newest_word_of_a_pull_request_stays(fixture) {
        let store = &fixture.store;
        assert_eq!(store.github_pull(7, 3).await.unwrap(), None);
        for (head, second) in [("a", 5), ("b", 9), ("late", 7)] {
            store.github_learn(&pull(3, head, true, second)).await.unwrap();
        }
        assert_eq!(store.github_pull(7, 3).await.unwrap(), Some(pull(3, "b", true, 9)));
        store.github_learn(&pull(1, "b", true, 1)).await.unwrap();
        store.github_learn(&pull(2, "b", false, 1)).await.unwrap();
        assert_eq!(store.github_pulls_at(7, "b").await.unwrap(), [1, 3], "open ones");
        assert_eq!(store.github_pulls_at(8, "b").await.unwrap(), Vec::<i64>::new());
    }

    async fn the_latest_workflow_run_counts(fixture) {
        let store = &fixture.store;
        assert!(store.github_asks(7, 3, 5).await.unwrap());
        assert!(store.github_asks(7, 3, 6).await.unwrap() && store.github_asks(7, 3, 6).await.unwrap());
        assert!(!store.github_asks(7, 3, 5).await.unwrap());
        assert!(store.github_asks(7, 4, 1).await.unwrap(), "another pull request");
        assert_eq!(store.github_pull(7, 3).await.unwrap(), None, "workflows tell of no head");
        store.github_learn(&pull(3, "a", true, -1_000_000)).await.unwrap();
        assert_eq!(store.github_pull(7, 3).await.unwrap().map(|it| it.head), Some("a".to_owned()));
        assert!(!store.github_asks(7, 3, 5).await.unwrap(), "hearing of the head forgets nothing");
    }

    async fn a_head_has_one_run_while_that_is_good(fixture) {
        let store = &fixture.store;
        let submission = fixture.submission().await;
        let ask = async |anew| store.github_ask(&of(Some(3), "a"), &new_run(&submission), anew).await.unwrap();
        let first = ask(false).await;
        assert!(first.new && !ask(false).await.new && ask(false).await.run == first.run);
        store.cancel(&first.run).await.unwrap();
        let second = ask(false).await;
        assert!(second.new, "a cancelled one is none");
        // One that runs and is asked to stop is none either; one that was lost for good, nor.
        assert_eq!(claim(store).await.run.id, second.run);
        store.cancel(&second.run).await.unwrap();
        let third = ask(false).await;
        assert!(third.new);
        let taken = claim(store).await;
        let vain = Finish { outcome: "not_graded".into(), graded_percent: None, percent: None, ..result(0.0) };
        store.finish(&taken, &vain).await.unwrap();
        let fourth = ask(false).await;
        assert!(fourth.new, "the grader's own trouble");
        store.finish(&claim(store).await, &result(50.0)).await.unwrap();
        assert_eq!((ask(false).await.new, ask(false).await.run), (false, fourth.run.clone()), "graded is graded");
        let anew = ask(true).await;
        assert!(anew.new && ask(false).await.run == anew.run);
        // Other heads and other pull requests at the same head have runs of their own; so has what is no pull request.
        for other in [of(Some(3), "b"), of(Some(4), "a"), of(None, "a")] {
            assert!(store.github_ask(&other, &new_run(&submission), false).await.unwrap().new);
            assert!(!store.github_ask(&other, &new_run(&submission), false).await.unwrap().new);
        }
        let missing = store.github_ask(&of(Some(5), "c"), &new_run("none"), false).await;
        assert!(missing.is_err());
        let runs = store.github_runs(GithubPart::Repository(7), false).await.unwrap();
        assert_eq!(runs.len(), 8, "what failed left nothing");
    }

    async fn two_services_ask_for_one_run_of_a_head(fixture) {
        let submission = fixture.submission().await;
        let asked = fixture.at_once(|_, store| {
            let new = new_run(&submission);
            async move {
                let mut asked = Vec::new();
                for head in 0..20 {
                    let head = of(Some(3), &head.to_string());
                    asked.push(store.github_ask(&head, &new, false).await.unwrap());
                }
                asked
            }
        });
        let asked = asked.await;
        let runs: BTreeSet<&str> = asked.iter().map(|it| it.run.as_str()).collect();
        assert_eq!((runs.len(), asked.iter().filter(|it| it.new).count()), (20, 20));
        assert_eq!(fixture.store.github_runs(GithubPart::Repository(7), false).await.unwrap().len(), 20);
        assert_eq!(fixture.store.in_progress().await.unwrap(), (20, 0), "none was queued besides");
    }

    async fn runs_are_found_by_their_part_of_github(fixture) {
        let store = &fixture.store;
        let submission = fixture.submission().await;
        let mut runs = Vec::new();
        for head in [of(Some(3), "a"), of(Some(3), "b"), of(None, "a")] {
            runs.push(store.github_ask(&head, &new_run(&submission), false).await.unwrap().run);
        }
        let found = async |part, unfinished| -> Vec<String> {
            store.github_runs(part, unfinished).await.unwrap().into_iter().map(|it| it.run_id).collect()
        };
        assert_eq!(found(GithubPart::Pull { repository: 7, number: 3 }, false).await, [&*runs[1], &*runs[0]]);
        assert_eq!(found(GithubPart::Head { repository: 7, number: None, head: "a" }, false).await, [&*runs[2]]);
        assert_eq!(found(GithubPart::Installation(9), false).await.len(), 3);
        assert!(found(GithubPart::Installation(8), false).await.is_empty());
        store.cancel(&runs[0]).await.unwrap();
        let taken = claim(store).await;
        assert!(store.give_back(&taken, Given::InVain(Duration::ZERO)).await.unwrap());
        assert_eq!(found(GithubPart::Repository(7), true).await, [&*runs[2], &*runs[1]]);

        store.github_shown_by(&runs[1], 42).await.unwrap();
        store.github_key(&runs[1], "digest").await.unwrap();
        let kept = store.github_run(&runs[1]).await.unwrap().unwrap();
        assert_eq!((kept.check_run, kept.key_hash.as_deref(), kept.number), (Some(42), Some("digest"), Some(3)));
        assert_eq!(store.github_run("none").await.unwrap(), None);
        assert_eq!(store.run(&runs[0]).await.unwrap().state, RunState::Cancelled);
        for run in &runs[1..] {
            store.cancel(run).await.unwrap();
        }
        store.remove_submission(&submission).await.unwrap();
        assert!(found(GithubPart::Repository(7), false).await.is_empty(), "gone with their submission");
        let submission = fixture.submission().await;
        assert!(store.github_ask(&of(Some(3), "b"), &new_run(&submission), false).await.unwrap().new);
    }
}
