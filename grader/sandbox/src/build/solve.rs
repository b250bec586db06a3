//! One build on the engine: its images are fetched, an earlier result is looked for, and the archive is sent.

use std::collections::HashMap;
use std::time::Instant;

use bollard::query_parameters::{BuildImageOptions, BuilderVersion};
use futures_util::StreamExt;
use grader_compose::project::{Build, Service};
use indexmap::IndexMap;
use sha2::Digest;

use super::BuiltImage;
use super::context::Input;
use super::output::Output;
use crate::errors::{Doing, is_missing};
use crate::retention::renew;
use crate::run::Inner;
use crate::{Event, SandboxError, Step, images, labels};

/// Repository of the tags of built images.
const REPOSITORY: &str = "grader-build";

pub(super) async fn build(
    run: &Inner,
    name: &str,
    service: &Service,
    build: &Build,
    mut input: Input,
) -> Result<BuiltImage, SandboxError> {
    let mut base_labels = IndexMap::new();
    let mut bases = Vec::new();
    for (image, place) in &input.bases {
        let found = images::ensure(run, name, image, place).await?;
        // A base that changed under its name makes another image.
        input.digest.update(found.id.unwrap_or_default());
        for (label, value) in found.config.and_then(|config| config.labels).unwrap_or_default() {
            base_labels.entry(label).or_insert(value);
        }
        bases.push(image.clone());
    }
    input.digest.update(format!("{:?}{:?}{:?}", run.options.build.network, build.network, service.platform));
    let digest = format!("{:x}", input.digest.clone().finalize());
    let keep = run.options.build.keep;
    let tag = if keep {
        format!("{REPOSITORY}:{}", &digest[..40])
    } else {
        format!("{REPOSITORY}:{}-{}", run.options.run_id, &digest[..16])
    };
    let docker = &run.engine.docker;
    let reused = keep && !build.no_cache && renew(&run.engine, &tag).await;
    if reused {
        run.tell(Event::Reused { service: name.to_owned() });
    } else {
        run.tell(Event::Began { service: name.to_owned(), step: Step::Build });
        let begun = Instant::now();
        let options = options(run, name, service, build, &input, &tag, &digest);
        send(run, name, options, input.tar).await?;
        run.tell(Event::Done { service: name.to_owned(), step: Step::Build, took: begun.elapsed() });
    }
    let made = match docker.inspect_image(&tag).await {
        // A neighbour may sweep an image just when it is looked at.
        Err(error) if is_missing(&error) => Err(SandboxError::Engine {
            doing: format!("find the image of {name}"),
            detail: "it was removed right after it was built".to_owned(),
        }),
        other => other.doing("look at a built image"),
    }?;
    Ok(BuiltImage { reference: tag, built: true, reused, bases, base_labels, config: made.config.unwrap_or_default() })
}

fn options(
    run: &Inner,
    name: &str,
    service: &Service,
    build: &Build,
    input: &Input,
    tag: &str,
    digest: &str,
) -> BuildImageOptions {
    let settings = &run.options.build;
    let mut args: HashMap<String, String> = input.args.clone().into_iter().collect();
    // Cache mounts live as long as the engine: another submission must not find what this one left in them.
    args.insert("BUILDKIT_CACHE_MOUNT_NS".to_owned(), digest[..16].to_owned());
    let mut marks: HashMap<String, String> = build
        .labels
        .iter()
        .filter(|(label, _)| !label.starts_with("grader."))
        .map(|(label, value)| (label.clone(), value.clone()))
        .collect();
    // The builder puts these after those of the Dockerfile.
    marks.extend(labels::none());
    if settings.keep {
        marks.insert(labels::BUILD.to_owned(), digest.to_owned());
    } else {
        marks.extend(run.labels.map());
    }
    if build.extra_hosts.len() > 1 {
        run.tell(Event::Adapted {
            service: name.to_owned(),
            what: "of several extra hosts of a build only the first is known to it".to_owned(),
        });
    }
    let network =
        if build.network.as_deref() == Some("none") { build.network.clone() } else { settings.network.clone() };
    let limit = i32::try_from(run.options.limits.service_memory).unwrap_or(i32::MAX);
    BuildImageOptions {
        dockerfile: input.dockerfile.clone(),
        t: Some(tag.to_owned()),
        extrahosts: build.extra_hosts.first().map(|(host, address)| format!("{host}:{address}")),
        nocache: build.no_cache,
        rm: true,
        forcerm: true,
        memory: settings.classic.then_some(limit),
        memswap: settings.classic.then_some(limit),
        buildargs: Some(args),
        shmsize: build.shm_size.and_then(|size| i32::try_from(size).ok()),
        labels: Some(marks),
        networkmode: network,
        platform: build.platforms.first().or(service.platform.as_ref()).cloned().unwrap_or_default(),
        target: build.target.clone().unwrap_or_default(),
        version: if settings.classic { BuilderVersion::BuilderV1 } else { BuilderVersion::BuilderBuildKit },
        session: (!settings.classic).then(|| uuid::Uuid::new_v4().simple().to_string()),
        ..BuildImageOptions::default()
    }
}

async fn send(run: &Inner, name: &str, options: BuildImageOptions, tar: Vec<u8>) -> Result<(), SandboxError> {
    let mut output = Output::new(run, name);
    // Dropping the stream closes the connection, upon which the engine gives the build up.
    let mut stream = run.engine.docker.build_image(options, None, Some(bollard::body_full(tar.into())));
    let follow = async {
        while let Some(info) = stream.next().await {
            output.take(info?);
        }
        Ok::<(), bollard::errors::Error>(())
    };
    match tokio::time::timeout(run.remaining(), follow).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => match SandboxError::engine(format!("build {name}"), &error) {
            lost @ SandboxError::EngineLost { .. } => Err(lost),
            _ => Err(output.failed(&error)),
        },
        Err(_) => Err(output.too_slow()),
    }
}
