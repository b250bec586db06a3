//! Submissions: where a candidate's code lies, and what it is graded by.

use sha2::{Digest as _, Sha256};
use sqlx::QueryBuilder;

use crate::page::{Page, PageRequest};
use crate::pool::{reading, transaction, writing};
use crate::{Store, StoreError, Timestamp, new_id};

/// What a new submission needs.
#[derive(Debug, Clone, Default)]
pub struct NewSubmission {
    pub candidate: Option<String>,
    /// A git URL, without credentials.
    pub source: String,
    pub reference: Option<String>,
    pub subdir: Option<String>,
    /// The assessment's name.
    pub spec: String,
    /// Seniority in place of the spec's.
    pub level: Option<String>,
    /// A bindings file's text.
    pub bindings: Option<String>,
    pub created_by: String,
}

/// A submission.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Submission {
    pub id: String,
    #[sqlx(rename = "candidate_id")]
    pub candidate: Option<String>,
    pub candidate_name: Option<String>,
    pub source: String,
    pub reference: Option<String>,
    pub subdir: Option<String>,
    pub spec: String,
    pub level: Option<String>,
    pub bindings: Option<String>,
    /// How many runs it has had.
    pub runs: i64,
    pub created_by: String,
    pub created_at: Timestamp,
}

/// Which submissions, all conditions together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubmissionFilter {
    pub candidate: Option<String>,
    pub spec: Option<String>,
    pub source: Option<String>,
}

const SELECT: &str = "SELECT s.id, s.candidate_id, c.name AS candidate_name, s.source, s.reference, s.subdir, s.spec, \
     s.level, s.bindings, s.runs, s.created_by, s.created_at \
     FROM submissions s LEFT JOIN candidates c ON c.id = s.candidate_id";

/// Writes a new submission.
macro_rules! insert {
    ($db:expr, $id:expr, $new:expr) => {
        sqlx::query(
            "INSERT INTO submissions (id, candidate_id, source, reference, subdir, spec, level, bindings, runs, \
             created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10)",
        )
        .bind($id)
        .bind(&$new.candidate)
        .bind(&$new.source)
        .bind(&$new.reference)
        .bind(&$new.subdir)
        .bind(&$new.spec)
        .bind(&$new.level)
        .bind(&$new.bindings)
        .bind(&$new.created_by)
        .bind(Timestamp::now())
        .execute($db)
        .await?;
    };
}

impl Store {
    /// Keeps a submission and gives its id back.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when its candidate is not there.
    pub async fn add_submission(&self, new: &NewSubmission) -> Result<String, StoreError> {
        let id = new_id();
        writing!(self, |db| {
            insert!(db, &id, new);
        });
        Ok(id)
    }

    /// The newest submission of the same source, folder and assessment, and of the same candidate where one is named; `new`,
    /// kept, where there is none. Of callers at the same time, also in several processes, one keeps it.
    ///
    /// # Errors
    /// As for [`Store::add_submission`].
    pub async fn join_submission(&self, new: &NewSubmission) -> Result<String, StoreError> {
        let id = new_id();
        let of = [Some(&new.source), new.subdir.as_ref(), Some(&new.spec), new.candidate.as_ref()];
        let digest = format!("{:x}", Sha256::digest(serde_json::json!(of).to_string()));
        Ok(transaction!(self, |tx| {
            // The update changes nothing and locks the row: whoever comes second waits here for the first one's commit.
            sqlx::query("INSERT INTO submission_joins (digest) VALUES ($1) ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest")
                .bind(&digest)
                .execute(&mut *tx)
                .await?;
            let present: Option<String> = sqlx::query_scalar(
                "SELECT id FROM submissions WHERE source = $1 AND COALESCE(subdir, '') = $2 AND spec = $3 \
                 AND ($4 = '' OR candidate_id = $4) ORDER BY id DESC LIMIT 1",
            )
            .bind(&new.source)
            .bind(new.subdir.as_deref().unwrap_or_default())
            .bind(&new.spec)
            .bind(new.candidate.as_deref().unwrap_or_default())
            .fetch_optional(&mut *tx)
            .await?;
            match present {
                Some(present) => present,
                None => {
                    insert!(&mut *tx, &id, new);
                    id.clone()
                }
            }
        }))
    }

    /// One submission.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn submission(&self, id: &str) -> Result<Submission, StoreError> {
        let found: Option<Submission> = reading!(self, |db| {
            let mut query = QueryBuilder::new(SELECT);
            query.push(" WHERE s.id = ").push_bind(id);
            query.build_query_as().fetch_optional(db).await?
        });
        found.ok_or(StoreError::Missing("submission"))
    }

    /// Submissions, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn submissions(
        &self,
        filter: &SubmissionFilter,
        page: &PageRequest,
    ) -> Result<Page<Submission>, StoreError> {
        let found: Vec<Submission> = reading!(self, |db| {
            let mut query = QueryBuilder::new(SELECT);
            query.push(" WHERE 1 = 1");
            let texts = [("s.candidate_id", &filter.candidate), ("s.spec", &filter.spec), ("s.source", &filter.source)];
            for (column, wanted) in texts {
                if let Some(wanted) = wanted {
                    query.push(format_args!(" AND {column} = ")).push_bind(wanted.as_str());
                }
            }
            if let Some(after) = &page.after {
                query.push(" AND s.id < ").push_bind(after.as_str());
            }
            query.push(" ORDER BY s.id DESC LIMIT ").push_bind(page.fetch());
            query.build_query_as().fetch_all(db).await?
        });
        Ok(Page::cut(found, page, |submission| submission.id.clone()))
    }

    /// Removes a submission with its runs and their reports, unless one of them is under way.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Conflict`] while a run waits or runs, or counts in the cohort's sums.
    pub async fn remove_submission(&self, id: &str) -> Result<(), StoreError> {
        let removed = writing!(self, |db| {
            sqlx::query(
                "DELETE FROM submissions WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM runs r \
                 WHERE r.submission_id = submissions.id AND (r.state IN ('queued', 'running') OR r.counted))",
            )
            .bind(id)
            .execute(db)
            .await?
            .rows_affected()
        });
        if removed > 0 {
            return Ok(());
        }
        self.submission(id).await?;
        Err(StoreError::Conflict("a submission with runs under way or counted in its cohort is kept".to_owned()))
    }
}
