//! Asking for a run of a repository: what a person, the API and an integration have in common.

use grader_store::{NewRun, NewSubmission, StoreError};

use super::check_source;
use crate::state::App;
use crate::web::Problem;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct NewAsk {
    /// A git URL.
    pub source: String,
    /// Branch, tag or commit.
    pub reference: Option<String>,
    pub subdir: Option<String>,
    /// The assessment's name; the service's default where absent.
    pub spec: Option<String>,
    pub level: Option<String>,
    pub bindings: Option<String>,
    pub candidate: Option<String>,
    /// Who asked from outside, in the asker's own words; observers get it back. `None` for a person.
    pub origin: Option<serde_json::Value>,
    pub seed: Option<u64>,
    pub priority: i64,
    /// Makes it a further run of the submission with the same source, folder and assessment, where there is one.
    pub join: bool,
}

/// What was put into the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub submission: String,
    pub run: String,
}

/// Keeps the submission and puts a run of it into the queue.
///
/// # Errors
/// A 422 problem for a source that is none or may not be fetched, an unknown assessment, level or candidate.
pub async fn ask(app: &App, ask: NewAsk, by: &str) -> Result<Asked, Problem> {
    let new = prepare(app, ask, by).await?;
    let run = app.store.enqueue(&new).await?;
    Ok(Asked { submission: new.submission, run })
}

/// Keeps the submission and gives back what puts a run of it into the queue.
///
/// # Errors
/// As for [`ask`].
pub(crate) async fn prepare(app: &App, ask: NewAsk, by: &str) -> Result<NewRun, Problem> {
    check_source(&ask.source, app.config.allow_private_sources).await?;
    let name = ask.spec.as_deref().unwrap_or(&app.config.default_spec);
    let spec = match app.store.spec_in_force(name).await {
        Err(StoreError::Missing(_)) => {
            return Err(Problem::invalid_field("spec", format!("no assessment `{name}` is in force")));
        }
        other => other?,
    };
    if let Some(candidate) = &ask.candidate
        && let Err(StoreError::Missing(_)) = app.store.candidate(candidate).await
    {
        return Err(Problem::invalid_field("candidate", "there is no such candidate"));
    }
    let new = NewSubmission {
        candidate: ask.candidate,
        source: ask.source,
        reference: ask.reference.clone(),
        subdir: ask.subdir,
        spec: spec.name,
        level: ask.level,
        bindings: ask.bindings,
        created_by: by.to_owned(),
    };
    let submission =
        if ask.join { app.store.join_submission(&new).await? } else { app.store.add_submission(&new).await? };
    Ok(NewRun {
        submission,
        spec_digest: spec.digest,
        reference: ask.reference,
        seed: ask.seed.unwrap_or(1),
        origin: ask.origin.unwrap_or_else(|| serde_json::json!({})),
        priority: ask.priority,
        requested_by: by.to_owned(),
    })
}
