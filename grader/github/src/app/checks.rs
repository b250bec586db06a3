//! The one check run of a head commit: begun, kept, completed.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::client::{App, Call, GithubError, Repeat, repository};
use crate::limits::{ANNOTATIONS, ANNOTATIONS_PER_REQUEST};
use crate::told::{Annotation, Told};

/// A check run to begin.
#[derive(Debug, Clone)]
pub struct Begin<'a> {
    pub installation: u64,
    /// `owner/name`.
    pub full_name: &'a str,
    pub head: &'a str,
    /// The check's name, the same for all runs.
    pub name: &'a str,
    /// The run's own id, by which the check run is found again.
    pub run: &'a str,
    /// Where the run can be watched.
    pub details: Option<&'a Url>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    check_runs: Vec<CheckRun>,
}

#[derive(Debug, Deserialize)]
struct CheckRun {
    id: u64,
    #[serde(default)]
    external_id: Option<String>,
    output: Output,
}

#[derive(Debug, Deserialize)]
struct Output {
    #[serde(default)]
    annotations_count: usize,
}

impl App {
    /// Shows the run as under way and gives back the check run's id.
    ///
    /// The head's check run of this name is taken over where it carries no annotation. One that does is left as it is:
    /// annotations cannot be taken back, and GitHub shows the newest check run of a name alone.
    ///
    /// # Errors
    /// [`GithubError`].
    pub async fn begin(&self, begin: &Begin<'_>) -> Result<u64, GithubError> {
        let repository = repository(begin.full_name)?;
        if let Some(there) = self.find_check(begin, &repository).await?
            && (there.output.annotations_count == 0 || there.external_id.as_deref() == Some(begin.run))
        {
            let call = Call::new(Method::PATCH, format!("{repository}/check-runs/{}", there.id)).body(started(begin));
            self.as_installation(begin.installation, call).await?;
            return Ok(there.id);
        }
        let mut body = started(begin);
        body["head_sha"] = json!(begin.head);
        let call = Call::new(Method::POST, format!("{repository}/check-runs")).body(body);
        match self.as_installation(begin.installation, call.clone()).await {
            // Nobody knows whether it was made: look before making another.
            Err(GithubError::Unanswered { .. }) => match self.find_check(begin, &repository).await? {
                Some(there) if there.external_id.as_deref() == Some(begin.run) => Ok(there.id),
                _ => Ok(self.as_installation(begin.installation, call).await?.json::<CheckRun>()?.id),
            },
            other => Ok(other?.json::<CheckRun>()?.id),
        }
    }

    /// Completes a check run with what may be told. Annotations go ahead of the conclusion, fifty at a time.
    ///
    /// # Errors
    /// [`GithubError`].
    pub async fn complete(
        &self,
        installation: u64,
        full_name: &str,
        check: u64,
        told: &Told,
    ) -> Result<(), GithubError> {
        let place = format!("{}/check-runs/{check}", repository(full_name)?);
        let annotations = &told.annotations[..told.annotations.len().min(ANNOTATIONS)];
        let mut there = self.annotations_there(installation, &place).await?;
        // A request whose answer was lost may have been carried out, and GitHub adds what it gets: what is there already
        // is counted instead of sent again.
        for _ in 0..annotations.len().div_ceil(ANNOTATIONS_PER_REQUEST) + 3 {
            let rest = annotations.get(there..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let chunk = &rest[..rest.len().min(ANNOTATIONS_PER_REQUEST)];
            let output = json!({ "title": told.title, "summary": told.summary, "annotations": annotated(chunk) });
            let call =
                Call::new(Method::PATCH, place.clone()).body(json!({ "output": output })).repeat(Repeat::IfUndone);
            match self.as_installation(installation, call).await {
                Ok(_) => there += chunk.len(),
                Err(GithubError::Unanswered { .. }) => there = self.annotations_there(installation, &place).await?,
                Err(error) => return Err(error),
            }
        }
        let mut body = json!({
            "status": "completed",
            "conclusion": told.conclusion.as_str(),
            "output": { "title": told.title, "summary": told.summary },
        });
        if !told.text.is_empty() {
            body["output"]["text"] = json!(told.text);
        }
        if let Some(details) = &told.details {
            body["details_url"] = json!(details);
        }
        let call = Call::new(Method::PATCH, place).body(body);
        self.as_installation(installation, call).await.map(|_| ())
    }

    async fn annotations_there(&self, installation: u64, place: &str) -> Result<usize, GithubError> {
        let call = Call::new(Method::GET, place.to_owned());
        Ok(self.as_installation(installation, call).await?.json::<CheckRun>()?.output.annotations_count)
    }

    /// The App's newest check run of this name at the head.
    async fn find_check(&self, begin: &Begin<'_>, repository: &str) -> Result<Option<CheckRun>, GithubError> {
        let call = Call::new(Method::GET, format!("{repository}/commits/{}/check-runs", hex(begin.head)?))
            .query("check_name", begin.name)
            .query("filter", "latest")
            .query("app_id", self.id().to_string());
        let listed: Listed = self.as_installation(begin.installation, call).await?.json()?;
        Ok(listed.check_runs.into_iter().next())
    }
}

fn started(begin: &Begin<'_>) -> Value {
    let mut body = json!({
        "name": begin.name,
        "external_id": begin.run,
        "status": "in_progress",
        "output": {
            "title": "Grading",
            "summary": "The submission is brought up in a sandbox and probed. This takes some minutes.",
        },
    });
    if let Some(details) = begin.details {
        body["details_url"] = json!(details);
    }
    body
}

fn annotated(annotations: &[Annotation]) -> Vec<Value> {
    let one = |annotation: &Annotation| {
        json!({
            "path": annotation.path,
            "start_line": annotation.line,
            "end_line": annotation.line,
            "annotation_level": annotation.level.as_str(),
            "title": annotation.title,
            "message": annotation.message,
        })
    };
    annotations.iter().map(one).collect()
}

/// A commit's id, which becomes part of a path.
fn hex(sha: &str) -> Result<&str, GithubError> {
    let good = matches!(sha.len(), 40 | 64) && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    if good { Ok(sha) } else { Err(GithubError::Name(sha.chars().take(100).collect())) }
}
