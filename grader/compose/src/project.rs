//! The typed project: what running a stack needs to know, in long form, with every default filled in.
//!
//! It has no room for what the sandbox never does (privileged, devices, host namespaces, options of volume
//! drivers …): those exist in the [`Document`](crate::Document) only, where the policy finds and refuses them. It
//! must not know about engines, the file system or the policy.

mod build;
mod mount;
mod read;
mod resource;
mod service;

pub use build::{Build, ContextSource, DockerfileSource};
pub use mount::{Mount, MountSource};
pub(crate) use read::read;
pub use resource::{FileObject, FileSource, Network, Volume};
pub use service::{
    Attachment, Condition, Dependency, DeployLimits, FileGrant, HealthTest, Healthcheck, Hook, Logging, PortHint,
    PullPolicy, Restart, Service, Ulimit,
};

use indexmap::IndexMap;
use serde::Serialize;

use crate::files::RelPath;

/// A compose project with includes, extends, overrides and profiles resolved: only the services that would start.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Project {
    /// Normalized name: lower-case letters, digits, `-` and `_`; starts with a letter or digit.
    pub name: String,
    /// Services by name, in the order of the document.
    pub services: IndexMap<String, Service>,
    /// Networks that services use, by key; `default` among them if any service uses it.
    pub networks: IndexMap<String, Network>,
    /// Named volumes, by key.
    pub volumes: IndexMap<String, Volume>,
    /// Secrets, by key.
    pub secrets: IndexMap<String, FileObject>,
    /// Configs, by key.
    pub configs: IndexMap<String, FileObject>,
}

/// Where a path of the document leads.
///
/// After the policy was applied and refused nothing, every location of a project is [`Location::Tree`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// A path inside the inspected tree, relative to its root.
    Tree(RelPath),
    /// An absolute path, one that leaves the tree, or one below a home folder; the text as resolved.
    Outside(String),
}

impl Location {
    /// The path inside the tree, if it is one.
    #[must_use]
    pub fn tree(&self) -> Option<&RelPath> {
        match self {
            Self::Tree(path) => Some(path),
            Self::Outside(_) => None,
        }
    }
}
