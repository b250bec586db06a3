//! Which names of a tree are safe to be written anywhere. Applied by the child to what it reads and by the parent to
//! what the child says, so that a subverted child gains nothing.

use crate::{IntakeError, Limits};

/// Checks one name of a tree: what stands between two slashes.
///
/// Refused are names that climb (`.`, `..`), that git itself treats as its own folder on some file system (`.git` in
/// any case, with trailing dots, spaces or a stream, with characters that HFS+ ignores, `git~1`), and names with a
/// slash, a backslash or a NUL. Follows git's `verify_path` with protectNTFS and protectHFS on.
///
/// # Errors
/// The reason, for people.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("a name is empty");
    }
    if name == "." || name == ".." {
        return Err("it climbs out of its folder");
    }
    if name.contains('/') {
        return Err("a name holds a slash");
    }
    if name.contains('\\') {
        return Err("a name holds a backslash");
    }
    if name.contains('\0') {
        return Err("a name holds a NUL");
    }
    if name.len() > 255 {
        return Err("a name is longer than 255 bytes");
    }
    if is_git_folder(name) {
        return Err("it is git's own folder");
    }
    Ok(())
}

/// Checks a whole path from the graded folder's root.
///
/// # Errors
/// `UnsafePath`, `PathTooLong` or `TooDeep`.
pub(crate) fn check_path(path: &str, limits: &Limits) -> Result<(), IntakeError> {
    if path.len() as u64 > u64::from(limits.path_length) {
        return Err(IntakeError::PathTooLong { path: shown(path), limit: limits.path_length });
    }
    let mut depth = 0u32;
    for name in path.split('/') {
        check_name(name).map_err(|reason| IntakeError::UnsafePath { path: shown(path), reason: reason.to_owned() })?;
        depth += 1;
    }
    if depth > limits.depth.saturating_add(1) {
        return Err(IntakeError::TooDeep { path: shown(path), limit: limits.depth });
    }
    Ok(())
}

fn is_git_folder(name: &str) -> bool {
    let visible: String = name.chars().filter(|c| !ignored_by_hfs(*c)).collect::<String>().to_lowercase();
    // NTFS drops trailing dots and spaces, and reads what follows a colon as a stream of the file before it.
    let stem = visible.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
    stem == ".git" || stem == "git~1"
}

/// Code points that HFS+ leaves out when it compares names (git's `next_hfs_char`).
fn ignored_by_hfs(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// A path as messages show it: quoted, control characters escaped, cut at 200 characters.
pub(crate) fn shown(path: &str) -> String {
    let cut: String = path.chars().take(200).collect();
    let dots = if cut.len() < path.len() { "…" } else { "" };
    format!("{:?}{dots}", cut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_reach_out_are_refused() {
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "a\\b",
            "..\\x",
            "a\0b",
            ".git",
            ".GIT",
            ".Git",
            ".git.",
            ".git ",
            ".git . .",
            ".git::$INDEX_ALLOCATION",
            "git~1",
            "GIT~1",
            ".g\u{200c}it",
            "\u{feff}.git",
        ] {
            assert!(check_name(name).is_err(), "{name:?} passed");
        }
    }

    #[test]
    fn ordinary_and_odd_names_pass() {
        for name in
            [".gitignore", ".github", ".gitmodules", "git", "...", "a b", "-rf", "naïve.py", "日本", "a:b", "\u{7}"]
        {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
        }
    }

    #[test]
    fn depth_and_length_are_limited() {
        let limits = Limits { depth: 2, path_length: 9, ..Limits::default() };
        assert_eq!(check_path("a/b/c", &limits), Ok(()));
        assert!(matches!(check_path("a/b/c/d", &limits), Err(IntakeError::TooDeep { .. })));
        assert!(matches!(check_path("aaaaaaaaaa", &limits), Err(IntakeError::PathTooLong { .. })));
    }

    proptest! {
        #[test]
        fn an_accepted_path_stays_below_its_root(path in "[a.A/\\\\gitGIT~1 :]{0,24}") {
            if check_path(&path, &Limits::default()).is_ok() {
                let components: Vec<_> = std::path::Path::new(&path).components().collect();
                prop_assert!(!components.is_empty());
                prop_assert!(components.iter().all(|c| matches!(c, std::path::Component::Normal(_))));
                let any_git = components.iter().any(|c| c.as_os_str().eq_ignore_ascii_case(".git"));
                prop_assert!(!any_git);
            }
        }
    }
}
