//! Pull requests: the webhook's and the Actions' way into the queue, and the check runs that show what came of it.
//!
//! What an event means and what may be told, `grader-github` decides; here it is carried out on the queue.
//!
//! # Security
//! Both ways in prove themselves: a delivery by its signature, a workflow by its token. What is published goes through
//! the candidate's view alone.

mod actions;
mod keys;
mod ledger;
mod observer;
mod steps;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Extension, Router};
use grader_github::app::{self, AppKey, GithubError, KeyError, Pace};
use grader_github::config::Config;
use grader_github::oidc::Verifier;
use grader_github::webhook::Policy;
use grader_github::{Secret, limits};
use tokio::sync::Mutex;

use crate::state::App;
use crate::work::{RunObserver, SourceKeys};

/// The key of our part in a run's origin.
const ORIGIN: &str = "github";
/// Who asked, in the queue and in the audit log.
const ACTOR: &str = "github";

/// Everything about GitHub that the service's parts share. Cheap to clone.
#[derive(Clone)]
pub struct Github(Arc<Inner>);

struct Inner {
    config: Config,
    app: Option<app::App>,
    webhook_secrets: Vec<Secret>,
    verifier: Option<Verifier>,
    /// Held while runs are asked for, so that two heads of a repository that is new become runs of one submission. That a
    /// head has one run is the store's to see to.
    asking: Mutex<()>,
}

/// What keeps GitHub's part from starting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GithubSetupError {
    #[error("cannot read {path}")]
    File {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Client(#[from] GithubError),
}

impl Github {
    /// Puts GitHub's part together; keys and secrets are read from the files that `config` names.
    ///
    /// # Errors
    /// [`GithubSetupError`].
    pub fn new(config: Config) -> Result<Self, GithubSetupError> {
        Self::with_pace(config, pace())
    }

    fn with_pace(config: Config, pace: Pace) -> Result<Self, GithubSetupError> {
        let read = |path: &std::path::Path| {
            std::fs::read_to_string(path)
                .map(|text| Secret::new(text.trim_end_matches(['\r', '\n'])))
                .map_err(|source| GithubSetupError::File { path: path.display().to_string(), source })
        };
        let mut webhook_secrets = Vec::new();
        let mut app = None;
        if let Some(given) = &config.app {
            app = Some(app::App::new(AppKey::new(given.id, &read(&given.private_key)?)?, &config.api, pace)?);
            for path in &given.webhook_secrets {
                webhook_secrets.push(read(path)?);
            }
        }
        let verifier = config.actions.as_ref().map(|actions| Verifier::new(&actions.issuer, &actions.audience));
        Ok(Github(Arc::new(Inner {
            app,
            webhook_secrets,
            verifier: verifier.transpose()?,
            config,
            asking: Mutex::new(()),
        })))
    }

    /// The routes, to stand outside of the limits by caller.
    pub fn routes(&self) -> Router<App> {
        Router::new()
            .route("/api/v1/github/webhook", post(webhook::take).layer(DefaultBodyLimit::max(limits::PAYLOAD)))
            .route("/api/v1/github/runs", post(actions::ask))
            .route("/api/v1/github/runs/{id}", get(actions::follow).delete(actions::cancel))
            .layer(Extension(self.clone()))
    }

    /// Who keeps check runs and comments in step with runs.
    pub fn observer(&self, app: &App) -> Arc<dyn RunObserver> {
        Arc::new(observer::Observer { github: self.clone(), app: app.clone() })
    }

    /// Who gets tokens for private repositories.
    pub fn source_keys(&self) -> Arc<dyn SourceKeys> {
        Arc::new(keys::Keys(self.clone()))
    }

    fn policy(&self) -> Policy {
        Policy {
            app_id: self.0.config.app.as_ref().map_or(0, |app| app.id),
            check_name: self.0.config.check.clone(),
            drafts: self.0.config.drafts,
        }
    }
}

/// A change that waits longer than this for a limit is told again later, and others are told meanwhile.
fn pace() -> Pace {
    Pace { patience: Duration::from_secs(60), ..Pace::default() }
}

#[cfg(test)]
mod tests;
