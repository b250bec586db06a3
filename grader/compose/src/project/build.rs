//! How a service's image is built.

use indexmap::IndexMap;
use serde::Serialize;

use super::Location;

/// The `build` section of a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Build {
    /// The folder (or, refused by policy, the remote place) that is sent to the builder.
    pub context: ContextSource,
    /// The instructions.
    pub dockerfile: DockerfileSource,
    /// The stage to stop at.
    pub target: Option<String>,
    /// Build arguments. `None`: named without a value and not set in the submission's environment, so unset.
    pub args: IndexMap<String, Option<String>>,
    /// Named contexts for `FROM name` and `COPY --from=name`.
    pub additional_contexts: IndexMap<String, ContextSource>,
    /// The network mode of `RUN` steps (`none`, `default`); `host` is refused by policy.
    pub network: Option<String>,
    /// Size of `/dev/shm` during `RUN`, in bytes.
    pub shm_size: Option<u64>,
    /// `host=address` pairs for `RUN` steps.
    pub extra_hosts: Vec<(String, String)>,
    /// Labels that the document puts on the image.
    pub labels: IndexMap<String, String>,
    /// Whether the cache is to be left unused.
    pub no_cache: bool,
    /// Whether base images are to be pulled even when present.
    pub pull: bool,
    /// Platforms that are built, if named.
    pub platforms: Vec<String>,
    /// Keys of the project's secrets that `RUN --mount=type=secret` may read, with the id seen there.
    pub secrets: Vec<super::FileGrant>,
    /// Resource limits of `RUN` steps.
    pub ulimits: IndexMap<String, super::Ulimit>,
}

/// Where a build context comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextSource {
    /// A folder.
    Local(Location),
    /// `docker-image://REF`, without the scheme.
    Image(String),
    /// `service:NAME`: the image that another service of the project builds.
    Service(String),
    /// A URL or `git@` place; refused by policy.
    Remote(String),
}

/// Where the instructions come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DockerfileSource {
    /// A file. Its location is that in the tree, not relative to the context: it may lie beside the context.
    File(Location),
    /// A file of a context that is not local, by its path there.
    InContext(String),
    /// The text itself.
    Inline(String),
}
