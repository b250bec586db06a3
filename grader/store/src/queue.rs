//! The queue: runs are put in, taken under a lease, renewed, given back, cancelled, and found again when a worker is lost.
//!
//! Leases are counted by the database's clock: the machines' own may differ.

use std::time::Duration;

use sqlx::{AssertSqlSafe, QueryBuilder};

use crate::pool::{transaction, writing};
use crate::runs::{RunRow, SELECT, runs};
use crate::{Backend, NewRun, Run, RunState, Store, StoreError, Timestamp, new_id};

/// A run that a worker took: the only words by which it can be written to.
#[derive(Debug, Clone)]
pub struct Claim {
    pub run: Run,
    /// The number of this taking.
    pub attempt: i64,
}

/// What a worker learns when it renews its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseState {
    Held,
    /// Somebody asked to cancel the run.
    CancelRequested,
    /// The run is another worker's now, or over: what this one still finds out is worth nothing.
    Lost,
}

/// How a worker gives a run back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// Untouched, to be taken again at once: the worker stops in order.
    Back,
    /// After trouble of the grader's own, to be taken again after this long.
    InVain(Duration),
}

/// Puts a run into the queue inside of a transaction on either database.
macro_rules! enqueue_in {
    ($tx:ident, $new:expr, $id:expr, $now:expr) => {{
        // The counter's row lock puts two runs of one submission in order.
        let counted: Option<(i64, Option<String>, String)> =
            sqlx::query_as("UPDATE submissions SET runs = runs + 1 WHERE id = $1 RETURNING runs, candidate_id, spec")
                .bind(&$new.submission)
                .fetch_optional(&mut *$tx)
                .await?;
        let (number, candidate, spec) = counted.ok_or($crate::StoreError::Missing("submission"))?;
        sqlx::query(
            "INSERT INTO runs (id, submission_id, candidate_id, number, spec, spec_digest, reference, seed, origin, \
             priority, requested_by, state, attempt, losses, cancel_requested, queued_at, announced, counted, version) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'queued', 0, 0, $12, $13, '', $12, 1)",
        )
        .bind($id)
        .bind(&$new.submission)
        .bind(candidate)
        .bind(number)
        .bind(spec)
        .bind(&$new.spec_digest)
        .bind(&$new.reference)
        .bind($new.seed.cast_signed())
        .bind($new.origin.to_string())
        .bind($new.priority)
        .bind(&$new.requested_by)
        .bind(false)
        .bind($now)
        .execute(&mut *$tx)
        .await?;
    }};
}
pub(crate) use enqueue_in;

impl Store {
    /// Puts a run into the queue and gives its id back.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without its submission; [`StoreError::Conflict`] without its spec.
    pub async fn enqueue(&self, new: &NewRun) -> Result<String, StoreError> {
        let id = new_id();
        let now = Timestamp::now();
        transaction!(self, |tx| {
            enqueue_in!(tx, new, &id, now);
        });
        Ok(id)
    }

    /// Takes the next run under a lease, or `None` when nothing waits. Two workers never take the same one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim(&self, worker: &str, lease: Duration) -> Result<Option<Claim>, StoreError> {
        let (now, until) = self.clock("$2");
        let lock = if self.backend() == Backend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
        let take = format!(
            "UPDATE runs SET state = 'running', attempt = attempt + 1, worker = $1, lease_until = {until}, \
               started_at = {now}, not_before = NULL, version = version + 1 \
             WHERE id = (SELECT id FROM runs WHERE state = 'queued' AND (not_before IS NULL OR not_before <= {now}) \
               ORDER BY priority DESC, id LIMIT 1 {lock}) \
             RETURNING id"
        );
        let row: Option<RunRow> = writing!(self, |db| {
            let taken: Option<(String,)> =
                sqlx::query_as(AssertSqlSafe(take)).bind(worker).bind(millis(lease)).fetch_optional(db).await?;
            match taken {
                None => None,
                Some((id,)) => {
                    let mut query = QueryBuilder::new(SELECT);
                    query.push(" WHERE r.id = ").push_bind(id);
                    query.build_query_as().fetch_optional(db).await?
                }
            }
        });
        let Some(row) = row else { return Ok(None) };
        let run: Run = row.try_into()?;
        Ok(Some(Claim { attempt: run.attempt, run }))
    }

    /// Makes the lease last `lease` from now.
    ///
    /// # Errors
    /// [`StoreError::Database`]; the lease then lasts as long as it did.
    pub async fn renew(&self, claim: &Claim, lease: Duration) -> Result<LeaseState, StoreError> {
        let (_, until) = self.clock("$3");
        let renew = format!(
            "UPDATE runs SET lease_until = {until} WHERE id = $1 AND attempt = $2 AND state = 'running' \
             RETURNING cancel_requested"
        );
        let held: Option<(bool,)> = writing!(self, |db| {
            sqlx::query_as(AssertSqlSafe(renew))
                .bind(&claim.run.id)
                .bind(claim.attempt)
                .bind(millis(lease))
                .fetch_optional(db)
                .await?
        });
        Ok(match held {
            Some((false,)) => LeaseState::Held,
            Some((true,)) => LeaseState::CancelRequested,
            None => LeaseState::Lost,
        })
    }

    /// Gives a run back. `false` when it was not this worker's any more.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn give_back(&self, claim: &Claim, given: Given) -> Result<bool, StoreError> {
        let (in_vain, wait) = match given {
            Given::Back => (0, Duration::ZERO),
            Given::InVain(wait) => (1, wait),
        };
        let (_, until) = self.clock("$4");
        let give = format!(
            "UPDATE runs SET state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'queued' END, \
               finished_at = CASE WHEN cancel_requested THEN {until} END, worker = NULL, lease_until = NULL, \
               losses = losses + $3, not_before = {until}, version = version + 1 \
             WHERE id = $1 AND attempt = $2 AND state = 'running'"
        );
        let changed = writing!(self, |db| {
            sqlx::query(AssertSqlSafe(give))
                .bind(&claim.run.id)
                .bind(claim.attempt)
                .bind(in_vain)
                .bind(millis(wait))
                .execute(db)
                .await?
                .rows_affected()
        });
        Ok(changed > 0)
    }

    /// Ends a run that was asked to be cancelled, as its worker. `false` when it was not this worker's any more.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn end_cancelled(&self, claim: &Claim) -> Result<bool, StoreError> {
        let changed = writing!(self, |db| {
            sqlx::query(
                "UPDATE runs SET state = 'cancelled', finished_at = $3, lease_until = NULL, version = version + 1 \
                 WHERE id = $1 AND attempt = $2 AND state = 'running'",
            )
            .bind(&claim.run.id)
            .bind(claim.attempt)
            .bind(Timestamp::now())
            .execute(db)
            .await?
            .rows_affected()
        });
        Ok(changed > 0)
    }

    /// Cancels a run: at once while it waits, by asking its worker while it runs. Says the state that it is in then.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn cancel(&self, id: &str) -> Result<RunState, StoreError> {
        let (now, _) = self.clock("0");
        let cancel = format!(
            "UPDATE runs SET cancel_requested = (1 = 1), version = version + 1, \
               finished_at = CASE WHEN state = 'queued' THEN {now} END, \
               state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END \
             WHERE id = $1 AND state IN ('queued', 'running') RETURNING state"
        );
        let cancelled: Option<(RunState,)> =
            writing!(self, |db| { sqlx::query_as(AssertSqlSafe(cancel)).bind(id).fetch_optional(db).await? });
        match cancelled {
            Some((state,)) => Ok(state),
            None => Ok(self.run(id).await?.state),
        }
    }

    /// Finds the runs whose lease ran out: their worker is lost. They are queued again, or abandoned after `most_losses`,
    /// or cancelled where somebody asked for that. Gives those back that are over by it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn expire(&self, most_losses: i64) -> Result<Vec<Run>, StoreError> {
        let (now, _) = self.clock("0");
        let expire = format!(
            "UPDATE runs SET losses = losses + 1, worker = NULL, lease_until = NULL, version = version + 1, \
               finished_at = CASE WHEN cancel_requested OR losses + 1 >= $1 THEN {now} END, \
               state = CASE WHEN cancel_requested THEN 'cancelled' WHEN losses + 1 >= $1 THEN 'abandoned' \
                 ELSE 'queued' END \
             WHERE state = 'running' AND lease_until < {now} RETURNING id, state"
        );
        let found: Vec<(String, RunState)> =
            writing!(self, |db| { sqlx::query_as(AssertSqlSafe(expire)).bind(most_losses).fetch_all(db).await? });
        let over: Vec<String> = found.into_iter().filter(|(_, state)| state.is_over()).map(|(id, _)| id).collect();
        if over.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<RunRow> = writing!(self, |db| {
            let mut query = QueryBuilder::new(SELECT);
            query.push(" WHERE r.id IN (");
            let mut ids = query.separated(", ");
            for id in &over {
                ids.push_bind(id.as_str());
            }
            query.push(")");
            query.build_query_as().fetch_all(db).await?
        });
        runs(rows)
    }

    /// The database's clock as an expression: now, and `millis` later.
    fn clock(&self, millis: &str) -> (&'static str, String) {
        match self.backend() {
            Backend::Postgres => ("now()", format!("now() + {millis} * interval '1 millisecond'")),
            Backend::Sqlite => {
                const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
                (NOW, format!("{NOW} + {millis}"))
            }
        }
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
