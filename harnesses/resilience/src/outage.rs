//! When the database was away: the point in the logs from which on failures were provoked.

use std::sync::{Mutex, PoisonError};

/// Shared by the probe that takes the database away and the one that reads the log afterwards.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<Option<String>>);

impl Outage {
    /// Notes the log's mark just before it.
    pub(crate) fn begin(&self, mark: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(mark);
    }

    /// The mark, where there was an outage.
    pub(crate) fn mark(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
