//! What is sent to the builder: an archive made from the tree, and a Dockerfile that was read first.

use grader_compose::project::{Build, ContextSource, DockerfileSource};
use grader_model::{FileKind, Snapshot};
use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use super::dockerfile::{Given, review};
use super::ignore::Ignore;
use crate::tree::{self, Archive, Found, Ownership, Unpackable};
use crate::{BuildOptions, SandboxError};

/// Names in an archive that are ours. A submission's own entries of these names are left out.
const OURS: &str = ".grader-build";

/// A build, ready to be sent.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) tar: Vec<u8>,
    /// The Dockerfile's path in the archive.
    pub(super) dockerfile: String,
    /// Images to be there first, with the place that names each.
    pub(super) bases: Vec<(String, String)>,
    pub(super) args: IndexMap<String, String>,
    /// Changes with every byte that is sent.
    pub(super) digest: Sha256,
}

/// What a build asks for, read from the tree; nothing is packed yet.
#[derive(Debug)]
pub(super) struct Asked {
    /// The context, by its path in the tree.
    folder: String,
    /// Folders of additional contexts, each by its number among all.
    contexts: Vec<(usize, String)>,
    /// The Dockerfile's path in the tree, for messages.
    path: String,
    /// The text that is sent in its place.
    dockerfile: String,
    /// Images to be there first, with the place that names each.
    pub(super) bases: Vec<(String, String)>,
    args: IndexMap<String, String>,
    target: Option<String>,
}

/// Reads a service's build. `services` are the images behind `service:` contexts.
///
/// # Errors
/// What the sandbox does not build, what is not in the tree, and what cannot be read.
pub(super) fn read(
    settings: &BuildOptions,
    files: &Snapshot,
    service: &str,
    build: &Build,
    services: &IndexMap<String, String>,
) -> Result<Asked, SandboxError> {
    let unsupported = |what: String| SandboxError::Unsupported { service: service.to_owned(), what };
    if !build.secrets.is_empty() {
        return Err(unsupported("a secret for a build".to_owned()));
    }
    let ContextSource::Local(location) = &build.context else {
        return Err(unsupported(format!("a build context that is no folder ({:?})", build.context)));
    };
    let folder = folder_of(files, service, tree::path_of(location), "build context")?;
    let (path, text) = dockerfile_text(files, service, &folder, &build.dockerfile)?;
    let args = arguments(settings, build);
    let mut contexts = Vec::new();
    let mut stages = IndexMap::new();
    for (at, (name, source)) in build.additional_contexts.iter().enumerate() {
        let stage = match source {
            ContextSource::Local(location) => {
                let folder = folder_of(files, service, tree::path_of(location), "additional context")?;
                // A builder takes an archive without entries for a file like any other.
                let is_empty = tree::below(files, &folder).next().is_none();
                contexts.push((at, folder));
                let unpacked = if is_empty { String::new() } else { format!("\nADD {} /", place_of(at)) };
                format!("FROM scratch AS {name}{unpacked}")
            }
            ContextSource::Image(image) => format!("FROM {image} AS {name}"),
            ContextSource::Service(_) => match services.get(name) {
                Some(image) => format!("FROM {image} AS {name}"),
                None => return Err(unsupported(format!("the additional context {name}"))),
            },
            ContextSource::Remote(place) => return Err(unsupported(format!("the remote context {place}"))),
        };
        if !is_stage_name(name) {
            return Err(unsupported(format!("an additional context named {name:?}")));
        }
        stages.insert(name.clone(), stage);
    }
    let reviewed = review(&Given {
        service,
        path: &path,
        text: &text,
        args: &args,
        contexts: &stages,
        target: build.target.as_deref(),
    })?;
    let mut bases = reviewed.bases;
    for (name, source) in &build.additional_contexts {
        if let ContextSource::Image(image) = source {
            bases.push((image.clone(), format!("services.{service}.build.additional_contexts.{name}")));
        }
    }
    Ok(Asked { folder, contexts, path, dockerfile: reviewed.text, bases, args, target: build.target.clone() })
}

/// Packs what was read.
///
/// # Errors
/// [`SandboxError::TooLarge`] over `limit` bytes, and [`SandboxError::Missing`] for a name that fits no archive.
pub(super) fn pack(asked: Asked, files: &Snapshot, service: &str, limit: u64) -> Result<Input, SandboxError> {
    // Builders give files to root, whoever owned them.
    let mut archive = Archive::new(Ownership { uid: 0, gid: 0 }, limit);
    let too_large = |path: &str| {
        let (service, path) = (service.to_owned(), path.to_owned());
        move |why| match why {
            Unpackable::TooLarge => SandboxError::TooLarge { service, path, limit },
            Unpackable::BadName => {
                SandboxError::Missing { service, path, what: "a name that fits an archive".to_owned() }
            }
        }
    };
    let ignore = ignore_of(files, &asked.folder, &asked.path);
    // Where the context holds the Dockerfile, its own place is taken, so that nothing of ours is in what steps copy.
    let mut dockerfile = None;
    for (inner, entry) in tree::below(files, &asked.folder) {
        if ignore.leaves_out(inner) || inner.starts_with(OURS) {
            continue;
        }
        if entry.kind == FileKind::File && asked.path == below_folder(&asked.folder, inner) {
            archive.file(inner, asked.dockerfile.as_bytes(), 0o644).map_err(too_large(inner))?;
            dockerfile = Some(inner.to_owned());
        } else {
            archive.entry(inner, entry).map_err(too_large(inner))?;
        }
    }
    for (at, from) in &asked.contexts {
        // Packed: a step that copies the whole context would have its sources twice, and runners would find tests twice.
        let mut packed = Archive::new(Ownership { uid: 0, gid: 0 }, limit);
        for (inner, entry) in tree::below(files, from) {
            packed.entry(inner, entry).map_err(too_large(inner))?;
        }
        archive.file(&place_of(*at), &packed.finish(), 0o644).map_err(too_large(from))?;
    }
    let dockerfile = match dockerfile {
        Some(own) => own,
        None => {
            let ours = format!("{OURS}/Dockerfile");
            archive.file(&ours, asked.dockerfile.as_bytes(), 0o644).map_err(too_large(&asked.path))?;
            ours
        }
    };
    let tar = archive.finish();
    let mut digest = Sha256::new();
    digest.update(&tar);
    digest.update(format!("{dockerfile}{:?}{:?}", asked.args, asked.target));
    Ok(Input { tar, dockerfile, bases: asked.bases, args: asked.args, digest })
}

fn below_folder(folder: &str, inner: &str) -> String {
    if folder.is_empty() { inner.to_owned() } else { format!("{folder}/{inner}") }
}

/// Where an additional context lies in the archive, packed.
fn place_of(at: usize) -> String {
    format!("{OURS}/context{at}.tar")
}

fn folder_of(files: &Snapshot, service: &str, path: Option<&str>, what: &str) -> Result<String, SandboxError> {
    match path.map(|path| (path, tree::find(files, path))) {
        Some((_, Some(Found::Folder(folder)))) => Ok(folder),
        other => Err(SandboxError::Missing {
            service: service.to_owned(),
            path: other.map_or_else(String::new, |(path, _)| path.to_owned()),
            what: what.to_owned(),
        }),
    }
}

/// The Dockerfile's path for messages, and its text.
fn dockerfile_text(
    files: &Snapshot,
    service: &str,
    folder: &str,
    source: &DockerfileSource,
) -> Result<(String, String), SandboxError> {
    let path = match source {
        DockerfileSource::Inline(text) => return Ok((format!("services.{service}.build"), text.clone())),
        DockerfileSource::File(location) => tree::path_of(location).map(str::to_owned),
        DockerfileSource::InContext(inner) => Some(below_folder(folder, inner)),
    };
    let path = path.unwrap_or_default();
    let text = match tree::find(files, &path) {
        Some(Found::File(entry)) => entry.bytes.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    };
    match text {
        Some(text) => Ok((path, text)),
        None => Err(SandboxError::Missing { service: service.to_owned(), path, what: "Dockerfile".to_owned() }),
    }
}

/// The patterns of the context; a file named after the Dockerfile goes before the general one.
fn ignore_of(files: &Snapshot, folder: &str, dockerfile: &str) -> Ignore {
    let general = if folder.is_empty() { ".dockerignore".to_owned() } else { format!("{folder}/.dockerignore") };
    for path in [format!("{dockerfile}.dockerignore"), general] {
        if let Some(Found::File(entry)) = tree::find(files, &path)
            && let Some(text) = entry.text()
        {
            return Ignore::parse(text);
        }
    }
    Ignore::default()
}

/// The document's arguments without those that steer the builder, and ours over them.
fn arguments(settings: &BuildOptions, build: &Build) -> IndexMap<String, String> {
    let theirs = build.args.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
    let mut args: IndexMap<String, String> = theirs.filter(|(name, _)| !name.starts_with("BUILDKIT_")).collect();
    args.extend(settings.args.iter().map(|(name, value)| (name.clone(), value.clone())));
    args
}

fn is_stage_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_name_is_lower_case() {
        for good in ["shared", "a-b_c.1"] {
            assert!(is_stage_name(good), "{good}");
        }
        for bad in ["", "A", "1a", "a/b", "a b", "a\nRUN x"] {
            assert!(!is_stage_name(bad), "{bad}");
        }
    }
}
