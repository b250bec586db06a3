//! Runs as they are read: one, and lists of them.

use sqlx::QueryBuilder;

use crate::page::{Page, PageRequest};
use crate::pool::{reading, writing};
use crate::values::words;
use crate::{Store, StoreError, Summary, Timestamp};

words! {
    /// Where a run is on its way.
    pub enum RunState {
        Queued = "queued",
        Running = "running",
        /// It has a report, whatever that says.
        Finished = "finished",
        Cancelled = "cancelled",
        /// Every worker that took it was lost; no report.
        Abandoned = "abandoned",
    }
}

impl RunState {
    /// Whether nothing will happen to it any more.
    pub fn is_over(self) -> bool {
        matches!(self, RunState::Finished | RunState::Cancelled | RunState::Abandoned)
    }
}

/// What a new run needs.
#[derive(Debug, Clone)]
pub struct NewRun {
    pub submission: String,
    /// Of the spec to grade against; it has to be stored.
    pub spec_digest: String,
    /// The branch, tag or commit, in place of the submission's own.
    pub reference: Option<String>,
    pub seed: u64,
    /// Who asked from outside, in the asker's own words: a JSON value, `{}` for a person.
    pub origin: serde_json::Value,
    /// Higher ones go first; 0 is usual.
    pub priority: i64,
    pub requested_by: String,
}

/// A run with what is shown beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub id: String,
    pub submission: String,
    pub candidate: Option<String>,
    pub candidate_name: Option<String>,
    pub source: String,
    pub reference: Option<String>,
    pub subdir: Option<String>,
    /// From 1 within its submission.
    pub number: i64,
    pub spec: String,
    pub spec_digest: String,
    pub seed: u64,
    pub origin: serde_json::Value,
    pub priority: i64,
    pub requested_by: String,
    pub state: RunState,
    /// How often a worker took it.
    pub attempt: i64,
    pub losses: i64,
    pub worker: Option<String>,
    pub cancel_requested: bool,
    pub queued_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// As the report spells it.
    pub outcome: Option<String>,
    pub commit: Option<String>,
    pub tree: Option<String>,
    /// The score as graded, before any override.
    pub graded_percent: Option<f64>,
    /// The score as it stands.
    pub percent: Option<f64>,
    pub passed: Option<bool>,
    pub summary: Option<Summary>,
    /// Whether it stands for its submission in the cohort.
    pub counted: bool,
    /// Grows with every change.
    pub version: i64,
}

/// Which runs, all conditions together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunFilter {
    pub state: Option<RunState>,
    pub spec: Option<String>,
    pub spec_digest: Option<String>,
    pub candidate: Option<String>,
    pub submission: Option<String>,
    pub outcome: Option<String>,
}

/// Every list of runs reads the same columns.
pub(crate) const SELECT: &str = "SELECT r.id, r.submission_id, r.candidate_id, c.name AS candidate_name, s.source, \
     COALESCE(r.reference, s.reference) AS reference, s.subdir, r.number, r.spec, r.spec_digest, r.seed, r.origin, \
     r.priority, r.requested_by, r.state, r.attempt, r.losses, r.worker, r.cancel_requested, r.queued_at, \
     r.started_at, r.finished_at, r.outcome, r.commit_id, r.tree, r.graded_percent, r.percent, r.passed, r.summary, \
     r.counted, r.version \
     FROM runs r JOIN submissions s ON s.id = r.submission_id LEFT JOIN candidates c ON c.id = r.candidate_id";

#[derive(sqlx::FromRow)]
pub(crate) struct RunRow {
    id: String,
    submission_id: String,
    candidate_id: Option<String>,
    candidate_name: Option<String>,
    source: String,
    reference: Option<String>,
    subdir: Option<String>,
    number: i64,
    spec: String,
    spec_digest: String,
    seed: i64,
    origin: String,
    priority: i64,
    requested_by: String,
    state: RunState,
    attempt: i64,
    losses: i64,
    worker: Option<String>,
    cancel_requested: bool,
    queued_at: Timestamp,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    outcome: Option<String>,
    commit_id: Option<String>,
    tree: Option<String>,
    graded_percent: Option<f64>,
    percent: Option<f64>,
    passed: Option<bool>,
    summary: Option<String>,
    counted: bool,
    version: i64,
}

impl TryFrom<RunRow> for Run {
    type Error = StoreError;

    fn try_from(row: RunRow) -> Result<Self, StoreError> {
        let unreadable =
            |error: serde_json::Error| StoreError::Unreadable { what: "run", why: format!("{}: {error}", row.id) };
        Ok(Run {
            summary: row.summary.as_deref().map(serde_json::from_str).transpose().map_err(unreadable)?,
            origin: serde_json::from_str(&row.origin).map_err(unreadable)?,
            id: row.id,
            submission: row.submission_id,
            candidate: row.candidate_id,
            candidate_name: row.candidate_name,
            source: row.source,
            reference: row.reference,
            subdir: row.subdir,
            number: row.number,
            spec: row.spec,
            spec_digest: row.spec_digest,
            seed: row.seed.cast_unsigned(),
            priority: row.priority,
            requested_by: row.requested_by,
            state: row.state,
            attempt: row.attempt,
            losses: row.losses,
            worker: row.worker,
            cancel_requested: row.cancel_requested,
            queued_at: row.queued_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            outcome: row.outcome,
            commit: row.commit_id,
            tree: row.tree,
            graded_percent: row.graded_percent,
            percent: row.percent,
            passed: row.passed,
            counted: row.counted,
            version: row.version,
        })
    }
}

pub(crate) fn runs(rows: Vec<RunRow>) -> Result<Vec<Run>, StoreError> {
    rows.into_iter().map(Run::try_from).collect()
}

impl Store {
    /// One run.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn run(&self, id: &str) -> Result<Run, StoreError> {
        let row: Option<RunRow> = reading!(self, |db| {
            let mut query = QueryBuilder::new(SELECT);
            query.push(" WHERE r.id = ").push_bind(id);
            query.build_query_as().fetch_optional(db).await?
        });
        row.ok_or(StoreError::Missing("run"))?.try_into()
    }

    /// Runs, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn runs(&self, filter: &RunFilter, page: &PageRequest) -> Result<Page<Run>, StoreError> {
        let rows: Vec<RunRow> = reading!(self, |db| {
            let mut query = QueryBuilder::new(SELECT);
            query.push(" WHERE 1 = 1");
            if let Some(state) = filter.state {
                query.push(" AND r.state = ").push_bind(state);
            }
            let texts = [
                ("r.spec", &filter.spec),
                ("r.spec_digest", &filter.spec_digest),
                ("r.candidate_id", &filter.candidate),
                ("r.submission_id", &filter.submission),
                ("r.outcome", &filter.outcome),
            ];
            for (column, wanted) in texts {
                if let Some(wanted) = wanted {
                    query.push(format_args!(" AND {column} = ")).push_bind(wanted.as_str());
                }
            }
            if let Some(after) = &page.after {
                query.push(" AND r.id < ").push_bind(after.as_str());
            }
            query.push(" ORDER BY r.id DESC LIMIT ").push_bind(page.fetch());
            query.build_query_as().fetch_all(db).await?
        });
        Ok(Page::cut(runs(rows)?, page, |run| run.id.clone()))
    }

    /// How many runs are taken before this one; `None` unless it waits.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn queue_position(&self, id: &str) -> Result<Option<i64>, StoreError> {
        Ok(reading!(self, |db| {
            sqlx::query_scalar(
                "SELECT (SELECT count(*) FROM runs q WHERE q.state = 'queued' \
                   AND (q.priority > r.priority OR (q.priority = r.priority AND q.id < r.id))) \
                 FROM runs r WHERE r.id = $1 AND r.state = 'queued'",
            )
            .bind(id)
            .fetch_optional(db)
            .await?
        }))
    }

    /// What waits, in the order in which it will be taken.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn waiting(&self, most: u32) -> Result<Vec<Run>, StoreError> {
        let rows: Vec<RunRow> = reading!(self, |db| {
            let mut query = QueryBuilder::new(SELECT);
            query.push(" WHERE r.state = 'queued' ORDER BY r.priority DESC, r.id LIMIT ").push_bind(i64::from(most));
            query.build_query_as().fetch_all(db).await?
        });
        runs(rows)
    }

    /// How many runs are in each state that is not over.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn in_progress(&self) -> Result<(i64, i64), StoreError> {
        Ok(reading!(self, |db| {
            sqlx::query_as(
                "SELECT (SELECT count(*) FROM runs WHERE state = 'queued'), \
                        (SELECT count(*) FROM runs WHERE state = 'running')",
            )
            .fetch_one(db)
            .await?
        }))
    }

    /// The states of several runs.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn states_of(&self, ids: &[String]) -> Result<Vec<(String, RunState)>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        Ok(reading!(self, |db| {
            let mut query = QueryBuilder::new("SELECT id, state FROM runs WHERE id IN (");
            let mut list = query.separated(", ");
            for id in ids {
                list.push_bind(id.as_str());
            }
            query.push(")");
            query.build_query_as().fetch_all(db).await?
        }))
    }

    /// Runs with an origin whose state was not announced yet, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn unannounced(&self, most: u32) -> Result<Vec<Run>, StoreError> {
        let rows: Vec<RunRow> = reading!(self, |db| {
            let mut query = QueryBuilder::new(SELECT);
            query.push(" WHERE r.origin <> '{}' AND r.announced <> r.state ORDER BY r.id LIMIT ");
            query.push_bind(i64::from(most));
            query.build_query_as().fetch_all(db).await?
        });
        runs(rows)
    }

    /// Notes that a state of a run was announced.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn announced(&self, id: &str, state: RunState) -> Result<(), StoreError> {
        writing!(self, |db| {
            sqlx::query("UPDATE runs SET announced = $2 WHERE id = $1").bind(id).bind(state).execute(db).await?;
        });
        Ok(())
    }
    /// How many runs are over, by outcome, or by state for those without one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn ended(&self) -> Result<Vec<(String, i64)>, StoreError> {
        Ok(reading!(self, |db| {
            sqlx::query_as(
                "SELECT item, CAST(sum(runs) AS BIGINT) FROM cohort_counts WHERE kind = 'outcome' GROUP BY item \
                 UNION ALL SELECT state, count(*) FROM runs WHERE state IN ('cancelled', 'abandoned') GROUP BY state",
            )
            .fetch_all(db)
            .await?
        }))
    }
}
