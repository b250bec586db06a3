//! Source addresses: the same API reached as different clients, as a limiter sees them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where a service listens, as the host found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The service's name, which requests carry as their host.
    pub service: String,
    pub address: IpAddr,
    pub port: u16,
}

impl Endpoint {
    /// Scheme, host and port as a URL's beginning, without a trailing slash.
    pub fn origin(&self) -> String {
        let host = sanitize(&self.service);
        format!("http://{host}:{}", self.port)
    }
}

/// A client whose requests reach `endpoint` at `address`, optionally from a source address of its own.
///
/// # Errors
/// Where the HTTP library cannot be set up.
pub fn client(endpoint: &Endpoint, address: IpAddr, source: Option<IpAddr>) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .resolve(&sanitize(&endpoint.service), SocketAddr::new(address, endpoint.port))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .local_address(source)
        .connect_timeout(Duration::from_secs(5))
        .pool_idle_timeout(Duration::from_secs(4))
        .tcp_nodelay(true)
        .user_agent(concat!("grader/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Underscores are sound in a compose service's name and not in a URL's host.
fn sanitize(service: &str) -> String {
    if service.parse::<IpAddr>().is_ok() {
        return service.to_owned();
    }
    service.replace('_', "-").to_ascii_lowercase()
}
