//! What is sent to the builder: an archive made from the tree, and a Dockerfile that was read first.

use grader_compose::project::{Build, ContextSource, DockerfileSource};
use grader_model::Snapshot;
use indexmap::IndexMap;
use sha2::{Digest, Sha256};

use super::dockerfile::{Given, review};
use super::ignore::Ignore;
use crate::run::Inner;
use crate::tree::{self, Archive, Found, Ownership, Unpackable};
use crate::{SandboxError, StackPlan};

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

/// Packs a service's build. `services` are the images behind `service:` contexts.
pub(super) fn prepare(
    run: &Inner,
    plan: StackPlan<'_>,
    service: &str,
    build: &Build,
    services: &IndexMap<String, String>,
) -> Result<Input, SandboxError> {
    let unsupported = |what: String| SandboxError::Unsupported { service: service.to_owned(), what };
    if !build.secrets.is_empty() {
        return Err(unsupported("a secret for a build".to_owned()));
    }
    let ContextSource::Local(location) = &build.context else {
        return Err(unsupported(format!("a build context that is no folder ({:?})", build.context)));
    };
    let files = plan.files;
    let folder = folder_of(files, service, tree::path_of(location), "build context")?;
    let (path, text) = dockerfile_text(files, service, &folder, &build.dockerfile)?;
    let args = arguments(run, build);

    let limit = run.options.limits.tree_bytes;
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
    let ignore = ignore_of(files, &folder, &path);
    for (inner, entry) in tree::below(files, &folder) {
        if !ignore.leaves_out(inner) && !inner.starts_with(OURS) {
            archive.entry(inner, entry).map_err(too_large(inner))?;
        }
    }

    let mut contexts = IndexMap::new();
    for (at, (name, source)) in build.additional_contexts.iter().enumerate() {
        let stage = match source {
            ContextSource::Local(location) => {
                let from = folder_of(files, service, tree::path_of(location), "additional context")?;
                let place = format!("{OURS}/context{at}");
                archive.folder(&place, 0o755).map_err(too_large(&from))?;
                for (inner, entry) in tree::below(files, &from) {
                    archive.entry(&format!("{place}/{inner}"), entry).map_err(too_large(inner))?;
                }
                format!("FROM scratch AS {name}\nCOPY {place}/ /")
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
        contexts.insert(name.clone(), stage);
    }

    let reviewed = review(&Given {
        service,
        path: &path,
        text: &text,
        args: &args,
        contexts: &contexts,
        target: build.target.as_deref(),
    })?;
    let mut bases = reviewed.bases;
    for (name, source) in &build.additional_contexts {
        if let ContextSource::Image(image) = source {
            bases.push((image.clone(), format!("services.{service}.build.additional_contexts.{name}")));
        }
    }
    let dockerfile = format!("{OURS}/Dockerfile");
    archive.file(&dockerfile, reviewed.text.as_bytes(), 0o644).map_err(too_large(&path))?;
    let tar = archive.finish();
    let mut digest = Sha256::new();
    digest.update(&tar);
    digest.update(format!("{args:?}{:?}", build.target));
    Ok(Input { tar, dockerfile, bases, args, digest })
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
        DockerfileSource::InContext(inner) if folder.is_empty() => Some(inner.clone()),
        DockerfileSource::InContext(inner) => Some(format!("{folder}/{inner}")),
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
fn arguments(run: &Inner, build: &Build) -> IndexMap<String, String> {
    let theirs = build.args.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
    let mut args: IndexMap<String, String> = theirs.filter(|(name, _)| !name.starts_with("BUILDKIT_")).collect();
    args.extend(run.options.build.args.iter().map(|(name, value)| (name.clone(), value.clone())));
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
