//! git's own transport (gitprotocol-pack(5), "Git Transport"): one TCP connection, no encryption, no credentials.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{Guard, Session, packet};
use crate::IntakeError;

/// How long one address may take to answer a connection; the deadline of the whole is the parent's.
pub(super) const CONNECT: Duration = Duration::from_secs(15);

pub(super) struct Tcp {
    reader: BufReader<TcpStream>,
    place: String,
}

impl Tcp {
    pub(super) fn connect(host: &str, port: u16, path: &str, place: &str, guard: &Guard) -> Result<Self, IntakeError> {
        let unreachable =
            |error: std::io::Error| IntakeError::Unreachable { place: place.to_owned(), reason: error.to_string() };
        let mut last = None;
        let mut connected = None;
        for address in guard.resolve(host, port, place)? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => {
                    connected = Some(stream);
                    break;
                }
                Err(error) => last = Some(error),
            }
        }
        let Some(mut stream) = connected else {
            // `resolve` gives at least one address, so there is an error where there is no stream.
            return Err(unreachable(last.unwrap_or_else(|| std::io::ErrorKind::AddrNotAvailable.into())));
        };
        let mut hello = Vec::new();
        packet::write(&mut hello, &format!("git-upload-pack {path}\0host={host}:{port}\0"));
        stream.write_all(&hello).map_err(unreachable)?;
        Ok(Tcp { reader: BufReader::with_capacity(64 * 1024, stream), place: place.to_owned() })
    }
}

impl Session for Tcp {
    fn advertisement(&mut self) -> Result<Box<dyn BufRead + '_>, IntakeError> {
        Ok(Box::new(&mut self.reader))
    }

    fn request(&mut self, request: &[u8]) -> Result<Box<dyn Read + '_>, IntakeError> {
        self.reader
            .get_mut()
            .write_all(request)
            .map_err(|error| IntakeError::Unreachable { place: self.place.clone(), reason: error.to_string() })?;
        Ok(Box::new(&mut self.reader))
    }
}
