//! Makes and starts the containers of a stack, each with the document's wishes inside the sandbox's walls.

mod config;
mod mounts;
mod volumes;

use std::collections::HashMap;

use bollard::models::{EndpointSettings, NetworkConnectRequest};
use bollard::query_parameters::{CreateContainerOptions, UploadToContainerOptions};
use indexmap::IndexMap;

use grader_compose::project::Service;

use crate::errors::Doing;
use crate::journal::Kind;
use crate::run::Inner;
use crate::{BuiltImage, Event, SandboxError};

pub(crate) use config::{restarts_of, walls};
pub(crate) use mounts::Layout;

/// Where a container is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Networking {
    /// On these networks of the run, by name on the engine, with aliases.
    On(IndexMap<String, Vec<String>>),
    /// On none.
    Alone,
    /// In the network namespace of this container.
    Inside(String),
}

/// Everything about a container that is not in its service.
pub(crate) struct Frame<'a> {
    pub(crate) name: &'a str,
    pub(crate) container: &'a str,
    pub(crate) service: &'a Service,
    pub(crate) image: &'a BuiltImage,
    pub(crate) networking: &'a Networking,
    pub(crate) layout: &'a Layout,
    /// How many services share the stack's budget.
    pub(crate) services: usize,
}

/// Makes a service's container, puts it on its networks and its files into it. Nothing runs yet.
///
/// # Errors
/// [`SandboxError::CannotStart`] when the engine finds fault with what the document asks for.
pub(crate) async fn create(run: &Inner, frame: &Frame<'_>) -> Result<(), SandboxError> {
    let docker = &run.engine.docker;
    let body = config::body(run, frame)?;
    run.journal.will_create([(Kind::Container, frame.container)])?;
    let options =
        CreateContainerOptions { name: Some(frame.container.to_owned()), ..CreateContainerOptions::default() };
    docker.create_container(Some(options), body).await.map_err(|error| refused(frame.name, "make", &error))?;
    if let Networking::On(networks) = frame.networking {
        // Old engines take one network with the container; the others follow while it still sleeps.
        for (network, aliases) in networks.iter().skip(1) {
            connect(run, frame.container, network, aliases.clone()).await?;
        }
    }
    if let Some(archive) = frame.layout.files_of(frame.name) {
        let options = UploadToContainerOptions { path: "/".to_owned(), ..UploadToContainerOptions::default() };
        docker
            .upload_to_container(frame.container, Some(options), bollard::body_full(archive.clone().into()))
            .await
            .map_err(|error| refused(frame.name, "give files to", &error))?;
    }
    Ok(())
}

/// Starts a container that was made.
///
/// # Errors
/// [`SandboxError::CannotStart`] for a program, user or folder that is not in the image.
pub(crate) async fn start(run: &Inner, service: &str, container: &str) -> Result<(), SandboxError> {
    let started = run.engine.docker.start_container(container, None).await;
    started.map_err(|error| refused(service, "start", &error))
}

/// Puts a container on one more network of the run.
pub(crate) async fn connect(
    run: &Inner,
    container: &str,
    network: &str,
    aliases: Vec<String>,
) -> Result<(), SandboxError> {
    let request = NetworkConnectRequest { container: container.to_owned(), endpoint_config: Some(endpoint(aliases)) };
    run.engine.docker.connect_network(network, request).await.doing("put a container on a network")
}

fn endpoint(aliases: Vec<String>) -> EndpointSettings {
    EndpointSettings { aliases: Some(aliases), ..EndpointSettings::default() }
}

/// The volumes and networks that the stack shares, made at once.
///
/// # Errors
/// Of networks and volumes, and [`SandboxError::TooLarge`] for a folder over the budget.
pub(crate) async fn furnish(
    run: &Inner,
    layout: &Layout,
    networks: &[String],
    any_image: &str,
) -> Result<HashMap<String, String>, SandboxError> {
    let make_networks = async {
        let mut made = HashMap::new();
        // One after the other: each looks for a subnet that is free.
        for key in networks {
            made.insert(key.clone(), crate::network::create(run, &format!("net-{key}")).await?);
        }
        Ok(made)
    };
    let (networks, ()) = tokio::try_join!(make_networks, volumes::create(run, layout, any_image))?;
    for (service, what) in layout.adapted() {
        run.tell(Event::Adapted { service: service.clone(), what: what.clone() });
    }
    Ok(networks)
}

/// Tells what the document asks for in vain from trouble of the engine's own; the engine has words only.
fn refused(service: &str, doing: &str, error: &bollard::errors::Error) -> SandboxError {
    const THEIRS: &[&str] = &[
        "executable file not found",
        "no such file or directory",
        "permission denied",
        "unable to find user",
        "unable to find group",
        "no matching entries",
        "not a directory",
        "exec format error",
        "chdir to cwd",
        "no command specified",
        "invalid",
        "must be absolute",
        "cannot overwrite",
        "duplicate mount point",
        "not allowed",
    ];
    let text = error.to_string();
    if THEIRS.iter().any(|sign| text.to_lowercase().contains(sign)) {
        let detail = match error {
            bollard::errors::Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
            _ => text,
        };
        SandboxError::CannotStart { service: service.to_owned(), detail, log: Vec::new() }
    } else {
        SandboxError::engine(format!("{doing} the container of {service}"), error)
    }
}
