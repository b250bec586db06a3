//! What stops a compose project from being read: a kind, a place, a hint, and whose fault it is.
//!
//! What the policy refuses in a project that can be read is a [`Refusal`](crate::policy::Refusal), not an error.

use std::fmt;

use serde::Serialize;

use crate::document::Place;
use crate::files::{ReadError, RelPath};

/// Whose fault an error is, and so which outcome a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The reference implementation would not read it either: the submission *does not start* (exit 5).
    ReferenceRefuses,
    /// The reference might read it, the grader will not: *refused* (exit 4).
    PolicyRefuses,
    /// The machine failed: *not graded* (exit 3).
    Machine,
}

/// Everything that stops a project from being read; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeErrors(Vec<ComposeError>);

impl ComposeErrors {
    pub(crate) fn from_vec(errors: Vec<ComposeError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }

    /// Errors of which there is at least one.
    pub(crate) fn non_empty(errors: Vec<ComposeError>) -> Self {
        Self(errors)
    }

    /// The errors, in the order of the document.
    #[must_use]
    pub fn as_slice(&self) -> &[ComposeError] {
        &self.0
    }

    /// The outcome that they lead to: a failed machine goes before a refusal, a refusal before the candidate's fault.
    #[must_use]
    pub fn blame(&self) -> Blame {
        self.0.iter().map(ComposeError::blame).max().unwrap_or(Blame::ReferenceRefuses)
    }
}

impl From<ComposeError> for ComposeErrors {
    fn from(error: ComposeError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for ComposeErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ComposeErrors {}

/// One thing that stops a project from being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeError {
    /// What is wrong. Boxed, for errors travel in every result.
    pub kind: Box<ErrorKind>,
    /// File, line and column, if it is in a file.
    pub place: Option<Place>,
    /// Path in the document, `services.api.ports[0]`; empty for the document as a whole.
    pub path: String,
    /// What to do about it, if that can be said.
    pub hint: Option<String>,
}

impl ComposeError {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self { kind: Box::new(kind), place: None, path: String::new(), hint: None }
    }

    #[must_use]
    pub(crate) fn at(mut self, place: &Place) -> Self {
        self.place.get_or_insert_with(|| place.clone());
        self
    }

    #[must_use]
    pub(crate) fn on(mut self, path: impl fmt::Display) -> Self {
        if self.path.is_empty() {
            self.path = path.to_string();
        }
        self
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A stable identifier of the kind.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// Whether the loader can go on without what the policy refuses here, to list everything at once. Past a budget it
    /// cannot.
    pub(crate) fn can_wait(&self) -> bool {
        self.blame() == Blame::PolicyRefuses && !matches!(*self.kind, ErrorKind::Budget { .. })
    }

    /// Whose fault it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match &*self.kind {
            ErrorKind::Budget { .. } | ErrorKind::Unreadable(ReadError::Symlink(_) | ReadError::TooLarge { .. }) => {
                Blame::PolicyRefuses
            }
            ErrorKind::LeavesTree(_) | ErrorKind::Remote(_) => Blame::PolicyRefuses,
            ErrorKind::Unreadable(ReadError::Io { .. }) => Blame::Machine,
            _ => Blame::ReferenceRefuses,
        }
    }
}

impl fmt::Display for ComposeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(out, "{place}: ")?;
        }
        if !self.path.is_empty() {
            write!(out, "{}: ", self.path)?;
        }
        write!(out, "{}", self.kind)
    }
}

impl std::error::Error for ComposeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.kind)
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No compose file in the tree.
    #[error("no compose file was found at the root or up to {depth} folders below it")]
    NoFile {
        /// How deep was looked.
        depth: usize,
    },
    /// A file that is named cannot be read.
    #[error(transparent)]
    Unreadable(ReadError),
    /// A document or expansion is larger than the budget.
    #[error("the document has more than {limit} {what}")]
    Budget {
        /// `bytes`, `nodes after expansion`, `levels`, `files`.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The text is not YAML.
    #[error("invalid YAML: {0}")]
    Yaml(String),
    /// A key stands twice in one mapping.
    #[error("the key `{0}` stands twice in one mapping")]
    DuplicateKey(String),
    /// A key is not a string.
    #[error("the key `{0}` is not a string")]
    NonStringKey(String),
    /// The top of the document is no mapping.
    #[error("the top of the document must be a mapping")]
    NotAMapping,
    /// There is nothing in the document.
    #[error("the compose file is empty")]
    Empty,
    /// A `${…}` that cannot be read.
    #[error("invalid interpolation in `{0}`")]
    BadInterpolation(String),
    /// `${VAR:?message}` or `${VAR?message}` of an unset variable.
    #[error("required variable {name} is missing a value: {message}")]
    RequiredVariable {
        /// The variable.
        name: String,
        /// The message of the document.
        message: String,
    },
    /// A value is of the wrong kind or outside its range.
    #[error("{0}")]
    Invalid(String),
    /// An attribute that does not exist.
    #[error("additional property `{0}` is not allowed")]
    UnknownProperty(String),
    /// Two files disagree on whether something is a mapping, a list or a scalar.
    #[error("cannot override a {from} with a {to}")]
    CannotMerge {
        /// The kind in the first file.
        from: &'static str,
        /// The kind in the second.
        to: &'static str,
    },
    /// `include` leads back to a file that includes it.
    #[error("include cycle: {0}")]
    IncludeCycle(String),
    /// `extends` leads back to the service that extends.
    #[error("extends cycle: {0}")]
    ExtendsCycle(String),
    /// Services wait for each other.
    #[error("dependency cycle: {0}")]
    DependencyCycle(String),
    /// An included document defines what another one defines differently.
    #[error("`{0}` is defined twice with different content")]
    Conflict(String),
    /// Something refers to what the project does not define.
    #[error("refers to undefined {kind} `{name}`")]
    Undefined {
        /// `service`, `network`, `volume`, `secret`, `config`, `model`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// Attributes that exclude each other.
    #[error("{0}")]
    Contradiction(String),
    /// A line of an environment file that cannot be read.
    #[error("invalid environment file `{file}`: {message}")]
    EnvFile {
        /// The file.
        file: RelPath,
        /// What is wrong.
        message: String,
    },
    /// The project name is empty or has letters that are not allowed.
    #[error(
        "invalid project name `{0}`: only lower-case letters, digits, hyphens and underscores, starting with a letter or digit"
    )]
    ProjectName(String),
    /// A path that the loader would have to read leaves the tree.
    #[error("`{0}` lies outside the submission")]
    LeavesTree(String),
    /// Something that the loader would have to fetch.
    #[error("`{0}` is remote, and nothing is fetched")]
    Remote(String),
}

impl ErrorKind {
    /// A stable identifier of the kind.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFile { .. } => "compose.no_file",
            Self::Unreadable(ReadError::NotFound(_)) => "compose.file_missing",
            Self::Unreadable(ReadError::WrongKind(_)) => "compose.file_kind",
            Self::Unreadable(ReadError::Symlink(_)) => "compose.file_symlink",
            Self::Unreadable(ReadError::TooLarge { .. }) => "compose.file_too_large",
            Self::Unreadable(ReadError::Io { .. }) => "compose.file_io",
            Self::Budget { .. } => "compose.budget",
            Self::Yaml(_) => "compose.yaml",
            Self::DuplicateKey(_) => "compose.duplicate_key",
            Self::NonStringKey(_) => "compose.non_string_key",
            Self::NotAMapping => "compose.not_a_mapping",
            Self::Empty => "compose.empty",
            Self::BadInterpolation(_) => "compose.interpolation",
            Self::RequiredVariable { .. } => "compose.required_variable",
            Self::Invalid(_) => "compose.invalid",
            Self::UnknownProperty(_) => "compose.unknown_property",
            Self::CannotMerge { .. } => "compose.cannot_merge",
            Self::IncludeCycle(_) => "compose.include_cycle",
            Self::ExtendsCycle(_) => "compose.extends_cycle",
            Self::DependencyCycle(_) => "compose.dependency_cycle",
            Self::Conflict(_) => "compose.conflict",
            Self::Undefined { .. } => "compose.undefined",
            Self::Contradiction(_) => "compose.contradiction",
            Self::EnvFile { .. } => "compose.env_file",
            Self::ProjectName(_) => "compose.project_name",
            Self::LeavesTree(_) => "compose.leaves_tree",
            Self::Remote(_) => "compose.remote",
        }
    }
}

impl From<ReadError> for ErrorKind {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

impl From<ErrorKind> for ComposeError {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind)
    }
}
