//! What a run told while it went on. One worker writes them, in order; any number of readers follow.

use sqlx::QueryBuilder;

use crate::pool::{reading, transaction};
use crate::{Claim, Store, StoreError, Timestamp};

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEvent {
    pub run: String,
    /// Grows within the run, also over its attempts.
    pub sequence: i64,
    /// A short word, such as `began`.
    pub kind: String,
    /// A JSON object.
    pub data: String,
    pub at: Timestamp,
}

impl RunEvent {
    /// The sequence number of the `number`th event of an attempt.
    pub fn sequence(attempt: i64, number: u32) -> i64 {
        attempt.saturating_mul(1 << 32).saturating_add(i64::from(number))
    }
}

impl Store {
    /// Writes events of a claimed run. `false` when the claim was lost, and nothing was written.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record(&self, claim: &Claim, events: &[RunEvent]) -> Result<bool, StoreError> {
        transaction!(self, |tx| {
            let held: Option<(i64,)> =
                sqlx::query_as("SELECT attempt FROM runs WHERE id = $1 AND attempt = $2 AND state = 'running'")
                    .bind(&claim.run.id)
                    .bind(claim.attempt)
                    .fetch_optional(&mut *tx)
                    .await?;
            if held.is_none() {
                return Ok(false);
            }
            for event in events {
                sqlx::query(
                    "INSERT INTO events (run_id, sequence, kind, data, at) VALUES ($1, $2, $3, $4, $5) \
                     ON CONFLICT DO NOTHING",
                )
                .bind(&claim.run.id)
                .bind(event.sequence)
                .bind(&event.kind)
                .bind(&event.data)
                .bind(event.at)
                .execute(&mut *tx)
                .await?;
            }
        });
        Ok(true)
    }

    /// Events of a run after a place in it, oldest first, `most` at most.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn events(&self, run: &str, after: i64, most: u32) -> Result<Vec<RunEvent>, StoreError> {
        self.events_of(&[(run.to_owned(), after)], most).await
    }

    /// Events of several runs at once, each after its own place: one question for all who follow.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn events_of(&self, places: &[(String, i64)], most: u32) -> Result<Vec<RunEvent>, StoreError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<(String, i64, String, String, Timestamp)> = reading!(self, |db| {
            let mut query = QueryBuilder::new("SELECT run_id, sequence, kind, data, at FROM events WHERE ");
            for (at, (run, after)) in places.iter().enumerate() {
                query.push(if at == 0 { "(run_id = " } else { " OR (run_id = " }).push_bind(run.as_str());
                query.push(" AND sequence > ").push_bind(*after).push(")");
            }
            query.push(" ORDER BY run_id, sequence LIMIT ").push_bind(i64::from(most));
            query.build_query_as().fetch_all(db).await?
        });
        let event = |(run, sequence, kind, data, at)| RunEvent { run, sequence, kind, data, at };
        Ok(rows.into_iter().map(event).collect())
    }
}
