//! The steps that an event leads to, carried out on the queue.

use grader_github::config::Rule;
use grader_github::webhook::{Cancel, Step, Target};
use grader_store::{GithubHead, GithubPart};
use serde_json::json;

use super::ledger::number;
use super::{ACTOR, Github, ORIGIN};
use crate::state::App;
use crate::web::Problem;
use crate::work::{NewAsk, prepare};

impl Github {
    /// Carries out `steps`, in their order.
    ///
    /// # Errors
    /// The first step's that fails; those before it are done, and doing them again changes nothing.
    pub(super) async fn carry_out(&self, app: &App, steps: &[Step]) -> Result<(), Problem> {
        for step in steps {
            match step {
                Step::Grade(target) => {
                    if let Some(rule) = self.rule(target) {
                        self.grade(app, target, rule, false).await?;
                    }
                }
                Step::Regrade(target) => {
                    if let Some(rule) = self.rule(target) {
                        self.grade(app, target, rule, true).await?;
                    }
                }
                Step::Cancel(cancel) => self.cancel(app, cancel).await?,
                Step::ForgetToken(installation) => {
                    if let Some(app) = &self.0.app {
                        app.forget_token(*installation);
                    }
                }
            }
        }
        Ok(())
    }

    /// What a repository is graded for; nothing where it is on no list.
    fn rule(&self, target: &Target) -> Option<&Rule> {
        let rule = self.0.config.rule(&target.full_name);
        if rule.is_none() {
            tracing::info!(repository = target.full_name, "an event of a repository that is on no list");
        }
        rule
    }

    /// The run that grades the target: one that is there, or a new one. `anew` takes none that is there.
    pub(super) async fn grade(&self, app: &App, target: &Target, rule: &Rule, anew: bool) -> Result<String, Problem> {
        let _alone = self.0.asking.lock().await;
        let part = GithubPart::Head {
            repository: number(target.repository),
            number: target.number.map(number),
            head: &target.head,
        };
        if anew {
            for known in app.store.github_runs(part, true).await? {
                app.store.cancel(&known.run_id).await?;
            }
        }
        let new = prepare(
            app,
            NewAsk {
                source: self.0.config.clone_url(&target.full_name),
                reference: Some(target.reference()),
                subdir: rule.subdir.clone(),
                spec: Some(rule.spec.clone()),
                level: rule.level.map(|level| level.to_string()),
                origin: Some(json!({ ORIGIN: target })),
                join: true,
                ..NewAsk::default()
            },
            ACTOR,
        )
        .await?;
        let of = GithubHead {
            installation: target.installation.map(number),
            repository: number(target.repository),
            number: target.number.map(number),
            head: target.head.clone(),
        };
        let asked = app.store.github_ask(&of, &new, anew).await?;
        if asked.new {
            let subject = format!("run/{}", asked.run);
            let detail = json!({ "repository": target.full_name, "head": target.head });
            app.store.audit(ACTOR, "run.ask", &subject, &detail).await?;
        }
        Ok(asked.run)
    }

    /// Cancels what is not over.
    pub(super) async fn cancel(&self, app: &App, cancel: &Cancel) -> Result<(), Problem> {
        let (part, keep) = match cancel {
            Cancel::Pull { key, keep } => {
                (GithubPart::Pull { repository: number(key.repository), number: number(key.number) }, keep.as_deref())
            }
            Cancel::Repository(id) => (GithubPart::Repository(number(*id)), None),
            Cancel::Installation(id) => (GithubPart::Installation(number(*id)), None),
        };
        for run in app.store.github_runs(part, true).await? {
            if keep != Some(run.head.as_str()) {
                app.store.cancel(&run.run_id).await?;
            }
        }
        Ok(())
    }
}
