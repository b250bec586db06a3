//! Networks of a run: internal, with a subnet of our own pool, and without an address of the host on them.
//!
//! `internal` alone is not enough. The bridge would carry an address of the host, and whatever the host listens on at
//! `0.0.0.0` would answer there; so the bridge gets none.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;

use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};
use bollard::query_parameters::ListNetworksOptions;

use crate::errors::Doing;
use crate::journal::Kind;
use crate::run::Inner;
use crate::{Engine, SandboxError};

/// A block of private addresses, cut into subnets of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressPool {
    base: u32,
    bits: u8,
    subnet_bits: u8,
}

impl Default for AddressPool {
    /// 1,024 subnets of 61 containers each, in 10.210.0.0/16.
    fn default() -> Self {
        AddressPool { base: u32::from(Ipv4Addr::new(10, 210, 0, 0)), bits: 16, subnet_bits: 26 }
    }
}

impl AddressPool {
    /// A pool of subnets of `subnet_bits` (at most 29) in `base/bits` (at least 8); `None` when that makes no subnet.
    pub fn new(base: Ipv4Addr, bits: u8, subnet_bits: u8) -> Option<Self> {
        let fits = (8..=subnet_bits).contains(&bits) && subnet_bits <= 29;
        fits.then(|| AddressPool { base: u32::from(base) & (u32::MAX << (32 - bits)), bits, subnet_bits })
    }

    fn subnets(self) -> u32 {
        1 << (self.subnet_bits - self.bits)
    }

    fn subnet(self, index: u32) -> Subnet {
        Subnet { base: self.base + (index << (32 - self.subnet_bits)), bits: self.subnet_bits }
    }
}

impl std::fmt::Display for AddressPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.base), self.bits)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Subnet {
    base: u32,
    bits: u8,
}

impl Subnet {
    fn parse(text: &str) -> Option<Self> {
        let (base, bits) = text.split_once('/')?;
        let base: Ipv4Addr = base.parse().ok()?;
        Some(Subnet { base: base.into(), bits: bits.parse().ok().filter(|bits| *bits <= 32)? })
    }

    fn overlaps(self, other: Subnet) -> bool {
        let mask = u32::MAX.checked_shl(u32::from(32 - self.bits.min(other.bits))).unwrap_or(0);
        self.base & mask == other.base & mask
    }
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.base), self.bits)
    }
}

/// How often a subnet that another run took first is given up for the next.
const TRIES: usize = 64;

/// Makes an internal network of the run, and gives back its name on the engine.
///
/// # Errors
/// [`SandboxError::NoSubnet`] when the pool is used up.
pub(crate) async fn create(run: &Inner, key: &str) -> Result<String, SandboxError> {
    let pool = run.options.addresses;
    let name = run.name(key);
    run.journal.will_create([(Kind::Network, name.as_str())])?;
    let used = used_subnets(&run.engine).await?;
    // Runs start at different places, so that those that start together rarely meet.
    let start = rand_start(&name) % pool.subnets();
    let free = (0..pool.subnets())
        .map(|step| pool.subnet((start + step) % pool.subnets()))
        .filter(|subnet| !used.iter().any(|other| other.overlaps(*subnet)));
    for subnet in free.take(TRIES) {
        match run.engine.docker.create_network(request(run, &name, subnet)).await {
            Ok(_) => return Ok(name),
            Err(error) if is_overlap(&error) => {}
            Err(error) => return Err(SandboxError::engine(format!("make the network {name}"), &error)),
        }
    }
    Err(SandboxError::NoSubnet { pool: pool.to_string() })
}

fn request(run: &Inner, name: &str, subnet: Subnet) -> NetworkCreateRequest {
    let mut options = HashMap::from([("com.docker.network.bridge.inhibit_ipv4".to_owned(), "true".to_owned())]);
    if run.engine.speaks(1, 48) {
        // Newer engines have a mode of this name, which also takes the bridge out of the routing.
        options.insert("com.docker.network.bridge.gateway_mode_ipv4".to_owned(), "isolated".to_owned());
    }
    NetworkCreateRequest {
        name: name.to_owned(),
        driver: Some("bridge".to_owned()),
        internal: Some(true),
        attachable: Some(false),
        enable_ipv6: Some(false),
        ipam: Some(Ipam {
            config: Some(vec![IpamConfig { subnet: Some(subnet.to_string()), ..IpamConfig::default() }]),
            ..Ipam::default()
        }),
        options: Some(options),
        labels: Some(run.labels.map()),
        ..NetworkCreateRequest::default()
    }
}

async fn used_subnets(engine: &Engine) -> Result<Vec<Subnet>, SandboxError> {
    let networks = engine.docker.list_networks(None::<ListNetworksOptions>).await.doing("list networks")?;
    let configs = networks.into_iter().filter_map(|network| network.ipam?.config).flatten();
    let texts: HashSet<String> = configs.filter_map(|config| config.subnet).collect();
    Ok(texts.iter().filter_map(|text| Subnet::parse(text)).collect())
}

/// The engine has no code of its own for this.
fn is_overlap(error: &bollard::errors::Error) -> bool {
    error.to_string().to_lowercase().contains("overlap")
}

/// A number that differs from name to name; names hold the run's random id.
fn rand_start(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_pool_has_a_thousand_subnets_that_do_not_overlap() {
        let pool = AddressPool::default();
        assert_eq!(pool.subnets(), 1024);
        assert_eq!(pool.subnet(1).to_string(), "10.210.0.64/26");
        assert!(!pool.subnet(0).overlaps(pool.subnet(1)));
        assert_eq!(pool.subnet(1023).to_string(), "10.210.255.192/26");
    }

    #[test]
    fn a_wider_network_overlaps_what_is_in_it() {
        let all = Subnet::parse("0.0.0.0/0").unwrap();
        let wide = Subnet::parse("10.0.0.0/8").unwrap();
        let narrow = Subnet::parse("10.210.3.0/26").unwrap();
        assert!(wide.overlaps(narrow) && narrow.overlaps(wide) && all.overlaps(narrow));
        assert!(!Subnet::parse("192.168.0.0/16").unwrap().overlaps(narrow));
        assert!(Subnet::parse("fd00::/8").is_none());
    }

    #[test]
    fn a_pool_smaller_than_its_subnets_is_none() {
        assert!(AddressPool::new(Ipv4Addr::new(10, 0, 0, 0), 27, 26).is_none());
        assert!(AddressPool::new(Ipv4Addr::new(10, 0, 0, 0), 16, 30).is_none());
    }
}
