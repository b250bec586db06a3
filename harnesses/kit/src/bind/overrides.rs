//! A reviewer's bindings file: what binding must take as given.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Credentials;

/// The bindings file. Every part is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overrides {
    /// By operation, such as `account.login` or `RESOURCE.create`.
    pub operations: IndexMap<String, OperationOverride>,
    /// How the session is sent: `bearer`, `raw`, `scheme NAME`, `header NAME` or `cookie NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The account that may write, where writing needs more than a registration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privileged: Option<PrivilegedOverride>,
}

/// One operation as the reviewer knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationOverride {
    pub method: String,
    /// Path with `{id}` for the record's key, and `{RESOURCE}` for keys of records above, also as the value of a query
    /// parameter: `/parts?thing_id={thing}`.
    pub path: String,
    /// `json` (the default) or `form`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Spec field id to the submission's name; the id of a resource above to the member that refers to it. On creating a transaction `lines`, `reference` and `quantity` name its
    /// lines' array and members.
    #[serde(default)]
    pub fields: IndexMap<String, String>,
    /// Further members of the body.
    #[serde(default)]
    pub extras: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivilegedOverride {
    pub identity: String,
    pub password: String,
}

impl Overrides {
    /// The reviewer's privileged account as a hint like any other.
    pub fn credentials(&self) -> Option<Credentials> {
        self.privileged.as_ref().map(|given| Credentials {
            identity: given.identity.clone(),
            password: given.password.clone(),
            place: "the bindings file".to_owned(),
        })
    }

    /// The carrier that the reviewer names.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn carrier(&self) -> Result<Option<crate::Carrier>, String> {
        let Some(text) = &self.session else { return Ok(None) };
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let name = rest.trim().to_owned();
        match (word, name.is_empty()) {
            ("bearer", true) => Ok(Some(crate::Carrier::Bearer)),
            ("raw", true) => Ok(Some(crate::Carrier::Raw)),
            ("scheme", false) => Ok(Some(crate::Carrier::Scheme(name))),
            ("header", false) => Ok(Some(crate::Carrier::Header(name.to_ascii_lowercase()))),
            ("cookie", false) => Ok(Some(crate::Carrier::Cookie(name))),
            _ => Err(format!("`{text}` is no session: write bearer, raw, scheme NAME, header NAME or cookie NAME")),
        }
    }
}
