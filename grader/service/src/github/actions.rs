//! The Actions' way in: a workflow's token for a run, and that run's result for the workflow that asked.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grader_github::Ledger as _;
use grader_github::action::{Answer, Asked, RunState};
use grader_github::oidc::TokenError;
use grader_github::webhook::{Cancel, PullKey};
use grader_report::CandidateView;
use grader_store::Run;

use super::Github;
use super::ledger::StoreLedger;
use super::observer::{link, moved_on, target};
use super::webhook::away;
use crate::auth::{digest, random};
use crate::state::App;
use crate::web::{Body, Caller, Problem};
use crate::work::rescored;

/// Has the head of the workflow's pull request graded, unless it is or was.
pub(super) async fn ask(
    Extension(github): Extension<Github>,
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Body(asked): Body<Asked>,
) -> Result<(StatusCode, Json<Answer>), Problem> {
    app.limiter.take(&format!("github {}", caller.0)).map_err(|wait| Problem::too_many(wait.retry_after))?;
    let Some(verifier) = &github.0.verifier else {
        return Err(denied("workflows may not ask here"));
    };
    let ledger = StoreLedger(app.store.clone());
    let claims = verifier.verify(bearer(&headers)?, &ledger).await.map_err(refused)?;
    let (target, rule) = github.0.config.permit(&claims, &asked.head).map_err(|why| denied(&why.to_string()))?;
    if let Some(number) = target.number {
        let key = PullKey { repository: target.repository, number };
        let run: u64 = claims.run_id.parse().map_err(|_| denied("the token names no run"))?;
        if !ledger.asks(key, run).await.map_err(away)? {
            return Err(Problem::conflict("A later workflow run asked for this pull request."));
        }
        github.cancel(&app, &Cancel::Pull { key, keep: Some(target.head.clone()) }).await?;
    }
    let run = github.grade(&app, &target, rule, false).await?;
    let key = URL_SAFE_NO_PAD.encode(random::<32>());
    // The last one to ask follows the run: a workflow that was started again has lost its first key.
    app.store.github_key(&run, &digest(&key)).await?;
    let run_url = link(&app, &run);
    Ok((StatusCode::ACCEPTED, Json(Answer { run, key, run_url })))
}

/// How the run stands, for whoever holds its key.
pub(super) async fn follow(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<RunState>, Problem> {
    use grader_store::RunState as Stored;
    let run = of_key(&app, &id, &headers).await?;
    Ok(Json(match run.state {
        Stored::Queued => RunState::Queued,
        Stored::Running => RunState::Running,
        Stored::Cancelled => RunState::Cancelled,
        Stored::Abandoned => RunState::Lost,
        Stored::Finished => {
            let report = rescored(&app, &run).await?;
            if target(&run.origin).is_none_or(|target| moved_on(&report, &target)) {
                RunState::Cancelled
            } else {
                let view = CandidateView::of(&report).map_err(|_| Problem::internal())?;
                RunState::Finished { view: Box::new(view) }
            }
        }
    }))
}

/// Stops the run: nobody waits for it any more.
pub(super) async fn cancel(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let run = of_key(&app, &id, &headers).await?;
    app.store.cancel(&run.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The run whose key the caller holds. Another's run is as one that is not there.
async fn of_key(app: &App, id: &str, headers: &HeaderMap) -> Result<Run, Problem> {
    let hash = digest(bearer(headers)?);
    let kept = app.store.github_run(id).await?;
    // Digests of random keys: what a comparison's time tells of them leads to no key.
    match kept.filter(|kept| kept.key_hash.as_deref() == Some(hash.as_str())) {
        Some(kept) => Ok(app.store.run(&kept.run_id).await?),
        None => Err(Problem::not_found("run")),
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let value = headers.get("authorization").and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| value.split_once(' ')).filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
    token.map(|(_, token)| token.trim()).ok_or_else(Problem::unauthorized)
}

fn refused(error: TokenError) -> Problem {
    match error {
        TokenError::Ledger(error) => away(error),
        TokenError::Keys(_) => {
            tracing::warn!(%error, "no workflow's token can be verified");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "issuer", "Not available", "The issuer's keys cannot be had.")
        }
        error => Problem::new(StatusCode::UNAUTHORIZED, "token", "Not believed", error.to_string()),
    }
}

fn denied(why: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "not-listed", "Not allowed", why)
}
