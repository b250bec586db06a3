//! Where in a document a value stands, and patterns over such places.

use std::fmt;

/// A place in a document: the keys from the top, `[3]` for the fourth item of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TreePath(Vec<String>);

impl TreePath {
    pub(crate) fn of(parts: &[&str]) -> Self {
        Self(parts.iter().map(|&part| part.to_owned()).collect())
    }

    pub(crate) fn child(&self, key: &str) -> Self {
        let mut parts = Vec::with_capacity(self.0.len() + 1);
        parts.extend_from_slice(&self.0);
        parts.push(key.to_owned());
        Self(parts)
    }

    pub(crate) fn item(&self, index: usize) -> Self {
        self.child(&format!("[{index}]"))
    }

    pub(crate) fn parts(&self) -> &[String] {
        &self.0
    }

    /// Whether the pattern describes this place. It is a list of keys joined by dots; `*` is any key or item,
    /// `[]` any item.
    pub(crate) fn matches(&self, pattern: &str) -> bool {
        let mut expected = pattern.split('.');
        for part in &self.0 {
            match expected.next() {
                Some("*") => {}
                Some("[]") if part.starts_with('[') => {}
                Some(key) if key == part => {}
                _ => return false,
            }
        }
        expected.next().is_none()
    }
}

/// As a person writes it: `services.api.ports[0]`.
impl fmt::Display for TreePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            if index > 0 && !part.starts_with('[') {
                out.write_str(".")?;
            }
            out.write_str(part)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_key() {
        let path = TreePath::of(&["services", "a.b", "ports"]).item(2);
        assert!(path.matches("services.*.ports.*"));
        assert!(path.matches("services.*.ports.[]"));
        assert!(!path.matches("services.*.ports"));
        assert!(!path.matches("services.*.*"));
        assert_eq!(path.to_string(), "services.a.b.ports[2]");
    }
}
