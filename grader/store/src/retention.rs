//! What is removed for its age. Reports, scores, reviewers' words and the audit log stay.

use std::time::Duration;

use crate::pool::writing;
use crate::{Store, StoreError, Timestamp};

/// How long things are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// Artefacts such as logs.
    pub artefacts: Duration,
    /// What runs told while they went on.
    pub events: Duration,
    /// Answers under idempotency keys, and ids of messages.
    pub keys: Duration,
}

impl Default for RetentionPolicy {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        RetentionPolicy { artefacts: 90 * DAY, events: 14 * DAY, keys: 2 * DAY }
    }
}

/// How much was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    pub artefacts: u64,
    pub events: u64,
    pub keys: u64,
    pub sessions: u64,
}

impl Store {
    /// Removes what is too old.
    ///
    /// # Errors
    /// [`StoreError::Database`]; what was removed before stays removed.
    pub async fn remove_old(&self, policy: &RetentionPolicy) -> Result<Removed, StoreError> {
        let now = Timestamp::now();
        Ok(writing!(self, |db| {
            let artefacts = sqlx::query("DELETE FROM artefacts WHERE created_at < $1")
                .bind(now.before(policy.artefacts))
                .execute(db)
                .await?;
            let events =
                sqlx::query("DELETE FROM events WHERE at < $1").bind(now.before(policy.events)).execute(db).await?;
            let keys = sqlx::query("DELETE FROM idempotency WHERE created_at < $1")
                .bind(now.before(policy.keys))
                .execute(db)
                .await?;
            let deliveries = sqlx::query("DELETE FROM deliveries WHERE taken_at < $1")
                .bind(now.before(policy.keys))
                .execute(db)
                .await?;
            let sessions = sqlx::query("DELETE FROM sessions WHERE expires_at < $1").bind(now).execute(db).await?;
            Removed {
                artefacts: artefacts.rows_affected(),
                events: events.rows_affected(),
                keys: keys.rows_affected() + deliveries.rows_affected(),
                sessions: sessions.rows_affected(),
            }
        }))
    }
}
