//! `auth.password.storage`: the password cannot be read from the database, nor found by trying at the speed of a fast hash.
//!
//! Decided by verifying the known password against what is stored, whatever the column is called. Planted defect:
//! `auth-password-storage` of the FastAPI submission.

use std::sync::Arc;

use async_trait::async_trait;
use grader_model::Evidence;
use grader_model::Finding;
use harness_kit::{Context, Phase, Probe, Stop};

use crate::hash::Strength;
use crate::password::{self, Kept};

use crate::store::Store;

pub(crate) struct PasswordStorage(pub(crate) Arc<Store>);

#[async_trait]
impl Probe for PasswordStorage {
    fn id(&self) -> &'static str {
        "auth.password.storage"
    }

    fn phase(&self) -> Phase {
        Phase::Database
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let kept = password::kept(&self.0, ctx).await?;
        let weak: Vec<&Kept> = kept.iter().filter(|kept| kept.scheme.strength() == Strength::Readable).collect();
        let evidence = |kept: &Kept| {
            Evidence::note(format!("{}: {}, stored as {}", kept.place, kept.scheme, password::shown(&kept.stored)))
        };
        if weak.is_empty() {
            let how: Vec<String> = kept.iter().map(|kept| kept.scheme.to_string()).collect();
            return Ok(Finding::pass(self.id(), format!("The password is kept as {}", how.join(", ")))
                .evidences(kept.iter().map(evidence)));
        }
        let actual: Vec<String> = weak.iter().map(|kept| format!("{}: {}", kept.place, kept.scheme)).collect();
        Ok(Finding::fail(self.id(), "The password can be read or found fast from the database")
            .expected("a key-stretching function such as argon2id, scrypt or bcrypt")
            .actual(actual.join("\n"))
            .evidences(weak.into_iter().map(evidence)))
    }
}
