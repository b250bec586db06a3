//! `auth.password.cost`: the key-stretching function is at least as costly as OWASP's Password Storage Cheat Sheet asks.
//!
//! A readable or fast-hashed password is `auth.password.storage`'s finding. Planted defect: `auth-password-cost` of the
//! FastAPI submission.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Evidence;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

use crate::hash::Strength;
use crate::password;

use crate::store::Store;

pub(crate) struct PasswordCost(pub(crate) Arc<Store>);

#[async_trait]
impl Probe for PasswordCost {
    fn id(&self) -> &'static str {
        "auth.password.cost"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let kept = password::kept(&self.0, ctx).await?;
        let Some(weakest) = kept.first() else {
            return Err(Stop::inconclusive("no stored form of the password was recognized"));
        };
        let evidence = Evidence::note(format!("{}: {}", weakest.place, weakest.scheme));
        match weakest.scheme.strength() {
            Strength::Readable => Err(Stop::blocked("auth.password.storage", "the password is not stretched at all")),
            Strength::Owasp => {
                Ok(Finding::pass(self.id(), format!("{} meets the OWASP minimum", weakest.scheme)).evidence(evidence))
            }
            Strength::Slow => Ok(Finding::fail(self.id(), format!("{} is below the OWASP minimum", weakest.scheme))
                .expected("argon2id m=19456 t=2 p=1, scrypt N=2^17 r=8 p=1, bcrypt cost 10, PBKDF2-HMAC-SHA-256 600,000, or stronger")
                .actual(weakest.scheme.to_string())
                .evidence(evidence)),
        }
    }
}
