//! The branches and tags of a repository, wherever they were read from, and which commit a name among them means.

use std::collections::BTreeMap;

use git2::Oid;

use crate::IntakeError;

/// The most refs that are read; a repository with more is damaged as far as grading goes.
pub(crate) const MAX_REFS: usize = 100_000;

/// What a repository says of its refs.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Where HEAD stands; absent in an empty repository, or where it names a branch that does not exist.
    pub(crate) head: Option<Oid>,
    /// Full names (`refs/heads/main`) to what they name; an annotated tag names its tag object.
    pub(crate) refs: BTreeMap<String, Oid>,
}

/// What a name that a person gave turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// This object, which a ref names.
    Tip(Oid),
    /// An object id that no ref names.
    Id(Oid),
    /// The first digits of an object id that no ref names.
    Prefix(String),
}

impl Listing {
    /// The branches' names without `refs/heads/`, in order.
    pub(crate) fn branches(&self) -> Vec<String> {
        self.refs.keys().filter_map(|name| name.strip_prefix("refs/heads/")).map(str::to_owned).collect()
    }

    /// Every object that a branch or a tag names.
    pub(crate) fn tips(&self) -> Vec<Oid> {
        let wanted = |name: &str| name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
        let mut tips: Vec<Oid> = self.refs.iter().filter(|(name, _)| wanted(name)).map(|(_, id)| *id).collect();
        tips.extend(self.head);
        tips.sort();
        tips.dedup();
        tips
    }

    /// Finds what `reference` means, in git's order: the full name, a tag, a branch, a remote's branch; then an
    /// object's id of 4 to 40 hex digits. Without a reference it is HEAD, or the only branch where HEAD names none.
    ///
    /// # Errors
    /// `EmptyRepository` where there is nothing at all; `RefNotFound`.
    pub(crate) fn resolve(&self, reference: Option<&str>) -> Result<Wanted, IntakeError> {
        let Some(name) = reference else { return self.default_tip().map(Wanted::Tip) };
        if name == "HEAD" || name == "@" {
            return self.default_tip().map(Wanted::Tip);
        }
        for full in [
            name.to_owned(),
            format!("refs/{name}"),
            format!("refs/tags/{name}"),
            format!("refs/heads/{name}"),
            format!("refs/remotes/{name}"),
            format!("refs/remotes/origin/{name}"),
        ] {
            if let Some(id) = self.refs.get(&full) {
                return Ok(Wanted::Tip(*id));
            }
        }
        let hex = (4..=40).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !hex {
            return Err(if self.refs.is_empty() && self.head.is_none() {
                IntakeError::EmptyRepository
            } else {
                self.not_found(name)
            });
        }
        let name = name.to_ascii_lowercase();
        match Oid::from_str(&name) {
            Ok(id) if name.len() == 40 => Ok(match self.refs.values().any(|tip| *tip == id) {
                true => Wanted::Tip(id),
                false => Wanted::Id(id),
            }),
            _ => Ok(Wanted::Prefix(name)),
        }
    }

    /// The error for a name that means nothing here, with what there is instead.
    pub(crate) fn not_found(&self, name: &str) -> IntakeError {
        let short = |full: &String| {
            full.strip_prefix("refs/heads/").or_else(|| full.strip_prefix("refs/tags/")).map(str::to_owned)
        };
        IntakeError::RefNotFound {
            reference: name.chars().take(200).collect(),
            known: self.refs.keys().filter_map(short).take(10).collect(),
        }
    }

    fn default_tip(&self) -> Result<Oid, IntakeError> {
        if let Some(head) = self.head {
            return Ok(head);
        }
        let mut branches = self.refs.iter().filter(|(name, _)| name.starts_with("refs/heads/"));
        match (branches.next(), branches.next()) {
            (None, _) => Err(IntakeError::EmptyRepository),
            (Some((_, id)), None) => Ok(*id),
            (Some(_), Some(_)) => Err(self.not_found("HEAD")),
        }
    }
}

/// Whether a name that a server or a folder gave a ref is one that git would accept (`git check-ref-format`), which
/// keeps control characters out of everything printed.
pub(crate) fn valid_name(name: &str) -> bool {
    name.len() <= 1024 && git2::Reference::is_valid_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: u8) -> Oid {
        Oid::from_bytes(&[digit; 20]).unwrap()
    }

    fn listing() -> Listing {
        let refs = [("refs/heads/main", 1), ("refs/heads/v1", 2), ("refs/tags/v1", 3), ("refs/heads/beef", 4)];
        Listing { head: Some(id(1)), refs: refs.into_iter().map(|(n, i)| (n.to_owned(), id(i))).collect() }
    }

    #[test]
    fn names_are_found_in_git_s_order() {
        let listing = listing();
        for (reference, wanted) in [
            (None, Wanted::Tip(id(1))),
            (Some("HEAD"), Wanted::Tip(id(1))),
            (Some("main"), Wanted::Tip(id(1))),
            (Some("v1"), Wanted::Tip(id(3))),
            (Some("heads/v1"), Wanted::Tip(id(2))),
            (Some("refs/heads/v1"), Wanted::Tip(id(2))),
            (Some("beef"), Wanted::Tip(id(4))),
            (Some("BEEF1"), Wanted::Prefix("beef1".to_owned())),
            (Some("0202020202020202020202020202020202020202"), Wanted::Tip(id(2))),
            (Some("0909090909090909090909090909090909090909"), Wanted::Id(id(9))),
        ] {
            assert_eq!(listing.resolve(reference), Ok(wanted), "{reference:?}");
        }
    }

    #[test]
    fn an_unknown_name_lists_what_there_is() {
        let Err(IntakeError::RefNotFound { reference, known }) = listing().resolve(Some("nope!")) else { panic!() };
        assert_eq!((reference.as_str(), known.len()), ("nope!", 4));
        assert_eq!(Listing::default().resolve(None), Err(IntakeError::EmptyRepository));
    }

    #[test]
    fn a_head_that_names_no_branch_falls_back_to_the_only_one() {
        let mut listing = listing();
        listing.head = None;
        assert!(matches!(listing.resolve(None), Err(IntakeError::RefNotFound { .. })));
        listing.refs.retain(|name, _| name == "refs/heads/main");
        assert_eq!(listing.resolve(None), Ok(Wanted::Tip(id(1))));
    }
}
