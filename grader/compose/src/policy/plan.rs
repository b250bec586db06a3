//! The rewrites applied to the typed project, so that nobody after the policy has to remember them.

use crate::project::{Attachment, Network, Project, Restart, Service};

/// How often a service that fails is started again. Some wait for their database by failing.
pub(super) const MAX_RESTARTS: u32 = 20;

/// The project that the sandbox starts.
pub(super) fn rewritten(mut project: Project) -> Project {
    let mut needs_default = false;
    for service in project.services.values_mut() {
        needs_default |= shares_bridge(service);
        rewrite(service);
    }
    if needs_default {
        let name = format!("{}_default", project.name);
        project.networks.entry("default".to_owned()).or_insert_with(|| Network { name, ..Network::default() });
    }
    for network in project.networks.values_mut() {
        network.labels.clear();
        network.subnets.clear();
        network.enable_ipv6 = false;
    }
    for volume in project.volumes.values_mut() {
        volume.labels.clear();
    }
    project
}

fn shares_bridge(service: &Service) -> bool {
    matches!(service.network_mode.as_deref(), Some("bridge" | "default"))
}

fn rewrite(service: &mut Service) {
    if shares_bridge(service) {
        service.network_mode = None;
        service.networks.insert("default".to_owned(), Attachment::default());
    }
    for attachment in service.networks.values_mut() {
        attachment.ipv4_address = None;
        attachment.ipv6_address = None;
    }
    service.container_name = None;
    service.labels.clear();
    service.logging = None;
    service.dns.clear();
    service.restart = match service.restart {
        None | Some(Restart::No) => None,
        Some(Restart::OnFailure { max_retries: Some(retries) }) => {
            Some(Restart::OnFailure { max_retries: Some(retries.min(MAX_RESTARTS)) })
        }
        Some(Restart::Always | Restart::UnlessStopped | Restart::OnFailure { max_retries: None }) => {
            Some(Restart::OnFailure { max_retries: Some(MAX_RESTARTS) })
        }
    };
    if let Some(build) = &mut service.build {
        build.labels.clear();
    }
}
