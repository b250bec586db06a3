//! What a workflow's token says, and what follows for the commit to grade.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The claims that matter. Everything here is GitHub's word, none of it the workflow's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub exp: i64,
    /// Identifies the token.
    pub jti: String,
    /// `owner/name` of the repository that the workflow runs in.
    pub repository: String,
    pub repository_id: String,
    /// `owner/name/.github/workflows/FILE@REF`: the file that started the run.
    pub workflow_ref: String,
    /// The file that the job itself is written in: another one where a workflow is called by a workflow.
    #[serde(default)]
    pub job_workflow_ref: Option<String>,
    pub event_name: String,
    /// `refs/heads/…`, or `refs/pull/N/merge` of a pull request.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The commit that the workflow runs for: of a pull request the merge of its head into its base.
    pub sha: String,
    pub run_id: String,
    #[serde(default)]
    pub run_attempt: String,
}

impl Claims {
    /// When the token ends; `None` for no time at all.
    pub fn expires(&self) -> Option<OffsetDateTime> {
        OffsetDateTime::from_unix_timestamp(self.exp).ok()
    }

    /// The pull request that the workflow runs for.
    pub fn pull_request(&self) -> Option<u64> {
        if self.event_name != "pull_request" {
            return None;
        }
        self.reference.strip_prefix("refs/pull/")?.strip_suffix("/merge")?.parse().ok()
    }

    /// The numeric id of the repository.
    pub fn repository_number(&self) -> Option<u64> {
        self.repository_id.parse().ok()
    }

    /// Whether `path` (`.github/workflows/FILE`, in the workflow's own repository) or `OWNER/NAME/PATH` (a workflow that
    /// is called) is the file that the job is written in.
    pub fn is_workflow(&self, path: &str) -> bool {
        let file = |text: &str| text.split_once('@').map(|(file, _)| file.to_owned());
        let job = self.job_workflow_ref.as_deref().unwrap_or(&self.workflow_ref);
        let own = format!("{}/{path}", self.repository);
        file(job).is_some_and(|file| file == path || file == own)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn claims() -> Claims {
        Claims {
            iss: "https://issuer.test".to_owned(),
            exp: 2_000_000_000,
            jti: "1".to_owned(),
            repository: "acme/hello".to_owned(),
            repository_id: "7".to_owned(),
            workflow_ref: "acme/hello/.github/workflows/grade.yml@refs/pull/3/merge".to_owned(),
            job_workflow_ref: None,
            event_name: "pull_request".to_owned(),
            reference: "refs/pull/3/merge".to_owned(),
            sha: "0".repeat(40),
            run_id: "5".to_owned(),
            run_attempt: "1".to_owned(),
        }
    }

    #[test]
    fn the_pull_request_is_the_signed_one() {
        assert_eq!(claims().pull_request(), Some(3));
        for reference in ["refs/pull/3/head", "refs/pull/x/merge", "refs/heads/refs/pull/3/merge", "refs/pull/-3/merge"]
        {
            assert_eq!(Claims { reference: reference.to_owned(), ..claims() }.pull_request(), None, "{reference}");
        }
        let push = Claims { event_name: "push".to_owned(), ..claims() };
        assert_eq!(push.pull_request(), None);
    }

    #[test]
    fn the_workflow_is_the_file_that_holds_the_job() {
        assert!(claims().is_workflow(".github/workflows/grade.yml"));
        assert!(!claims().is_workflow(".github/workflows/other.yml"));
        assert!(!claims().is_workflow("grade.yml"));
        let called = Claims {
            job_workflow_ref: Some("acme/central/.github/workflows/grade.yml@refs/heads/main".to_owned()),
            ..claims()
        };
        assert!(called.is_workflow("acme/central/.github/workflows/grade.yml"));
        assert!(!called.is_workflow(".github/workflows/grade.yml"));
    }
}
