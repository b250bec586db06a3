//! What the service remembers of GitHub: what was taken once, where pull requests stand, and which runs belong to them.
//!
//! Plain values go in and out; what they mean, the crate that talks to GitHub knows.

mod heads;

use sqlx::QueryBuilder;

use crate::pool::{reading, writing};
use crate::{Store, StoreError, Timestamp};

pub use heads::{GithubAsked, GithubHead};

/// Where a pull request stands.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct GithubPull {
    /// GitHub's number of the repository.
    pub repository: i64,
    pub number: i64,
    pub head: String,
    pub open: bool,
    pub updated_at: Timestamp,
    /// All of it, in the words of whoever heard it.
    pub state: String,
}

/// A run that GitHub asked for.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct GithubRun {
    pub run_id: String,
    pub installation: Option<i64>,
    pub repository: i64,
    pub number: Option<i64>,
    pub head: String,
    /// The check run that shows it.
    pub check_run: Option<i64>,
    /// The digest of the key by which a workflow follows it.
    pub key_hash: Option<String>,
}

/// Runs of which part of GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GithubPart<'a> {
    Pull { repository: i64, number: i64 },
    Head { repository: i64, number: Option<i64>, head: &'a str },
    Repository(i64),
    Installation(i64),
}

impl Store {
    /// Takes `id` of a kind until a time. `false` while it is taken.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn github_take(&self, kind: &str, id: &str, until: Timestamp) -> Result<bool, StoreError> {
        let now = Timestamp::now();
        let taken = writing!(self, |db| {
            sqlx::query("DELETE FROM github_once WHERE until <= $1").bind(now).execute(db).await?;
            sqlx::query("INSERT INTO github_once (kind, id, until) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
                .bind(kind)
                .bind(id)
                .bind(until)
                .execute(db)
                .await?
                .rows_affected()
        });
        Ok(taken > 0)
    }

    /// Gives back what [`Store::github_take`] took.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn github_give_back(&self, kind: &str, id: &str) -> Result<(), StoreError> {
        writing!(self, |db| {
            sqlx::query("DELETE FROM github_once WHERE kind = $1 AND id = $2").bind(kind).bind(id).execute(db).await?;
        });
        Ok(())
    }

    /// Where a pull request stands, if anything was heard of it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn github_pull(&self, repository: i64, number: i64) -> Result<Option<GithubPull>, StoreError> {
        Ok(reading!(self, |db| {
            sqlx::query_as(
                "SELECT repository, number, head, open, updated_at, state FROM github_pulls \
                 WHERE repository = $1 AND number = $2 AND head <> ''",
            )
            .bind(repository)
            .bind(number)
            .fetch_optional(db)
            .await?
        }))
    }

    /// Open pull requests whose last known head is `head`, by number.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn github_pulls_at(&self, repository: i64, head: &str) -> Result<Vec<i64>, StoreError> {
        Ok(reading!(self, |db| {
            sqlx::query_scalar(
                "SELECT number FROM github_pulls WHERE repository = $1 AND head = $2 AND open = $3 ORDER BY number",
            )
            .bind(repository)
            .bind(head)
            .bind(true)
            .fetch_all(db)
            .await?
        }))
    }

    /// Remembers where a pull request stands, unless something newer is known.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn github_learn(&self, pull: &GithubPull) -> Result<(), StoreError> {
        writing!(self, |db| {
            sqlx::query(
                "INSERT INTO github_pulls (repository, number, head, open, updated_at, state, asked) \
                 VALUES ($1, $2, $3, $4, $5, $6, 0) ON CONFLICT (repository, number) DO UPDATE SET \
                 head = excluded.head, open = excluded.open, updated_at = excluded.updated_at, state = excluded.state \
                 WHERE github_pulls.updated_at <= excluded.updated_at OR github_pulls.head = ''",
            )
            .bind(pull.repository)
            .bind(pull.number)
            .bind(&pull.head)
            .bind(pull.open)
            .bind(pull.updated_at)
            .bind(&pull.state)
            .execute(db)
            .await?;
        });
        Ok(())
    }

    /// Remembers that a workflow's run asked for a pull request. `false` where a run of a higher number asked before.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn github_asks(&self, repository: i64, number: i64, run: i64) -> Result<bool, StoreError> {
        // A pull request that only workflows told of has no head here.
        let changed = writing!(self, |db| {
            sqlx::query(
                "INSERT INTO github_pulls (repository, number, head, open, updated_at, state, asked) \
                 VALUES ($1, $2, '', $3, $4, '', $5) ON CONFLICT (repository, number) DO UPDATE SET \
                 asked = excluded.asked WHERE github_pulls.asked <= excluded.asked",
            )
            .bind(repository)
            .bind(number)
            .bind(true)
            .bind(Timestamp::now())
            .bind(run)
            .execute(db)
            .await?
            .rows_affected()
        });
        Ok(changed > 0)
    }

    /// To whom a run belongs.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn github_run(&self, run_id: &str) -> Result<Option<GithubRun>, StoreError> {
        Ok(reading!(self, |db| {
            sqlx::query_as(
                "SELECT run_id, installation, repository, number, head, check_run, key_hash FROM github_runs \
                 WHERE run_id = $1",
            )
            .bind(run_id)
            .fetch_optional(db)
            .await?
        }))
    }

    /// Runs of a part of GitHub, newest first, at most 500; those that are not over, or all.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn github_runs(&self, part: GithubPart<'_>, unfinished: bool) -> Result<Vec<GithubRun>, StoreError> {
        Ok(reading!(self, |db| {
            let mut query = QueryBuilder::new(
                "SELECT g.run_id, g.installation, g.repository, g.number, g.head, g.check_run, g.key_hash \
                 FROM github_runs g JOIN runs r ON r.id = g.run_id WHERE ",
            );
            match part {
                GithubPart::Pull { repository, number } => {
                    query.push("g.repository = ").push_bind(repository).push(" AND g.number = ").push_bind(number);
                }
                GithubPart::Head { repository, number, head } => {
                    query.push("g.repository = ").push_bind(repository);
                    query.push(" AND g.head = ").push_bind(head.to_owned());
                    match number {
                        Some(number) => query.push(" AND g.number = ").push_bind(number),
                        None => query.push(" AND g.number IS NULL"),
                    };
                }
                GithubPart::Repository(repository) => {
                    query.push("g.repository = ").push_bind(repository);
                }
                GithubPart::Installation(installation) => {
                    query.push("g.installation = ").push_bind(installation);
                }
            }
            if unfinished {
                query.push(" AND r.state IN ('queued', 'running')");
            }
            query.push(" ORDER BY g.run_id DESC LIMIT 500");
            query.build_query_as().fetch_all(db).await?
        }))
    }

    /// Keeps which check run shows a run.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn github_shown_by(&self, run_id: &str, check_run: i64) -> Result<(), StoreError> {
        writing!(self, |db| {
            sqlx::query("UPDATE github_runs SET check_run = $2 WHERE run_id = $1")
                .bind(run_id)
                .bind(check_run)
                .execute(db)
                .await?;
        });
        Ok(())
    }

    /// Replaces the key by which a workflow follows a run: the last one to ask follows it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn github_key(&self, run_id: &str, key_hash: &str) -> Result<(), StoreError> {
        writing!(self, |db| {
            sqlx::query("UPDATE github_runs SET key_hash = $2 WHERE run_id = $1")
                .bind(run_id)
                .bind(key_hash)
                .execute(db)
                .await?;
        });
        Ok(())
    }
}
