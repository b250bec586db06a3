//! How alike the submissions of a cohort are: reckoned from what the workers read of their sources, one cohort at a time,
//! and remembered until the cohort is another. For a person to read; it gives and takes no points, and knows no page.

use std::collections::HashSet;
use std::sync::Arc;

use grader_model::Similarity;
use grader_similarity::{Options, Reading, SimilarityError, compare_readings};
use grader_store::{PageRequest, Run, RunFilter, RunState, Store, StoreError};
use tokio::sync::Mutex;

use crate::work::READING;

/// The submissions that are compared: the newest of a larger cohort.
const MOST: usize = 100;
/// Runs that are looked at to find them.
const LOOKED_AT: usize = 2_000;
/// Bytes of readings that are held at once.
const BYTES: usize = 48 << 20;
/// Runs whose readings are fetched at once.
const BATCH: usize = 10;

/// What was reckoned last. Locked while it is: several visitors wait for one reckoning.
#[derive(Debug, Default)]
pub(crate) struct Similar(Mutex<Option<Reckoned>>);

/// A cohort's similarity. The submissions are named by nothing yet: who may know which names is the page's to say.
#[derive(Debug, Clone)]
pub(crate) struct Reckoned {
    /// The runs that were compared, in the order of the result's submissions.
    pub(crate) runs: Vec<Run>,
    /// Runs among the newest of which nothing is kept (any more).
    pub(crate) unread: usize,
    pub(crate) similarity: Arc<Similarity>,
}

/// Why a cohort could not be compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SimilarError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Compare(#[from] SimilarityError),
    #[error("the comparison broke off")]
    Broken(#[from] tokio::task::JoinError),
}

impl Similar {
    /// Compares the newest scored run of each candidate, and of each submission without one.
    ///
    /// # Errors
    /// [`SimilarError`].
    pub(crate) async fn of(&self, store: &Store, spec: &str) -> Result<Reckoned, SimilarError> {
        let newest = newest(store, spec).await?;
        let ids = |runs: &[Run]| runs.iter().map(|run| run.id.clone()).collect::<Vec<_>>();
        let mut last = self.0.lock().await;
        let (runs, readings) = readings(store, &newest).await?;
        if let Some(known) = last.as_ref().filter(|known| !runs.is_empty() && ids(&known.runs) == ids(&runs)) {
            return Ok(Reckoned { runs, unread: newest.len() - known.runs.len(), ..known.clone() });
        }
        let similarity = tokio::task::spawn_blocking(move || {
            let named: Vec<(&str, &Reading)> = readings.iter().map(|reading| ("", reading)).collect();
            compare_readings(&named, &Options { pairs: 40, places: 8, ..Options::default() })
        });
        let similarity = Arc::new(similarity.await??);
        let reckoned = Reckoned { unread: newest.len() - runs.len(), runs, similarity };
        *last = Some(reckoned.clone());
        Ok(reckoned)
    }
}

/// The newest scored runs that stand for their submissions, newest first. Of one candidate one: what somebody has in common
/// with an attempt of their own says nothing.
async fn newest(store: &Store, spec: &str) -> Result<Vec<Run>, StoreError> {
    let filter = RunFilter { spec: Some(spec.to_owned()), state: Some(RunState::Finished), ..RunFilter::default() };
    let mut page = PageRequest::first(PageRequest::MOST);
    let (mut counted, mut seen, mut candidates) = (Vec::new(), 0, HashSet::new());
    loop {
        let found = store.runs(&filter, &page).await?;
        seen += found.items.len();
        let stands = found.items.into_iter().filter(|run| run.counted);
        counted.extend(stands.filter(|run| run.candidate.as_ref().is_none_or(|one| candidates.insert(one.clone()))));
        match found.next {
            Some(next) if counted.len() < MOST && seen < LOOKED_AT => page.after = Some(next),
            _ => break,
        }
    }
    counted.truncate(MOST);
    Ok(counted)
}

/// What was read of them, of those that have it, as far as it may be held at once.
async fn readings(store: &Store, newest: &[Run]) -> Result<(Vec<Run>, Vec<Reading>), StoreError> {
    let (mut runs, mut readings, mut bytes) = (Vec::new(), Vec::new(), 0);
    for batch in newest.chunks(BATCH) {
        let ids: Vec<String> = batch.iter().map(|run| run.id.clone()).collect();
        let kept = store.artefacts_named(&ids, READING).await?;
        for run in batch {
            let Some((_, json)) = kept.iter().find(|(id, _)| *id == run.id) else { continue };
            bytes += json.len();
            if bytes > BYTES {
                return Ok((runs, readings));
            }
            if let Some(reading) = Reading::parse(json) {
                runs.push(run.clone());
                readings.push(reading);
            }
        }
    }
    Ok((runs, readings))
}
