//! How the loader reads the submission: by relative path, through a trait, never by itself.
//!
//! Nothing here follows a symbolic link and no path leaves the root: [`RelPath`] cannot express `..`.

mod directory;
mod memory;
mod rel_path;

pub use directory::DirectoryFiles;
pub use memory::MemoryFiles;
pub use rel_path::{BadRelPath, RelPath};

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link, whatever it points at.
    Symlink,
    /// A socket, device or pipe.
    Other,
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is nothing at the path.
    #[error("`{0}` does not exist")]
    NotFound(RelPath),
    /// It is not a regular file (or, for a listing, not a folder).
    #[error("`{0}` is not of the expected kind")]
    WrongKind(RelPath),
    /// The path, or a folder on the way, is a symbolic link; none is followed.
    #[error("`{0}` leads through a symbolic link, and none is followed")]
    Symlink(RelPath),
    /// The file is larger than the reader allows.
    #[error("`{path}` is larger than {limit} bytes")]
    TooLarge {
        /// The file.
        path: RelPath,
        /// The limit in bytes.
        limit: u64,
    },
    /// The machine failed, not the submission.
    #[error("`{path}` could not be read: {message}")]
    Io {
        /// The file.
        path: RelPath,
        /// What the system said.
        message: String,
    },
}

/// An inspected tree of files.
///
/// # Security
/// An implementor never follows a symbolic link, neither the last component nor a folder on the way, and answers
/// [`ReadError::Symlink`] instead.
pub trait ProjectFiles {
    /// The whole content of a regular file of at most `limit` bytes.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn read(&self, path: &RelPath, limit: u64) -> Result<Vec<u8>, ReadError>;

    /// What lies at the path. A link as last component is [`Kind::Symlink`]; one on the way is an error.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn kind(&self, path: &RelPath) -> Result<Kind, ReadError>;

    /// The names in a folder with their kinds, sorted by name.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn list(&self, path: &RelPath) -> Result<Vec<(String, Kind)>, ReadError>;
}
