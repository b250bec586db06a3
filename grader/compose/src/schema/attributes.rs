//! The top of a document, and what several of its parts share.

use super::service;
use super::shape::{
    ANY, BOOL_OR_STRING, INT, INT_OR_STRING, Keys, NULL, NUMBER_OR_STRING, Object, SCALAR, STRING, Shape,
};

pub(super) static DOCUMENT: Shape = Shape::Object(&Object {
    attributes: &[
        ("version", &STRING),
        ("name", &STRING),
        ("include", &Shape::List { item: &INCLUDE, unique: false }),
        ("services", &Shape::Map { keys: Keys::Name { extensions: false }, value: &service::SERVICE }),
        ("models", &Shape::Map { keys: Keys::Any, value: &MODEL }),
        ("networks", &Shape::Map { keys: Keys::Any, value: &NETWORK }),
        ("volumes", &Shape::Map { keys: Keys::Name { extensions: false }, value: &VOLUME }),
        ("secrets", &Shape::Map { keys: Keys::Name { extensions: false }, value: &SECRET }),
        ("configs", &Shape::Map { keys: Keys::Name { extensions: false }, value: &CONFIG }),
    ],
    required: &[],
    extensions: true,
    open: false,
});

static INCLUDE: Shape = Shape::OneOf(&[
    &STRING,
    &Shape::Object(&Object {
        attributes: &[("path", &STRING_OR_LIST), ("env_file", &STRING_OR_LIST), ("project_directory", &STRING)],
        required: &[],
        extensions: false,
        open: false,
    }),
]);

static MODEL: Shape = Shape::Object(&Object {
    attributes: &[
        ("name", &STRING),
        ("model", &STRING),
        ("context_size", &INT),
        ("runtime_flags", &Shape::List { item: &STRING, unique: false }),
    ],
    required: &["model"],
    extensions: true,
    open: false,
});

static EXTERNAL: Shape = Shape::OneOf(&[
    &BOOL_OR_STRING,
    &Shape::Object(&Object { attributes: &[("name", &STRING)], required: &[], extensions: true, open: false }),
]);

/// As [`EXTERNAL`], of secrets and configs: further attributes are allowed there.
static EXTERNAL_FILE: Shape = Shape::OneOf(&[
    &BOOL_OR_STRING,
    &Shape::Object(&Object { attributes: &[("name", &STRING)], required: &[], extensions: true, open: true }),
]);

pub(super) static DRIVER_OPTS: Shape = Shape::Map { keys: Keys::Any, value: &NUMBER_OR_STRING };

static NETWORK: Shape = Shape::OneOf(&[
    &NULL,
    &Shape::Object(&Object {
        attributes: &[
            ("name", &STRING),
            ("driver", &STRING),
            ("driver_opts", &DRIVER_OPTS),
            ("ipam", &IPAM),
            ("external", &EXTERNAL),
            ("internal", &BOOL_OR_STRING),
            ("enable_ipv4", &BOOL_OR_STRING),
            ("enable_ipv6", &BOOL_OR_STRING),
            ("attachable", &BOOL_OR_STRING),
            ("labels", &LIST_OR_MAP),
        ],
        required: &[],
        extensions: true,
        open: false,
    }),
]);

static IPAM: Shape = Shape::Object(&Object {
    attributes: &[
        ("driver", &STRING),
        ("config", &Shape::List { item: &IPAM_POOL, unique: false }),
        ("options", &Shape::Map { keys: Keys::Any, value: &STRING }),
    ],
    required: &[],
    extensions: true,
    open: false,
});

static IPAM_POOL: Shape = Shape::Object(&Object {
    attributes: &[
        ("subnet", &STRING),
        ("ip_range", &STRING),
        ("gateway", &STRING),
        ("aux_addresses", &Shape::Map { keys: Keys::Any, value: &STRING }),
    ],
    required: &[],
    extensions: true,
    open: false,
});

static VOLUME: Shape = Shape::OneOf(&[
    &NULL,
    &Shape::Object(&Object {
        attributes: &[
            ("name", &STRING),
            ("driver", &STRING),
            ("driver_opts", &DRIVER_OPTS),
            ("external", &EXTERNAL),
            ("labels", &LIST_OR_MAP),
        ],
        required: &[],
        extensions: true,
        open: false,
    }),
]);

static SECRET: Shape = Shape::Object(&Object {
    attributes: &[
        ("name", &STRING),
        ("environment", &STRING),
        ("file", &STRING),
        ("external", &EXTERNAL_FILE),
        ("labels", &LIST_OR_MAP),
        ("driver", &STRING),
        ("driver_opts", &DRIVER_OPTS),
        ("template_driver", &STRING),
    ],
    required: &[],
    extensions: true,
    open: false,
});

static CONFIG: Shape = Shape::Object(&Object {
    attributes: &[
        ("name", &STRING),
        ("content", &STRING),
        ("environment", &STRING),
        ("file", &STRING),
        ("external", &EXTERNAL_FILE),
        ("labels", &LIST_OR_MAP),
        ("template_driver", &STRING),
    ],
    required: &[],
    extensions: true,
    open: false,
});

/// A list of different texts.
pub(super) static STRINGS: Shape = Shape::List { item: &STRING, unique: true };
/// A list of texts.
pub(super) static STRINGS_REPEATED: Shape = Shape::List { item: &STRING, unique: false };
pub(super) static STRING_OR_LIST: Shape = Shape::OneOf(&[&STRING, &STRINGS]);
pub(super) static STRING_OR_REPEATED: Shape = Shape::OneOf(&[&STRING, &STRINGS_REPEATED]);
pub(super) static COMMAND: Shape = Shape::OneOf(&[&NULL, &STRING, &STRINGS_REPEATED]);
pub(super) static LIST_OR_MAP: Shape = Shape::OneOf(&[&Shape::Map { keys: Keys::Any, value: &SCALAR }, &STRINGS]);
pub(super) static ANY_MAP: Shape = Shape::Map { keys: Keys::Any, value: &ANY };

pub(super) static EXTRA_HOSTS: Shape =
    Shape::OneOf(&[&Shape::Map { keys: Keys::Any, value: &STRING_OR_REPEATED }, &STRINGS]);

pub(super) static ULIMITS: Shape = Shape::Map {
    keys: Keys::LowerCase,
    value: &Shape::OneOf(&[
        &INT_OR_STRING,
        &Shape::Object(&Object {
            attributes: &[("hard", &INT_OR_STRING), ("soft", &INT_OR_STRING)],
            required: &["soft", "hard"],
            extensions: true,
            open: false,
        }),
    ]),
};

/// Secrets or configs that a service or build gets.
pub(super) static FILE_GRANTS: Shape = Shape::List {
    item: &Shape::OneOf(&[
        &STRING,
        &Shape::Object(&Object {
            attributes: &[
                ("source", &STRING),
                ("target", &STRING),
                ("uid", &STRING),
                ("gid", &STRING),
                ("mode", &NUMBER_OR_STRING),
            ],
            required: &[],
            extensions: true,
            open: false,
        }),
    ]),
    unique: false,
};

pub(super) static HOOKS: Shape = Shape::List { item: &HOOK, unique: false };

pub(super) static HOOK: Shape = Shape::Object(&Object {
    attributes: &[
        ("command", &COMMAND),
        ("user", &STRING),
        ("privileged", &BOOL_OR_STRING),
        ("working_dir", &STRING),
        ("environment", &LIST_OR_MAP),
    ],
    required: &["command"],
    extensions: true,
    open: false,
});
