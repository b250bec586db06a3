//! Reviewers' words: on a probe of a run, and on the run as a whole.
//!
//! A word is never changed: a newer one of the same reviewer on the same probe withdraws it. Words that were carried
//! over to a later run name the one they come from, and are stale where the evidence is not the same any more.

use crate::cohort::{Shift, shift_cohort};
use crate::pool::{reading, transaction, writing};
use crate::values::words;
use crate::{Store, StoreError, Summary, Timestamp, new_id};

words! {
    /// Whether a word counts.
    pub enum OverrideState {
        Active = "active",
        /// Carried over, but what was seen is not what it was said of.
        Stale = "stale",
        Withdrawn = "withdrawn",
    }
}

words! {
    /// What is to become of a candidate after a run.
    pub enum DecisionKind {
        Advance = "advance",
        Hold = "hold",
        Reject = "reject",
    }
}

/// A reviewer's word on a probe.
#[derive(Debug, Clone, PartialEq)]
pub struct NewOverride {
    pub probe: String,
    /// As the report spells verdicts: the grader's own to agree with it.
    pub verdict: String,
    /// Points within the criterion, where the verdict alone does not say it.
    pub points: Option<f64>,
    /// Never empty.
    pub reason: String,
    pub author: String,
    /// The digest of the evidence that it was said of.
    pub evidence: String,
}

/// A kept word on a probe.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Override {
    pub id: String,
    #[sqlx(rename = "run_id")]
    pub run: String,
    pub probe: String,
    pub verdict: String,
    pub points: Option<f64>,
    pub reason: String,
    pub author: String,
    pub evidence: String,
    pub state: OverrideState,
    pub carried_from: Option<String>,
    pub created_at: Timestamp,
}

impl From<&Override> for NewOverride {
    /// The word itself, to be kept of another run.
    fn from(kept: &Override) -> Self {
        NewOverride {
            probe: kept.probe.clone(),
            verdict: kept.verdict.clone(),
            points: kept.points,
            reason: kept.reason.clone(),
            author: kept.author.clone(),
            evidence: kept.evidence.clone(),
        }
    }
}

/// A reviewer's word on a run.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Decision {
    #[sqlx(rename = "run_id")]
    pub run: String,
    pub reviewer: String,
    pub decision: DecisionKind,
    pub reason: String,
    pub decided_at: Timestamp,
}

macro_rules! insert_override {
    ($tx:ident, $id:expr, $run:expr, $word:expr, $state:expr, $from:expr, $now:expr) => {
        sqlx::query(
            "INSERT INTO overrides (id, run_id, probe, verdict, points, reason, author, evidence, state, carried_from, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind($id)
        .bind($run)
        .bind(&$word.probe)
        .bind(&$word.verdict)
        .bind($word.points)
        .bind(&$word.reason)
        .bind(&$word.author)
        .bind(&$word.evidence)
        .bind($state)
        .bind($from)
        .bind($now)
        .execute(&mut *$tx)
        .await?
    };
}
pub(crate) use insert_override;

const SELECT: &str = "SELECT id, run_id, probe, verdict, points, reason, author, evidence, state, carried_from, \
     created_at FROM overrides WHERE run_id = $1 ORDER BY id";

/// The spec, whether it counts, score, outcome and summary of a run.
type Standing = (String, bool, Option<f64>, Option<String>, Option<String>);

impl Store {
    /// Every word on the probes of a run, oldest first, also withdrawn ones.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn overrides(&self, run: &str) -> Result<Vec<Override>, StoreError> {
        Ok(reading!(self, |db| sqlx::query_as(SELECT).bind(run).fetch_all(db).await?))
    }

    /// Keeps a word on a probe of a finished run, withdrawing the same reviewer's earlier one.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Conflict`] unless the run is finished.
    pub async fn add_override(&self, run: &str, word: &NewOverride) -> Result<String, StoreError> {
        let id = new_id();
        transaction!(self, |tx| {
            let state: Option<(String,)> =
                sqlx::query_as("UPDATE runs SET version = version + 1 WHERE id = $1 RETURNING state")
                    .bind(run)
                    .fetch_optional(&mut *tx)
                    .await?;
            let (state,) = state.ok_or(StoreError::Missing("run"))?;
            if state != "finished" {
                return Err(StoreError::Conflict("only a finished run can be overridden".to_owned()));
            }
            sqlx::query(
                "UPDATE overrides SET state = 'withdrawn' \
                 WHERE run_id = $1 AND probe = $2 AND author = $3 AND state <> 'withdrawn'",
            )
            .bind(run)
            .bind(&word.probe)
            .bind(&word.author)
            .execute(&mut *tx)
            .await?;
            insert_override!(tx, &id, run, word, OverrideState::Active, None::<&str>, Timestamp::now());
        });
        Ok(id)
    }

    /// Withdraws a word.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn withdraw_override(&self, run: &str, id: &str) -> Result<(), StoreError> {
        let changed = writing!(self, |db| {
            sqlx::query(
                "UPDATE overrides SET state = 'withdrawn' WHERE run_id = $1 AND id = $2 AND state <> 'withdrawn'",
            )
            .bind(run)
            .bind(id)
            .execute(db)
            .await?
            .rows_affected()
        });
        if changed > 0 { Ok(()) } else { Err(StoreError::Missing("override")) }
    }

    /// Writes the score as it stands with the words on it, while the run is still at `version`.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when it is not: read the words again.
    pub async fn rescore(
        &self,
        run: &str,
        version: i64,
        percent: Option<f64>,
        passed: Option<bool>,
        summary: &Summary,
    ) -> Result<(), StoreError> {
        let text = serde_json::to_string(summary)
            .map_err(|error| StoreError::Unreadable { what: "summary", why: error.to_string() })?;
        transaction!(self, |tx| {
            let before: Option<Standing> = sqlx::query_as(
                "UPDATE runs SET version = version + 1 WHERE id = $1 AND version = $2 \
                 RETURNING spec, counted, percent, outcome, summary",
            )
            .bind(run)
            .bind(version)
            .fetch_optional(&mut *tx)
            .await?;
            let (spec, counted, old, outcome, old_summary) = before.ok_or(StoreError::Changed("run"))?;
            sqlx::query("UPDATE runs SET percent = $2, passed = $3, summary = $4 WHERE id = $1")
                .bind(run)
                .bind(percent)
                .bind(passed)
                .bind(&text)
                .execute(&mut *tx)
                .await?;
            if counted {
                let old_summary = old_summary.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
                let mut shift = Shift::default();
                shift.add(-1, old, outcome.as_deref(), &old_summary);
                shift.add(1, percent, outcome.as_deref(), summary);
                shift_cohort!(tx, &spec, shift);
            }
        });
        Ok(())
    }

    /// The words on the latest finished run of a submission before `number`, for carrying over.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn overrides_before(&self, submission: &str, number: i64) -> Result<Vec<Override>, StoreError> {
        let before: Option<(String,)> = reading!(self, |db| {
            sqlx::query_as(
                "SELECT id FROM runs WHERE submission_id = $1 AND number < $2 AND state = 'finished' \
                 AND percent IS NOT NULL ORDER BY number DESC LIMIT 1",
            )
            .bind(submission)
            .bind(number)
            .fetch_optional(db)
            .await?
        });
        match before {
            Some((run,)) => self.overrides(&run).await,
            None => Ok(Vec::new()),
        }
    }

    /// Keeps what a reviewer decided on a run, in place of what they decided before.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the run is not there.
    pub async fn decide(&self, decision: &Decision) -> Result<(), StoreError> {
        writing!(self, |db| {
            sqlx::query(
                "INSERT INTO decisions (run_id, reviewer, decision, reason, decided_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (run_id, reviewer) DO UPDATE SET decision = $3, reason = $4, decided_at = $5",
            )
            .bind(&decision.run)
            .bind(&decision.reviewer)
            .bind(decision.decision)
            .bind(&decision.reason)
            .bind(decision.decided_at)
            .execute(db)
            .await?;
        });
        Ok(())
    }

    /// What was decided on a run, by whom; by name.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn decisions(&self, run: &str) -> Result<Vec<Decision>, StoreError> {
        Ok(reading!(self, |db| {
            sqlx::query_as(
                "SELECT run_id, reviewer, decision, reason, decided_at FROM decisions WHERE run_id = $1 ORDER BY reviewer",
            )
            .bind(run)
            .fetch_all(db)
            .await?
        }))
    }

    /// On which of the runs a reviewer has decided.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn decided_by(&self, reviewer: &str, runs: &[String]) -> Result<Vec<String>, StoreError> {
        if runs.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<(String,)> = reading!(self, |db| {
            let mut query = sqlx::QueryBuilder::new("SELECT run_id FROM decisions WHERE reviewer = ");
            query.push_bind(reviewer).push(" AND run_id IN (");
            let mut ids = query.separated(", ");
            for run in runs {
                ids.push_bind(run.as_str());
            }
            query.push(")");
            query.build_query_as().fetch_all(db).await?
        });
        Ok(rows.into_iter().map(|(run,)| run).collect())
    }
}
