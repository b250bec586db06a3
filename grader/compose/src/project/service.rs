//! One service: everything that starting its container needs.

use std::time::Duration;

use indexmap::IndexMap;
use serde::Serialize;

use super::{Build, Mount};

/// A service in long form.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Service {
    /// The image reference, as written after interpolation.
    pub image: Option<String>,
    /// How the image is built.
    pub build: Option<Build>,
    /// When an image is pulled.
    pub pull_policy: PullPolicy,
    /// `os/arch[/variant]`.
    pub platform: Option<String>,
    /// `None`: the image's own. `Some([])`: none at all. Strings of the document are split as a shell would.
    pub command: Option<Vec<String>>,
    /// `None`: the image's own. `Some([])`: cleared. Strings of the document are split as a shell would.
    pub entrypoint: Option<Vec<String>>,
    /// Variables with `env_file` merged in. `None`: named without a value and set nowhere; the container does not get it.
    pub environment: IndexMap<String, Option<String>>,
    /// Ports that the document publishes: hints to the API's port, never published.
    pub ports: Vec<PortHint>,
    /// Ports (or ranges, `/udp` possible) that the document exposes.
    pub expose: Vec<String>,
    /// Volumes, binds and memory, `tmpfs:` not among them.
    pub volumes: Vec<Mount>,
    /// `tmpfs:` entries, `TARGET[:OPTIONS]`.
    pub tmpfs: Vec<String>,
    /// Networks by key; empty when `network_mode` says otherwise.
    pub networks: IndexMap<String, Attachment>,
    /// `none`, or `service:NAME` (shares that service's); others are refused by policy.
    pub network_mode: Option<String>,
    /// What must have happened before this service starts, by service; links, shared namespaces and `volumes_from` included.
    pub depends_on: IndexMap<String, Dependency>,
    /// The health test.
    pub healthcheck: Option<Healthcheck>,
    /// `user[:group]`.
    pub user: Option<String>,
    /// Further groups.
    pub group_add: Vec<String>,
    /// Working directory.
    pub working_dir: Option<String>,
    /// Host name.
    pub hostname: Option<String>,
    /// Domain name.
    pub domainname: Option<String>,
    /// Signal that stops it.
    pub stop_signal: Option<String>,
    /// How long it may take to stop.
    pub stop_grace_period: Option<Duration>,
    /// Whether a small init process runs as pid 1.
    pub init: Option<bool>,
    /// Whether it has a terminal.
    pub tty: bool,
    /// Whether its standard input stays open.
    pub stdin_open: bool,
    /// Size of `/dev/shm` in bytes.
    pub shm_size: Option<u64>,
    /// Resource limits by name (`nofile` …).
    pub ulimits: IndexMap<String, Ulimit>,
    /// Whether the root file system is read-only.
    pub read_only: bool,
    /// `SERVICE` or `SERVICE:ALIAS`.
    pub links: Vec<String>,
    /// `service[:ro|:rw]` whose volumes are mounted too.
    pub volumes_from: Vec<String>,
    /// `host, address` pairs for `/etc/hosts`.
    pub extra_hosts: Vec<(String, String)>,
    /// Memory in bytes, from `mem_limit`.
    pub mem_limit: Option<u64>,
    /// Reserved memory in bytes.
    pub mem_reservation: Option<u64>,
    /// Processors (1.5 is one and a half), from `cpus`.
    pub cpus: Option<f64>,
    /// Relative weight.
    pub cpu_shares: Option<i64>,
    /// Number of processes; -1 is unlimited.
    pub pids_limit: Option<i64>,
    /// Limits and replicas of `deploy`.
    pub deploy: DeployLimits,
    /// Number of containers, from `scale` or `deploy.replicas`, 1 otherwise.
    pub scale: u32,
    /// Secrets that it gets.
    pub secrets: Vec<FileGrant>,
    /// Configs that it gets.
    pub configs: Vec<FileGrant>,
    /// Labels of the document.
    pub labels: IndexMap<String, String>,
    /// Profiles that it belongs to.
    pub profiles: Vec<String>,
    /// Kernel parameters; only those of the short list pass the policy.
    pub sysctls: IndexMap<String, String>,
    /// Capabilities that the document drops.
    pub cap_drop: Vec<String>,
    /// Logging of the document.
    pub logging: Option<Logging>,
    /// Restart policy of the document.
    pub restart: Option<Restart>,
    /// Name of the container that the document asks for.
    pub container_name: Option<String>,
    /// Name servers of the document.
    pub dns: Vec<String>,
    /// Commands run in the container once it started.
    pub post_start: Vec<Hook>,
}

/// When an image is pulled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PullPolicy {
    /// If it is not there (the default; also `if_not_present`).
    #[default]
    Missing,
    /// Each time.
    Always,
    /// Not at all: a missing image is an error.
    Never,
    /// It is built, even if it is there.
    Build,
    /// If the last pull is longer ago than this (`daily`, `weekly`, `every_…`).
    Refresh(Duration),
}

/// A published port, kept as a hint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortHint {
    /// Port in the container.
    pub target: u16,
    /// Port or range on the host, as written.
    pub published: Option<String>,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// `http` and such.
    pub app_protocol: Option<String>,
    /// Address on the host.
    pub host_ip: Option<String>,
    /// A name given to it.
    pub name: Option<String>,
}

/// How a service hangs on a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// Further names by which it is found there.
    pub aliases: Vec<String>,
    /// The IPv4 address asked for; the subnet is the sandbox's, so a hint.
    pub ipv4_address: Option<String>,
    /// The IPv6 address asked for, a hint.
    pub ipv6_address: Option<String>,
    /// Higher connects first.
    pub priority: i64,
}

/// What must have happened to another service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Dependency {
    /// What must have happened.
    pub condition: Condition,
    /// Whether its absence or failure stops the dependent service.
    pub required: bool,
    /// Whether a restart of it restarts the dependent service.
    pub restart: bool,
}

/// The state of another service that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It runs.
    Started,
    /// Its health test passed.
    Healthy,
    /// It ended with exit code 0.
    CompletedSuccessfully,
}

/// A health test. What is `None` comes from the image, then from the engine's defaults (30 s, 30 s, 3, 0 s, 5 s).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Healthcheck {
    /// What is run.
    pub test: HealthTest,
    /// Time between tests.
    pub interval: Option<Duration>,
    /// Time one test may take.
    pub timeout: Option<Duration>,
    /// Failures in a row that make it unhealthy.
    pub retries: Option<u64>,
    /// Time in which failures do not count.
    pub start_period: Option<Duration>,
    /// Time between tests in that time.
    pub start_interval: Option<Duration>,
}

/// What a health test runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthTest {
    /// The image's own.
    #[default]
    Inherit,
    /// No test at all (`disable: true`, `NONE`).
    Disabled,
    /// `CMD`: program and arguments.
    Exec(Vec<String>),
    /// `CMD-SHELL`: a line for the container's shell.
    Shell(String),
}

/// A resource limit; -1 is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Ulimit {
    /// The limit in force.
    pub soft: i64,
    /// How far the process may raise it.
    pub hard: i64,
}

/// Limits of `deploy.resources` and its replicas.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DeployLimits {
    /// Processors.
    pub cpus: Option<f64>,
    /// Memory in bytes.
    pub memory: Option<u64>,
    /// Number of processes.
    pub pids: Option<i64>,
    /// Reserved memory in bytes.
    pub reserved_memory: Option<u64>,
    /// Number of containers.
    pub replicas: Option<u32>,
}

/// A secret or config given to a service or a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileGrant {
    /// Key in the project's secrets or configs.
    pub source: String,
    /// Absolute path in the container (for a build: the id).
    pub target: String,
    /// Owner.
    pub uid: Option<String>,
    /// Group.
    pub gid: Option<String>,
    /// Permission bits.
    pub mode: Option<u32>,
}

/// Logging of the document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Logging {
    /// Driver.
    pub driver: Option<String>,
    /// Its options.
    pub options: IndexMap<String, String>,
}

/// Restart policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Never.
    No,
    /// Whenever it ends.
    Always,
    /// Whenever it ends, unless it was stopped by hand.
    UnlessStopped,
    /// When it ends with a code other than 0; at most that many times.
    OnFailure {
        /// Number of tries; `None` is unlimited.
        max_retries: Option<u32>,
    },
}

/// A command run in a container that started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Hook {
    /// Program and arguments.
    pub command: Vec<String>,
    /// `user[:group]`.
    pub user: Option<String>,
    /// Working directory.
    pub working_dir: Option<String>,
    /// Further variables.
    pub environment: IndexMap<String, Option<String>>,
}
