//! Another address to look from: a network of its own between one service and the harness.

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;

use crate::errors::{Doing, is_missing};
use crate::stack::RunningStack;
use crate::{SandboxError, containers, network};

impl RunningStack {
    /// Makes one more internal network, puts the service and the harness on it, and gives the service's address there.
    /// What the harness sends to that address comes from another one than before.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchService`], also while there is no harness; [`SandboxError::NoSubnet`].
    pub async fn vantage(&self, service: &str) -> Result<Ipv4Addr, SandboxError> {
        let shared = &self.shared;
        let run = &shared.run;
        let container = shared.container(service)?;
        let harness = run.harness();
        match run.engine.docker.inspect_container(&harness, None).await {
            Err(error) if is_missing(&error) => {
                return Err(SandboxError::NoSuchService { service: "harness".to_owned() });
            }
            found => found.doing("look at the harness")?,
        };
        let number = shared.vantages.fetch_add(1, Ordering::Relaxed);
        let network = network::create(run, &format!("vantage-{number}")).await?;
        containers::connect(run, container, &network, Vec::new()).await?;
        containers::connect(run, &harness, &network, Vec::new()).await?;
        let found = run.engine.docker.inspect_container(container, None).await.doing("look at a container")?;
        let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        let address = networks.get(&network).and_then(|endpoint| endpoint.ip_address.as_ref()?.parse().ok());
        address.ok_or_else(|| SandboxError::Engine {
            doing: format!("put {service} on another network"),
            detail: "it got no address there".to_owned(),
        })
    }
}
