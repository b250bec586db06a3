//! Room on the engine's disk. What a build's step wrote cannot be told from outside until the step has ended, and a disk that
//! is full breaks databases and engine alike, whoever filled it. So the disk itself is looked at.
//!
//! The disk of an engine on another machine is not seen. Such an engine may name a folder that is here by chance: then this
//! machine's disk is looked at in vain.

use std::path::Path;
use std::time::Duration;

use crate::{Limits, SandboxError};

/// Time between looks. Each is one system call.
const OFTEN: Duration = Duration::from_millis(500);

/// Bytes that builds have to leave for everybody else.
const RESERVE: u64 = 2 << 30;

/// Bytes whose taking matters where little is left: a disk that was full before is not this run's doing.
const NOTABLE: u64 = 1 << 30;

/// Ends when the disk runs out while images are built, or more of it went than may.
pub(crate) async fn gone(data_root: &str, limits: &Limits) -> SandboxError {
    let root = Path::new(data_root);
    let Some(before) = free(root) else { return std::future::pending().await };
    loop {
        tokio::time::sleep(OFTEN).await;
        let Some(free) = free(root) else { continue };
        let taken = before.saturating_sub(free);
        if taken > limits.build_disk_bytes || taken > NOTABLE && free < RESERVE {
            return SandboxError::BuildDisk { taken, free };
        }
    }
}

/// Ends when less is left than [`Limits::free_disk_bytes`].
pub(crate) async fn out(data_root: &str, limits: &Limits) -> SandboxError {
    loop {
        if let Some(full) = is_out(data_root, limits) {
            return full;
        }
        tokio::time::sleep(OFTEN).await;
    }
}

/// The same, as it is now.
pub(crate) fn is_out(data_root: &str, limits: &Limits) -> Option<SandboxError> {
    let free = free(Path::new(data_root))?;
    (free < limits.free_disk_bytes).then_some(SandboxError::EngineDisk { free })
}

fn free(root: &Path) -> Option<u64> {
    fs4::available_space(root).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_another_machine_has_no_room_to_tell() {
        let limits = Limits { free_disk_bytes: u64::MAX, ..Limits::default() };
        for elsewhere in ["", "/nowhere/at/all"] {
            assert_eq!(free(Path::new(elsewhere)), None);
            assert_eq!(is_out(elsewhere, &limits), None);
        }
        let here = std::env::temp_dir().display().to_string();
        assert!(matches!(is_out(&here, &limits), Some(SandboxError::EngineDisk { .. })));
        assert_eq!(is_out(&here, &Limits { free_disk_bytes: 0, ..Limits::default() }), None);
    }
}
