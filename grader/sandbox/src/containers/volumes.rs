//! Makes a run's volumes and fills those that stand for a folder of the tree.

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType, MountVolumeOptions, VolumeCreateRequest};
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptions, UploadToContainerOptions};
use futures_util::future::try_join_all;

use super::mounts::Layout;
use crate::SandboxError;
use crate::errors::Doing;
use crate::journal::Kind;
use crate::run::Inner;

pub(super) async fn create(run: &Inner, layout: &Layout, any_image: &str) -> Result<(), SandboxError> {
    run.journal.will_create(layout.volumes.keys().map(|name| (Kind::Volume, name.as_str())))?;
    try_join_all(layout.volumes.keys().map(|name| async move {
        let request = VolumeCreateRequest {
            name: Some(name.clone()),
            driver: Some("local".to_owned()),
            labels: Some(run.labels.map()),
            ..VolumeCreateRequest::default()
        };
        run.engine.docker.create_volume(request).await.doing("make a volume").map(drop)
    }))
    .await?;
    match &layout.content {
        Some(content) => fill(run, layout, content, any_image).await,
        None => Ok(()),
    }
}

/// Volumes can be written only through a container that mounts them. It is never started, so any image will do.
async fn fill(run: &Inner, layout: &Layout, content: &[u8], any_image: &str) -> Result<(), SandboxError> {
    let docker = &run.engine.docker;
    let name = run.name("fill");
    let filled = layout.volumes.iter().enumerate().filter(|(_, (_, folder))| folder.is_some());
    let mounts = filled.map(|(number, (volume, _))| Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume.clone()),
        target: Some(format!("/{number}")),
        volume_options: Some(MountVolumeOptions { no_copy: Some(true), ..MountVolumeOptions::default() }),
        ..Mount::default()
    });
    let body = ContainerCreateBody {
        image: Some(any_image.to_owned()),
        cmd: Some(vec!["never".to_owned()]),
        entrypoint: Some(vec!["/never".to_owned()]),
        labels: Some(run.labels.map()),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            mounts: Some(mounts.collect()),
            cap_drop: Some(vec!["ALL".to_owned()]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    run.journal.will_create([(Kind::Container, name.as_str())])?;
    let options = CreateContainerOptions { name: Some(name.clone()), ..CreateContainerOptions::default() };
    docker.create_container(Some(options), body).await.doing("make the container that fills volumes")?;
    let options = UploadToContainerOptions { path: "/".to_owned(), ..UploadToContainerOptions::default() };
    let archive = bollard::body_full(content.to_vec().into());
    docker.upload_to_container(&name, Some(options), archive).await.doing("fill volumes")?;
    // Volumes that the image declares go with it; those that are named stay.
    let options = RemoveContainerOptions { v: true, force: true, link: false };
    docker.remove_container(&name, Some(options)).await.doing("remove the container that filled volumes")
}
