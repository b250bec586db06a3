//! Candidates: the people whose work is graded.

use sqlx::QueryBuilder;

use crate::page::{Page, PageRequest};
use crate::pool::{reading, writing};
use crate::{Store, StoreError, Timestamp, new_id};

/// A candidate.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Candidate {
    pub id: String,
    pub name: String,
    pub email: Option<String>,
    pub notes: String,
    /// Grows with every change.
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What somebody says of a candidate, new or changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CandidateChange {
    pub name: String,
    /// Nobody else's.
    pub email: Option<String>,
    pub notes: String,
}

/// Which candidates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CandidateFilter {
    /// A part of the name or of the address, whatever its case.
    pub search: Option<String>,
}

const SELECT: &str = "SELECT id, name, email, notes, version, created_at, updated_at FROM candidates";

impl Store {
    /// Keeps a candidate.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the address is another's.
    pub async fn add_candidate(&self, new: &CandidateChange) -> Result<Candidate, StoreError> {
        let now = Timestamp::now();
        let candidate = Candidate {
            id: new_id(),
            name: new.name.clone(),
            email: new.email.clone(),
            notes: new.notes.clone(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        writing!(self, |db| {
            sqlx::query(
                "INSERT INTO candidates (id, name, email, notes, version, created_at, updated_at) \
                 VALUES ($1, $2, $3, $4, 1, $5, $5)",
            )
            .bind(&candidate.id)
            .bind(&candidate.name)
            .bind(&candidate.email)
            .bind(&candidate.notes)
            .bind(now)
            .execute(db)
            .await
            .map_err(taken)?;
        });
        Ok(candidate)
    }

    /// One candidate.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn candidate(&self, id: &str) -> Result<Candidate, StoreError> {
        let found: Option<Candidate> = reading!(self, |db| {
            let mut query = QueryBuilder::new(SELECT);
            query.push(" WHERE id = ").push_bind(id);
            query.build_query_as().fetch_optional(db).await?
        });
        found.ok_or(StoreError::Missing("candidate"))
    }

    /// Candidates, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn candidates(
        &self,
        filter: &CandidateFilter,
        page: &PageRequest,
    ) -> Result<Page<Candidate>, StoreError> {
        let found: Vec<Candidate> = reading!(self, |db| {
            let mut query = QueryBuilder::new(SELECT);
            query.push(" WHERE 1 = 1");
            if let Some(search) = &filter.search {
                let pattern = format!("%{}%", escaped(&search.to_lowercase()));
                query.push(" AND (lower(name) LIKE ").push_bind(pattern.clone()).push(" ESCAPE '!'");
                query.push(" OR lower(email) LIKE ").push_bind(pattern).push(" ESCAPE '!')");
            }
            if let Some(after) = &page.after {
                query.push(" AND id < ").push_bind(after.as_str());
            }
            query.push(" ORDER BY id DESC LIMIT ").push_bind(page.fetch());
            query.build_query_as().fetch_all(db).await?
        });
        Ok(Page::cut(found, page, |candidate| candidate.id.clone()))
    }

    /// Changes a candidate, who has to be at `version` where one is given.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Changed`], or [`StoreError::Conflict`] when the address is another's.
    pub async fn change_candidate(
        &self,
        id: &str,
        change: &CandidateChange,
        version: Option<i64>,
    ) -> Result<Candidate, StoreError> {
        let changed = writing!(self, |db| {
            sqlx::query(
                "UPDATE candidates SET name = $2, email = $3, notes = $4, updated_at = $5, version = version + 1 \
                 WHERE id = $1 AND version = COALESCE($6, version)",
            )
            .bind(id)
            .bind(&change.name)
            .bind(&change.email)
            .bind(&change.notes)
            .bind(Timestamp::now())
            .bind(version)
            .execute(db)
            .await
            .map_err(taken)?
            .rows_affected()
        });
        let present = self.candidate(id).await?;
        if changed > 0 { Ok(present) } else { Err(StoreError::Changed("candidate")) }
    }

    /// Removes a candidate; the submissions stay, without a name.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub async fn remove_candidate(&self, id: &str) -> Result<(), StoreError> {
        let removed = writing!(self, |db| {
            sqlx::query("DELETE FROM candidates WHERE id = $1").bind(id).execute(db).await?.rows_affected()
        });
        if removed > 0 { Ok(()) } else { Err(StoreError::Missing("candidate")) }
    }
}

fn taken(error: sqlx::Error) -> StoreError {
    match StoreError::from(error) {
        StoreError::Conflict(_) => StoreError::Conflict("another candidate has this e-mail address".to_owned()),
        other => other,
    }
}

/// A text without its meaning in a LIKE pattern.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        if matches!(c, '%' | '_' | '!') {
            escaped.push('!');
        }
        escaped.push(c);
        escaped
    })
}
