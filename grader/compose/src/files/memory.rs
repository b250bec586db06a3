//! A tree in memory, for tests and for trees that were read elsewhere (a git commit, an archive).

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, ProjectFiles, ReadError, RelPath};

/// Files by path; folders follow from them.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    files: BTreeMap<RelPath, Vec<u8>>,
    links: BTreeSet<RelPath>,
}

impl MemoryFiles {
    /// An empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    #[must_use]
    pub fn with(mut self, path: RelPath, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path, content.into());
        self
    }

    /// Adds a symbolic link; where it points is of no interest, none is followed.
    #[must_use]
    pub fn with_link(mut self, path: RelPath) -> Self {
        self.links.insert(path);
        self
    }

    fn check_way(&self, path: &RelPath) -> Result<(), ReadError> {
        let mut folder = path.parent();
        while folder != RelPath::root() {
            if self.links.contains(&folder) {
                return Err(ReadError::Symlink(path.clone()));
            }
            folder = folder.parent();
        }
        Ok(())
    }
}

impl ProjectFiles for MemoryFiles {
    fn read(&self, path: &RelPath, limit: u64) -> Result<Vec<u8>, ReadError> {
        match self.kind(path)? {
            Kind::Symlink => Err(ReadError::Symlink(path.clone())),
            Kind::Directory | Kind::Other => Err(ReadError::WrongKind(path.clone())),
            Kind::File => {
                let content = self.files.get(path).ok_or_else(|| ReadError::NotFound(path.clone()))?;
                if content.len() as u64 > limit {
                    return Err(ReadError::TooLarge { path: path.clone(), limit });
                }
                Ok(content.clone())
            }
        }
    }

    fn kind(&self, path: &RelPath) -> Result<Kind, ReadError> {
        self.check_way(path)?;
        if self.links.contains(path) {
            return Ok(Kind::Symlink);
        }
        if self.files.contains_key(path) {
            return Ok(Kind::File);
        }
        let below = |known: &RelPath| known != path && known.strip_prefix(path).is_some();
        if *path == RelPath::root() || self.files.keys().any(below) || self.links.iter().any(below) {
            return Ok(Kind::Directory);
        }
        Err(ReadError::NotFound(path.clone()))
    }

    fn list(&self, path: &RelPath) -> Result<Vec<(String, Kind)>, ReadError> {
        match self.kind(path)? {
            Kind::Directory => {}
            Kind::Symlink => return Err(ReadError::Symlink(path.clone())),
            Kind::File | Kind::Other => return Err(ReadError::WrongKind(path.clone())),
        }
        let mut names = BTreeMap::new();
        let known = self.files.keys().map(|file| (file, Kind::File));
        for (entry, kind) in known.chain(self.links.iter().map(|link| (link, Kind::Symlink))) {
            let Some(rest) = entry.strip_prefix(path) else { continue };
            let mut parts = rest.components();
            let Some(first) = parts.next() else { continue };
            let kind = if parts.next().is_some() { Kind::Directory } else { kind };
            names.insert(first.to_owned(), kind);
        }
        Ok(names.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        RelPath::parse(text).unwrap()
    }

    #[test]
    fn links_are_never_followed() {
        let files = MemoryFiles::new().with(path("a/b"), "x").with_link(path("link"));
        assert_eq!(files.read(&path("link"), 10), Err(ReadError::Symlink(path("link"))));
        assert_eq!(files.read(&path("link/b"), 10), Err(ReadError::Symlink(path("link/b"))));
        assert_eq!(files.kind(&path("link")), Ok(Kind::Symlink));
    }

    #[test]
    fn folders_follow_from_files() {
        let files = MemoryFiles::new().with(path("a/b"), "x").with(path("c"), "yy");
        assert_eq!(files.list(&RelPath::root()).unwrap(), [("a".into(), Kind::Directory), ("c".into(), Kind::File)]);
        assert_eq!(files.read(&path("a"), 10), Err(ReadError::WrongKind(path("a"))));
        assert_eq!(files.read(&path("c"), 1), Err(ReadError::TooLarge { path: path("c"), limit: 1 }));
        assert_eq!(files.read(&path("d"), 1), Err(ReadError::NotFound(path("d"))));
    }
}
