//! `auth.password.salt`: two accounts with the same password do not share a hash.
//!
//! A third account is registered with the first one's password and both rows are compared. Planted defect:
//! `auth-password-salt` of the Express submission.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Evidence;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};
use harness_kit::{bind, wire};
use serde_json::json;

use crate::password;

use crate::store::Store;

pub(crate) struct PasswordSalt(pub(crate) Arc<Store>);

#[async_trait]
impl Probe for PasswordSalt {
    fn id(&self) -> &'static str {
        "auth.password.salt"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let found = self.0.found(ctx).await?;
        let first = ctx.account().await?;
        let first_kept = password::in_own_row(ctx, found, &first).await?;
        let accounts = &ctx.spec().domain.accounts;
        let register = ctx.register()?;
        let mut sent = bind::fresh_registration(ctx, &mut ctx.values(self.id()));
        sent.insert(accounts.secret.clone(), json!(first.password));
        let answer =
            ctx.send_auth(register.request(None, Some(bind::registration_body(ctx, &register, &sent)), None)).await?;
        if !answer.is_success() {
            let why = format!("a second account with the same password was answered {}", answer.status_line());
            return Err(Stop::inconclusive(why));
        }
        found.refresh(ctx).await?;
        let identity = sent.get(&accounts.identity).and_then(wire::text).unwrap_or_default();
        let twin = harness_kit::Account { identity, registration: Some(answer), ..first };
        let twin_kept = password::in_own_row(ctx, found, &twin).await?;
        if first_kept.is_empty() || twin_kept.is_empty() {
            return Err(Stop::inconclusive("no stored form of the password was recognized"));
        }
        let shared = first_kept.iter().find(|one| twin_kept.iter().any(|other| other.stored == one.stored));
        match shared {
            // A readable password and an unsalted fast hash repeat themselves by their nature: that is the one cause.
            Some(kept) if crate::hash::is_readable(&kept.scheme) => {
                Err(Stop::blocked("auth.password.storage", format!("the password is kept as {}", kept.scheme)))
            }
            Some(kept) => Ok(Finding::fail(self.id(), "Two accounts with the same password share a hash")
                .expected("a salt of its own for every account")
                .actual(format!("{} is the same for both accounts", kept.place))
                .evidence(Evidence::note(format!("{}: {}", kept.place, kept.scheme)))),
            None => Ok(Finding::pass(self.id(), "Two accounts with the same password have different hashes")
                .evidences(twin_kept.iter().map(|kept| Evidence::note(format!("{}: {}", kept.place, kept.scheme))))),
        }
    }
}
