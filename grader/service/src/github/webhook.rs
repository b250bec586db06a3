//! The App's webhook: verified, answered at once, carried out once.

use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use grader_github::webhook::{DELIVERY_HEADER, EVENT_HEADER, Event, Known, SIGNATURE_HEADER, decide, verify};
use grader_github::{Ledger, LedgerError, Once};
use time::OffsetDateTime;

use super::Github;
use super::ledger::StoreLedger;
use crate::state::App;
use crate::web::Problem;

/// How long a delivery's id is remembered: GitHub sends one again for three days.
const REMEMBERED: Duration = Duration::from_secs(4 * 24 * 3600);
/// How long the sender waits for what it started. GitHub gives up after ten seconds and calls the delivery failed.
const ANSWER: Duration = Duration::from_millis(800);

/// Takes a delivery.
pub(super) async fn take(
    Extension(github): Extension<Github>,
    State(app): State<App>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, &'static str), Problem> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    verify(&github.0.webhook_secrets, &body, header(SIGNATURE_HEADER))
        .map_err(|error| Problem::new(StatusCode::UNAUTHORIZED, "signature", "Not believed", error.to_string()))?;
    let (Some(name), Some(delivery)) = (header(EVENT_HEADER), header(DELIVERY_HEADER)) else {
        return Err(Problem::malformed("A delivery names its event and its id in its headers."));
    };
    if delivery.is_empty() || delivery.len() > 100 {
        return Err(Problem::malformed("The delivery's id is none."));
    }
    let event = Event::parse(name, &body).map_err(|error| Problem::malformed(error.to_string()))?;
    let ledger = StoreLedger(app.store.clone());
    if !ledger.take(Once::Delivery, delivery, OffsetDateTime::now_utc() + REMEMBERED).await.map_err(away)? {
        return Ok((StatusCode::OK, "taken before"));
    }
    let delivery = delivery.to_owned();
    // On its own: what was begun is finished even where the sender hangs up.
    let work = tokio::spawn(async move {
        let done = carry_out(&github, &app, &ledger, &event).await;
        if let Err(problem) = &done {
            tracing::error!(
                delivery,
                detail = problem.detail,
                "a delivery could not be carried out; it may be sent again"
            );
            // Sent again, it counts as new.
            if let Err(error) = ledger.give_back(Once::Delivery, &delivery).await {
                tracing::error!(delivery, %error, "nor could it be given back");
            }
        }
        done
    });
    match tokio::time::timeout(ANSWER, work).await {
        Ok(Ok(done)) => done.map(|()| (StatusCode::OK, "done")),
        Ok(Err(_)) => Err(Problem::internal()),
        Err(_) => Ok((StatusCode::ACCEPTED, "taken")),
    }
}

async fn carry_out(github: &Github, app: &App, ledger: &StoreLedger, event: &Event) -> Result<(), Problem> {
    let known = match event {
        Event::PullRequest(event) => Known { pull: ledger.pull(event.key()).await.map_err(away)?, at_head: Vec::new() },
        Event::CheckRun(event) => at_head(ledger, event.repository.id, &event.check_run.head_sha).await?,
        Event::CheckSuite(event) => at_head(ledger, event.repository.id, &event.check_suite.head_sha).await?,
        _ => Known::default(),
    };
    let decision = decide(event, &known, &github.policy());
    github.carry_out(app, &decision.steps).await?;
    // Afterwards: where a step failed, the event comes again as one that nothing is known of yet.
    if let Some((key, state)) = &decision.learned {
        ledger.learn(*key, state).await.map_err(away)?;
    }
    Ok(())
}

async fn at_head(ledger: &StoreLedger, repository: u64, head: &str) -> Result<Known, Problem> {
    Ok(Known { pull: None, at_head: ledger.pulls_at(repository, head).await.map_err(away)? })
}

/// The store does not answer; its reason is for the log.
pub(super) fn away(error: LedgerError) -> Problem {
    tracing::warn!(error = &error as &dyn std::error::Error, "what is known of GitHub cannot be read");
    Problem::unavailable()
}
