//! Which addresses may be asked, against a source that points the grader at its own network (SSRF).
//!
//! The check is made on the addresses that are then connected to, so that a name which resolves differently the second
//! time gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::IntakeError;

/// The rule for one intake. Clones share what was learned about the first address.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    allow_private: bool,
    /// Set once a public address was asked: from there, no redirect leads to a private one.
    seen_public: Arc<AtomicBool>,
}

impl Guard {
    pub(crate) fn new(allow_private: bool) -> Self {
        Guard { allow_private, seen_public: Arc::default() }
    }

    /// Whether private addresses are refused throughout.
    pub(crate) fn strict(&self) -> bool {
        !self.allow_private
    }

    /// Lets `addresses` of `host` pass, all or none.
    ///
    /// # Errors
    /// `AddressRefused` where any is private and may not be.
    pub(crate) fn check(&self, host: &str, addresses: &[SocketAddr]) -> Result<(), IntakeError> {
        let private = addresses.iter().map(SocketAddr::ip).find(|ip| !is_public(*ip));
        if let Some(address) = private
            && (!self.allow_private || self.seen_public.load(Ordering::SeqCst))
        {
            return Err(IntakeError::AddressRefused { host: host.to_owned(), address: address.to_string() });
        }
        if private.is_none() {
            self.seen_public.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// The addresses of `host`, checked.
    ///
    /// # Errors
    /// `Unreachable` where the name is unknown; `AddressRefused`.
    pub(crate) fn resolve(&self, host: &str, port: u16, place: &str) -> Result<Vec<SocketAddr>, IntakeError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let addresses: Vec<SocketAddr> = (bare, port)
            .to_socket_addrs()
            .map_err(|error| IntakeError::Unreachable { place: place.to_owned(), reason: error.to_string() })?
            .collect();
        if addresses.is_empty() {
            return Err(IntakeError::Unreachable { place: place.to_owned(), reason: "it has no address".to_owned() });
        }
        self.check(host, &addresses)?;
        Ok(addresses)
    }
}

/// Whether an address belongs to the public internet: the IANA special-purpose registries (RFC 6890 and its updates),
/// with IPv4 looked for inside of IPv6.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = a == 0
        || a == 10
        || a == 127
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 192 && b == 168)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113)
        || a >= 224;
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        // Mapped, and the well-known prefix of NAT64.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        // 6to4.
        [0x2002, high, low, ..] => embedded(high, low),
        // Teredo, ORCHID, benchmarking and documentation.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // Of all of IPv6, only 2000::/3 is given out.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_special_addresses_are_told_from_public_ones() {
        for ip in [
            "0.0.0.0",
            "10.1.2.3",
            "127.0.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:a9fe:a9fe",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "::127.0.0.1",
            "2001::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in
            ["1.1.1.1", "100.63.0.1", "172.32.0.1", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::"]
        {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn a_private_address_after_a_public_one_is_refused_even_where_private_ones_are_allowed() {
        let public = ["8.8.8.8:443".parse().unwrap()];
        let private = ["127.0.0.1:80".parse().unwrap()];
        let guard = Guard::new(true);
        assert_eq!(guard.check("a", &private), Ok(()));
        assert_eq!(guard.check("a", &public), Ok(()));
        assert!(matches!(guard.check("a", &private), Err(IntakeError::AddressRefused { .. })));
        assert!(Guard::new(false).check("a", &private).is_err());
    }
}
