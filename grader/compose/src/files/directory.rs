//! A tree on the disk, for `compose config` and trees that were inspected before.
//!
//! Every component is checked with `symlink_metadata` before it is entered. A tree that somebody rewrites meanwhile is
//! not what this is for: what is graded is a checkout that belongs to the grader.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::{Kind, ProjectFiles, ReadError, RelPath};

/// A folder of the disk as a tree. Links in the way to the root itself are the caller's own and allowed.
#[derive(Debug, Clone)]
pub struct DirectoryFiles {
    root: PathBuf,
}

impl DirectoryFiles {
    /// The tree below `root`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Walks down to `path`, refusing links on the way, and says what lies there.
    fn walk(&self, path: &RelPath) -> Result<(PathBuf, fs::Metadata), ReadError> {
        let failed = |error: &std::io::Error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => ReadError::NotFound(path.clone()),
            _ => ReadError::Io { path: path.clone(), message: error.to_string() },
        };
        let mut place = self.root.clone();
        // The root itself may be a link: it is the caller's choice.
        let mut found = fs::metadata(&place).map_err(|error| failed(&error))?;
        let count = path.components().count();
        for (index, part) in path.components().enumerate() {
            place.push(part);
            found = fs::symlink_metadata(&place).map_err(|error| failed(&error))?;
            if found.is_symlink() && index + 1 < count {
                return Err(ReadError::Symlink(path.clone()));
            }
        }
        Ok((place, found))
    }
}

fn kind_of(found: &fs::Metadata) -> Kind {
    let kind = found.file_type();
    if kind.is_symlink() {
        Kind::Symlink
    } else if kind.is_dir() {
        Kind::Directory
    } else if kind.is_file() {
        Kind::File
    } else {
        Kind::Other
    }
}

impl ProjectFiles for DirectoryFiles {
    fn read(&self, path: &RelPath, limit: u64) -> Result<Vec<u8>, ReadError> {
        let (place, found) = self.walk(path)?;
        match kind_of(&found) {
            Kind::File => {}
            Kind::Symlink => return Err(ReadError::Symlink(path.clone())),
            Kind::Directory | Kind::Other => return Err(ReadError::WrongKind(path.clone())),
        }
        let failed = |error: std::io::Error| ReadError::Io { path: path.clone(), message: error.to_string() };
        let mut content = Vec::new();
        // One byte more than the limit tells a file that grew from one that fits.
        fs::File::open(place).and_then(|file| file.take(limit + 1).read_to_end(&mut content)).map_err(failed)?;
        if content.len() as u64 > limit {
            return Err(ReadError::TooLarge { path: path.clone(), limit });
        }
        Ok(content)
    }

    fn kind(&self, path: &RelPath) -> Result<Kind, ReadError> {
        self.walk(path).map(|(_, found)| kind_of(&found))
    }

    fn list(&self, path: &RelPath) -> Result<Vec<(String, Kind)>, ReadError> {
        let (place, found) = self.walk(path)?;
        match kind_of(&found) {
            Kind::Directory => {}
            Kind::Symlink => return Err(ReadError::Symlink(path.clone())),
            Kind::File | Kind::Other => return Err(ReadError::WrongKind(path.clone())),
        }
        let failed = |error: std::io::Error| ReadError::Io { path: path.clone(), message: error.to_string() };
        let mut names = Vec::new();
        for entry in fs::read_dir(place).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // A name that is not UTF-8 cannot be written in a compose file, so nobody asks for it.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let found = fs::symlink_metadata(entry.path()).map_err(failed)?;
            names.push((name, kind_of(&found)));
        }
        names.sort();
        Ok(names)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn links_are_seen_and_not_followed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("a")).unwrap();
        fs::write(root.path().join("a/b"), "x").unwrap();
        std::os::unix::fs::symlink("a", root.path().join("folder")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.path().join("file")).unwrap();
        let files = DirectoryFiles::new(root.path());
        let path = |text: &str| RelPath::parse(text).unwrap();
        assert_eq!(files.read(&path("a/b"), 10).unwrap(), b"x");
        assert_eq!(files.read(&path("file"), 10), Err(ReadError::Symlink(path("file"))));
        assert_eq!(files.read(&path("folder/b"), 10), Err(ReadError::Symlink(path("folder/b"))));
        assert_eq!(files.kind(&path("folder")), Ok(Kind::Symlink));
        assert_eq!(files.read(&path("a/b/c"), 10), Err(ReadError::NotFound(path("a/b/c"))));
        let names: Vec<String> = files.list(&RelPath::root()).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "file", "folder"]);
    }
}
