//! Room on the engine's disk while images are built: a step may write what it likes, and what it wrote cannot be told from
//! outside until the step has ended. So the disk itself is looked at.

use std::path::Path;
use std::time::Duration;

use crate::{Limits, SandboxError};

/// Time between looks.
const OFTEN: Duration = Duration::from_secs(2);

/// Bytes that have to stay free for everybody else.
const RESERVE: u64 = 2 << 30;

/// Bytes whose taking matters where little is left: a disk that was full before is not this run's doing.
const NOTABLE: u64 = 1 << 30;

/// Ends when the disk runs out, or more of it went than may; never where the disk is not this machine's.
pub(super) async fn gone(data_root: &str, limits: &Limits) -> SandboxError {
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

fn free(root: &Path) -> Option<u64> {
    // An engine elsewhere names a folder that may be here by chance: then its disk is looked at in vain.
    if !root.is_absolute() {
        return None;
    }
    fs4::available_space(root).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_another_machine_has_no_room_to_tell() {
        assert_eq!(free(Path::new("")), None);
        assert_eq!(free(Path::new("/nowhere/at/all")), None);
        assert!(free(&std::env::temp_dir()).is_some());
    }
}
