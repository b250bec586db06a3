//! Packet lines (gitprotocol-common(5)): four hex digits of length, these four included, then the payload.

use std::io::{self, Read};

/// The longest packet there is, its length included.
const MAX_PACKET: usize = 65_520;

/// One packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet<'b> {
    Data(&'b [u8]),
    Flush,
}

/// Reads one packet into `buffer`.
///
/// # Errors
/// `InvalidData` for a length that is none; `UnexpectedEof` where the stream ends early, and whatever the stream says.
pub(super) fn read<'b>(reader: &mut (impl Read + ?Sized), buffer: &'b mut Vec<u8>) -> io::Result<Packet<'b>> {
    let mut head = [0u8; 4];
    reader.read_exact(&mut head)?;
    let digits = head.iter().all(u8::is_ascii_hexdigit);
    let length =
        std::str::from_utf8(&head).ok().filter(|_| digits).and_then(|text| usize::from_str_radix(text, 16).ok());
    match length {
        Some(0) => Ok(Packet::Flush),
        Some(length) if (4..=MAX_PACKET).contains(&length) => {
            buffer.resize(length - 4, 0);
            reader.read_exact(buffer)?;
            Ok(Packet::Data(buffer))
        }
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{:?} is no packet's length", String::from_utf8_lossy(&head)),
        )),
    }
}

/// Appends `payload` as a packet. The payload is one of our own short lines.
pub(super) fn write(into: &mut Vec<u8>, payload: &str) {
    into.extend_from_slice(format!("{:04x}{payload}", payload.len() + 4).as_bytes());
}

pub(super) const FLUSH: &[u8] = b"0000";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read_and_broken_ones_refused() {
        let mut buffer = Vec::new();
        let mut wire = Vec::new();
        write(&mut wire, "want x\n");
        wire.extend_from_slice(FLUSH);
        let mut reader = wire.as_slice();
        assert_eq!(read(&mut reader, &mut buffer).unwrap(), Packet::Data(b"want x\n"));
        assert_eq!(read(&mut reader, &mut buffer).unwrap(), Packet::Flush);
        for broken in ["0001", "0003", "fff1", "+00f", "<htm", "00", "0009a"] {
            assert!(read(&mut broken.as_bytes(), &mut buffer).is_err(), "{broken}");
        }
    }
}
