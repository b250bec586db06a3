//! One run a head commit, however many services hear of it at once.
//!
//! A head has one row, which is locked while its run is looked for and asked for: the run, what GitHub has to do with it,
//! and the row that points to it are one transaction.

use crate::pool::transaction;
use crate::queue::enqueue_in;
use crate::{NewRun, Store, StoreError, Timestamp, new_id};

/// The head commit that a run is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubHead {
    pub installation: Option<i64>,
    /// GitHub's number of the repository.
    pub repository: i64,
    /// The pull request's number, from 1.
    pub number: Option<i64>,
    pub head: String,
}

/// The run that grades a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubAsked {
    pub run: String,
    /// Whether it was put into the queue just now.
    pub new: bool,
}

impl Store {
    /// The run that grades a head: the one that is there, or `new`, put into the queue. Of callers at the same time, also
    /// in several processes, one puts it there. A run that was cancelled or abandoned, or that ended by the grader's own
    /// trouble, counts as none; with `anew` so does any.
    ///
    /// # Errors
    /// As for [`Store::enqueue`].
    pub async fn github_ask(&self, of: &GithubHead, new: &NewRun, anew: bool) -> Result<GithubAsked, StoreError> {
        let number = of.number.unwrap_or(0);
        let id = new_id();
        let now = Timestamp::now();
        Ok(transaction!(self, |tx| {
            // The update changes nothing and locks the row: whoever comes second waits here for the first one's commit.
            let present: Option<String> = sqlx::query_scalar(
                "INSERT INTO github_heads (repository, number, head) VALUES ($1, $2, $3) \
                 ON CONFLICT (repository, number, head) DO UPDATE SET head = excluded.head RETURNING run_id",
            )
            .bind(of.repository)
            .bind(number)
            .bind(&of.head)
            .fetch_one(&mut *tx)
            .await?;
            let good: Option<String> = sqlx::query_scalar(
                "SELECT id FROM runs WHERE id = $1 AND ((state IN ('queued', 'running') AND NOT cancel_requested) \
                 OR (state = 'finished' AND outcome <> 'not_graded'))",
            )
            .bind(present)
            .fetch_optional(&mut *tx)
            .await?;
            match good.filter(|_| !anew) {
                Some(run) => GithubAsked { run, new: false },
                None => {
                    enqueue_in!(tx, new, &id, now);
                    sqlx::query(
                        "INSERT INTO github_runs (run_id, installation, repository, number, head) \
                         VALUES ($1, $2, $3, $4, $5)",
                    )
                    .bind(&id)
                    .bind(of.installation)
                    .bind(of.repository)
                    .bind(of.number)
                    .bind(&of.head)
                    .execute(&mut *tx)
                    .await?;
                    sqlx::query(
                        "UPDATE github_heads SET run_id = $4 WHERE repository = $1 AND number = $2 AND head = $3",
                    )
                    .bind(of.repository)
                    .bind(number)
                    .bind(&of.head)
                    .bind(&id)
                    .execute(&mut *tx)
                    .await?;
                    GithubAsked { run: id.clone(), new: true }
                }
            }
        }))
    }
}
