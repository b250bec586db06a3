//! From where a request comes.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::state::App;

/// The caller's address, as text; `unknown` behind a proxy that does not tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller(pub(crate) String);

impl Caller {
    /// Behind `proxies` proxies each of which adds to `X-Forwarded-For`, the caller is that many from the right: what
    /// stands further left, the caller may have made up.
    pub(crate) fn of(headers: &HeaderMap, peer: Option<IpAddr>, proxies: usize) -> Self {
        let forwarded = || {
            let all = headers.get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok());
            let hops: Vec<&str> = all.flat_map(|value| value.split(',')).map(str::trim).collect();
            let at = hops.len().checked_sub(proxies)?;
            hops.get(at)?.parse::<IpAddr>().ok()
        };
        let address = if proxies > 0 { forwarded() } else { peer };
        Caller(match address {
            // One who has an IPv6 network of their own has all its addresses.
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
            Some(address) => address.to_string(),
            None => "unknown".to_owned(),
        })
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        Ok(Caller::of(&parts.headers, peer, app.config.proxies))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_our_proxies_wrote_counts() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "6.6.6.6, 203.0.113.9, 10.0.0.1".parse().unwrap());
        let peer = Some("192.0.2.1".parse().unwrap());
        assert_eq!(Caller::of(&headers, peer, 0).0, "192.0.2.1");
        assert_eq!(Caller::of(&headers, peer, 2).0, "203.0.113.9");
        assert_eq!(Caller::of(&headers, peer, 9).0, "unknown");
        let peer = Some("2001:db8:1:2:3:4:5:6".parse().unwrap());
        assert_eq!(Caller::of(&headers, peer, 0).0, "2001:db8:1:2::/64");
    }
}
