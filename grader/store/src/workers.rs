//! The workers that are about. For people and metrics: whether a run is a worker's, its lease alone decides.

use std::time::Duration;

use crate::pool::{reading, writing};
use crate::{Store, StoreError, Timestamp};

/// A worker as it last said.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Worker {
    /// Machine, process and a part by chance.
    pub id: String,
    /// How many runs it grades at a time.
    pub slots: i64,
    pub version: String,
    pub started_at: Timestamp,
    pub seen_at: Timestamp,
}

impl Store {
    /// Says that a worker is there.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn worker_seen(&self, worker: &Worker) -> Result<(), StoreError> {
        writing!(self, |db| {
            sqlx::query(
                "INSERT INTO workers (id, slots, version, started_at, seen_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (id) DO UPDATE SET seen_at = $5",
            )
            .bind(&worker.id)
            .bind(worker.slots)
            .bind(&worker.version)
            .bind(worker.started_at)
            .bind(worker.seen_at)
            .execute(db)
            .await?;
        });
        Ok(())
    }

    /// Says that a worker is gone.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn worker_gone(&self, id: &str) -> Result<(), StoreError> {
        writing!(self, |db| {
            sqlx::query("DELETE FROM workers WHERE id = $1").bind(id).execute(db).await?;
        });
        Ok(())
    }

    /// The workers that were seen lately, by id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn workers(&self, lately: Duration) -> Result<Vec<Worker>, StoreError> {
        Ok(reading!(self, |db| {
            sqlx::query_as("SELECT id, slots, version, started_at, seen_at FROM workers WHERE seen_at > $1 ORDER BY id")
                .bind(Timestamp::now().before(lately))
                .fetch_all(db)
                .await?
        }))
    }
}
