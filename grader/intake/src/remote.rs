//! Repositories on servers: the transports, and the one conversation that is had over all of them.
//!
//! libgit2's own https and ssh need OpenSSL, and its git2 binding registers other transports only through unsafe code.
//! A fresh clone needs so little of the protocol (gitprotocol-pack(5), version 0: read the refs, name what is wanted,
//! read one pack) that it is spoken here, and libgit2 gets the pack.

mod guard;
mod http;
mod packet;
mod sink;
mod ssh;
mod tcp;
mod upload;

use std::io::{BufRead, Read};

use git2::Oid;

use crate::IntakeError;
use crate::refs::Listing;
use crate::source::{Credentials, Location};

pub(crate) use guard::Guard;
pub(crate) use sink::{PackSink, Received};

/// A conversation with a server's upload-pack.
pub(crate) trait Session {
    /// What the server says first: its refs. Called once, before `request`.
    ///
    /// # Errors
    /// Whatever keeps the server from being reached or from letting us in.
    fn advertisement(&mut self) -> Result<Box<dyn BufRead + '_>, IntakeError>;

    /// Sends the request and gives what comes back.
    ///
    /// # Errors
    /// As for `advertisement`.
    fn request(&mut self, request: &[u8]) -> Result<Box<dyn Read + '_>, IntakeError>;

    /// Why the server hung up, if the transport knows better than the bytes it carried.
    fn explain(&mut self, error: IntakeError) -> IntakeError {
        error
    }
}

/// A server's refs, and the means to ask it for a pack.
pub(crate) struct Remote {
    session: Box<dyn Session>,
    place: String,
    pub(crate) listing: Listing,
    abilities: upload::Abilities,
}

impl Remote {
    /// Connects and reads the refs.
    ///
    /// # Errors
    /// `Unreachable`, `AuthRequired`, `NotFound`, `AddressRefused`, `RedirectRefused`, `Protocol`, `ObjectFormat`.
    pub(crate) fn connect(
        location: &Location,
        credentials: Option<&Credentials>,
        guard: Guard,
    ) -> Result<Self, IntakeError> {
        let place = location.to_string();
        let mut session: Box<dyn Session> = match location {
            Location::Http(url) => Box::new(http::Http::new(url, credentials, guard)?),
            Location::Git { host, port, path } => Box::new(tcp::Tcp::connect(host, *port, path, &place, &guard)?),
            Location::Ssh { user, host, port, path } => {
                Box::new(ssh::Ssh::start(user.as_deref(), host, *port, path, &place, &guard)?)
            }
            Location::File(_) | Location::Folder(_) => {
                return Err(IntakeError::Child { reason: "a folder is no server".to_owned() });
            }
        };
        let read = session.advertisement().and_then(|mut reader| upload::read_refs(&mut *reader, &place));
        match read {
            Ok((listing, abilities)) => Ok(Remote { session, place, listing, abilities }),
            Err(error) => Err(session.explain(error)),
        }
    }

    /// Whether the server gives an object that no ref names.
    pub(crate) fn gives_any_id(&self) -> bool {
        self.abilities.any_id
    }

    /// Fetches everything reachable from `wants` into `sink`.
    ///
    /// # Errors
    /// As for `connect`, and what the sink finds.
    pub(crate) fn fetch(&mut self, wants: &[Oid], sink: &mut PackSink<'_>) -> Result<(), IntakeError> {
        let request = upload::request(wants, &self.abilities);
        let place = &self.place;
        let abilities = &self.abilities;
        let read = self
            .session
            .request(&request)
            .and_then(|mut reader| upload::read_pack(&mut *reader, abilities, place, sink));
        read.map_err(|error| match error {
            // What the sink found wrong is not the transport's to explain.
            IntakeError::Unreachable { .. } | IntakeError::Protocol { .. } => self.session.explain(error),
            other => other,
        })
    }
}

/// What a server's own words about an error mean; they are no protocol, but few servers say it otherwise.
pub(crate) fn said(place: &str, message: &str) -> IntakeError {
    let lower = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let place = place.to_owned();
    // git daemon has no credentials to ask for, and says "access denied" in the same breath.
    if has(&["repository not exported"]) {
        return IntakeError::NotFound { place };
    }
    if has(&["permission denied", "access denied", "authentication", "host key verification failed", "publickey"]) {
        return IntakeError::AuthRequired { place };
    }
    if has(&["not found", "no such", "does not exist", "does not appear to be a git repository"]) {
        return IntakeError::NotFound { place };
    }
    let printable: String = message.chars().filter(|c| !c.is_control()).take(300).collect();
    if has(&["could not resolve", "connection refused", "timed out", "no route", "unreachable", "connection closed"]) {
        return IntakeError::Unreachable { place, reason: printable };
    }
    IntakeError::Protocol { place, reason: format!("it says: {printable}") }
}
