//! The list of stand-in images as data: `fixtures/base-images/images.yaml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::shell::{Failure, Result};

/// One stand-in image; the fields are described at the head of the list itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    pub(crate) id: String,
    pub(crate) folder: String,
    pub(crate) bootstrap: Option<String>,
    pub(crate) on: Option<String>,
    #[serde(default)]
    pub(crate) uses: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) args: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) core: bool,
    pub(crate) tags: Vec<String>,
}

/// Reads the list.
///
/// # Errors
/// When it cannot be read, or when a recipe stands on one that does not come before it.
pub(crate) fn read(folder: &Path) -> Result<Vec<Recipe>> {
    parse(&std::fs::read_to_string(folder.join("images.yaml"))?)
}

/// The recipe of that id.
///
/// # Errors
/// When there is none.
pub(crate) fn find<'a>(recipes: &'a [Recipe], id: &str) -> Result<&'a Recipe> {
    recipes.iter().find(|recipe| recipe.id == id).ok_or_else(|| Failure::new(format!("images.yaml has no image {id}")))
}

/// The recipe of the image that is nearest to a reference: the same repository, the same kind of tag, then the nearest
/// version; of two that are equally near, the later in the list.
pub(crate) fn nearest<'a>(recipes: &'a [Recipe], reference: &str) -> Option<&'a Recipe> {
    let (repository, tag) = parts(reference);
    let near = |other: &str| {
        let (other_repository, other_tag) = parts(other);
        (other_repository == repository).then(|| (kind(other_tag) != kind(tag), distance(other_tag, tag)))
    };
    let exact = recipes.iter().find(|recipe| recipe.tags.iter().any(|known| parts(known) == (repository, tag)));
    exact.or_else(|| {
        recipes
            .iter()
            .rev()
            .filter_map(|recipe| Some((recipe.tags.iter().filter_map(|tag| near(tag)).min()?, recipe)))
            .min_by_key(|(near, _)| *near)
            .map(|(_, recipe)| recipe)
    })
}

/// Repository and tag.
fn parts(reference: &str) -> (&str, &str) {
    let reference = reference.strip_prefix("docker.io/").unwrap_or(reference);
    let reference = reference.strip_prefix("library/").unwrap_or(reference);
    reference.split_once(':').unwrap_or((reference, "latest"))
}

/// The kind of image that a tag asks for.
fn kind(tag: &str) -> &'static str {
    ["alpine", "slim"].into_iter().find(|kind| tag.contains(kind)).unwrap_or("")
}

/// How far two tags' versions are apart, in hundredths of a major version; a tag without a version is far from any.
fn distance(one: &str, other: &str) -> u32 {
    match (version(one), version(other)) {
        (Some(one), Some(other)) => one.abs_diff(other),
        _ => u32::MAX,
    }
}

fn version(tag: &str) -> Option<u32> {
    let mut numbers = tag.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    let major = numbers.next()?;
    Some(major.saturating_mul(100).saturating_add(numbers.next().unwrap_or(0).min(99)))
}

/// The ids to make, each after what it needs: the core set and `named` ones with what they stand on, or every one.
pub(crate) fn wanted(recipes: &[Recipe], all: bool, named: &[&str]) -> Vec<String> {
    let mut needed: BTreeSet<&str> = named.iter().copied().collect();
    // Needs come earlier in the list, so one walk from its end meets every need after its user.
    for recipe in recipes.iter().rev() {
        if all || recipe.core || needed.contains(recipe.id.as_str()) {
            needed.insert(&recipe.id);
            needed.extend(needs(recipe));
        }
    }
    recipes.iter().filter(|recipe| needed.contains(recipe.id.as_str())).map(|recipe| recipe.id.clone()).collect()
}

/// A short digest of some texts, in which their borders count.
pub(crate) fn digest(parts: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn parse(text: &str) -> Result<Vec<Recipe>> {
    let recipes: Vec<Recipe> =
        serde_yaml::from_str(text).map_err(|error| Failure::new(format!("images.yaml: {error}")))?;
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut tags: BTreeSet<&str> = BTreeSet::new();
    for recipe in &recipes {
        for need in needs(recipe) {
            if !seen.contains(need) {
                return Err(Failure::new(format!(
                    "images.yaml: {} needs {need}, which does not come before it",
                    recipe.id
                )));
            }
        }
        if recipe.bootstrap.is_some() == recipe.on.is_some() {
            return Err(Failure::new(format!("images.yaml: {} has to have one of `bootstrap` and `on`", recipe.id)));
        }
        for tag in &recipe.tags {
            if !tags.insert(tag) {
                return Err(Failure::new(format!("images.yaml: {tag} is made twice")));
            }
        }
        seen.insert(&recipe.id);
    }
    Ok(recipes)
}

fn needs(recipe: &Recipe) -> impl Iterator<Item = &str> {
    recipe.on.iter().chain(recipe.uses.values()).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "
- { id: a, folder: debian, bootstrap: bookworm, tags: [a] }
- { id: b, folder: debian, bootstrap: trixie, tags: [b] }
- { id: c, folder: x, on: a, core: true, tags: [c] }
- { id: d, folder: x, on: c, tags: [d] }
";

    #[test]
    fn the_core_set_brings_what_it_stands_on() {
        let recipes = parse(LIST).unwrap();
        assert_eq!(wanted(&recipes, false, &[]), ["a", "c"]);
        assert_eq!(wanted(&recipes, true, &[]), ["a", "b", "c", "d"]);
    }

    #[test]
    fn a_named_image_is_added_with_what_it_stands_on() {
        let recipes = parse(LIST).unwrap();
        assert_eq!(wanted(&recipes, false, &["b"]), ["a", "b", "c"]);
    }

    #[test]
    fn the_nearest_image_is_of_the_same_repository() {
        let list = "
- { id: old, folder: x, bootstrap: a, tags: ['python:3.11-slim'] }
- { id: full, folder: x, on: old, tags: ['python:3.11'] }
- { id: new, folder: x, on: old, tags: ['python:3.13-slim', 'python:slim'] }
- { id: rust, folder: x, on: old, tags: ['rust:1-slim'] }
";
        let recipes = parse(list).unwrap();
        let id = |reference| nearest(&recipes, reference).map(|recipe| recipe.id.as_str());
        assert_eq!(id("python:3.13-slim"), Some("new"));
        assert_eq!(id("python:3.8-slim-bullseye"), Some("old"));
        assert_eq!(id("docker.io/library/python:3.12"), Some("full"));
        assert_eq!(id("rust:1.81.0-slim-bullseye"), Some("rust"));
        assert_eq!(id("example/python:3.11"), None);
    }

    #[test]
    fn an_image_before_its_base_is_refused() {
        let failure = parse("- { id: c, folder: x, on: a, tags: [c] }").unwrap_err();
        assert!(failure.to_string().contains("c needs a"), "{failure}");
    }

    #[test]
    fn a_tag_is_made_once() {
        let text = format!("{LIST}- {{ id: e, folder: x, on: c, tags: [d] }}\n");
        let failure = parse(&text).unwrap_err();
        assert!(failure.to_string().contains("d is made twice"), "{failure}");
    }

    #[test]
    fn the_list_of_this_repository_is_sound() {
        let folder = crate::shell::workspace().join("fixtures/base-images");
        for recipe in read(&folder).unwrap() {
            let folder = folder.join(&recipe.folder);
            assert!(folder.join("check.sh").is_file(), "{} has no check", recipe.id);
            assert_eq!(folder.join("Dockerfile").is_file(), recipe.on.is_some());
        }
    }

    #[test]
    fn borders_count_in_a_digest() {
        assert_ne!(digest(&["ab".into(), "c".into()]), digest(&["a".into(), "bc".into()]));
    }
}
