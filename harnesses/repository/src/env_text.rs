//! Names and values as `.env` files, compose environments and shell lines write them.
//!
//! Reads only; what a value means is for others to say.

/// Assignments that are read from one text.
const MOST: usize = 2_000;

/// One `NAME=value` of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) value: String,
    /// From 1.
    pub(crate) line: u32,
}

/// Every assignment of a `.env` file: `NAME=value`, `export NAME="value"`, comments and quotes removed.
pub(crate) fn read(text: &str) -> Vec<Assignment> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if found.len() >= MOST {
            break;
        }
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else { continue };
        let name = name.trim();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.') {
            continue;
        }
        let line = u32::try_from(number + 1).unwrap_or(u32::MAX);
        found.push(Assignment { name: name.to_owned(), value: unquoted(value), line });
    }
    found
}

/// A value without its quotes or, where it has none, without the comment after it.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            return rest.split(quote).next().unwrap_or(rest).to_owned();
        }
    }
    value.split(" #").next().unwrap_or(value).trim().to_owned()
}

/// Whether a path is a file of settings such as `.env`, `.env.production`, `app.env`, `.envrc`.
pub(crate) fn is_settings(path: &str) -> bool {
    let name = crate::tree::file_name(path).to_ascii_lowercase();
    name == ".env"
        || name.starts_with(".env.")
        || name.starts_with(".env-")
        || name.ends_with(".env")
        || name.contains(".env.")
        || matches!(name.as_str(), ".envrc" | "env.example" | "env.sample" | "dotenv" | "env.template" | "example.env")
}

/// What `${NAME:-value}` falls back to; the value itself where it is no such reference, and `None` for a reference
/// without a default.
pub(crate) fn fallback(value: &str) -> Option<&str> {
    let Some(inner) = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
        return (!value.contains("${") && !value.starts_with('$')).then_some(value);
    };
    let at = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let default = inner[at..].strip_prefix(":-").or_else(|| inner[at..].strip_prefix('-'))?;
    (!default.contains("${")).then_some(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_files_and_their_lines() {
        let read: Vec<(String, String, u32)> =
            read("# A\nA=1\nexport B=\"x # y\" # z\n\nC='q\nD= plain # note\nnot a line\nE=\n")
                .into_iter()
                .map(|assignment| (assignment.name, assignment.value, assignment.line))
                .collect();
        let expected = [("A", "1", 2), ("B", "x # y", 3), ("C", "q", 5), ("D", "plain", 6), ("E", "", 8)];
        assert_eq!(read, expected.map(|(name, value, line)| (name.to_owned(), value.to_owned(), line)));
        assert!(is_settings("a/.env.example") && is_settings("env/app.env") && !is_settings("src/environment.ts"));
    }

    #[test]
    fn references_fall_back() {
        assert_eq!(fallback("plain"), Some("plain"));
        assert_eq!(fallback("${A:-x}"), Some("x"));
        assert_eq!(fallback("${A-}"), Some(""));
        assert_eq!(fallback("${A:?must}"), None);
        assert_eq!(fallback("${A}"), None);
        assert_eq!(fallback("$A"), None);
    }
}
