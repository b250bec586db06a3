//! Requests that were made before, under a key of their sender's choice (draft-ietf-httpapi-idempotency-key-header), and
//! messages of others that were taken already.

use crate::pool::{reading, writing};
use crate::{Store, StoreError, Timestamp};

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub status: u16,
    /// Names and values as a JSON object.
    pub headers: String,
    pub body: Vec<u8>,
}

/// What became of reserving a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// It is new: carry the request out, then keep the answer or forget the key.
    New,
    /// The first request under it is not answered yet.
    UnderWay,
    /// The key was used for another request.
    Other,
    /// The answer to the first request.
    Answered(Kept),
}

impl Store {
    /// Reserves a key of a principal's for the request of that fingerprint.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn reserve_key(&self, principal: &str, key: &str, fingerprint: &str) -> Result<Reserved, StoreError> {
        let new = writing!(self, |db| {
            sqlx::query(
                "INSERT INTO idempotency (principal, request_key, fingerprint, headers, body, created_at) \
                 VALUES ($1, $2, $3, '{}', $4, $5) ON CONFLICT DO NOTHING",
            )
            .bind(principal)
            .bind(key)
            .bind(fingerprint)
            .bind(Vec::<u8>::new())
            .bind(Timestamp::now())
            .execute(db)
            .await?
            .rows_affected()
        });
        if new > 0 {
            return Ok(Reserved::New);
        }
        let row: Option<(String, Option<i64>, String, Vec<u8>)> = reading!(self, |db| {
            sqlx::query_as(
                "SELECT fingerprint, status, headers, body FROM idempotency WHERE principal = $1 AND request_key = $2",
            )
            .bind(principal)
            .bind(key)
            .fetch_optional(db)
            .await?
        });
        Ok(match row {
            // Forgotten this moment: whoever asks again finds it free.
            None => Reserved::UnderWay,
            Some((other, ..)) if other != fingerprint => Reserved::Other,
            Some((_, None, ..)) => Reserved::UnderWay,
            Some((_, Some(status), headers, body)) => {
                Reserved::Answered(Kept { status: u16::try_from(status).unwrap_or(500), headers, body })
            }
        })
    }

    /// Keeps the answer under a reserved key.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn keep_answer(&self, principal: &str, key: &str, answer: &Kept) -> Result<(), StoreError> {
        writing!(self, |db| {
            sqlx::query(
                "UPDATE idempotency SET status = $3, headers = $4, body = $5 WHERE principal = $1 AND request_key = $2",
            )
            .bind(principal)
            .bind(key)
            .bind(i64::from(answer.status))
            .bind(&answer.headers)
            .bind(&answer.body)
            .execute(db)
            .await?;
        });
        Ok(())
    }

    /// Frees a reserved key whose request came to nothing.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn forget_key(&self, principal: &str, key: &str) -> Result<(), StoreError> {
        writing!(self, |db| {
            sqlx::query("DELETE FROM idempotency WHERE principal = $1 AND request_key = $2 AND status IS NULL")
                .bind(principal)
                .bind(key)
                .execute(db)
                .await?;
        });
        Ok(())
    }

    /// Notes that a message was taken. `false` when it was taken before.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn take_delivery(&self, source: &str, id: &str) -> Result<bool, StoreError> {
        let new = writing!(self, |db| {
            sqlx::query("INSERT INTO deliveries (id, source, taken_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
                .bind(id)
                .bind(source)
                .bind(Timestamp::now())
                .execute(db)
                .await?
                .rows_affected()
        });
        Ok(new > 0)
    }
}
