//! The domain of an assessment in neutral terms: accounts, resources with typed fields, and the operations on them.
//!
//! Names listed here are tried, most likely first; a submission's own names are found by binding and need not be here.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that can be asked of a submission's API.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// Path prefixes to try, such as `""`, `/api`, `/api/v1`.
    pub prefixes: Vec<String>,
    pub accounts: Accounts,
    /// The resource on which most probes work: it has all five actions and a unique field.
    pub main: String,
    /// The resource whose creation consumes a quantity of another one's stock, where the domain has such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    /// By id, in the order in which they can be created.
    pub resources: IndexMap<String, Resource>,
}

/// Who signs up and signs in, and how.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// The field that identifies an account at login.
    pub identity: String,
    /// The field that holds the password.
    pub secret: String,
    /// All fields of a registration, by id.
    pub fields: IndexMap<String, Field>,
    pub register: OperationSpec,
    pub login: OperationSpec,
    /// Reads the signed-in account, where there is such an operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub me: Option<OperationSpec>,
}

/// A field that a request may carry.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    pub kind: FieldKind,
    /// Spellings in the field, most common first; compared without case, `_` and `-`.
    pub names: Vec<String>,
    /// Whether the brief asks for it: leaving it out must be refused.
    #[serde(default)]
    pub required: bool,
    /// Whether two records may not share it.
    #[serde(default)]
    pub unique: bool,
    /// Smallest sound value of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The resource that it refers to, with kind `reference`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Leading digits of the code, with kind `gtin13`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Values to choose from, with kind `choice`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

/// What a field holds, which decides the values that probes make for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    /// A line of text.
    Text,
    /// A person's name.
    Name,
    Email,
    Password,
    /// A login name of letters and digits.
    Username,
    /// A thirteen-digit product code with a check digit (GS1 General Specifications; EAN-13, of which others are part).
    Gtin13,
    /// An amount of money with two decimals; a submission may count in cents or send text.
    Money,
    /// A whole number of things.
    Count,
    Integer,
    Boolean,
    /// An RFC 3339 date.
    Date,
    /// One of `choices`.
    Choice,
    /// The key of another record.
    Reference,
    /// An account, by what it signs in with or by its key.
    Account,
}

/// A kind of record.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// The resource under whose records it stands, as a comment stands under a post; earlier in the list of resources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Path segments by which it goes, plural and singular, most common first.
    pub names: Vec<String>,
    pub fields: IndexMap<String, Field>,
    pub operations: IndexMap<Action, OperationSpec>,
    pub access: Access,
    /// Set on a transaction: what one of its lines holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Lines>,
}

/// What can be done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Create,
    List,
    Read,
    Update,
    Delete,
}

impl Resource {
    /// Whether it is nothing but a tie of an account to the record above: made with an account, and never read by itself.
    pub fn is_tie(&self) -> bool {
        self.operations.keys().all(|action| *action == Action::Create)
            && self.fields.values().any(|field| field.kind == FieldKind::Account)
    }
}

impl Action {
    pub const ALL: [Action; 5] = [Action::Create, Action::List, Action::Read, Action::Update, Action::Delete];

    pub fn as_str(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::List => "list",
            Action::Read => "read",
            Action::Update => "update",
            Action::Delete => "delete",
        }
    }
}

/// An operation that the brief asks for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OperationSpec {
    /// Weight in `api.operations`; 0 for an operation that the brief leaves free.
    pub weight: f64,
    /// Paths to try below each prefix besides the customary ones; `{id}` stands for the record's key.
    pub paths: Vec<String>,
    /// Methods to try besides the customary ones.
    pub methods: Vec<String>,
}

/// Who may read and write, as the brief says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Access {
    pub read: ReadAccess,
    pub write: WriteAccess,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReadAccess {
    Public,
    /// Any signed-in account.
    Account,
    /// Only the account that created the record.
    Owner,
    /// Only accounts that were taken into the record, or into the one above it.
    Member,
}

impl ReadAccess {
    /// Whether a record is closed to accounts that have nothing to do with it.
    pub fn is_private(self) -> bool {
        matches!(self, ReadAccess::Owner | ReadAccess::Member)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WriteAccess {
    /// Any signed-in account, or only an administrator: left to the submission.
    Account,
    Owner,
    /// Only accounts that were taken into the record, or into the one above it.
    Member,
}

impl WriteAccess {
    /// Whether a record is closed to accounts that have nothing to do with it.
    pub fn is_private(self) -> bool {
        matches!(self, WriteAccess::Owner | WriteAccess::Member)
    }
}

/// The lines of a transaction.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// Names of the array.
    pub names: Vec<String>,
    /// The resource that a line refers to.
    pub of: String,
    /// Names of the reference on a line.
    pub reference: Vec<String>,
    /// Names of the quantity on a line.
    pub quantity: Vec<String>,
    /// The referenced resource's field that a transaction lowers.
    pub stock: String,
    /// The referenced resource's field that a total sums.
    pub price: String,
    /// Names of the total.
    pub total: Vec<String>,
    /// Paths of a collection of the account's own into which lines are put before the transaction is made of them, as
    /// shops do; `{id}` stands for what a line refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gather: Vec<String>,
    /// Paths at which lines are added to a transaction that was begun empty; `{id}` stands for the transaction.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fill: Vec<String>,
}

impl Domain {
    /// The resources above `id`, nearest first.
    pub fn ancestors<'a>(&'a self, id: &str) -> Vec<(&'a str, &'a Resource)> {
        let mut found: Vec<(&str, &Resource)> = Vec::new();
        let mut next = self.resources.get(id).and_then(|resource| resource.parent.as_deref());
        // A spec that was not checked may name itself.
        while let Some((id, resource)) = next.and_then(|id| self.resources.get_key_value(id)) {
            if found.len() >= self.resources.len() {
                break;
            }
            found.push((id, resource));
            next = resource.parent.as_deref();
        }
        found
    }

    /// The main resource. [`crate::check`] makes sure that it exists.
    pub fn main_resource(&self) -> Option<&Resource> {
        self.resources.get(&self.main)
    }

    /// The transaction's id, resource and lines, where the domain has one.
    pub fn transaction(&self) -> Option<(&str, &Resource, &Lines)> {
        let id = self.transaction.as_deref()?;
        let resource = self.resources.get(id)?;
        Some((id, resource, resource.lines.as_ref()?))
    }
}
