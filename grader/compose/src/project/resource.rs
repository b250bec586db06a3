//! What the services of a project share: networks, volumes, secrets, configs.

use indexmap::IndexMap;
use serde::Serialize;

use super::Location;

/// A network of the project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Network {
    /// The name on the engine that the document (or the default) asks for; the sandbox chooses its own.
    pub name: String,
    /// Whether the document wants no way out.
    pub internal: bool,
    /// Whether IPv6 is asked for.
    pub enable_ipv6: bool,
    /// Labels of the document.
    pub labels: IndexMap<String, String>,
    /// Subnets of the document, as hints.
    pub subnets: Vec<String>,
}

/// A named volume of the project. Options of its driver exist in the document only: policy refuses them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// The name on the engine that the document (or the default) asks for; the sandbox chooses its own.
    pub name: String,
    /// Labels of the document.
    pub labels: IndexMap<String, String>,
}

/// A secret or a config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileObject {
    /// The name that the document (or the default) gives it.
    pub name: String,
    /// Where its content comes from.
    pub source: FileSource,
}

/// Where the content of a secret or config comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileSource {
    /// A file.
    File(Location),
    /// A variable of the submission's own environment (`.env`).
    Environment {
        /// Its name.
        variable: String,
        /// Its value, if set.
        value: Option<String>,
    },
    /// The text itself.
    Content(String),
    /// Made by somebody else; refused by policy.
    External,
}
