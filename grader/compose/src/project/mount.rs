//! What is mounted into a container, and where.

use serde::Serialize;

use super::Location;

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// Absolute path in the container.
    pub target: String,
    /// Whether the container may only read it.
    pub read_only: bool,
    /// What is mounted.
    pub source: MountSource,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum MountSource {
    /// A file or folder of the tree.
    Bind {
        /// Where it is.
        source: Location,
        /// Whether a missing source is made as an empty folder (short form), or an error (long form saying so).
        create_host_path: bool,
    },
    /// A volume that the engine keeps.
    Volume {
        /// Key in [`Project::volumes`](super::Project::volumes); `None` for an anonymous volume.
        name: Option<String>,
        /// Whether the image's content at the target stays out of a new volume.
        nocopy: bool,
        /// Folder inside the volume.
        subpath: Option<String>,
    },
    /// Memory.
    Tmpfs {
        /// Upper limit in bytes.
        size: Option<u64>,
        /// Permission bits of its root.
        mode: Option<u32>,
    },
    /// `npipe`, `cluster`, `image`: refused by policy.
    Other {
        /// The type as written.
        kind: String,
    },
}
