//! Reading a spec: by name from the ones that ship with the binary, or from a file.

use std::path::{Path, PathBuf};

use crate::{Mistake, Place, Spec, check};

/// The assessments that ship with the binary, by name.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("bookstore", include_str!("../../../specs/bookstore.yaml")),
    ("task-management", include_str!("../../../specs/task-management.yaml")),
];

/// A spec to begin with, under that id: small, sound, and explained by its comments.
pub fn starting_point(id: &str) -> String {
    include_str!("../../../specs/starting-point.yaml").replacen("id: my-assessment", &format!("id: {id}"), 1)
}

/// A sound spec and the bytes that it came from.
#[derive(Debug, Clone)]
pub struct LoadedSpec {
    pub spec: Spec,
    /// The file's path, or `NAME (built in)`.
    pub origin: String,
    pub text: String,
}

/// Why a spec cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// Neither a file nor a built-in name.
    #[error("no assessment `{name}`: it is no file, and the built-in ones are {known}")]
    Unknown { name: String, known: String },
    /// The file exists and cannot be read.
    #[error("cannot read `{path}`")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The file has mistakes; all of them are listed.
    #[error("`{origin}` has {} mistake{}", mistakes.len(), if mistakes.len() == 1 { "" } else { "s" })]
    Mistaken { origin: String, mistakes: Vec<Mistake> },
}

/// Loads `name`: a built-in assessment's name, else a path.
///
/// # Errors
/// [`SpecError`]; a file with mistakes lists every one with its place.
pub fn load_named(name: &str) -> Result<LoadedSpec, SpecError> {
    if let Some((name, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        return load(&format!("{name} (built in)"), text);
    }
    let path = Path::new(name);
    if !path.exists() {
        let known = BUILT_IN.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        return Err(SpecError::Unknown { name: name.to_owned(), known });
    }
    let text =
        std::fs::read_to_string(path).map_err(|source| SpecError::Unreadable { path: path.to_owned(), source })?;
    load(name, &text)
}

/// Parses and checks the text of a spec.
///
/// # Errors
/// [`SpecError::Mistaken`] with every mistake that was found.
pub fn load(origin: &str, text: &str) -> Result<LoadedSpec, SpecError> {
    let mistaken = |mistakes| SpecError::Mistaken { origin: origin.to_owned(), mistakes };
    let spec: Spec = serde_yaml::from_str(text).map_err(|error| mistaken(vec![unreadable(&error)]))?;
    let mistakes = check(&spec, text);
    if mistakes.is_empty() {
        Ok(LoadedSpec { spec, origin: origin.to_owned(), text: text.to_owned() })
    } else {
        Err(mistaken(mistakes))
    }
}

/// The mistake of a text that does not parse.
pub(crate) fn unreadable(error: &serde_yaml::Error) -> Mistake {
    let place =
        error.location().map_or(Place { line: 1, column: 1 }, |at| Place { line: at.line(), column: at.column() });
    let message = error.to_string();
    // The library appends its own place; ours is printed in front like every other mistake's.
    let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
    Mistake { place, path: String::new(), message, hint: String::new() }
}
