//! `auth.password.policy`: an empty password and one of a single letter are refused at registration.
//!
//! A refusal counts when it is one: signing in with the password must not work afterwards either.
//! Planted defect: `auth-password-policy` of the Express submission.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::account::find_session;
use harness_kit::bind::sign_in_request;
use harness_kit::{Answer, Context, Probe, Stop};
use serde_json::{Map, json};

use super::support;

pub(crate) struct PasswordPolicy;

#[async_trait]
impl Probe for PasswordPolicy {
    fn id(&self) -> &'static str {
        "auth.password.policy"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        // The positive control: a sound registration is taken.
        ctx.account().await?;
        let secret = ctx.spec().domain.accounts.secret.clone();
        let mut values = ctx.values(self.id());
        let mut accepted: Vec<(&str, Answer)> = Vec::new();
        let mut said = Vec::new();
        let mut shown = Vec::new();
        for (what, password) in [("an empty password", ""), ("a password of one letter", "a")] {
            let made = support::register_with(ctx, &mut values, &[(&secret, json!(password))], &Map::new()).await?;
            said.push(format!("{what}: {}", made.answer.status_line()));
            shown.push(made.answer.clone());
            // An account without a session, such as one that nobody can sign in to, is one all the same; a success that
            // names nobody may be a refusal in disguise.
            let names_it = made.answer.text().to_lowercase().contains(&made.identity.to_lowercase());
            if made.answer.is_success() && names_it {
                accepted.push((what, made.answer));
            } else if made.answer.is_success() || !password.is_empty() {
                let login = ctx.send_auth(sign_in_request(ctx, &made.identity, password)?).await?;
                if login.is_success() && find_session(&login).is_some() {
                    accepted.push((what, login));
                }
            }
        }
        let recorder = ctx.recorder();
        let expected = "an empty password: 4xx\na password of one letter: 4xx";
        let finding = if accepted.is_empty() {
            Finding::pass(self.id(), "Empty and one-letter passwords are refused")
                .evidences(shown.iter().map(|answer| recorder.evidence(answer)))
        } else {
            let what: Vec<&str> = accepted.iter().map(|(what, _)| *what).collect();
            Finding::fail(self.id(), format!("Registration takes {}", what.join(" and ")))
                .evidences(accepted.iter().map(|(_, answer)| recorder.evidence(answer)))
        };
        Ok(finding.expected(expected).actual(said.join("\n")))
    }
}
