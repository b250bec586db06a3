//! `deploy`, device requests and `develop` of a service.

use super::attributes::{HOOK, LIST_OR_MAP, STRING_OR_LIST, STRINGS, STRINGS_REPEATED};
use super::shape::{BOOL, INT_OR_STRING, NULL, NUMBER_OR_STRING, Object, STRING, Shape};

pub(super) static DEPLOY: Shape = Shape::OneOf(&[
    &NULL,
    &Shape::Object(&Object {
        attributes: &[
            ("mode", &STRING),
            ("endpoint_mode", &STRING),
            ("replicas", &INT_OR_STRING),
            ("labels", &LIST_OR_MAP),
            ("rollback_config", &UPDATE),
            ("update_config", &UPDATE),
            ("resources", &RESOURCES),
            ("restart_policy", &RESTART_POLICY),
            ("placement", &PLACEMENT),
        ],
        required: &[],
        extensions: true,
        open: false,
    }),
]);

static UPDATE: Shape = Shape::Object(&Object {
    attributes: &[
        ("parallelism", &INT_OR_STRING),
        ("delay", &STRING),
        ("failure_action", &STRING),
        ("monitor", &STRING),
        ("max_failure_ratio", &NUMBER_OR_STRING),
        ("order", &Shape::Enum(&["start-first", "stop-first"])),
    ],
    required: &[],
    extensions: true,
    open: false,
});

static RESOURCES: Shape = Shape::Object(&Object {
    attributes: &[("limits", &LIMITS), ("reservations", &RESERVATIONS)],
    required: &[],
    extensions: true,
    open: false,
});

static LIMITS: Shape = Shape::Object(&Object {
    attributes: &[("cpus", &NUMBER_OR_STRING), ("memory", &STRING), ("pids", &INT_OR_STRING)],
    required: &[],
    extensions: true,
    open: false,
});

static RESERVATIONS: Shape = Shape::Object(&Object {
    attributes: &[
        ("cpus", &NUMBER_OR_STRING),
        ("memory", &STRING),
        ("generic_resources", &Shape::List { item: &GENERIC_RESOURCE, unique: false }),
        ("devices", &Shape::List { item: &RESERVED_DEVICE, unique: false }),
    ],
    required: &[],
    extensions: true,
    open: false,
});

static GENERIC_RESOURCE: Shape = Shape::Object(&Object {
    attributes: &[(
        "discrete_resource_spec",
        &Shape::Object(&Object {
            attributes: &[("kind", &STRING), ("value", &NUMBER_OR_STRING)],
            required: &[],
            extensions: true,
            open: false,
        }),
    )],
    required: &[],
    extensions: true,
    open: false,
});

static RESERVED_DEVICE: Shape =
    Shape::Object(&Object { attributes: DEVICE_REQUEST, required: &["capabilities"], extensions: true, open: false });

const DEVICE_REQUEST: &[(&str, &Shape)] = &[
    ("capabilities", &STRINGS),
    ("count", &INT_OR_STRING),
    ("device_ids", &STRINGS),
    ("driver", &STRING),
    ("options", &LIST_OR_MAP),
];

pub(super) static GPUS: Shape = Shape::OneOf(&[
    &Shape::Enum(&["all"]),
    &Shape::List {
        item: &Shape::Object(&Object { attributes: DEVICE_REQUEST, required: &[], extensions: true, open: true }),
        unique: false,
    },
]);

static RESTART_POLICY: Shape = Shape::Object(&Object {
    attributes: &[("condition", &STRING), ("delay", &STRING), ("max_attempts", &INT_OR_STRING), ("window", &STRING)],
    required: &[],
    extensions: true,
    open: false,
});

static PLACEMENT: Shape = Shape::Object(&Object {
    attributes: &[
        ("constraints", &STRINGS_REPEATED),
        ("preferences", &Shape::List { item: &PREFERENCE, unique: false }),
        ("max_replicas_per_node", &INT_OR_STRING),
    ],
    required: &[],
    extensions: true,
    open: false,
});

static PREFERENCE: Shape =
    Shape::Object(&Object { attributes: &[("spread", &STRING)], required: &[], extensions: true, open: false });

pub(super) static DEVELOP: Shape = Shape::OneOf(&[
    &NULL,
    &Shape::Object(&Object {
        attributes: &[("watch", &Shape::List { item: &WATCH, unique: false })],
        required: &[],
        extensions: true,
        open: false,
    }),
]);

static WATCH: Shape = Shape::Object(&Object {
    attributes: &[
        ("ignore", &STRING_OR_LIST),
        ("include", &STRING_OR_LIST),
        ("path", &STRING),
        ("action", &Shape::Enum(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"])),
        ("target", &STRING),
        ("exec", &HOOK),
        ("initial_sync", &BOOL),
    ],
    required: &["path", "action"],
    extensions: true,
    open: false,
});
