//! A path below a root that cannot leave it.

use std::fmt;

use serde::{Serialize, Serializer};

/// A normalized path relative to the root of a tree: components joined by `/`, no `.`, no `..`, no empty ones, no NUL.
/// The root itself is the empty path, shown as `.`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RelPath(String);

/// A text that is no path below a root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRelPath {
    /// It starts at the root of the file system.
    #[error("`{0}` is absolute")]
    Absolute(String),
    /// Its `..` lead above the root.
    #[error("`{0}` leads above the root")]
    Leaves(String),
    /// It holds a NUL.
    #[error("a path holds a NUL character")]
    Nul,
}

impl RelPath {
    /// The root.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Normalizes `text` relative to the root.
    ///
    /// # Errors
    /// [`BadRelPath`] if it is absolute, leaves the root or holds a NUL.
    pub fn parse(text: &str) -> Result<Self, BadRelPath> {
        Self::root().join(text)
    }

    /// Normalizes `text` relative to this folder; `..` may go up as far as the root.
    ///
    /// # Errors
    /// [`BadRelPath`] if it is absolute, leaves the root or holds a NUL.
    pub fn join(&self, text: &str) -> Result<Self, BadRelPath> {
        if text.contains('\0') {
            return Err(BadRelPath::Nul);
        }
        if text.starts_with('/') {
            return Err(BadRelPath::Absolute(text.to_owned()));
        }
        let mut parts: Vec<&str> = self.components().collect();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    if parts.pop().is_none() {
                        return Err(BadRelPath::Leaves(text.to_owned()));
                    }
                }
                part => parts.push(part),
            }
        }
        Ok(Self(parts.join("/")))
    }

    /// The folder that holds it; the root's is the root.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(self.0.rsplit_once('/').map_or_else(String::new, |(parent, _)| parent.to_owned()))
    }

    /// The last component; `None` for the root.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        self.components().next_back()
    }

    /// The components from the root down.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// The path without a leading `./`; empty for the root.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The rest below `folder`, if this path is `folder` or lies in it.
    #[must_use]
    pub fn strip_prefix(&self, folder: &Self) -> Option<Self> {
        if folder.0.is_empty() {
            return Some(self.clone());
        }
        let rest = self.0.strip_prefix(&folder.0)?;
        if rest.is_empty() {
            return Some(Self::root());
        }
        rest.strip_prefix('/').map(|rest| Self(rest.to_owned()))
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_empty() { "." } else { &self.0 })
    }
}

impl Serialize for RelPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_resolved_and_never_leave_the_root() {
        assert_eq!(RelPath::parse("./a//b/../c").unwrap().as_str(), "a/c");
        assert_eq!(RelPath::parse("a/..").unwrap(), RelPath::root());
        assert_eq!(RelPath::parse("a").unwrap().join("../../b"), Err(BadRelPath::Leaves("../../b".to_owned())));
        assert_eq!(RelPath::parse("/etc"), Err(BadRelPath::Absolute("/etc".to_owned())));
        assert_eq!(RelPath::parse("a\0b"), Err(BadRelPath::Nul));
    }

    #[test]
    fn a_prefix_is_one_of_whole_components() {
        let path = RelPath::parse("api/src/main.rs").unwrap();
        assert_eq!(path.strip_prefix(&RelPath::parse("api").unwrap()).unwrap().as_str(), "src/main.rs");
        assert_eq!(path.strip_prefix(&RelPath::parse("ap").unwrap()), None);
        assert_eq!(path.parent().as_str(), "api/src");
        assert_eq!(path.file_name(), Some("main.rs"));
    }
}
