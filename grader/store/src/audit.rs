//! Who did what when. Lines are added and never changed.

use sqlx::QueryBuilder;

use crate::page::{Page, PageRequest};
use crate::pool::{reading, writing};
use crate::{Store, StoreError, Timestamp, new_id};

/// A line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AuditEntry {
    pub id: String,
    pub actor: String,
    /// Such as `override.add`.
    pub action: String,
    /// What it was done to, such as `run/0198…`.
    pub subject: String,
    /// A JSON object without secrets.
    pub detail: String,
    pub at: Timestamp,
}

impl Store {
    /// Adds a line.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn audit(
        &self,
        actor: &str,
        action: &str,
        subject: &str,
        detail: &serde_json::Value,
    ) -> Result<(), StoreError> {
        writing!(self, |db| {
            sqlx::query("INSERT INTO audit (id, actor, action, subject, detail, at) VALUES ($1, $2, $3, $4, $5, $6)")
                .bind(new_id())
                .bind(actor)
                .bind(action)
                .bind(subject)
                .bind(detail.to_string())
                .bind(Timestamp::now())
                .execute(db)
                .await?;
        });
        Ok(())
    }

    /// Lines, newest first; of one subject where it is given.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn audit_log(&self, subject: Option<&str>, page: &PageRequest) -> Result<Page<AuditEntry>, StoreError> {
        let found: Vec<AuditEntry> = reading!(self, |db| {
            let mut query = QueryBuilder::new("SELECT id, actor, action, subject, detail, at FROM audit WHERE 1 = 1");
            if let Some(subject) = subject {
                query.push(" AND subject = ").push_bind(subject);
            }
            if let Some(after) = &page.after {
                query.push(" AND id < ").push_bind(after.as_str());
            }
            query.push(" ORDER BY id DESC LIMIT ").push_bind(page.fetch());
            query.build_query_as().fetch_all(db).await?
        });
        Ok(Page::cut(found, page, |entry| entry.id.clone()))
    }
}
