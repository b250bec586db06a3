//! Keeps check runs and comments in step with runs. Told twice of a state, it does the same twice.

use async_trait::async_trait;
use grader_github::app::{self, Begin};
use grader_github::told::Told;
use grader_github::webhook::Target;
use grader_model::Report;
use grader_report::CandidateView;
use grader_store::{GithubRun, RunState};
use url::Url;

use super::ledger::number;
use super::{Github, ORIGIN};
use crate::state::App;
use crate::work::{RunChange, RunObserver};

pub(super) struct Observer {
    pub(super) github: Github,
    pub(super) app: App,
}

#[async_trait]
impl RunObserver for Observer {
    fn cares(&self, origin: &serde_json::Value) -> bool {
        origin.get(ORIGIN).is_some()
    }

    async fn changed(&self, change: &RunChange) -> Result<(), String> {
        let Some(target) = target(&change.run.origin) else { return Ok(()) };
        // A workflow that asked for itself shows its own result.
        let (Some(github), Some(installation)) = (&self.github.0.app, target.installation) else { return Ok(()) };
        let kept = self.app.store.github_run(&change.run.id).await.map_err(words)?;
        let kept = kept.ok_or("the run is not noted yet")?;
        let link = self.link(&change.run.id);
        let told = match change.run.state {
            RunState::Queued | RunState::Running => {
                return self.shown(github, installation, &target, &kept).await.map(|_| ());
            }
            RunState::Cancelled => Told::cancelled(),
            RunState::Abandoned => Told::lost(),
            RunState::Finished => {
                let text = change.report.as_deref().ok_or("the report is not there yet")?;
                let report: Report = serde_json::from_str(text).map_err(words)?;
                if moved_on(&report, &target) {
                    Told::cancelled()
                } else {
                    Told::of(&CandidateView::of(&report).map_err(words)?, link.as_ref())
                }
            }
        };
        let check = self.shown(github, installation, &target, &kept).await?;
        github.complete(installation, &target.full_name, check, &told).await.map_err(words)?;
        if let Some(pull) = target.number.filter(|_| !told.comment.is_empty())
            && self.is_current(&target, pull).await?
        {
            github
                .comment(installation, &target.full_name, pull, &change.run.spec, &told.comment)
                .await
                .map_err(words)?;
        }
        Ok(())
    }
}

impl Observer {
    /// The check run that shows the run, begun where there is none.
    async fn shown(
        &self,
        github: &app::App,
        installation: u64,
        target: &Target,
        kept: &GithubRun,
    ) -> Result<u64, String> {
        if let Some(check) = kept.check_run.and_then(|check| u64::try_from(check).ok()) {
            return Ok(check);
        }
        let link = self.link(&kept.run_id);
        let begin = Begin {
            installation,
            full_name: &target.full_name,
            head: &target.head,
            name: &self.github.0.config.check,
            run: &kept.run_id,
            details: link.as_ref(),
        };
        let check = github.begin(&begin).await.map_err(words)?;
        self.app.store.github_shown_by(&kept.run_id, number(check)).await.map_err(words)?;
        Ok(check)
    }

    /// Whether the run's head is still the pull request's: a comment speaks of what is there now.
    async fn is_current(&self, target: &Target, pull: u64) -> Result<bool, String> {
        let known = self.app.store.github_pull(number(target.repository), number(pull)).await.map_err(words)?;
        Ok(known.is_none_or(|known| known.head == target.head))
    }

    /// Where the run can be read.
    fn link(&self, run: &str) -> Option<Url> {
        link(&self.app, run)
    }
}

/// Where a run can be read, by those who may.
pub(super) fn link(app: &App, run: &str) -> Option<Url> {
    app.config.public_url.join(&format!("runs/{run}")).ok()
}

/// Whose run it is, from its origin.
pub(super) fn target(origin: &serde_json::Value) -> Option<Target> {
    serde_json::from_value(origin.get(ORIGIN)?.clone()).ok()
}

/// Whether what was graded is another commit than the one that was asked for: the pull request's ref moved meanwhile.
pub(super) fn moved_on(report: &Report, target: &Target) -> bool {
    let graded = &report.submission.commit;
    !graded.is_empty() && *graded != target.head
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}
