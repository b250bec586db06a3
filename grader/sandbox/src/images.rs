//! Which images may be used, and how they get here.

use bollard::models::ImageInspect;
use bollard::query_parameters::CreateImageOptions;
use futures_util::TryStreamExt;

use crate::errors::{Doing, is_missing};
use crate::run::Inner;
use crate::{Event, SandboxError, Step};

/// Patterns over full image names. `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageAllowList {
    patterns: Vec<String>,
}

/// The official images of the default registry, and those that submissions use beside them.
const DEFAULT: &[&str] = &[
    "docker.io/library/*",
    "docker.io/adminer/*",
    "docker.io/axllent/mailpit:*",
    "docker.io/bitnami/*",
    "docker.io/denoland/deno:*",
    "docker.io/dpage/pgadmin4:*",
    "docker.io/mailhog/mailhog:*",
    "docker.io/minio/*",
    "docker.io/oven/bun:*",
    "docker.io/pgvector/pgvector:*",
    "docker.io/postgis/postgis:*",
    "docker.io/redis/*",
];

impl Default for ImageAllowList {
    fn default() -> Self {
        ImageAllowList::new(DEFAULT.iter().copied())
    }
}

impl ImageAllowList {
    /// Patterns are compared with the full name, such as `docker.io/library/postgres:16`; a pattern without a registry
    /// or tag is completed the way an image name is, with any tag.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        ImageAllowList { patterns: patterns.into_iter().map(|pattern| full_name(pattern, "*")).collect() }
    }

    /// This list and one more pattern.
    pub fn and(mut self, pattern: &str) -> Self {
        self.patterns.push(full_name(pattern, "*"));
        self
    }

    /// Whether an image may be used.
    pub fn allows(&self, image: &str) -> bool {
        let name = full_name(image, "latest");
        self.patterns.iter().any(|pattern| matches(pattern, &name))
    }
}

/// The image's name with registry, namespace and tag filled in.
fn full_name(image: &str, tag: &str) -> String {
    let (host, rest) = match image.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" || first == "*" => (first, rest),
        _ => ("docker.io", image),
    };
    let rest = if host == "docker.io" && !rest.contains('/') { format!("library/{rest}") } else { rest.to_owned() };
    let last = rest.rsplit('/').next().unwrap_or(&rest);
    // `NAME:TAG@DIGEST`: the digest decides what is fetched, and the name whether it may be.
    let tagged = last.contains(':') || last.contains('@') || last.ends_with('*');
    if tagged { format!("{host}/{rest}") } else { format!("{host}/{rest}:{tag}") }
}

fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Makes sure that an image is allowed and on the engine.
///
/// # Errors
/// [`SandboxError::ImageNotAllowed`], [`SandboxError::ImageNotFound`], [`SandboxError::ImageUnavailable`].
pub(crate) async fn ensure(run: &Inner, service: &str, image: &str, place: &str) -> Result<ImageInspect, SandboxError> {
    if !run.options.images.allows(image) {
        return Err(SandboxError::ImageNotAllowed {
            service: service.to_owned(),
            image: image.to_owned(),
            place: place.to_owned(),
        });
    }
    let docker = &run.engine.docker;
    match docker.inspect_image(image).await {
        Ok(found) => return Ok(found),
        Err(error) if is_missing(&error) => {}
        Err(error) => return Err(SandboxError::engine(format!("look for the image {image}"), &error)),
    }
    if run.options.offline {
        return Err(SandboxError::ImageUnavailable {
            image: image.to_owned(),
            detail: "it is not on the engine, and pulling is off".to_owned(),
        });
    }
    run.tell(Event::Began { service: service.to_owned(), step: Step::Pull });
    let begun = std::time::Instant::now();
    let options = CreateImageOptions { from_image: Some(full_name(image, "latest")), ..CreateImageOptions::default() };
    let pull = async {
        let pulled = docker.create_image(Some(options), None, None).try_for_each(|_| async { Ok(()) }).await;
        pulled.map_err(|error| refused(service, image, &error))
    };
    run.within(&format!("pulling {image}"), pull).await?;
    run.tell(Event::Done { service: service.to_owned(), step: Step::Pull, took: begun.elapsed() });
    docker.inspect_image(image).await.doing("look at a pulled image")
}

/// Tells an image that does not exist from a registry that is away. The engine says both in words only.
fn refused(service: &str, image: &str, error: &bollard::errors::Error) -> SandboxError {
    let detail = error.to_string();
    let said = detail.to_lowercase();
    let absent = ["manifest unknown", "not found", "does not exist", "access denied", "invalid reference"];
    // A name server that does not know the registry also finds nothing.
    let away = ["no such host", "dial tcp", "i/o timeout", "lookup "];
    if absent.iter().any(|sign| said.contains(sign)) && !away.iter().any(|sign| said.contains(sign)) {
        SandboxError::ImageNotFound { service: service.to_owned(), image: image.to_owned(), detail }
    } else {
        SandboxError::ImageUnavailable { image: image.to_owned(), detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_as_the_engine_does() {
        for (short, full) in [
            ("postgres", "docker.io/library/postgres:latest"),
            ("postgres:16-alpine", "docker.io/library/postgres:16-alpine"),
            ("bitnami/redis", "docker.io/bitnami/redis:latest"),
            ("localhost:5000/a/b", "localhost:5000/a/b:latest"),
            ("example.org/a@sha256:00", "example.org/a@sha256:00"),
        ] {
            assert_eq!(full_name(short, "latest"), full);
        }
    }

    #[test]
    fn official_images_are_allowed_and_strangers_are_not() {
        let list = ImageAllowList::default();
        for good in ["postgres", "postgres:16", "docker.io/library/python:3.11-slim", "bitnami/redis:7", "oven/bun:1"] {
            assert!(list.allows(good), "{good}");
        }
        for bad in
            ["someone/python:3", "example.org/library/postgres", "docker.io.example.org/library/x", "oven/bunx:1"]
        {
            assert!(!list.allows(bad), "{bad}");
        }
    }

    #[test]
    fn a_reviewers_pattern_adds_one_image() {
        let list = ImageAllowList::new(["someone/base"]).and("example.org/team/*");
        assert!(list.allows("someone/base:3"));
        assert!(list.allows("example.org/team/deep/image:1"));
        assert!(!list.allows("someone/base-2"));
        assert!(!list.allows("postgres"));
    }
}
