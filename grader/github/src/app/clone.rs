//! What a private repository is cloned with: a token that reads this one repository and nothing else.

use reqwest::Method;
use serde::Deserialize;
use time::OffsetDateTime;

use super::auth::Grant;
use super::client::{App, Call, GithubError, repository};
use crate::Secret;

/// The name that git shows beside an installation's token.
pub const CLONE_USER: &str = "x-access-token";

#[derive(Deserialize)]
struct Installed {
    id: u64,
}

impl App {
    /// Who installed the App on a repository; `None` where nobody did.
    ///
    /// # Errors
    /// [`GithubError`].
    pub async fn installation(&self, full_name: &str) -> Result<Option<u64>, GithubError> {
        let call = Call::new(Method::GET, format!("{}/installation", repository(full_name)?));
        match self.send(&call, &self.own_token(OffsetDateTime::now_utc())?).await {
            Ok(answer) => Ok(Some(answer.json::<Installed>()?.id)),
            Err(GithubError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A token that reads the contents of the repository with this number; `None` where the installation does not
    /// grant that, which public repositories do not need.
    ///
    /// # Errors
    /// [`GithubError`] where GitHub did not answer so.
    pub async fn clone_token(&self, installation: u64, repository: u64) -> Result<Option<Secret>, GithubError> {
        match self.token(installation, Grant::Contents { repository }).await {
            Ok(token) => Ok(Some(token)),
            // Not installed any more, not granted, or not for this repository.
            Err(GithubError::Refused { status: 403 | 404 | 422, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
