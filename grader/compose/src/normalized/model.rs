//! The attributes of the reference's model, and how each is printed.

/// How a value is printed, and when it is left out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Out {
    /// Text; left out if empty.
    Text,
    /// Boolean; left out if false.
    Flag,
    /// Boolean; kept if false.
    KeptFlag,
    /// Integer; left out if zero.
    Integer,
    /// Integer; kept if zero.
    KeptInteger,
    /// Number of single precision; left out if zero.
    Number,
    /// `all` or a number; -1 is all.
    Count,
    /// Size as text; left out if zero.
    Bytes,
    /// Duration; left out if zero.
    Duration,
    /// Duration; kept if zero.
    KeptDuration,
    /// List of words or `null`; never left out.
    Command,
    /// `CMD-SHELL` before a text.
    HealthTest,
    /// List of texts; left out if empty.
    Texts,
    /// Mapping or list of pairs; `null` is kept.
    Variables,
    /// Mapping or list of pairs; `null` is the empty text.
    Labels,
    /// `host=address` texts, sorted.
    Hosts,
    /// Permission bits as octal text.
    Mode,
    /// Number or `{soft, hard}` by name.
    Ulimits,
    /// `ID` or `ID: PATH`.
    SshKeys,
    /// Mapping to lists of texts.
    MultiOptions,
    /// Object; left out if missing.
    Object(&'static [Field]),
    /// Object; `{}` if missing.
    KeptObject(&'static [Field]),
    /// List of objects; left out if empty.
    Objects(&'static [Field]),
    /// Mapping to objects or `null`; left out if empty.
    Mapping(&'static [Field]),
    /// Mapping to objects; kept if empty. Keys that start with `x-` are names here.
    Section(&'static [Field]),
    /// As `Section`, left out if empty.
    OptionalSection(&'static [Field]),
}

/// An attribute and how it is printed.
pub(super) type Field = (&'static str, Out);

use Out::{
    Bytes, Command, Count, Duration, Flag, HealthTest, Hosts, Integer, KeptDuration, KeptFlag, KeptInteger, KeptObject,
    Labels, Mapping, Mode, MultiOptions, Number, Object, Objects, OptionalSection, Section, SshKeys, Text, Texts,
    Ulimits, Variables,
};

pub(super) const PROJECT: &[Field] = &[
    ("name", Text),
    ("services", Section(SERVICE)),
    ("networks", OptionalSection(NETWORK)),
    ("volumes", OptionalSection(VOLUME)),
    ("secrets", OptionalSection(FILE_OBJECT)),
    ("configs", OptionalSection(CONFIG)),
];

const SERVICE: &[Field] = &[
    ("profiles", Texts),
    ("annotations", Labels),
    ("attach", KeptFlag),
    ("build", Object(BUILD)),
    ("develop", Object(&[("watch", Objects(WATCH))])),
    ("blkio_config", Object(BLKIO)),
    ("cap_add", Texts),
    ("cap_drop", Texts),
    ("cgroup_parent", Text),
    ("cgroup", Text),
    ("cpu_count", Integer),
    ("cpu_percent", Number),
    ("cpu_period", Integer),
    ("cpu_quota", Integer),
    ("cpu_rt_period", Integer),
    ("cpu_rt_runtime", Integer),
    ("cpus", Number),
    ("cpuset", Text),
    ("cpu_shares", Integer),
    ("command", Command),
    ("configs", Objects(GRANT)),
    ("container_name", Text),
    ("credential_spec", Object(&[("config", Text), ("file", Text), ("registry", Text)])),
    ("depends_on", Section(&[("condition", Text), ("restart", Flag), ("required", KeptFlag)])),
    ("deploy", Object(DEPLOY)),
    ("device_cgroup_rules", Texts),
    ("devices", Objects(&[("source", Text), ("target", Text), ("permissions", Text)])),
    ("dns", Texts),
    ("dns_opt", Texts),
    ("dns_search", Texts),
    ("domainname", Text),
    ("entrypoint", Command),
    ("provider", Object(&[("type", Text), ("options", MultiOptions)])),
    ("environment", Variables),
    ("expose", Texts),
    ("external_links", Texts),
    ("extra_hosts", Hosts),
    ("group_add", Texts),
    ("gpus", Objects(DEVICE_REQUEST)),
    ("hostname", Text),
    ("healthcheck", Object(HEALTHCHECK)),
    ("image", Text),
    ("init", KeptFlag),
    ("ipc", Text),
    ("isolation", Text),
    ("labels", Labels),
    ("links", Texts),
    ("logging", Object(&[("driver", Text), ("options", Labels)])),
    ("mem_limit", Bytes),
    ("mem_reservation", Bytes),
    ("memswap_limit", Bytes),
    ("mem_swappiness", Bytes),
    ("mac_address", Text),
    ("models", Mapping(&[("endpoint_var", Text), ("model_var", Text)])),
    ("network_mode", Text),
    ("networks", Mapping(ATTACHMENT)),
    ("oom_kill_disable", Flag),
    ("oom_score_adj", Integer),
    ("pid", Text),
    ("pids_limit", Integer),
    ("platform", Text),
    ("ports", Objects(PORT)),
    ("privileged", Flag),
    ("pull_policy", Text),
    ("read_only", Flag),
    ("restart", Text),
    ("runtime", Text),
    ("scale", KeptInteger),
    ("secrets", Objects(GRANT)),
    ("security_opt", Texts),
    ("shm_size", Bytes),
    ("stdin_open", Flag),
    ("stop_grace_period", KeptDuration),
    ("stop_signal", Text),
    ("storage_opt", Labels),
    ("sysctls", Labels),
    ("tmpfs", Texts),
    ("tty", Flag),
    ("ulimits", Ulimits),
    ("use_api_socket", Flag),
    ("user", Text),
    ("userns_mode", Text),
    ("uts", Text),
    ("volumes", Objects(MOUNT)),
    ("volumes_from", Texts),
    ("working_dir", Text),
    ("post_start", Objects(HOOK)),
    ("pre_stop", Objects(HOOK)),
];

const BUILD: &[Field] = &[
    ("context", Text),
    ("dockerfile", Text),
    ("dockerfile_inline", Text),
    ("entitlements", Texts),
    ("args", Variables),
    ("provenance", Text),
    ("sbom", Text),
    ("ssh", SshKeys),
    ("labels", Labels),
    ("cache_from", Texts),
    ("cache_to", Texts),
    ("no_cache", Flag),
    ("additional_contexts", Labels),
    ("pull", Flag),
    ("extra_hosts", Hosts),
    ("isolation", Text),
    ("network", Text),
    ("target", Text),
    ("secrets", Objects(GRANT)),
    ("shm_size", Bytes),
    ("tags", Texts),
    ("ulimits", Ulimits),
    ("platforms", Texts),
    ("privileged", Flag),
];

const WATCH: &[Field] = &[
    ("path", Text),
    ("action", Text),
    ("target", Text),
    ("exec", KeptObject(HOOK)),
    ("include", Texts),
    ("ignore", Texts),
    ("initial_sync", Flag),
];

const HOOK: &[Field] =
    &[("command", Command), ("user", Text), ("privileged", Flag), ("working_dir", Text), ("environment", Variables)];

const BLKIO: &[Field] = &[
    ("weight", Integer),
    ("weight_device", Objects(&[("path", Text), ("weight", Integer)])),
    ("device_read_bps", Objects(RATE)),
    ("device_read_iops", Objects(RATE)),
    ("device_write_bps", Objects(RATE)),
    ("device_write_iops", Objects(RATE)),
];

const RATE: &[Field] = &[("path", Text), ("rate", Bytes)];

const GRANT: &[Field] = &[("source", Text), ("target", Text), ("uid", Text), ("gid", Text), ("mode", Mode)];

const DEPLOY: &[Field] = &[
    ("mode", Text),
    ("replicas", KeptInteger),
    ("labels", Labels),
    ("update_config", Object(UPDATE)),
    ("rollback_config", Object(UPDATE)),
    ("resources", KeptObject(&[("limits", Object(RESOURCE)), ("reservations", Object(RESOURCE))])),
    (
        "restart_policy",
        Object(&[
            ("condition", Text),
            ("delay", KeptDuration),
            ("max_attempts", KeptInteger),
            ("window", KeptDuration),
        ]),
    ),
    (
        "placement",
        KeptObject(&[
            ("constraints", Texts),
            ("preferences", Objects(&[("spread", Text)])),
            ("max_replicas_per_node", Integer),
        ]),
    ),
    ("endpoint_mode", Text),
];

const UPDATE: &[Field] = &[
    ("parallelism", KeptInteger),
    ("delay", Duration),
    ("failure_action", Text),
    ("monitor", Duration),
    ("max_failure_ratio", Number),
    ("order", Text),
];

const RESOURCE: &[Field] = &[
    ("cpus", Number),
    ("memory", Bytes),
    ("pids", Integer),
    ("devices", Objects(DEVICE_REQUEST)),
    ("generic_resources", Objects(&[("discrete_resource_spec", Object(&[("kind", Text), ("value", KeptInteger)]))])),
];

const DEVICE_REQUEST: &[Field] =
    &[("capabilities", Texts), ("driver", Text), ("count", Count), ("device_ids", Texts), ("options", Labels)];

const HEALTHCHECK: &[Field] = &[
    ("test", HealthTest),
    ("timeout", KeptDuration),
    ("interval", KeptDuration),
    ("retries", KeptInteger),
    ("start_period", KeptDuration),
    ("start_interval", KeptDuration),
    ("disable", Flag),
];

const ATTACHMENT: &[Field] = &[
    ("aliases", Texts),
    ("driver_opts", Labels),
    ("gw_priority", Integer),
    ("interface_name", Text),
    ("ipv4_address", Text),
    ("ipv6_address", Text),
    ("link_local_ips", Texts),
    ("mac_address", Text),
    ("priority", Integer),
];

const PORT: &[Field] = &[
    ("name", Text),
    ("mode", Text),
    ("host_ip", Text),
    ("target", Integer),
    ("published", Text),
    ("protocol", Text),
    ("app_protocol", Text),
];

const MOUNT: &[Field] = &[
    ("type", Text),
    ("source", Text),
    ("target", Text),
    ("read_only", Flag),
    ("consistency", Text),
    ("bind", Object(&[("selinux", Text), ("propagation", Text), ("create_host_path", Flag), ("recursive", Text)])),
    ("volume", Object(&[("labels", Labels), ("nocopy", Flag), ("subpath", Text)])),
    ("tmpfs", Object(&[("size", Bytes), ("mode", Integer)])),
    ("image", Object(&[("subpath", Text)])),
];

const NETWORK: &[Field] = &[
    ("name", Text),
    ("driver", Text),
    ("driver_opts", Labels),
    ("ipam", KeptObject(&[("driver", Text), ("config", Objects(IPAM_POOL)), ("options", Labels)])),
    ("external", Flag),
    ("internal", Flag),
    ("attachable", Flag),
    ("labels", Labels),
    ("enable_ipv4", KeptFlag),
    ("enable_ipv6", KeptFlag),
];

const IPAM_POOL: &[Field] = &[("subnet", Text), ("gateway", Text), ("ip_range", Text), ("aux_addresses", Labels)];

const VOLUME: &[Field] =
    &[("name", Text), ("driver", Text), ("driver_opts", Labels), ("external", Flag), ("labels", Labels)];

const FILE_OBJECT: &[Field] = &[
    ("name", Text),
    ("file", Text),
    ("environment", Text),
    ("external", Flag),
    ("labels", Labels),
    ("driver", Text),
    ("driver_opts", Labels),
    ("template_driver", Text),
];

const CONFIG: &[Field] = &[
    ("name", Text),
    ("file", Text),
    ("environment", Text),
    ("content", Text),
    ("external", Flag),
    ("labels", Labels),
    ("template_driver", Text),
];
