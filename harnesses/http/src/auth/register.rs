//! `auth.register`: a new person can register, and another one after that.
//!
//! Planted defect: none of its own; a submission whose registration fails blocks everything that needs an account.

use async_trait::async_trait;
use grader_model::Finding;
use harness_kit::{Context, Probe, Stop};

use super::attempts;

pub(crate) struct Register;

#[async_trait]
impl Probe for Register {
    fn id(&self) -> &'static str {
        "auth.register"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let expected = "a 2xx answer to a sound registration, each time";
        let register = match ctx.register() {
            Ok(register) => register,
            Err(Stop::Blocked { why, .. }) => {
                let paths = &ctx.spec().domain.accounts.register.paths;
                return Ok(Finding::fail(self.id(), "A new user cannot register")
                    .expected(expected)
                    .actual(why)
                    .evidences(attempts::shown(ctx, paths)));
            }
            Err(stop) => return Err(stop),
        };
        // One registration may be a lucky one (a seeded address, an empty table).
        match ctx.other_account().await {
            Err(Stop::Blocked { by: "auth.register", why }) => {
                return Ok(Finding::fail(self.id(), "The first registration works and the second does not")
                    .expected(expected)
                    .actual(why)
                    .evidences(attempts::shown(ctx, std::slice::from_ref(&register.path))));
            }
            Err(stop @ Stop::Inconclusive(_)) => return Err(stop),
            // Signing in has a finding of its own.
            Ok(_) | Err(_) => {}
        }
        let evidence = ctx.accounts().await.first().and_then(|account| account.registration.clone());
        Ok(Finding::pass(self.id(), format!("Registering works: {}", register.proof))
            .expected(expected)
            .actual(register.proof)
            .evidences(evidence.map(|answer| ctx.recorder().evidence(&answer))))
    }
}
