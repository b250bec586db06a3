//! Which addresses may be asked, against a source that points the grader at its own network (SSRF).
//!
//! The check is made on the addresses that are then connected to, so that a name which resolves differently the second
//! time gains nothing.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use grader_model::is_public;

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

#[cfg(test)]
mod tests {
    use super::*;

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
