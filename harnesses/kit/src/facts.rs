//! What the host read from the checkout, its compose file and its history before the stack was up: hints for binding
//! and for probes. A hint is never a verdict; whatever comes of it is proved by a call or a query.

use grader_model::BindingSource;
use serde::{Deserialize, Serialize};

/// Everything that the harness is told about the submission besides where it listens.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Facts {
    /// Routes read from the source and the README.
    pub routes: Vec<RouteHint>,
    /// API descriptions kept in the tree.
    pub documents: Vec<ApiDocument>,
    /// Accounts with more rights, from the environment, seeds or the README; most likely first.
    pub privileged: Vec<Credentials>,
    /// Strings of the tree and the environment that may be the signing secret.
    pub secrets: Vec<SecretHint>,
    /// Databases that the stack runs, most likely first.
    pub databases: Vec<DatabaseHint>,
    pub migrations: MigrationFacts,
    /// What the README says that can be checked; absent without a tree, `path` empty without a README.
    #[serde(default)]
    pub readme: Option<ReadmeFacts>,
}

/// The README's checkable part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadmeFacts {
    /// Empty when there is no README.
    pub path: String,
    /// Claims that the tree alone can confirm or refute.
    pub claims: Vec<Claim>,
    /// Endpoints that the README and other documents of the tree describe.
    pub endpoints: Vec<DocumentedEndpoint>,
}

/// Something that a README says of the tree or the stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub kind: ClaimKind,
    /// What was said, such as `npm run dev`.
    pub said: String,
    /// Line in the README, from 1.
    pub line: u32,
    /// Why it does not hold; empty when it does.
    pub wrong: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimKind {
    Port,
    Path,
    Command,
    Variable,
}

/// An endpoint as a document describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentedEndpoint {
    /// Upper case.
    pub method: String,
    /// As written, parameters as `{name}`; often without a prefix that the document states once.
    pub path: String,
    /// File and line.
    pub place: String,
    /// Whether the document tells the body, what is answered, which errors there are, and shows an example.
    pub body: bool,
    pub answer: bool,
    pub errors: bool,
    pub example: bool,
}

/// A route as the source or the README writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteHint {
    /// Upper case; empty when only the path is known.
    pub method: String,
    /// Path with parameters as `{name}`.
    pub path: String,
    /// `source` or `readme`.
    pub source: BindingSource,
    /// File and line that say so.
    pub place: String,
    /// Members of the body as the handler declares them; empty where the source does not tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<MemberHint>,
    /// Whether the body may have further members, where the source tells only some.
    #[serde(default)]
    pub partial: bool,
}

/// A member of a request's body, as the source declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberHint {
    /// As it goes over the wire.
    pub name: String,
    /// Its JSON type, such as `string`; empty where the source does not tell.
    pub kind: String,
    /// Its format as OpenAPI names it, such as `date`; empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub format: String,
    /// The texts that are taken, where only some are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    pub required: bool,
}

/// An OpenAPI document found in the tree.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApiDocument {
    pub place: String,
    /// JSON or YAML.
    pub text: String,
}

/// A login that the submission documents or seeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    pub identity: String,
    pub password: String,
    pub place: String,
}

/// A string that may sign tokens, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHint {
    pub value: String,
    pub place: String,
    /// Whether it stands in the repository itself (also as a default in code or compose).
    pub committed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseKind {
    Postgres,
    Mysql,
    Mongo,
    Sqlite,
}

/// How a database of the stack can be reached from the harness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseHint {
    pub kind: DatabaseKind,
    pub service: String,
    /// Address on the run's network.
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
    pub database: String,
}

/// What the tree says of migrations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationFacts {
    /// The tool's name, such as `Alembic`; empty when none was recognized.
    pub tool: String,
    /// The tool's bookkeeping table, such as `alembic_version`; empty when none is known.
    pub table: String,
    /// Migration files in their order, with the version that the tool's table would hold for them.
    pub files: Vec<MigrationFile>,
    /// Where the schema is made by the application at start-up (`create_all`, `synchronize`, `CREATE TABLE` in code).
    pub created_at_start: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationFile {
    pub path: String,
    /// What the bookkeeping table is expected to hold once the file has run.
    pub version: String,
}
