//! Assessments: every version that was ever put in force stays, since runs were graded by it.

use sqlx::QueryBuilder;

use crate::pool::{reading, transaction};
use crate::{Store, StoreError, Timestamp};

/// A checked assessment to keep.
#[derive(Debug, Clone)]
pub struct NewSpec {
    /// `sha256:` and the hex digest of the text.
    pub digest: String,
    pub name: String,
    pub version: String,
    pub title: String,
    pub level: String,
    pub text: String,
    pub created_by: String,
}

/// A kept assessment.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredSpec {
    pub digest: String,
    pub name: String,
    pub version: String,
    pub title: String,
    pub level: String,
    #[sqlx(rename = "body")]
    pub text: String,
    pub created_by: String,
    pub created_at: Timestamp,
    /// Whether new runs of this name are graded by it.
    pub in_force: bool,
}

const SELECT: &str = "SELECT digest, name, version, title, level, body, created_by, created_at, in_force FROM specs";

impl Store {
    /// Keeps an assessment, put in force if `in_force` says so or none of its name is. The same text is kept once.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn add_spec(&self, new: &NewSpec, in_force: bool) -> Result<StoredSpec, StoreError> {
        transaction!(self, |tx| {
            sqlx::query(
                "INSERT INTO specs (digest, name, version, title, level, body, created_by, created_at, in_force) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (digest) DO NOTHING",
            )
            .bind(&new.digest)
            .bind(&new.name)
            .bind(&new.version)
            .bind(&new.title)
            .bind(&new.level)
            .bind(&new.text)
            .bind(&new.created_by)
            .bind(Timestamp::now())
            .bind(false)
            .execute(&mut *tx)
            .await?;
            let others: i64 = sqlx::query_scalar("SELECT count(*) FROM specs WHERE name = $1 AND in_force")
                .bind(&new.name)
                .fetch_one(&mut *tx)
                .await?;
            if in_force || others == 0 {
                sqlx::query("UPDATE specs SET in_force = $2 WHERE name = $1 AND in_force")
                    .bind(&new.name)
                    .bind(false)
                    .execute(&mut *tx)
                    .await?;
                sqlx::query("UPDATE specs SET in_force = $2 WHERE digest = $1")
                    .bind(&new.digest)
                    .bind(true)
                    .execute(&mut *tx)
                    .await?;
            }
        });
        self.spec(&new.digest).await
    }

    /// Puts a kept assessment in force in place of the one of its name that is.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn put_in_force(&self, digest: &str) -> Result<StoredSpec, StoreError> {
        let name = self.spec(digest).await?.name;
        transaction!(self, |tx| {
            sqlx::query("UPDATE specs SET in_force = $2 WHERE name = $1 AND in_force")
                .bind(&name)
                .bind(false)
                .execute(&mut *tx)
                .await?;
            sqlx::query("UPDATE specs SET in_force = $2 WHERE digest = $1")
                .bind(digest)
                .bind(true)
                .execute(&mut *tx)
                .await?;
        });
        self.spec(digest).await
    }

    /// One assessment by its digest.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn spec(&self, digest: &str) -> Result<StoredSpec, StoreError> {
        let found: Option<StoredSpec> = reading!(self, |db| {
            let mut query = QueryBuilder::new(SELECT);
            query.push(" WHERE digest = ").push_bind(digest);
            query.build_query_as().fetch_optional(db).await?
        });
        found.ok_or(StoreError::Missing("spec"))
    }

    /// The assessment of a name that is in force.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn spec_in_force(&self, name: &str) -> Result<StoredSpec, StoreError> {
        let found: Option<StoredSpec> = reading!(self, |db| {
            let mut query = QueryBuilder::new(SELECT);
            query.push(" WHERE in_force AND name = ").push_bind(name);
            query.build_query_as().fetch_optional(db).await?
        });
        found.ok_or(StoreError::Missing("spec"))
    }

    /// Every kept assessment, by name, newest first; the 500 first of them.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn specs(&self, name: Option<&str>) -> Result<Vec<StoredSpec>, StoreError> {
        Ok(reading!(self, |db| {
            let mut query = QueryBuilder::new(SELECT);
            if let Some(name) = name {
                query.push(" WHERE name = ").push_bind(name);
            }
            query.push(" ORDER BY name, created_at DESC, digest LIMIT 500");
            query.build_query_as().fetch_all(db).await?
        }))
    }
}
