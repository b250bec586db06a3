//! Where a pack goes: through the limits into libgit2's indexer.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use git2::Indexer;

use crate::{IntakeError, Limits, Progress, objects};

/// What was received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) bytes: u64,
    pub(crate) objects: u32,
}

/// Takes a pack piece by piece. Nothing is left to wait for once a limit is passed: the caller stops reading.
pub(crate) struct PackSink<'s> {
    indexer: Option<Indexer<'static>>,
    limits: &'s Limits,
    received: Received,
    head: Vec<u8>,
    report: &'s mut dyn FnMut(Progress),
    reported: Instant,
}

/// Bytes of a pack before its first object: `PACK`, the version, the number of objects.
const PACK_HEAD: usize = 12;

impl<'s> PackSink<'s> {
    /// A sink that writes into the folder `pack`, which must exist.
    pub(crate) fn new(
        pack: &Path,
        limits: &'s Limits,
        report: &'s mut dyn FnMut(Progress),
    ) -> Result<Self, IntakeError> {
        let indexer = Indexer::new(None, pack, 0o600, false).map_err(IntakeError::scratch)?;
        Ok(PackSink {
            indexer: Some(indexer),
            limits,
            received: Received::default(),
            head: Vec::new(),
            report,
            reported: Instant::now(),
        })
    }

    /// Counts bytes that are not of the pack.
    pub(super) fn count(&mut self, bytes: usize) -> Result<(), IntakeError> {
        self.received.bytes += bytes as u64;
        if self.received.bytes > self.limits.bytes {
            return Err(IntakeError::TooBig { what: "the transfer".to_owned(), limit: self.limits.bytes });
        }
        Ok(())
    }

    /// Takes the next bytes of the pack.
    pub(super) fn write(&mut self, data: &[u8]) -> Result<(), IntakeError> {
        self.count(data.len())?;
        if self.head.len() < PACK_HEAD {
            let more = PACK_HEAD - self.head.len();
            self.head.extend_from_slice(&data[..more.min(data.len())]);
            self.check_head()?;
        }
        if let Some(indexer) = &mut self.indexer {
            indexer.write_all(data).map_err(|error| self.failed(&error))?;
        }
        if self.reported.elapsed() >= Duration::from_millis(100) {
            self.reported = Instant::now();
            (self.report)(Progress { received_bytes: self.received.bytes, objects: self.received.objects });
        }
        Ok(())
    }

    /// Whether the pack is whole as far as its server is concerned; [`PackSink::index`] finds out.
    pub(super) fn end(&mut self, place: &str) -> Result<(), IntakeError> {
        if self.head.len() < PACK_HEAD {
            return Err(IntakeError::Protocol { place: place.to_owned(), reason: "it sends no pack".to_owned() });
        }
        Ok(())
    }

    /// Resolves the deltas and writes the pack's index.
    ///
    /// # Errors
    /// `BadRepository`, `OutOfMemory`, `Scratch`.
    pub(crate) fn index(mut self) -> Result<Received, IntakeError> {
        if let Some(indexer) = self.indexer.take() {
            indexer.commit().map_err(|error| objects::error(&error, self.limits))?;
        }
        (self.report)(Progress { received_bytes: self.received.bytes, objects: self.received.objects });
        Ok(self.received)
    }

    fn check_head(&mut self) -> Result<(), IntakeError> {
        let Some(head) = self.head.first_chunk::<PACK_HEAD>() else { return Ok(()) };
        let [b'P', b'A', b'C', b'K', _, _, _, _, a, b, c, d] = *head else {
            return Err(IntakeError::damaged("what the server sends is no pack"));
        };
        self.received.objects = u32::from_be_bytes([a, b, c, d]);
        if self.received.objects > self.limits.objects {
            return Err(IntakeError::TooManyObjects { count: self.received.objects, limit: self.limits.objects });
        }
        Ok(())
    }

    fn failed(&self, error: &std::io::Error) -> IntakeError {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<git2::Error>()) {
            Some(own) => objects::error(own, self.limits),
            None => IntakeError::scratch(error),
        }
    }
}
