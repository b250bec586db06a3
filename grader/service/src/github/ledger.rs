//! What GitHub's part has to remember, in the service's store.

use async_trait::async_trait;
use grader_github::webhook::{PullKey, PullState};
use grader_github::{Ledger, LedgerError, Once};
use grader_store::{GithubPull, Store, Timestamp};
use time::OffsetDateTime;

/// The store as a ledger.
pub(super) struct StoreLedger(pub(super) Store);

fn trouble(error: impl std::error::Error + Send + Sync + 'static) -> LedgerError {
    LedgerError(Box::new(error))
}

/// GitHub's numbers are far below what the database keeps.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn moment(time: OffsetDateTime) -> Timestamp {
    let millis = i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
    Timestamp::from_millis(millis).unwrap_or_else(Timestamp::now)
}

#[async_trait]
impl Ledger for StoreLedger {
    async fn take(&self, once: Once, key: &str, until: OffsetDateTime) -> Result<bool, LedgerError> {
        self.0.github_take(once.as_str(), key, moment(until)).await.map_err(trouble)
    }

    async fn give_back(&self, once: Once, key: &str) -> Result<(), LedgerError> {
        self.0.github_give_back(once.as_str(), key).await.map_err(trouble)
    }

    async fn pull(&self, key: PullKey) -> Result<Option<PullState>, LedgerError> {
        let found = self.0.github_pull(number(key.repository), number(key.number)).await.map_err(trouble)?;
        found.map(|pull| serde_json::from_str(&pull.state).map_err(trouble)).transpose()
    }

    async fn pulls_at(&self, repository: u64, head: &str) -> Result<Vec<u64>, LedgerError> {
        let numbers = self.0.github_pulls_at(number(repository), head).await.map_err(trouble)?;
        Ok(numbers.into_iter().filter_map(|it| u64::try_from(it).ok()).collect())
    }

    async fn learn(&self, key: PullKey, state: &PullState) -> Result<(), LedgerError> {
        let pull = GithubPull {
            repository: number(key.repository),
            number: number(key.number),
            head: state.head.clone(),
            open: state.open,
            updated_at: moment(state.updated_at),
            state: serde_json::to_string(state).map_err(trouble)?,
        };
        self.0.github_learn(&pull).await.map_err(trouble)
    }

    async fn asks(&self, key: PullKey, run: u64) -> Result<bool, LedgerError> {
        self.0.github_asks(number(key.repository), number(key.number), number(run)).await.map_err(trouble)
    }
}
