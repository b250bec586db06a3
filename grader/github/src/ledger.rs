//! What has to be remembered between deliveries and processes, as a trait: the service keeps it in its database, one
//! process alone and the tests keep it in memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::webhook::{PullKey, PullState};

/// What happens once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Once {
    /// A webhook delivery, by its id.
    Delivery,
    /// A workflow's token, by its `jti`.
    Token,
}

impl Once {
    /// The name that a store keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Once::Delivery => "delivery",
            Once::Token => "token",
        }
    }
}

/// The memory could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("what is known of GitHub cannot be read or written: {0}")]
pub struct LedgerError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// What is remembered. Every method is atomic: of two callers with the same key, one is first.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Takes `key` until `until`: `true` for the first, `false` for whoever comes while it is taken.
    async fn take(&self, once: Once, key: &str, until: OffsetDateTime) -> Result<bool, LedgerError>;

    /// Gives `key` back, since what it stood for did not happen.
    async fn give_back(&self, once: Once, key: &str) -> Result<(), LedgerError>;

    /// The last that was heard of a pull request.
    async fn pull(&self, key: PullKey) -> Result<Option<PullState>, LedgerError>;

    /// Open pull requests of a repository whose last known head is `head`.
    async fn pulls_at(&self, repository: u64, head: &str) -> Result<Vec<u64>, LedgerError>;

    /// Remembers `state`, unless a newer one is known by now.
    async fn learn(&self, key: PullKey, state: &PullState) -> Result<(), LedgerError>;

    /// Remembers that workflow run `run` asked for a pull request. `false` where a later run (GitHub numbers them
    /// upwards) asked before: then `run` belongs to a head that was pushed over.
    async fn asks(&self, key: PullKey, run: u64) -> Result<bool, LedgerError>;
}

/// A ledger that ends with its process.
#[derive(Debug, Default)]
pub struct MemoryLedger(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    taken: HashMap<(Once, String), OffsetDateTime>,
    pulls: HashMap<PullKey, PullState>,
    runs: HashMap<PullKey, u64>,
}

impl MemoryLedger {
    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        // Every change is one insertion: a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn take(&self, once: Once, key: &str, until: OffsetDateTime) -> Result<bool, LedgerError> {
        let mut memory = self.memory();
        let now = OffsetDateTime::now_utc();
        memory.taken.retain(|_, until| *until > now);
        let key = (once, key.to_owned());
        if memory.taken.contains_key(&key) {
            return Ok(false);
        }
        memory.taken.insert(key, until);
        Ok(true)
    }

    async fn give_back(&self, once: Once, key: &str) -> Result<(), LedgerError> {
        self.memory().taken.remove(&(once, key.to_owned()));
        Ok(())
    }

    async fn pull(&self, key: PullKey) -> Result<Option<PullState>, LedgerError> {
        Ok(self.memory().pulls.get(&key).cloned())
    }

    async fn pulls_at(&self, repository: u64, head: &str) -> Result<Vec<u64>, LedgerError> {
        let memory = self.memory();
        let at =
            memory.pulls.iter().filter(|(key, state)| key.repository == repository && state.open && state.head == head);
        let mut numbers: Vec<u64> = at.map(|(key, _)| key.number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    async fn learn(&self, key: PullKey, state: &PullState) -> Result<(), LedgerError> {
        let mut memory = self.memory();
        if memory.pulls.get(&key).is_none_or(|known| known.updated_at <= state.updated_at) {
            memory.pulls.insert(key, state.clone());
        }
        Ok(())
    }

    async fn asks(&self, key: PullKey, run: u64) -> Result<bool, LedgerError> {
        let mut memory = self.memory();
        let newest = memory.runs.entry(key).or_default();
        *newest = run.max(*newest);
        Ok(*newest == run)
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_key_is_taken_once_until_its_time_is_over() {
        let (ledger, now) = (MemoryLedger::default(), OffsetDateTime::now_utc());
        assert!(ledger.take(Once::Delivery, "a", now + Duration::HOUR).await.unwrap());
        assert!(!ledger.take(Once::Delivery, "a", now + Duration::HOUR).await.unwrap());
        assert!(ledger.take(Once::Token, "a", now - Duration::SECOND).await.unwrap(), "another kind");
        assert!(ledger.take(Once::Token, "a", now + Duration::HOUR).await.unwrap(), "its time was over");
        ledger.give_back(Once::Delivery, "a").await.unwrap();
        assert!(ledger.take(Once::Delivery, "a", now + Duration::HOUR).await.unwrap());
    }
}
