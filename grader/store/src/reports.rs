//! What a run leaves: its report, and artefacts such as logs. Both are kept deflated.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::pool::reading;
use crate::{Artefact, Store, StoreError, Timestamp};

pub(crate) fn pack(body: &[u8]) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    // Writing to memory does not fail.
    let _ = packed.write_all(body);
    packed.finish().unwrap_or_default()
}

fn unpack(what: &'static str, packed: &[u8], size: i64) -> Result<Vec<u8>, StoreError> {
    // The size was written beside it; more than that does not come out of it.
    let mut body = Vec::new();
    ZlibDecoder::new(packed)
        .take(u64::try_from(size).unwrap_or(0))
        .read_to_end(&mut body)
        .map_err(|error| StoreError::Unreadable { what, why: error.to_string() })?;
    Ok(body)
}

impl Store {
    /// The report of a run, as JSON.
    ///
    /// # Errors
    /// [`StoreError::Missing`] for a run that has none (yet).
    pub async fn report(&self, run: &str) -> Result<String, StoreError> {
        let row: Option<(Vec<u8>, i64)> = reading!(self, |db| {
            sqlx::query_as("SELECT body, size FROM reports WHERE run_id = $1").bind(run).fetch_optional(db).await?
        });
        let (packed, size) = row.ok_or(StoreError::Missing("report"))?;
        String::from_utf8(unpack("report", &packed, size)?)
            .map_err(|error| StoreError::Unreadable { what: "report", why: error.to_string() })
    }

    /// The artefacts of a run, by name.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn artefacts(&self, run: &str) -> Result<Vec<Artefact>, StoreError> {
        let rows: Vec<(String, String, String, i64, Timestamp)> = reading!(self, |db| {
            sqlx::query_as(
                "SELECT id, name, media_type, size, created_at FROM artefacts WHERE run_id = $1 ORDER BY name",
            )
            .bind(run)
            .fetch_all(db)
            .await?
        });
        let artefact = |(id, name, media_type, size, created_at)| Artefact { id, name, media_type, size, created_at };
        Ok(rows.into_iter().map(artefact).collect())
    }

    /// The body of the artefact with that name, of each of the runs that still has one.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn artefacts_named(&self, runs: &[String], name: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        if runs.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<(String, i64, Vec<u8>)> = reading!(self, |db| {
            let mut query = sqlx::QueryBuilder::new("SELECT run_id, size, body FROM artefacts WHERE name = ");
            query.push_bind(name).push(" AND run_id IN (");
            let mut ids = query.separated(", ");
            for run in runs {
                ids.push_bind(run.as_str());
            }
            query.push(")");
            query.build_query_as().fetch_all(db).await?
        });
        rows.into_iter().map(|(run, size, packed)| Ok((run, unpack("artefact", &packed, size)?))).collect()
    }

    /// An artefact's type and body.
    ///
    /// # Errors
    /// [`StoreError::Missing`], also when it was removed for its age.
    pub async fn artefact(&self, run: &str, id: &str) -> Result<(Artefact, Vec<u8>), StoreError> {
        let row: Option<(String, String, i64, Timestamp, Vec<u8>)> = reading!(self, |db| {
            sqlx::query_as(
                "SELECT name, media_type, size, created_at, body FROM artefacts WHERE run_id = $1 AND id = $2",
            )
            .bind(run)
            .bind(id)
            .fetch_optional(db)
            .await?
        });
        let (name, media_type, size, created_at, packed) = row.ok_or(StoreError::Missing("artefact"))?;
        let body = unpack("artefact", &packed, size)?;
        Ok((Artefact { id: id.to_owned(), name, media_type, size, created_at }, body))
    }
}
