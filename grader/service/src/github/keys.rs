//! Tokens for cloning private repositories: asked of the App when a run is about to start, and never kept with it.

use async_trait::async_trait;
use grader_github::app::CLONE_USER;
use grader_store::Run;

use super::Github;
use super::observer::target;
use crate::config::Secret;
use crate::work::{SourceKey, SourceKeys};

pub(super) struct Keys(pub(super) Github);

#[async_trait]
impl SourceKeys for Keys {
    async fn key(&self, run: &Run) -> Result<Option<SourceKey>, String> {
        let config = &self.0.0.config;
        let (Some(app), Some(target)) = (&self.0.0.app, target(&run.origin)) else { return Ok(None) };
        // A run of before the list or the address was changed: nothing is shown to a server that is not GitHub now.
        let listed = config.rule(&target.full_name).is_some() && run.source == config.clone_url(&target.full_name);
        if !listed || !config.shows_tokens() {
            return Ok(None);
        }
        let words = |error: grader_github::app::GithubError| error.to_string();
        let installation = match target.installation {
            Some(installation) => Some(installation),
            // A workflow asked, and its token does not say.
            None => app.installation(&target.full_name).await.map_err(words)?,
        };
        let Some(installation) = installation else { return Ok(None) };
        let token = app.clone_token(installation, target.repository).await.map_err(words)?;
        if token.is_none() {
            tracing::info!(repository = target.full_name, "the App may not read this repository's contents");
        }
        let key = |token: grader_github::Secret| SourceKey {
            user: CLONE_USER.to_owned(),
            secret: Secret::new(token.expose()),
        };
        Ok(token.map(key))
    }
}
