//! What stands on an engine with a run's label, whoever asks: teardown for one run, the sweep for all.

use std::collections::HashMap;

use bollard::Docker;
use bollard::query_parameters::{ListContainersOptions, ListImagesOptions, ListNetworksOptions, ListVolumesOptions};

use crate::SandboxError;
use crate::errors::Doing;
use crate::journal::Kind;
use crate::labels::{self, RunId};

/// Something with a run's label.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) kind: Kind,
    /// What it is removed by.
    pub(crate) id: String,
    /// The name that a journal knows it by.
    pub(crate) name: String,
    pub(crate) labels: HashMap<String, String>,
}

/// All that carries the label of this run, or of any.
///
/// # Errors
/// When the engine cannot be asked.
pub(crate) async fn labelled(docker: &Docker, run: Option<&RunId>) -> Result<Vec<Resource>, SandboxError> {
    let filters = Some(labels::filter(labels::RUN, run.map(RunId::as_str)));
    let (containers, networks, volumes, images) = tokio::try_join!(
        docker.list_containers(Some(ListContainersOptions {
            all: true,
            filters: filters.clone(),
            ..ListContainersOptions::default()
        })),
        docker.list_networks(Some(ListNetworksOptions { filters: filters.clone() })),
        docker.list_volumes(Some(ListVolumesOptions { filters: filters.clone() })),
        docker.list_images(Some(ListImagesOptions { all: true, filters, ..ListImagesOptions::default() })),
    )
    .doing("list what runs left")?;
    let mut found = Vec::new();
    found.extend(containers.into_iter().filter_map(|c| {
        let name = c.names.unwrap_or_default().first().map(|name| name.trim_start_matches('/').to_owned());
        let (name, labels) = (name.unwrap_or_default(), c.labels.unwrap_or_default());
        Some(Resource { kind: Kind::Container, id: c.id?, name, labels })
    }));
    found.extend(networks.into_iter().filter_map(|n| {
        Some(Resource { kind: Kind::Network, id: n.id?, name: n.name?, labels: n.labels.unwrap_or_default() })
    }));
    found.extend(volumes.volumes.unwrap_or_default().into_iter().map(|v| Resource {
        kind: Kind::Volume,
        id: v.name.clone(),
        name: v.name,
        labels: v.labels,
    }));
    found.extend(images.into_iter().map(|i| Resource {
        kind: Kind::Image,
        id: i.id.clone(),
        name: i.id,
        labels: i.labels,
    }));
    Ok(found)
}
