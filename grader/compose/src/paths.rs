//! Relative paths of a document made absolute against the folder that they are relative to.
//!
//! The tree's root has a name of its own (`shown_root`), so that paths inside and outside can be told apart and a model
//! can be printed as the reference prints it. Nothing here looks at a file system.

use crate::defaults::{items_mut, section_mut};
use crate::document::{Node, Value};
use crate::error::{ComposeError, ErrorKind};
use crate::files::RelPath;
use crate::long_form::clean;
use crate::project::Location;

/// How paths of one document are resolved.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// Absolute name of the tree's root.
    root: String,
    /// Absolute name of the folder that relative paths begin at.
    base: String,
    /// What `~` stands for, if anything.
    home: Option<String>,
}

impl Paths {
    /// Relative paths begin at `folder` of the tree.
    pub(crate) fn new(root: &str, folder: &RelPath, home: Option<String>) -> Self {
        let root = clean(root);
        let base = clean(&format!("{root}/{}", folder.as_str()));
        Self { root, base, home }
    }

    /// The same tree with relative paths that begin at another folder of it.
    pub(crate) fn in_tree(&self, folder: &RelPath) -> Self {
        Self::new(&self.root, folder, self.home.clone())
    }

    /// The absolute form of a path; one below a home folder stays as it is if nobody's home is known.
    pub(crate) fn absolute(&self, path: &str) -> String {
        if let Some(rest) = path.strip_prefix('~') {
            self.home.as_ref().map_or_else(|| path.to_owned(), |home| clean(&format!("{home}/{rest}")))
        } else if path.starts_with('/') {
            clean(path)
        } else {
            clean(&format!("{}/{path}", self.base))
        }
    }

    /// Where an absolute path leads.
    pub(crate) fn locate(&self, absolute: &str) -> Location {
        let outside = || Location::Outside(absolute.to_owned());
        let absolute = clean(absolute);
        let below = match absolute.strip_prefix(&self.root) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') || self.root == "/" => rest.trim_start_matches('/'),
            _ => return outside(),
        };
        RelPath::parse(below).map_or_else(|_| outside(), Location::Tree)
    }

    /// Makes the paths of a document in long form absolute.
    ///
    /// # Errors
    /// A bind mount without a source.
    pub(crate) fn resolve(&self, root: &mut Node) -> Result<(), ComposeError> {
        for (name, service) in section_mut(root, "services") {
            self.service(service).map_err(|error| error.on(format!("services.{name}")))?;
        }
        for section in ["configs", "secrets"] {
            for (_, object) in section_mut(root, section) {
                self.unless_windows(field(object, "file"));
            }
        }
        for (_, volume) in section_mut(root, "volumes") {
            if volume.get("driver").and_then(Node::as_str) == Some("local")
                && let Some(options) = field(volume, "driver_opts")
                && options.get("o").and_then(Node::as_str) == Some("bind")
            {
                self.unless_windows(field(options, "device"));
            }
        }
        Ok(())
    }

    fn service(&self, service: &mut Node) -> Result<(), ComposeError> {
        if let Some(build) = field(service, "build") {
            self.context(field(build, "context"));
            for (_, context) in field(build, "additional_contexts").and_then(Node::as_map_mut).into_iter().flatten() {
                self.context(Some(context));
            }
            for (_, key) in field(build, "ssh").and_then(Node::as_map_mut).into_iter().flatten() {
                self.unless_windows(Some(key));
            }
        }
        for file in items_mut(field(service, "env_file")) {
            self.path(field(file, "path"));
        }
        for file in items_mut(field(service, "label_file")) {
            self.path(Some(file));
        }
        self.path(field(service, "extends").and_then(|extends| field(extends, "file")));
        for watch in items_mut(field(service, "develop").and_then(|develop| field(develop, "watch"))) {
            self.path(field(watch, "path"));
        }
        for mount in items_mut(field(service, "volumes")) {
            if mount.get("type").and_then(Node::as_str) != Some("bind") {
                continue;
            }
            if mount.get("source").is_none() {
                let kind = ErrorKind::Invalid("a bind mount needs a `source`".to_owned());
                return Err(ComposeError::new(kind).at(&mount.place));
            }
            self.unless_windows(field(mount, "source"));
        }
        Ok(())
    }

    fn path(&self, node: Option<&mut Node>) {
        if let Some(Node { value: Value::String(path), .. }) = node
            && !path.is_empty()
        {
            *path = self.absolute(path);
        }
    }

    fn unless_windows(&self, node: Option<&mut Node>) {
        if let Some(Node { value: Value::String(path), .. }) = node
            && !is_windows(path)
        {
            // A path that is absolute already is kept as it is written.
            if !path.starts_with('/') {
                *path = self.absolute(path);
            }
        }
    }

    fn context(&self, node: Option<&mut Node>) {
        if !node
            .as_ref()
            .and_then(|node| node.as_str())
            .is_some_and(|context| is_remote(context) || context.contains("://") || context.starts_with("service:"))
        {
            self.path(node);
        }
    }
}

fn field<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Node> {
    node.as_map_mut()?.get_mut(key)
}

/// Whether a build context or document is fetched from somewhere.
pub(crate) fn is_remote(text: &str) -> bool {
    ["https://", "http://", "git://", "ssh://", "github.com/", "git@"].iter().any(|prefix| text.starts_with(prefix))
}

/// `c:\…`, `c:/…` or `\\server\…`.
fn is_windows(path: &str) -> bool {
    let bytes = path.as_bytes();
    let drive =
        bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && matches!(bytes[2], b'/' | b'\\');
    drive || path.starts_with("\\\\") || path.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_and_outside_are_told_apart() {
        let paths = Paths::new("/sub", &RelPath::parse("app").unwrap(), None);
        let tree = |path: &str| Location::Tree(RelPath::parse(path).unwrap());
        assert_eq!(paths.locate(&paths.absolute("./x")), tree("app/x"));
        assert_eq!(paths.locate(&paths.absolute("..")), tree(""));
        assert_eq!(paths.locate(&paths.absolute("../../etc")), Location::Outside("/etc".to_owned()));
        assert_eq!(paths.locate("/submission"), Location::Outside("/submission".to_owned()));
        assert_eq!(paths.locate(&paths.absolute("~/x")), Location::Outside("~/x".to_owned()));
        assert_eq!(paths.locate("c:\\x"), Location::Outside("c:\\x".to_owned()));
    }
}
