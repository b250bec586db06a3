//! What can go wrong in intake, and whose doing it is. The child sends these to its parent as they are.

use grader_model::{Fault, FaultSide, Stage};
use serde::{Deserialize, Serialize};

/// Why a submission could not be taken in. Sources and addresses in it are already free of credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum IntakeError {
    /// The source is no URL, path or ref that intake understands, or one that it refuses to hand to a program.
    #[error("`{text}` cannot be used: {reason}")]
    InvalidSource { text: String, reason: String },

    /// Nothing is there: no such folder, or a server that knows no such repository.
    #[error("there is no repository at {place}")]
    NotFound { place: String },

    /// The server wants credentials, or refuses the ones it was given.
    #[error("{place} asks for credentials or refuses the ones given")]
    AuthRequired { place: String },

    /// No connection, or one that broke before the end.
    #[error("{place} could not be reached: {reason}")]
    Unreachable { place: String, reason: String },

    /// The host's address is private, loopback or otherwise not of the public internet, and may not be asked.
    #[error("{host} has the address {address}, which is not of the public internet")]
    AddressRefused { host: String, address: String },

    /// The server redirects too often, or to where intake does not follow.
    #[error("the redirect to {target} is not followed: {reason}")]
    RedirectRefused { target: String, reason: String },

    /// What answers does not speak git's smart protocol, or speaks it wrongly.
    #[error("{place} does not answer as a git server: {reason}")]
    Protocol { place: String, reason: String },

    /// The repository's objects are named by another hash than SHA-1.
    #[error("the repository uses the object format {format}, of which only sha1 can be read")]
    ObjectFormat { format: String },

    /// The repository has no commit.
    #[error("the repository is empty")]
    EmptyRepository,

    /// No branch, tag or commit of this name.
    #[error("there is no branch, tag or commit `{reference}`")]
    RefNotFound {
        reference: String,
        /// Some of the branches and tags that exist, at most ten.
        known: Vec<String>,
    },

    /// The folder asked for is not in the submission, or is no folder.
    #[error("there is no folder `{subdir}` in the submission")]
    SubdirNotFound { subdir: String },

    /// More bytes than the limit.
    #[error("{what} exceeds the limit of {limit} bytes")]
    TooBig {
        /// Which sum, such as "the transfer" or "the tree".
        what: String,
        limit: u64,
    },

    /// More entries in the tree than the limit.
    #[error("the tree has more than {limit} files and folders")]
    TooManyFiles { limit: u32 },

    /// More objects in the pack than the limit.
    #[error("the repository has {count} objects, over the limit of {limit}")]
    TooManyObjects { count: u32, limit: u32 },

    /// Folders nested deeper than the limit.
    #[error("{path} is nested deeper than {limit} folders")]
    TooDeep { path: String, limit: u32 },

    /// A path longer than the limit.
    #[error("the path {path} is longer than {limit} bytes")]
    PathTooLong { path: String, limit: u32 },

    /// A name that would leave the folder it is written to, or reach into git's own.
    #[error("the tree has an unsafe name, {path}: {reason}")]
    UnsafePath { path: String, reason: String },

    /// Objects that are missing, malformed or not of the kind that they should be.
    #[error("the repository is damaged: {reason}")]
    BadRepository { reason: String },

    /// Reading the repository needed more memory than the child may have.
    #[error("reading the repository takes more than {limit} bytes of memory")]
    OutOfMemory { limit: u64 },

    /// The deadline passed. Never charged: a slow line and a slow server look the same from here.
    #[error("the repository did not arrive within {seconds} s")]
    Deadline { seconds: u64 },

    /// A local folder or one of its files cannot be read.
    #[error("{path} cannot be read: {reason}")]
    Folder { path: String, reason: String },

    /// The temporary folder cannot be made, written or removed.
    #[error("the temporary folder cannot be used: {reason}")]
    Scratch { reason: String },

    /// The child process did not start, died, or answered what it must not.
    #[error("the process that reads repositories failed: {reason}")]
    Child { reason: String },
}

impl IntakeError {
    /// The fault's stable name, as reports and documentation use it.
    pub fn code(&self) -> &'static str {
        match self {
            IntakeError::InvalidSource { .. } => "clone.source-invalid",
            IntakeError::NotFound { .. } => "clone.not-found",
            IntakeError::AuthRequired { .. } => "clone.auth",
            IntakeError::Unreachable { .. } => "clone.unreachable",
            IntakeError::AddressRefused { .. } => "clone.address-refused",
            IntakeError::RedirectRefused { .. } => "clone.redirect-refused",
            IntakeError::Protocol { .. } => "clone.protocol",
            IntakeError::ObjectFormat { .. } => "clone.object-format",
            IntakeError::EmptyRepository => "clone.empty",
            IntakeError::RefNotFound { .. } => "clone.ref-not-found",
            IntakeError::SubdirNotFound { .. } => "clone.subdir-not-found",
            IntakeError::TooBig { .. } => "clone.too-big",
            IntakeError::TooManyFiles { .. } => "clone.too-many-files",
            IntakeError::TooManyObjects { .. } => "clone.too-many-objects",
            IntakeError::TooDeep { .. } => "clone.too-deep",
            IntakeError::PathTooLong { .. } => "clone.path-too-long",
            IntakeError::UnsafePath { .. } => "clone.unsafe-path",
            IntakeError::BadRepository { .. } => "clone.damaged",
            IntakeError::OutOfMemory { .. } => "clone.out-of-memory",
            IntakeError::Deadline { .. } => "clone.too-slow",
            IntakeError::Folder { .. } => "clone.folder-unreadable",
            IntakeError::Scratch { .. } => "clone.scratch",
            IntakeError::Child { .. } => "clone.child",
        }
    }

    /// Whose doing it is. What the repository holds is the candidate's; how it is named and reached is not.
    pub fn side(&self) -> FaultSide {
        match self {
            IntakeError::EmptyRepository
            | IntakeError::TooBig { .. }
            | IntakeError::TooManyFiles { .. }
            | IntakeError::TooManyObjects { .. }
            | IntakeError::TooDeep { .. }
            | IntakeError::PathTooLong { .. }
            | IntakeError::UnsafePath { .. }
            | IntakeError::BadRepository { .. }
            | IntakeError::OutOfMemory { .. } => FaultSide::Candidate,
            IntakeError::InvalidSource { .. }
            | IntakeError::NotFound { .. }
            // Whoever asked named it: a mistyped ref must not cost a candidate everything.
            | IntakeError::RefNotFound { .. }
            | IntakeError::SubdirNotFound { .. }
            | IntakeError::AuthRequired { .. }
            | IntakeError::Unreachable { .. }
            | IntakeError::AddressRefused { .. }
            | IntakeError::RedirectRefused { .. }
            | IntakeError::Protocol { .. }
            | IntakeError::ObjectFormat { .. }
            | IntakeError::Deadline { .. }
            | IntakeError::Folder { .. }
            | IntakeError::Scratch { .. }
            | IntakeError::Child { .. } => FaultSide::Grader,
        }
    }

    /// What to do about it; empty where nothing is known to help.
    pub fn hint(&self) -> String {
        match self {
            IntakeError::InvalidSource { .. } => {
                "Give a git URL (https, http, ssh, git, file), user@host:path, or a folder, each with #ref if wanted."
                    .to_owned()
            }
            IntakeError::NotFound { .. } => {
                "Check the spelling; many servers say this of private repositories too.".to_owned()
            }
            IntakeError::AuthRequired { .. } => {
                "The repository is private or does not exist. Put a token into the URL \
                 (https://user:TOKEN@host/path), or use ssh with a key that the agent holds."
                    .to_owned()
            }
            IntakeError::Unreachable { .. } => "Check the host's name, the network and the proxy settings.".to_owned(),
            IntakeError::AddressRefused { .. } => {
                "This grader takes repositories from public addresses only.".to_owned()
            }
            IntakeError::RedirectRefused { .. } => "Give the URL that the repository now has.".to_owned(),
            IntakeError::Protocol { .. } => {
                "Give the URL that `git clone` takes, not that of a web page about the repository.".to_owned()
            }
            IntakeError::ObjectFormat { .. } => {
                "Convert the repository to SHA-1, or grade a checkout of it.".to_owned()
            }
            IntakeError::EmptyRepository => "Push at least one commit.".to_owned(),
            IntakeError::RefNotFound { known, .. } if known.is_empty() => String::new(),
            IntakeError::RefNotFound { known, .. } => format!("There are: {}.", known.join(", ")),
            IntakeError::SubdirNotFound { .. } => {
                "--subdir takes a path from the repository's root, with `/` between names.".to_owned()
            }
            IntakeError::TooBig { .. } | IntakeError::TooManyFiles { .. } | IntakeError::TooManyObjects { .. } => {
                "Take dependencies, build output and data files out of the repository and its history.".to_owned()
            }
            IntakeError::TooDeep { .. } | IntakeError::PathTooLong { .. } => "Shorten the path.".to_owned(),
            IntakeError::UnsafePath { .. } => "Rename the file.".to_owned(),
            IntakeError::BadRepository { .. } => "`git fsck` in a fresh clone says what is wrong.".to_owned(),
            IntakeError::OutOfMemory { .. } => "Take very large files out of the repository's history.".to_owned(),
            IntakeError::Deadline { .. } => "Try again; if it stays slow, grade a local clone.".to_owned(),
            IntakeError::Folder { .. } => "Check the folder's owner and permissions.".to_owned(),
            IntakeError::Scratch { .. } => "Check the space and permissions of the temporary folder.".to_owned(),
            IntakeError::Child { .. } => String::new(),
        }
    }

    /// The fault as reports show it.
    pub fn fault(&self) -> Fault {
        let place = match self {
            IntakeError::TooDeep { path, .. }
            | IntakeError::PathTooLong { path, .. }
            | IntakeError::UnsafePath { path, .. } => path.clone(),
            _ => String::new(),
        };
        Fault::new(self.side(), Stage::Clone, self.code(), self.to_string()).at(place).hint(self.hint())
    }

    pub(crate) fn folder(path: &std::path::Path, error: &std::io::Error) -> Self {
        IntakeError::Folder { path: path.display().to_string(), reason: error.to_string() }
    }

    pub(crate) fn scratch(error: impl std::fmt::Display) -> Self {
        IntakeError::Scratch { reason: error.to_string() }
    }

    pub(crate) fn damaged(reason: impl std::fmt::Display) -> Self {
        IntakeError::BadRepository { reason: reason.to_string() }
    }
}
