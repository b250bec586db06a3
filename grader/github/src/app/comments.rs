//! The one comment on a pull request: found by its author *and* its marker, updated in place.
//!
//! The marker alone proves nothing, since anybody can write it; the author alone does not tell two assessments' comments
//! apart.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::client::{App, Call, GithubError, Repeat, repository};
use crate::told::{MARKER_END, MARKER_START};

/// Comments that a page of the list holds, and pages that are read: what lies beyond is written by people who argue.
const PAGE: usize = 100;
const PAGES: usize = 30;

#[derive(Debug, Deserialize)]
struct Comment {
    id: u64,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    performed_via_github_app: Option<Via>,
}

#[derive(Debug, Deserialize)]
struct User {
    login: String,
    #[serde(rename = "type", default)]
    kind: String,
}

#[derive(Debug, Deserialize)]
struct Via {
    id: u64,
}

impl Comment {
    /// Written by the App, and about this assessment.
    fn is_ours(&self, app: u64, slug: &str, marker: &str) -> bool {
        let via_app = self.performed_via_github_app.as_ref().map(|via| via.id == app);
        let by_bot =
            || self.user.as_ref().is_some_and(|user| user.kind == "Bot" && user.login == format!("{slug}[bot]"));
        via_app.unwrap_or_else(by_bot) && self.body.as_deref().is_some_and(|body| body.starts_with(marker))
    }
}

impl App {
    /// Puts `body` as the comment of `assessment` on a pull request, in place of the one that is there. `body` is cut to
    /// what GitHub takes by whoever made it.
    ///
    /// # Errors
    /// [`GithubError`].
    pub async fn comment(
        &self,
        installation: u64,
        full_name: &str,
        number: u64,
        assessment: &str,
        body: &str,
    ) -> Result<(), GithubError> {
        let repository = repository(full_name)?;
        let marker = marker(assessment);
        let body = format!("{marker}\n{body}");
        if let Some(id) = self.find_comment(installation, &repository, number, &marker).await? {
            return self.edit(installation, &repository, id, &body).await;
        }
        let call =
            Call::new(Method::POST, format!("{repository}/issues/{number}/comments")).body(json!({ "body": body }));
        match self.as_installation(installation, call.clone()).await {
            // Nobody knows whether it was made: look before making another.
            Err(GithubError::Unanswered { .. }) => {
                match self.find_comment(installation, &repository, number, &marker).await? {
                    Some(id) => self.edit(installation, &repository, id, &body).await,
                    None => self.as_installation(installation, call).await.map(|_| ()),
                }
            }
            other => other.map(|_| ()),
        }
    }

    async fn edit(&self, installation: u64, repository: &str, id: u64, body: &str) -> Result<(), GithubError> {
        let call = Call::new(Method::PATCH, format!("{repository}/issues/comments/{id}"))
            .body(json!({ "body": body }))
            .repeat(Repeat::Freely);
        self.as_installation(installation, call).await.map(|_| ())
    }

    async fn find_comment(
        &self,
        installation: u64,
        repository: &str,
        number: u64,
        marker: &str,
    ) -> Result<Option<u64>, GithubError> {
        let slug = self.slug().await?;
        for page in 1..=PAGES {
            let call = Call::new(Method::GET, format!("{repository}/issues/{number}/comments"))
                .query("per_page", PAGE.to_string())
                .query("page", page.to_string());
            let comments: Vec<Comment> = self.as_installation(installation, call).await?.json()?;
            if let Some(ours) = comments.iter().find(|comment| comment.is_ours(self.id(), slug, marker)) {
                return Ok(Some(ours.id));
            }
            if comments.len() < PAGE {
                break;
            }
        }
        Ok(None)
    }
}

/// The first line of the comment about `assessment`, invisible to readers.
fn marker(assessment: &str) -> String {
    let name: String =
        assessment.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).collect();
    format!("{MARKER_START}{name}{MARKER_END}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comment(json: serde_json::Value) -> Comment {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_forged_marker_is_nobodys() {
        let marker = marker("shop");
        let body = format!("{marker}\nscore 100 %");
        let ours = |value| comment(value).is_ours(42, "acme-grader", &marker);
        let bot = json!({ "login": "acme-grader[bot]", "type": "Bot" });
        assert!(ours(json!({ "id": 1, "body": body, "user": bot, "performed_via_github_app": { "id": 42 } })));
        assert!(ours(json!({ "id": 1, "body": body, "user": bot })));
        let person = json!({ "login": "acme-grader[bot]", "type": "User" });
        assert!(!ours(json!({ "id": 1, "body": body, "user": person })));
        assert!(!ours(json!({ "id": 1, "body": body, "user": bot, "performed_via_github_app": { "id": 7 } })));
        assert!(!ours(json!({ "id": 1, "body": format!("> {body}"), "user": bot })));
        assert!(!ours(json!({ "id": 1, "body": body.replace("shop", "shop2"), "user": bot })));
        assert!(!ours(json!({ "id": 1, "body": null, "user": null })));
    }

    #[test]
    fn an_assessments_name_does_not_end_the_marker() {
        assert_eq!(marker("a--> <b>"), format!("{MARKER_START}a--b{MARKER_END}"));
    }
}
