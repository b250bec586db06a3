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
    /// Whether it speaks TLS.
    #[serde(default)]
    pub tls: bool,
    /// A path before every other, without a slash at its end.
    #[serde(default)]
    pub base: String,
    /// The host that requests name in place of the service, where the API answers to that alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

impl Endpoint {
    /// A plain HTTP service of a stack.
    pub fn plain(service: &str, address: IpAddr, port: u16) -> Self {
        Endpoint { service: service.to_owned(), address, port, tls: false, base: String::new(), host: None }
    }

    /// The name that requests carry as their host.
    fn name(&self) -> String {
        sanitize(self.host.as_deref().unwrap_or(&self.service))
    }

    /// Scheme, host, port and base as a URL's beginning, without a trailing slash.
    pub fn origin(&self) -> String {
        let host = self.name();
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{host}:{}{}", self.port, self.base)
    }
}

/// A client whose requests reach `endpoint` at `address`, optionally from a source address of its own.
///
/// # Errors
/// Where the HTTP library cannot be set up.
pub fn client(endpoint: &Endpoint, address: IpAddr, source: Option<IpAddr>) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        // The machine's certificates are asked for only where they are needed: inside the sandbox there are none.
        .tls_danger_accept_invalid_certs(!endpoint.tls)
        .resolve(&endpoint.name(), SocketAddr::new(address, endpoint.port))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .local_address(source)
        .connect_timeout(Duration::from_secs(5))
        // A connection for each request: servers close kept ones as they like (some after every 5xx), and a request that
        // meets the closing looks like a breakdown of the API.
        .pool_max_idle_per_host(0)
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Serves one request a connection without saying so, as servers do that close after an unhandled exception.
    #[tokio::test]
    async fn a_server_that_closes_kept_connections_breaks_no_request() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let read = stream.read(&mut request).await.unwrap_or(0);
                if read > 0 {
                    let _ = stream.write_all(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n").await;
                    // Long enough for a client that keeps connections to send its next request into this one.
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
            }
        });
        let address = IpAddr::from([127, 0, 0, 1]);
        let endpoint = Endpoint::plain("api", address, port);
        let client = client(&endpoint, address, None).expect("a client");
        for _ in 0..3 {
            let answer = client.post(format!("{}/x", endpoint.origin())).body("{}").send().await;
            assert_eq!(answer.expect("an answer").status(), 500);
        }
        server.abort();
    }
}
