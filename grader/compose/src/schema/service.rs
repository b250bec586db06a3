//! The attributes of a service.

use super::attributes::{
    ANY_MAP, COMMAND, DRIVER_OPTS, EXTRA_HOSTS, FILE_GRANTS, HOOKS, LIST_OR_MAP, STRING_OR_LIST, STRING_OR_REPEATED,
    STRINGS, STRINGS_REPEATED, ULIMITS,
};
use super::deploy::{DEPLOY, DEVELOP, GPUS};
use super::shape::{
    BOOL, BOOL_OR_STRING, INT_OR_STRING, Keys, NULL, NUMBER, NUMBER_OR_STRING, OPTION, Object, PLAIN, STRING,
    STRING_OR_NULL, Shape,
};

pub(super) static SERVICE: Shape =
    Shape::Object(&Object { attributes: ATTRIBUTES, required: &[], extensions: true, open: false });

const ATTRIBUTES: &[(&str, &Shape)] = &[
    ("develop", &DEVELOP),
    ("deploy", &DEPLOY),
    ("annotations", &LIST_OR_MAP),
    ("attach", &BOOL_OR_STRING),
    ("build", &BUILD),
    ("blkio_config", &BLKIO),
    ("cap_add", &STRINGS),
    ("cap_drop", &STRINGS),
    ("cgroup", &Shape::Enum(&["host", "private"])),
    ("cgroup_parent", &STRING),
    ("command", &COMMAND),
    ("configs", &FILE_GRANTS),
    ("container_name", &Shape::Text { valid: is_container_name, what: "name of a container" }),
    ("cpu_count", &Shape::Range { least: 0, most: i64::MAX }),
    ("cpu_percent", &CPU_PERCENT),
    ("cpu_shares", &NUMBER_OR_STRING),
    ("cpu_quota", &NUMBER_OR_STRING),
    ("cpu_period", &NUMBER_OR_STRING),
    ("cpu_rt_period", &NUMBER_OR_STRING),
    ("cpu_rt_runtime", &NUMBER_OR_STRING),
    ("cpus", &NUMBER_OR_STRING),
    ("cpuset", &STRING),
    ("credential_spec", &CREDENTIAL_SPEC),
    ("depends_on", &DEPENDS_ON),
    ("device_cgroup_rules", &STRINGS),
    ("devices", &DEVICES),
    ("dns", &STRING_OR_LIST),
    ("dns_opt", &STRINGS),
    ("dns_search", &STRING_OR_LIST),
    ("domainname", &STRING),
    ("entrypoint", &COMMAND),
    ("env_file", &ENV_FILE),
    ("label_file", &STRING_OR_REPEATED),
    ("environment", &LIST_OR_MAP),
    ("expose", &Shape::List { item: &NUMBER_OR_STRING, unique: true }),
    ("extends", &EXTENDS),
    ("provider", &PROVIDER),
    ("external_links", &STRINGS),
    ("extra_hosts", &EXTRA_HOSTS),
    ("gpus", &GPUS),
    ("group_add", &Shape::List { item: &NUMBER_OR_STRING, unique: true }),
    ("healthcheck", &HEALTHCHECK),
    ("hostname", &STRING),
    ("image", &STRING),
    ("init", &BOOL_OR_STRING),
    ("ipc", &STRING),
    ("isolation", &STRING),
    ("labels", &LIST_OR_MAP),
    ("links", &STRINGS),
    ("logging", &LOGGING),
    ("mac_address", &STRING),
    ("mem_limit", &NUMBER_OR_STRING),
    ("mem_reservation", &INT_OR_STRING),
    ("mem_swappiness", &INT_OR_STRING),
    ("memswap_limit", &NUMBER_OR_STRING),
    ("network_mode", &STRING),
    ("models", &MODELS),
    ("networks", &NETWORKS),
    ("oom_kill_disable", &BOOL_OR_STRING),
    ("oom_score_adj", &Shape::Range { least: -1000, most: 1000 }),
    ("pid", &STRING_OR_NULL),
    ("pids_limit", &NUMBER_OR_STRING),
    ("platform", &STRING),
    ("ports", &PORTS),
    ("post_start", &HOOKS),
    ("pre_stop", &HOOKS),
    ("privileged", &BOOL_OR_STRING),
    ("profiles", &STRINGS),
    ("pull_policy", &Shape::Text { valid: is_pull_policy, what: "pull policy" }),
    ("pull_refresh_after", &STRING),
    ("read_only", &BOOL_OR_STRING),
    ("restart", &STRING),
    ("runtime", &STRING),
    ("scale", &INT_OR_STRING),
    ("security_opt", &STRINGS),
    ("shm_size", &NUMBER_OR_STRING),
    ("secrets", &FILE_GRANTS),
    ("sysctls", &LIST_OR_MAP),
    ("stdin_open", &BOOL_OR_STRING),
    ("stop_grace_period", &STRING),
    ("stop_signal", &STRING),
    ("storage_opt", &ANY_MAP),
    ("tmpfs", &STRING_OR_LIST),
    ("tty", &BOOL_OR_STRING),
    ("ulimits", &ULIMITS),
    ("use_api_socket", &BOOL),
    ("user", &STRING),
    ("uts", &STRING),
    ("userns_mode", &STRING),
    ("volumes", &Shape::List { item: &MOUNT, unique: true }),
    ("volumes_from", &STRINGS),
    ("working_dir", &STRING),
];

/// An object whose `x-` attributes are free.
macro_rules! object {
    ($($name:literal: $shape:expr),* $(,)? ; required $required:expr) => {
        Shape::Object(&Object {
            attributes: &[$(($name, $shape)),*],
            required: &$required,
            extensions: true,
            open: false,
        })
    };
}

static BUILD: Shape = Shape::OneOf(&[
    &STRING,
    &object! {
        "context": &STRING,
        "dockerfile": &STRING,
        "dockerfile_inline": &STRING,
        "entitlements": &STRINGS_REPEATED,
        "args": &LIST_OR_MAP,
        "ssh": &LIST_OR_MAP,
        "labels": &LIST_OR_MAP,
        "cache_from": &STRINGS_REPEATED,
        "cache_to": &STRINGS_REPEATED,
        "no_cache": &BOOL_OR_STRING,
        "additional_contexts": &LIST_OR_MAP,
        "network": &STRING,
        "provenance": &BOOL_OR_STRING,
        "sbom": &BOOL_OR_STRING,
        "pull": &BOOL_OR_STRING,
        "target": &STRING,
        "shm_size": &INT_OR_STRING,
        "extra_hosts": &EXTRA_HOSTS,
        "isolation": &STRING,
        "privileged": &BOOL_OR_STRING,
        "secrets": &FILE_GRANTS,
        "tags": &STRINGS_REPEATED,
        "ulimits": &ULIMITS,
        "platforms": &STRINGS_REPEATED;
        required []
    },
]);

static CPU_PERCENT: Shape = Shape::OneOf(&[&Shape::Range { least: 0, most: 100 }, &NUMBER]);

static BLKIO: Shape = Shape::Object(&Object {
    attributes: &[
        ("device_read_bps", &BLKIO_LIMITS),
        ("device_read_iops", &BLKIO_LIMITS),
        ("device_write_bps", &BLKIO_LIMITS),
        ("device_write_iops", &BLKIO_LIMITS),
        ("weight", &INT_OR_STRING),
        (
            "weight_device",
            &Shape::List {
                item: &Shape::Object(&Object {
                    attributes: &[("path", &STRING), ("weight", &INT_OR_STRING)],
                    required: &[],
                    extensions: false,
                    open: false,
                }),
                unique: false,
            },
        ),
    ],
    required: &[],
    extensions: false,
    open: false,
});

static BLKIO_LIMITS: Shape = Shape::List {
    item: &Shape::Object(&Object {
        attributes: &[("path", &STRING), ("rate", &INT_OR_STRING)],
        required: &[],
        extensions: false,
        open: false,
    }),
    unique: false,
};

static CREDENTIAL_SPEC: Shape = object! { "config": &STRING, "file": &STRING, "registry": &STRING; required [] };

static DEPENDS_ON: Shape = Shape::OneOf(&[
    &STRINGS,
    &Shape::Map {
        keys: Keys::Name { extensions: false },
        value: &object! {
            "restart": &BOOL_OR_STRING,
            "required": &BOOL,
            "condition": &Shape::Enum(&["service_started", "service_healthy", "service_completed_successfully"]);
            required ["condition"]
        },
    },
]);

static DEVICES: Shape = Shape::List {
    item: &Shape::OneOf(&[
        &STRING,
        &object! { "source": &STRING, "target": &STRING, "permissions": &STRING; required ["source"] },
    ]),
    unique: false,
};

static ENV_FILE: Shape = Shape::OneOf(&[
    &STRING,
    &Shape::List {
        item: &Shape::OneOf(&[
            &STRING,
            &Shape::Object(&Object {
                attributes: &[("path", &STRING), ("format", &STRING), ("required", &BOOL_OR_STRING)],
                required: &["path"],
                extensions: false,
                open: false,
            }),
        ]),
        unique: false,
    },
]);

static EXTENDS: Shape = Shape::OneOf(&[
    &STRING,
    &Shape::Object(&Object {
        attributes: &[("service", &STRING), ("file", &STRING)],
        required: &["service"],
        extensions: false,
        open: false,
    }),
]);

static PROVIDER: Shape = object! {
    "type": &STRING,
    "options": &Shape::Map {
        keys: Keys::Any,
        value: &Shape::OneOf(&[&PLAIN, &Shape::List { item: &PLAIN, unique: false }]),
    };
    required ["type"]
};

static HEALTHCHECK: Shape = object! {
    "disable": &BOOL_OR_STRING,
    "interval": &STRING,
    "retries": &NUMBER_OR_STRING,
    "test": &STRING_OR_REPEATED,
    "timeout": &STRING,
    "start_period": &STRING,
    "start_interval": &STRING;
    required []
};

static LOGGING: Shape = object! {
    "driver": &STRING,
    "options": &Shape::Map { keys: Keys::Any, value: &OPTION };
    required []
};

static MODELS: Shape = Shape::OneOf(&[
    &STRINGS,
    &Shape::Map {
        keys: Keys::Any,
        value: &Shape::OneOf(&[&NULL, &object! { "endpoint_var": &STRING, "model_var": &STRING; required [] }]),
    },
]);

static NETWORKS: Shape = Shape::OneOf(&[
    &STRINGS,
    &Shape::Map {
        keys: Keys::Name { extensions: false },
        value: &Shape::OneOf(&[
            &NULL,
            &object! {
                "aliases": &STRINGS,
                "interface_name": &STRING,
                "ipv4_address": &STRING,
                "ipv6_address": &STRING,
                "link_local_ips": &STRINGS,
                "mac_address": &STRING,
                "driver_opts": &DRIVER_OPTS,
                "priority": &NUMBER,
                "gw_priority": &NUMBER;
                required []
            },
        ]),
    },
]);

static PORTS: Shape = Shape::List {
    item: &Shape::OneOf(&[
        &NUMBER_OR_STRING,
        &object! {
            "name": &STRING,
            "mode": &STRING,
            "host_ip": &STRING,
            "target": &INT_OR_STRING,
            "published": &INT_OR_STRING,
            "protocol": &STRING,
            "app_protocol": &STRING;
            required []
        },
    ]),
    unique: true,
};

static MOUNT: Shape = Shape::OneOf(&[
    &STRING,
    &object! {
        "type": &Shape::Enum(&["bind", "volume", "tmpfs", "cluster", "npipe", "image"]),
        "source": &STRING,
        "target": &STRING,
        "read_only": &BOOL_OR_STRING,
        "consistency": &STRING,
        "bind": &object! {
            "propagation": &STRING,
            "create_host_path": &BOOL_OR_STRING,
            "recursive": &Shape::Enum(&["enabled", "disabled", "writable", "readonly"]),
            "selinux": &Shape::Enum(&["z", "Z"]);
            required []
        },
        "volume": &object! { "labels": &LIST_OR_MAP, "nocopy": &BOOL_OR_STRING, "subpath": &STRING; required [] },
        "tmpfs": &object! {
            "size": &Shape::Range { least: 0, most: i64::MAX },
            "mode": &NUMBER_OR_STRING;
            required []
        },
        "image": &object! { "subpath": &STRING; required [] };
        required ["type"]
    },
]);

/// Two characters in a row that a container's name may have, as the pattern of the specification is not anchored.
fn is_container_name(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| {
        pair[0].is_ascii_alphanumeric() && (pair[1].is_ascii_alphanumeric() || matches!(pair[1], b'_' | b'.' | b'-'))
    })
}

/// A word of the list anywhere in the text, as the pattern of the specification is not anchored.
fn is_pull_policy(text: &str) -> bool {
    const WORDS: [&str; 8] = ["always", "never", "build", "if_not_present", "missing", "refresh", "daily", "weekly"];
    let interval = |text: &str| {
        let unit = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
        unit.len() < text.len() && unit.starts_with(['w', 'd', 'h', 'm', 's'])
    };
    WORDS.iter().any(|word| text.contains(word)) || text.split("every_").skip(1).any(interval)
}
