//! `.dockerignore`: which entries of a context are left out, as the reference's pattern matcher decides.
//!
//! The last pattern that matches an entry or one of its folders wins; `!` brings back.

use regex::Regex;

/// The patterns of one file.
#[derive(Debug, Default)]
pub(super) struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    brings_back: bool,
    regex: Regex,
}

impl Ignore {
    /// Reads patterns. A line that is no pattern is passed over, as an unreadable one matches nothing.
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines();
        Ignore { patterns: lines.filter_map(Pattern::parse).collect() }
    }

    /// Whether an entry, by its path in the context, is left out.
    pub(super) fn leaves_out(&self, path: &str) -> bool {
        let ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).chain([path.len()]).collect();
        self.patterns.iter().fold(false, |out, pattern| {
            if pattern.brings_back == out && ends.iter().any(|end| pattern.regex.is_match(&path[..*end])) {
                !pattern.brings_back
            } else {
                out
            }
        })
    }
}

impl Pattern {
    fn parse(line: &str) -> Option<Self> {
        if line.starts_with('#') {
            return None;
        }
        let line = line.trim();
        let (brings_back, line) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, line),
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in line.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        if parts.is_empty() {
            // `.` and `/` are the context itself, which patterns do not take away.
            return None;
        }
        Some(Pattern { brings_back, regex: Regex::new(&expression(&parts.join("/"))).ok()? })
    }
}

fn expression(pattern: &str) -> String {
    let mut out = String::from("^(?s)");
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                if chars.peek() == Some(&'/') {
                    chars.next();
                    out.push_str("(.*/)?");
                } else {
                    out.push_str(".*");
                }
            }
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '[' | ']' => out.push(c),
            '\\' => {
                if let Some(next) = chars.next() {
                    out.push_str(&regex::escape(&next.to_string()));
                }
            }
            '-' | '^' => out.push(c),
            other => out.push_str(&regex::escape(&other.to_string())),
        }
    }
    out.push('$');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pattern file, path, and whether it is left out.
    const CASES: &[(&str, &str, bool)] = &[
        ("node_modules", "node_modules/a/b.js", true),
        ("node_modules", "web/node_modules/a", false),
        ("**/node_modules", "web/node_modules/a", true),
        ("**/node_modules", "node_modules", true),
        ("/dist/", "dist/x", true),
        ("*.md", "README.md", true),
        ("*.md", "docs/x.md", false),
        ("**/*.md", "docs/x.md", true),
        ("*.md\n!README.md", "README.md", false),
        ("*\n!src", "src/main.rs", false),
        ("*\n!src", "Cargo.toml", true),
        ("# a comment\n.env", ".env", true),
        (".env", ".env.example", false),
        (".env*", ".env.example", true),
        ("a?c", "abc", true),
        ("a?c", "a/c", false),
        ("[ab].txt", "a.txt", true),
        ("docs/**", "docs/a/b", true),
        (".", "anything", false),
        ("", "anything", false),
    ];

    #[test]
    fn patterns_match_as_the_reference_does() {
        for (patterns, path, out) in CASES {
            assert_eq!(Ignore::parse(patterns).leaves_out(path), *out, "{patterns:?} {path}");
        }
    }
}
