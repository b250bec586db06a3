//! Events in every order that a network can bring them in.

use proptest::prelude::*;
use time::Duration;
use time::macros::datetime;

use super::super::payload::{Branch, BranchRepository, Id, PullRequest};
use super::*;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const C: &str = "cccccccccccccccccccccccccccccccccccccccc";
const KEY: PullKey = PullKey { repository: 7, number: 3 };

fn policy() -> Policy {
    Policy { app_id: 42, check_name: "grader".to_owned(), drafts: false }
}

fn repository() -> Repository {
    Repository { id: 7, full_name: "acme/hello".to_owned() }
}

/// An event of pull request 3 at `second`.
fn event(action: &str, head: &str, second: i64) -> PullRequestEvent {
    let branch =
        |sha: &str| Branch { sha: sha.to_owned(), name: "x".to_owned(), repo: Some(BranchRepository { id: 7 }) };
    PullRequestEvent {
        action: action.to_owned(),
        number: 3,
        pull_request: PullRequest {
            number: 3,
            state: if action == "closed" { "closed" } else { "open" }.to_owned(),
            draft: action == "converted_to_draft",
            head: branch(head),
            base: branch("0"),
            updated_at: datetime!(2026-01-01 00:00 UTC) + Duration::seconds(second),
        },
        repository: repository(),
        installation: Some(Id { id: 9 }),
        before: None,
    }
}

fn pushed(before: &str, head: &str, second: i64) -> PullRequestEvent {
    PullRequestEvent { before: Some(before.to_owned()), ..event("synchronize", head, second) }
}

/// A service in small: what it knows, and which heads' runs are not finished. No run ever finishes here.
#[derive(Default)]
struct Service {
    known: Option<PullState>,
    running: Vec<String>,
}

impl Service {
    fn take(&mut self, event: &PullRequestEvent) -> Vec<Step> {
        let known = Known { pull: self.known.clone(), at_head: Vec::new() };
        let decision = decide(&Event::PullRequest(event.clone()), &known, &policy());
        if let Some((key, state)) = decision.learned {
            assert_eq!(key, KEY);
            self.known = Some(state);
        }
        for step in &decision.steps {
            match step {
                Step::Grade(target) if !self.running.contains(&target.head) => {
                    self.running.push(target.head.clone());
                }
                Step::Cancel(Cancel::Pull { keep, .. }) => {
                    self.running.retain(|head| Some(head) == keep.as_ref());
                }
                _ => {}
            }
        }
        decision.steps
    }
}

#[test]
fn a_pull_request_is_graded_when_it_opens_and_at_every_push() {
    let mut service = Service::default();
    let steps = service.take(&event("opened", A, 0));
    let target = Target {
        installation: Some(9),
        repository: 7,
        full_name: "acme/hello".to_owned(),
        number: Some(3),
        head: A.to_owned(),
    };
    assert_eq!(target.reference(), "refs/pull/3/head");
    assert_eq!(steps[1], Step::Grade(target));
    service.take(&pushed(A, B, 5));
    assert_eq!(service.running, [B], "the run of the old head is cancelled");
}

#[test]
fn what_changes_no_code_starts_nothing() {
    let mut service = Service::default();
    service.take(&event("opened", A, 0));
    for (second, action) in (1..).zip(["labeled", "edited", "assigned", "locked", "review_requested"]) {
        assert_eq!(service.take(&event(action, A, second)), [], "{action}");
    }
    assert_eq!(service.running, [A]);
}

#[test]
fn a_label_that_overtakes_its_push_brings_the_new_head() {
    let mut service = Service::default();
    service.take(&event("opened", A, 0));
    service.take(&event("labeled", B, 6));
    assert_eq!(service.running, [B]);
    assert_eq!(service.take(&pushed(A, B, 5)), [], "the push comes late");
}

#[test]
fn drafts_wait_and_closed_ones_stop() {
    let mut service = Service::default();
    let mut draft = event("opened", A, 0);
    draft.pull_request.draft = true;
    service.take(&draft);
    assert!(service.running.is_empty());
    service.take(&event("ready_for_review", A, 1));
    assert_eq!(service.running, [A]);
    service.take(&event("converted_to_draft", A, 2));
    assert!(service.running.is_empty());
    service.take(&pushed(A, B, 3));
    service.take(&event("closed", B, 4));
    assert!(service.running.is_empty());
    assert_eq!(service.take(&pushed(A, B, 3)), [], "late");
    assert!(service.running.is_empty());
    service.take(&event("reopened", B, 6));
    assert_eq!(service.running, [B], "a run that was cancelled is no reason not to grade");
    let drafts = Policy { drafts: true, ..policy() };
    let decision = decide(&Event::PullRequest(draft), &Known::default(), &drafts);
    assert!(decision.steps.iter().any(|step| matches!(step, Step::Grade(_))));
}

#[test]
fn two_pushes_within_a_second_are_told_apart_by_their_heads() {
    for order in [[0, 1], [1, 0]] {
        let pushes = [pushed(A, B, 5), pushed(B, C, 5)];
        let mut service = Service::default();
        service.take(&event("opened", A, 0));
        for at in order {
            service.take(&pushes[at]);
        }
        assert_eq!(service.running, [C], "{order:?}");
    }
}

#[test]
fn a_check_is_graded_anew_when_it_is_ours() {
    let run = |action: &str, app: u64, name: &str, pulls: Vec<PullRef>| {
        Event::CheckRun(CheckRunEvent {
            action: action.to_owned(),
            check_run: super::super::payload::CheckRun {
                name: name.to_owned(),
                head_sha: A.to_owned(),
                app: Some(Id { id: app }),
                pull_requests: pulls,
            },
            repository: repository(),
            installation: Some(Id { id: 9 }),
        })
    };
    let pull = |number, sha: &str| PullRef { number, head: super::super::payload::PullRefHead { sha: sha.to_owned() } };
    let numbered = |event: &Event, at_head: Vec<u64>| match decide(event, &Known { pull: None, at_head }, &policy())
        .steps
        .as_slice()
    {
        [Step::Regrade(target)] => target.number,
        other => panic!("{other:?}"),
    };
    assert_eq!(numbered(&run("rerequested", 42, "grader", vec![pull(3, A)]), vec![]), Some(3));
    assert_eq!(numbered(&run("rerequested", 42, "grader", vec![pull(2, B), pull(3, A)]), vec![]), Some(3));
    assert_eq!(numbered(&run("rerequested", 42, "grader", vec![]), vec![8]), Some(8), "from a fork");
    assert_eq!(numbered(&run("rerequested", 42, "grader", vec![]), vec![]), None);
    for other in [
        run("completed", 42, "grader", vec![]),
        run("rerequested", 1, "grader", vec![]),
        run("rerequested", 42, "x", vec![]),
    ] {
        assert_eq!(decide(&other, &Known::default(), &policy()), Decision::default());
    }
}

proptest! {
    /// The life of a pull request in ten events, delivered in any order and some of them twice, ends where it ended.
    #[test]
    fn the_order_of_deliveries_changes_nothing_in_the_end(
        order in Just((0usize..8).collect::<Vec<_>>()).prop_shuffle(),
        again in prop::collection::vec(0usize..8, 0..4),
        closes in any::<bool>(),
    ) {
        let mut life = [
            event("opened", A, 0),
            event("labeled", A, 1),
            pushed(A, B, 2),
            event("converted_to_draft", B, 3),
            event("ready_for_review", B, 4),
            event("closed", B, 5),
            event("reopened", B, 6),
            pushed(B, C, 7),
        ];
        if closes {
            life[7] = event("closed", B, 7);
        }
        let mut service = Service::default();
        for at in order.iter().chain(&again) {
            service.take(&life[*at]);
        }
        let ends: Vec<String> = if closes { Vec::new() } else { vec![C.to_owned()] };
        prop_assert_eq!(&service.running, &ends);
    }
}
